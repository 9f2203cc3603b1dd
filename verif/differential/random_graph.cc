// SPDX-License-Identifier: Apache-2.0
#include "verif/differential/random_graph.h"

#include <algorithm>
#include <cmath>

namespace aap::differential {

GraphBuilder::GraphBuilder(uint32_t seed, int64_t opset) : random_(seed), uint8_(false) {
  graph_.name = fmt::format("random_{}", seed);
  graph_.opset = opset;
  uint8_ = random_.chance(50);
}

std::string GraphBuilder::fresh(const std::string& stem) {
  return fmt::format("{}_{}", stem, names_++);
}

Node& GraphBuilder::node(const std::string& op, std::vector<std::string> inputs,
                         const std::string& output, const std::string& domain) {
  Node n;
  n.op = op;
  n.domain = domain;
  n.name = fresh(op);
  n.inputs = std::move(inputs);
  n.outputs = {output};
  graph_.nodes.push_back(std::move(n));
  return graph_.nodes.back();
}

std::string GraphBuilder::add(const std::string& stem, Constant value) {
  const std::string name = fresh(stem);
  graph_.constants.emplace(name, std::move(value));
  return name;
}

std::string GraphBuilder::scale(float value) { return add("scale", Tensor<float>({}, value)); }

std::string GraphBuilder::zero_point(int value) {
  if (uint8_) return add("zero", Tensor<uint8_t>({}, static_cast<uint8_t>(value)));
  return add("zero", Tensor<int8_t>({}, static_cast<int8_t>(value)));
}

float GraphBuilder::random_scale() {
  const int exponent = static_cast<int>(random_.in(-9, -2));
  const double mantissa = random_.chance(50)
                              ? 1.0 + random_.real()
                              : 1.0 + static_cast<double>(random_.in(0, 15)) / 16.0;
  return static_cast<float>(std::ldexp(mantissa, exponent));
}

int GraphBuilder::random_zero_point() {
  const int low = uint8_ ? 0 : -128;
  return low + static_cast<int>(random_.one_of<int64_t>(
                   {0, 128, 128, 255, random_.in(0, 255), random_.in(0, 255)}));
}

GraphBuilder::Weights GraphBuilder::weights(const Shape& shape, size_t channel_axis,
                                            bool allow_per_channel, bool allow_uint8) {
  const int64_t channels = shape[channel_axis];
  const bool per_channel = allow_per_channel && random_.chance(60);
  const int64_t count = per_channel ? channels : 1;
  Tensor<float> scales(per_channel ? Shape{count} : Shape{});
  const float base = random_scale();
  for (float& s : scales.data) {
    s = count == 1 ? base : base * static_cast<float>(0.25 + 0.75 * random_.real());
  }
  Weights w;
  w.scales = scales.data;
  w.largest_scale = *std::max_element(scales.data.begin(), scales.data.end());
  const int zero_percent = static_cast<int>(random_.one_of<int64_t>({0, 0, 50, 75}));
  const auto value = [&] {
    return random_.chance(zero_percent) ? int64_t{0} : random_.in(-127, 127);
  };
  const Shape zero_shape = scales.shape;
  if (allow_uint8 && random_.chance(25)) {
    Tensor<uint8_t> t(shape);
    for (uint8_t& v : t.data) v = static_cast<uint8_t>(128 + value());
    w.value = add("weight", std::move(t));
    w.zero_point = add("weight_zero", Tensor<uint8_t>(zero_shape, uint8_t{128}));
  } else if (random_.chance(15)) {
    // Another zero point, by which no value leaves int8.
    const auto zero = static_cast<int8_t>(random_.in(-40, 40));
    Tensor<int8_t> t(shape);
    for (int8_t& v : t.data) v = static_cast<int8_t>(value() * 80 / 127 + zero);
    w.value = add("weight", std::move(t));
    w.zero_point = add("weight_zero", Tensor<int8_t>(zero_shape, zero));
  } else {
    Tensor<int8_t> t(shape);
    for (int8_t& v : t.data) v = static_cast<int8_t>(value());
    w.value = add("weight", std::move(t));
    w.zero_point = add("weight_zero", Tensor<int8_t>(zero_shape, int8_t{0}));
  }
  w.scale = add("weight_scale", std::move(scales));
  return w;
}

GraphBuilder::Window GraphBuilder::window(const Shape& input, bool pooling, bool dilations,
                                          bool auto_pad) {
  Window w;
  for (;;) {  // until something is left of the input; a 1x1 window always fits
    int64_t kernel[2], stride[2], dilation[2] = {1, 1}, pads[4] = {0, 0, 0, 0}, out[2];
    for (int d = 0; d < 2; ++d) {
      kernel[d] = random_.one_of<int64_t>({1, 2, 3, 3, 4, 5});
      stride[d] = random_.one_of<int64_t>({1, 1, 2, 3});
      if (dilations && random_.chance(30)) dilation[d] = random_.in(2, 3);
    }
    const int64_t mode = auto_pad ? random_.in(0, 5) : 5;  // 3..5: explicit
    bool fits = true;
    for (int d = 0; d < 2; ++d) {
      const int64_t size = input[static_cast<size_t>(2 + d)];
      const int64_t span = (kernel[d] - 1) * dilation[d] + 1;
      if (mode == 0 || mode == 1) {
        out[d] = (size + stride[d] - 1) / stride[d];
        // A stride beyond the window would ask for negative pads.
        fits = fits && dilation[d] == 1 && span >= stride[d];
      } else {
        if (mode >= 3) {
          const int64_t most = pooling ? kernel[d] - 1 : 3;
          pads[d] = random_.in(0, most);
          pads[2 + d] = random_.chance(50) ? pads[d] : random_.in(0, most);
        }
        const int64_t room = size + pads[d] + pads[2 + d] - span;
        fits = fits && room >= 0;
        out[d] = fits ? room / stride[d] + 1 : 0;
      }
    }
    if (!fits) continue;
    w.kernel_h = kernel[0];
    w.kernel_w = kernel[1];
    w.out_h = out[0];
    w.out_w = out[1];
    w.attributes["kernel_shape"] = std::vector<int64_t>{kernel[0], kernel[1]};
    w.attributes["strides"] = std::vector<int64_t>{stride[0], stride[1]};
    if (dilation[0] * dilation[1] != 1) {
      w.attributes["dilations"] = std::vector<int64_t>{dilation[0], dilation[1]};
    }
    if (mode == 0) w.attributes["auto_pad"] = std::string("SAME_UPPER");
    if (mode == 1) w.attributes["auto_pad"] = std::string("SAME_LOWER");
    if (mode == 2) w.attributes["auto_pad"] = std::string("VALID");
    if (mode >= 3) w.attributes["pads"] = std::vector<int64_t>(pads, pads + 4);
    return w;
  }
}

Graph GraphBuilder::finish(const Activation& output, bool float_output,
                           const std::string& domain) {
  if (float_output) {
    const std::string name = fresh("dequantised");
    node("DequantizeLinear", {output.name, scale(output.scale), zero_point(output.zero_point)},
         name, domain);
    graph_.outputs = {{name, DataType::kFloat, output.shape}};
  } else {
    graph_.outputs = {{output.name, uint8_ ? DataType::kUint8 : DataType::kInt8, output.shape}};
  }
  return std::move(graph_);
}

int64_t random_ir_version(uint32_t seed) { return Random(seed ^ 0x1eafU).in(3, 10); }

Constant random_inputs(const Graph& graph, uint32_t seed, int64_t count) {
  Random random(seed ^ 0x5eedU);
  const ValueInfo& input = graph.inputs.at(0);
  Shape shape = input.shape;
  for (int64_t& extent : shape) extent = std::max<int64_t>(extent, 1);
  shape[0] = count;
  if (input.type == DataType::kFloat) {
    Tensor<float> t(shape);
    for (float& v : t.data) v = static_cast<float>((random.real() - 0.5) * 16.0);
    return t;
  }
  if (input.type == DataType::kUint8) {
    Tensor<uint8_t> t(shape);
    for (uint8_t& v : t.data) v = static_cast<uint8_t>(random.in(0, 255));
    return t;
  }
  Tensor<int8_t> t(shape);
  for (int8_t& v : t.data) v = static_cast<int8_t>(random.in(-128, 127));
  return t;
}

}  // namespace aap::differential
