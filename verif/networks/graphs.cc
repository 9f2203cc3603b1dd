// SPDX-License-Identifier: Apache-2.0
#include "verif/networks/graphs.h"

#include <cmath>

namespace aap::verif {
namespace {

using Ints = std::vector<int64_t>;
using B = GraphBuilder;

// Float input [N, C, H, W] quantised and dequantised.
std::string start(B& b, Shape shape, bool uint8 = false) {
  const std::string x = b.input(DataType::kFloat, std::move(shape));
  return b.dequantize(b.quantize(x, -4, uint8 ? 131 : -3, uint8));
}

// Whole numbers of accumulator units: no input here has a scale above 1, no weight one above 2^-6.
std::string float_bias(B& b, int64_t channels) {
  FloatTensor t({channels});
  for (float& v : t.data) v = std::ldexp(static_cast<float>(b.random(-500, 500)), -6);
  return b.constant(t);
}

Graph conv_relu(uint32_t seed, bool uint8) {
  B b(seed);
  const std::string x = start(b, {-1, 5, 9, 8}, uint8);
  const std::string c =
      b.float_conv(x, {7, 5, 3, 3}, {{"pads", Ints{2, 0, 1, 1}}, {"strides", Ints{2, 1}}}, float_bias(b, 7));
  const std::string q = b.quantize(b.node("Relu", {c}), -3, uint8 ? 5 : -90, uint8);
  const std::string d = b.float_conv(
      b.dequantize(q), {4, 7, 2, 2}, {{"auto_pad", std::string("SAME_LOWER")}, {"dilations", Ints{1, 1}}});
  return b.finish(b.quantize(d, -1, 0, uint8), uint8 ? DataType::kUint8 : DataType::kInt8);
}

Graph depthwise(uint32_t seed) {
  B b(seed);
  const std::string x = start(b, {-1, 6, 8, 8});
  const std::string c = b.float_conv(x, {6, 1, 3, 3}, {{"group", int64_t{6}}, {"pads", Ints{1, 1, 1, 1}}});
  const std::string six = b.constant(FloatTensor(Shape{}, 6.0F)), none = b.constant(FloatTensor(Shape{}, 0.0F));
  const std::string q = b.quantize(b.node("Clip", {c, none, six}), -4, -128);
  const std::string g = b.float_conv(b.dequantize(q), {8, 3, 3, 3}, {{"group", int64_t{2}}, {"dilations", Ints{2, 2}}});
  // A quantised result that leaves as float.
  return b.finish(b.dequantize(b.quantize(g, -2, 11)), DataType::kFloat);
}

// uint8 weights about 128, int8 weights about 3 where w - 3 fits, weights quantised in the graph.
Graph weight_forms(uint32_t seed) {
  B b(seed);
  std::string x = start(b, {-1, 4, 6, 6});
  Tensor<uint8_t> u({4, 4, 1, 1});
  for (uint8_t& v : u.data) v = static_cast<uint8_t>(b.random(0, 255));
  const std::string scale = b.constant(FloatTensor(Shape{}, 1.0F / 64));
  std::string w = b.node("DequantizeLinear", {b.constant(u), scale, b.constant(Tensor<uint8_t>(Shape{}, uint8_t{128}))});
  x = b.dequantize(b.quantize(b.node("Conv", {x, w}), -3, 1));
  Int8Tensor s({4, 4, 1, 1});
  for (int8_t& v : s.data) v = static_cast<int8_t>(b.random(-120, 127));
  w = b.node("DequantizeLinear", {b.constant(s), scale, b.constant(Int8Tensor(Shape{}, int8_t{3}))});
  x = b.dequantize(b.quantize(b.node("Conv", {x, w}), -1, 1));
  // Float weights quantised by the graph per channel, and transposed behind it, as trainers export.
  FloatTensor f({3, 4});  // [K][M]: transposed to [M][K], axis 0 becomes 1
  for (float& v : f.data) v = std::ldexp(static_cast<float>(b.random(-200, 200)), -7);
  const std::string ws = b.constant(FloatTensor({4}, {1.0F / 64, 1.0F / 128, 1.0F / 32, 1.0F / 64}));
  const std::string wz = b.constant(Int8Tensor({4}, int8_t{0}));
  const std::map<std::string, Attribute> axis = {{"axis", int64_t{1}}};
  w = b.node("QuantizeLinear", {b.constant(f), ws, wz}, axis);
  w = b.node("DequantizeLinear", {w, ws, wz}, axis);
  w = b.node("Transpose", {w}, {{"perm", Ints{1, 0}}});
  w = b.node("Reshape", {w, b.ints({4, 3, 1, 1})});
  const std::string three = b.dequantize(b.quantize(b.float_conv(x, {3, 4, 1, 1}, {}), -1, 0));
  return b.finish(b.quantize(b.node("Conv", {three, w}), 0, 0), DataType::kInt8);
}

Graph residual(uint32_t seed) {
  B b(seed);
  const std::string x = start(b, {-1, 4, 6, 6});
  const std::string c = b.float_conv(x, {4, 4, 3, 3}, {{"pads", Ints{1, 1, 1, 1}}});
  // The convolution's result is read twice: with and without the clamp.
  const std::string with = b.dequantize(b.quantize(b.node("Relu", {c}), -2, -100));
  const std::string without = b.dequantize(b.quantize(c, 0, 20));
  std::string s = b.node("Add", {with, without});
  s = b.dequantize(b.quantize(b.node("Relu", {s}), -1, -128));
  s = b.node("Add", {x, s});
  const std::string lo = b.constant(FloatTensor(Shape{}, -3.5F)), hi = b.constant(FloatTensor(Shape{}, 6.0F));
  return b.finish(b.quantize(b.node("Clip", {s, lo, hi}), -3, 7), DataType::kInt8);
}

Graph between_scales(uint32_t seed) {
  B b(seed);
  const std::string x = start(b, {-1, 3, 8, 8});
  // Clamp, pooling and a view between DequantizeLinear and QuantizeLinear of other scales.
  std::string a = b.dequantize(b.quantize(b.node("Relu", {x}), -3, -128, false));
  a = b.node("MaxPool", {a}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}});
  a = b.dequantize(b.quantize(a, -2, 100, true));
  // Pooling of a convolution that no scale was given to, then a clamp.
  const std::string c = b.float_conv(a, {5, 3, 3, 3}, {{"pads", Ints{1, 1, 1, 1}}});
  std::string p = b.node("MaxPool", {b.node("Relu", {c})}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  const std::string five = b.constant(FloatTensor(Shape{}, 5.0F));
  p = b.dequantize(b.quantize(b.node("Clip", {p, "", five}), -3, -20));
  // A Relu that no QuantizeLinear follows.
  const std::string last = b.float_conv(b.node("Relu", {p}), {4, 5, 1, 1}, {});
  return b.finish(b.quantize(last, -1, 0), DataType::kInt8);
}

Graph averages(uint32_t seed) {
  B b(seed);
  std::string x = start(b, {-1, 4, 8, 8});
  const std::map<std::string, Attribute> pool = {
      {"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}};
  auto counted = pool;
  counted["count_include_pad"] = int64_t{1};
  const std::string p = b.quantize(b.node("AveragePool", {x}, pool), -3, 5);
  const std::string q = b.quantize(b.node("AveragePool", {x}, counted), -5, -9);
  std::string s = b.node("Add", {b.dequantize(p), b.dequantize(q)});
  s = b.float_conv(b.dequantize(b.quantize(s, -3, 0)), {6, 4, 2, 2}, {});
  s = b.dequantize(b.quantize(s, -1, 3));  // 4 x 4
  const std::string r = b.node("ReduceMean", {s}, {{"axes", Ints{-1, 2}}, {"keepdims", int64_t{0}}});
  const std::string g = b.node("Flatten", {b.node("GlobalAveragePool", {s})});
  s = b.node("Add", {b.dequantize(b.quantize(r, -3, -1)), b.dequantize(b.quantize(g, -2, 2))});
  return b.finish(b.quantize(s, -2, 0), DataType::kInt8);
}

Graph concatenation(uint32_t seed) {
  B b(seed);
  const std::string x = start(b, {-1, 3, 5, 5});
  const std::string y = b.dequantize(b.quantize(b.float_conv(x, {1, 3, 1, 1}, {}), 0, 9));
  const std::string z = b.dequantize(b.quantize(b.float_conv(x, {16, 3, 1, 1}, {}), -3, -9));
  const std::string c = b.node("Concat", {z, x, y}, {{"axis", int64_t{-3}}});
  const std::string q = b.quantize(b.node("Relu", {c}), -2, -50);
  const std::string d = b.dequantize(q);
  const std::string again = b.node("Concat", {d, d}, {{"axis", int64_t{1}}});  // one scale: no QuantizeLinear
  return b.finish(b.quantize(b.float_conv(again, {4, 40, 1, 1}, {}), 1, 0), DataType::kInt8);
}

// Channels last outside, as TFLite files are converted: Transposes around, Pad before.
Graph channels_last(uint32_t seed, bool integer_input) {
  B b(seed);
  std::string q;
  if (integer_input) {
    q = b.input(DataType::kUint8, {-1, 9, 7, 3});
    b.remember(q, -4, 131, true);
  } else {
    q = b.quantize(b.input(DataType::kFloat, {-1, 9, 7, 3}), -4, -3);
  }
  std::string x = b.node("Pad", {b.dequantize(q), b.ints({0, 0, 1, 0, 0, 2, 1, 0})});
  x = b.node("Transpose", {x}, {{"perm", Ints{0, 3, 1, 2}}});
  x = b.float_conv(x, {6, 3, 3, 3}, {{"strides", Ints{2, 2}}}, float_bias(b, 6));  // 5 x 4
  x = b.node("Transpose", {b.node("Relu", {x})}, {{"perm", Ints{0, 2, 3, 1}}});
  const std::string h = b.dequantize(b.quantize(x, -3, -128));
  std::string y = b.node("Transpose", {h}, {{"perm", Ints{0, 3, 1, 2}}});
  y = b.float_conv(y, {6, 1, 3, 3}, {{"group", int64_t{6}}, {"pads", Ints{1, 1, 1, 1}}});
  y = b.dequantize(b.quantize(b.node("Transpose", {y}, {{"perm", Ints{0, 2, 3, 1}}}), -2, 4));
  y = b.dequantize(b.quantize(b.node("Add", {h, y}), -2, 1));
  // A matrix over height, width, channels.
  y = b.node("Reshape", {y, b.ints({-1, 120})});
  y = b.node("MatMul", {y, b.weights({120, 5}, 1)});
  y = b.node("Add", {float_bias(b, 5), y});
  return b.finish(b.quantize(y, 1, -7), DataType::kInt8);
}

Graph views(uint32_t seed) {
  B b(seed);
  // A row that is an image, and dimensions of 1 that come and go.
  std::string x = b.node("Reshape", {b.input(DataType::kFloat, {-1, 96}), b.ints({-1, 4, 24})});
  x = b.node("Unsqueeze", {x}, {{"axes", Ints{1}}});            // 1, 4, 24
  x = b.node("Transpose", {x}, {{"perm", Ints{0, 3, 2, 1}}});   // 24, 4, 1
  x = b.node("Reshape", {x, b.ints({-1, 4, 6, 4})});            // rows of 6 pixels of 4 channels
  x = b.dequantize(b.quantize(x, -4, 3));
  x = b.node("Transpose", {x}, {{"perm", Ints{0, 3, 1, 2}}});   // 4, 4, 6
  x = b.dequantize(b.quantize(b.float_conv(x, {3, 4, 4, 6}, {}), -1, 0));
  x = b.node("Squeeze", {x, b.ints({2, 3})});
  x = b.node("Gemm", {x, b.weights({4, 3}, 0), float_bias(b, 4)}, {{"transB", int64_t{1}}});
  x = b.dequantize(b.quantize(b.node("Unsqueeze", {x, b.ints({-1, 1})}), 0, 0));  // 1, 4, 1
  return b.finish(b.node("Transpose", {x}, {{"perm", Ints{0, 3, 2, 1}}}), DataType::kFloat);
}

Graph padding(uint32_t seed) {
  B b(seed);
  const std::string x = start(b, {-1, 3, 6, 5});
  const std::string zero = b.constant(FloatTensor(Shape{}, 0.0F));
  // Quantised again with the same scale, as quantisers do; then a pooling that cannot take it over.
  std::string p = b.node("Pad", {x, b.ints({0, 0, 1, 2, 0, 0, 0, 1}), zero});
  p = b.dequantize(b.quantize(p, -4, -3));
  const std::string c = b.dequantize(b.quantize(
      b.float_conv(p, {4, 3, 3, 3}, {{"pads", Ints{1, 0, 0, 1}}}), -2, -60));  // 6 x 7
  std::string m = b.node("MaxPool", {p}, {{"kernel_shape", Ints{2, 2}}});        // 6 x 7
  m = b.node("Pad", {m, b.ints({0, 0, 0, 0, 0, 1, 0, 0}), zero});              // a channel of zeros
  m = b.node("Add", {c, m});
  return b.finish(b.quantize(m, -2, 0), DataType::kInt8);
}

// Attributes of older opsets: limits, axes and pads are not inputs yet.
Graph old_opset(uint32_t seed) {
  B b(seed);
  b.graph().opset = 10;
  const std::string x = start(b, {-1, 3, 6, 6}, true);
  std::string c = b.node("Pad", {x}, {{"pads", Ints{0, 0, 1, 1, 0, 0, 1, 1}}, {"mode", std::string("constant")}});
  Int8Tensor w({4, 3, 3, 3});
  for (int8_t& v : w.data) v = static_cast<int8_t>(b.random(-127, 127));
  const std::string d = b.node("DequantizeLinear", {b.constant(w), b.constant(FloatTensor(Shape{}, 1.0F / 128))});
  c = b.node("Add", {b.node("Conv", {c, d}), b.constant(FloatTensor({4, 1, 1}, {0.5F, -1.0F, 2.0F, 0.0F}))});
  c = b.node("Clip", {c}, {{"min", 0.0F}, {"max", 6.0F}});
  c = b.dequantize(b.quantize(c, -5, 0, true));
  c = b.node("ReduceMean", {b.node("MaxPool", {c}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{1, 1}}})},
             {{"axes", Ints{2, 3}}});
  c = b.node("Squeeze", {b.dequantize(b.quantize(c, -5, 0, true))}, {{"axes", Ints{3, 2}}});
  return b.finish(c, DataType::kFloat);
}

// Integer operators with the channels behind, which onnxruntime writes.
Graph qlinear_channels_last(uint32_t seed) {
  B b(seed);
  const std::string q = b.input(DataType::kInt8, {-1, 8, 8, 3});
  b.remember(q, -4, 5, false);
  const std::map<std::string, Attribute> last = {{"channels_last", int64_t{1}}};
  const auto qlinear = [&](const std::string& op, const std::string& x, std::vector<std::string> middle,
                           std::map<std::string, Attribute> attributes, int exponent, int zero) {
    b.remember("", exponent, zero, false);
    const auto out = b.parameters(""), in = b.parameters(x);
    std::vector<std::string> inputs = {x, in[0], in[1]};
    inputs.insert(inputs.end(), middle.begin(), middle.end());
    inputs.insert(inputs.end(), out.begin(), out.end());
    attributes.insert(last.begin(), last.end());
    const std::string y = b.node(op, inputs, attributes, "com.microsoft");
    b.remember(y, exponent, zero, false);
    return y;
  };
  Int8Tensor w({6, 3, 3, 3});
  for (int8_t& v : w.data) v = static_cast<int8_t>(b.random(-127, 127));
  std::string x = qlinear("QLinearConv", q,
                          {b.constant(w), b.constant(FloatTensor(Shape{}, 1.0F / 128)),
                           b.constant(Int8Tensor(Shape{}, int8_t{0}))},
                          {{"pads", Ints{1, 1, 1, 1}}}, -2, -10);
  x = qlinear("QLinearAveragePool", x, {}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}, -3, 0);
  x = qlinear("QLinearGlobalAveragePool", x, {}, {}, -4, 3);
  return b.finish(x, DataType::kInt8);
}

}  // namespace

const std::vector<NamedGraph>& integer_graphs() {
  static const std::vector<NamedGraph> kGraphs = {
      {"conv_relu_int8", [](uint32_t s) { return conv_relu(s, false); }},
      {"conv_relu_uint8", [](uint32_t s) { return conv_relu(s, true); }},
      {"depthwise_and_grouped_to_float", depthwise},
      {"weights_uint8_asymmetric_and_from_float", weight_forms},
      {"residual_with_two_readers", residual},
      {"clamps_and_pools_between_scales", between_scales},
      {"averages", averages},
      {"concatenation_of_scales", concatenation},
      {"channels_last_float_input", [](uint32_t s) { return channels_last(s, false); }},
      {"channels_last_uint8_input", [](uint32_t s) { return channels_last(s, true); }},
      {"views_of_rows_and_images", views},
      {"padding", padding},
      {"opset_10_attributes", old_opset},
      {"qlinear_channels_last", qlinear_channels_last},
  };
  return kGraphs;
}

}  // namespace aap::verif
