// SPDX-License-Identifier: Apache-2.0
// One function for each operator of quantised networks.
#include <algorithm>

#include "model/qimporter.h"
#include "model/shapes.h"

namespace aap {

void QImporter::quantize(const Node& node) {
  const std::string& x = name_of(node, 0);
  const QParams p = params(node, 1, 2, true);
  if (raw_input_.count(x) != 0) {
    if (net_.input >= 0) fail(node, "the network's input is quantised a second time");
    net_.input = add_tensor(node.outputs[0], p);
    return;
  }
  // A dequantised value back to integers: a change of scale.
  if (after_softmax_.count(x) != 0) fail(node, "comes behind Softmax");
  const int from = any_value(node, 0);
  QLayer& layer = add_layer(node, QOp::kIdentity, {from}, p);
  layer.requant = {requantisation_of(scale_of_.at(from), 1.0F, p.scale)};
}

void QImporter::dequantize(const Node& node) {
  const int x = activation(node, 0, 1, 2);
  tensor_of_[node.outputs[0]] = x;
  dequantised_.insert(node.outputs[0]);
}

void QImporter::softmax(const Node& node) {
  const int x = any_value(node, 0);
  if (dequantised_.count(node.inputs[0]) == 0) fail(node, "its input is not dequantised");
  const QTensorInfo& t = net_.tensors[static_cast<size_t>(x)];
  const Shape& s = shape(node.inputs[0]);
  const int64_t axis =
      checked_axis(node, node.attr_int("axis", graph_.opset < 13 ? 1 : -1), s.size());
  if (axis != 1 || t.height * t.width != 1) fail(node, "is not over the channels of one pixel");
  if (node.outputs[0] != graph_.outputs[0].name) fail(node, "is not the last node");
  tensor_of_[node.outputs[0]] = x;
  dequantised_.insert(node.outputs[0]);
  after_softmax_.insert(node.outputs[0]);
}

void QImporter::convolution(const Node& node) {
  const int x = activation(node, 0, 1, 2);
  Int8Tensor w = weights(node, 3, 5, 0);
  const QParams out = params(node, 6, 7, net_.tensors[static_cast<size_t>(x)].from_uint8);
  const int64_t channels = w.shape[0];
  const Window2d window = conv_window(node, shape(node.inputs[0]), w.shape);
  const std::vector<float> scales = channel_scales(node, 4, channels);
  std::vector<int32_t> b = bias(node, 8, channels);
  QLayer& layer = add_layer(node, QOp::kConv, {x}, out);
  set_window(layer, window);
  layer.groups = node.attr_int("group", 1);
  layer.weights = std::move(w);
  fold_bias(node, layer, std::move(b), scales);
}

void QImporter::fully_connected(const Node& node, size_t x, const Int8Tensor& w, const QParams& out,
                                const std::vector<float>& scales, std::vector<int32_t> b) {
  const int from = activation(node, x);
  const QTensorInfo t = net_.tensors[static_cast<size_t>(from)];
  if (w.shape[0] < 1 || shape(node.inputs[x]).size() != 2 ||
      t.channels * t.height * t.width != w.shape[1]) {
    fail(node, fmt::format("its input is not one row of {} values", w.shape[1]));
  }
  // Flatten keeps the order C, H, W, so the row of weights is a kernel over the whole input.
  QLayer& layer = add_layer(node, QOp::kConv, {from}, out);
  layer.kernel_h = t.height;
  layer.kernel_w = t.width;
  layer.weights = Int8Tensor({w.shape[0], t.channels, t.height, t.width}, w.data);
  fold_bias(node, layer, std::move(b), scales);
}

namespace {

Int8Tensor transposed(const Int8Tensor& m) {
  Int8Tensor out({m.shape[1], m.shape[0]});
  for (int64_t i = 0; i < m.shape[0]; ++i) {
    for (int64_t j = 0; j < m.shape[1]; ++j) {
      out.data[static_cast<size_t>(j * m.shape[0] + i)] =
          m.data[static_cast<size_t>(i * m.shape[1] + j)];
    }
  }
  return out;
}

}  // namespace

void QImporter::matmul(const Node& node) {
  const int x = activation(node, 0, 1, 2);
  const Int8Tensor w = weights(node, 3, 5, 1);
  if (w.shape.size() != 2)
    fail(node, fmt::format("weight has rank {}, legal is 2", w.shape.size()));
  const QParams out = params(node, 6, 7, net_.tensors[static_cast<size_t>(x)].from_uint8);
  const int64_t channels = w.shape[1];
  fully_connected(node, 0, transposed(w), out, channel_scales(node, 4, channels),
                  std::vector<int32_t>(static_cast<size_t>(channels), 0));
}

void QImporter::gemm(const Node& node) {
  const bool output_first = node.attr_int("transB", 0) != 0;
  if (node.attr_int("transA", 0) != 0) fail(node, "transA is 1, legal is 0");
  if (node.attr_float("alpha", 1.0F) != 1.0F) fail(node, "alpha is not 1");
  if (node.attr_float("beta", 1.0F) != 1.0F) fail(node, "beta is not 1");
  const int x = activation(node, 0, 1, 2);
  Int8Tensor w = weights(node, 3, 5, output_first ? 0 : 1);
  if (w.shape.size() != 2)
    fail(node, fmt::format("weight has rank {}, legal is 2", w.shape.size()));
  if (!output_first) w = transposed(w);
  if (!has_input(node, 7)) fail(node, "has no output scale (float output)");
  const QParams out = params(node, 7, 8, net_.tensors[static_cast<size_t>(x)].from_uint8);
  fully_connected(node, 0, w, out, channel_scales(node, 4, w.shape[0]), bias(node, 6, w.shape[0]));
}

void QImporter::add(const Node& node) {
  const int a = activation(node, 0, 1, 2);
  const int b = activation(node, 3, 4, 5);
  const QTensorInfo ta = net_.tensors[static_cast<size_t>(a)];
  const QTensorInfo tb = net_.tensors[static_cast<size_t>(b)];
  if (ta.channels != tb.channels || ta.height != tb.height || ta.width != tb.width ||
      shape(node.inputs[0]) != shape(node.inputs[3])) {
    fail(node, "broadcasts; both inputs must have one shape");
  }
  const QParams out = params(node, 6, 7, ta.from_uint8);
  const AddMultipliers m =
      add_multipliers(scale_of_.at(a), ta.zero_point, scale_of_.at(b), tb.zero_point, out.scale);
  if (shape(node.inputs[0]).size() == 2 && ta.height * ta.width != 1) {
    fail(node, "adds flattened images; move Flatten behind it");
  }
  QLayer& layer = add_layer(node, QOp::kAdd, {a, b}, out);
  layer.ma = m.ma;
  layer.mb = m.mb;
  layer.add_shift = m.shift;
  layer.add_constant = m.constant;
}

void QImporter::average_pool(const Node& node) {
  const int x = activation(node, 0, 1, 2);
  if (node.attr_int("channels_last", 0) != 0) fail(node, "channels_last is 1, legal is 0");
  const Shape& in = shape(node.inputs[0]);
  if (in.size() != 4) fail(node, fmt::format("input has rank {}, legal is 4", in.size()));
  Window2d w;
  const bool include_pad = node.attr_int("count_include_pad", 0) != 0;
  if (node.op == "QLinearGlobalAveragePool") {
    w.kernel_h = in[2];
    w.kernel_w = in[3];
  } else {
    w = pool_window(node, in);
    if (include_pad && node.attr_int("ceil_mode", 0) != 0) {
      fail(node, "ceil_mode together with count_include_pad");
    }
  }
  const QParams out = params(node, 3, 4, net_.tensors[static_cast<size_t>(x)].from_uint8);
  if (w.kernel_h * w.kernel_w > 65536) {
    fail(node, fmt::format("averages {} values, legal is at most 65536", w.kernel_h * w.kernel_w));
  }
  std::vector<Requantisation> requant;
  for (int64_t n = 1; n <= w.kernel_h * w.kernel_w; ++n) {
    requant.push_back(average_requantisation(scale_of_.at(x), out.scale, n));
  }
  QLayer& layer = add_layer(node, QOp::kAveragePool, {x}, out);
  set_window(layer, w);
  layer.count_include_pad = include_pad;
  layer.requant = std::move(requant);
}

void QImporter::max_pool(const Node& node) {
  const int x = activation(node, 0);
  if (node.outputs.size() > 1 && !node.outputs[1].empty()) fail(node, "has an output of indices");
  const Window2d w = pool_window(node, shape(node.inputs[0]));
  const QTensorInfo& t = net_.tensors[static_cast<size_t>(x)];
  const QParams same{scale_of_.at(x), t.zero_point, t.from_uint8};
  set_window(add_layer(node, QOp::kMaxPool, {x}, same), w);
}

void QImporter::concat(const Node& node) {
  const Shape& out_shape = shape(node.outputs[0]);
  if (checked_axis(node, node.attr_int("axis", 1), out_shape.size()) != 1) {
    fail(node, "axis is not 1 (channels)");
  }
  const int first = activation(node, 2, 3, 4);
  const QParams out = params(node, 0, 1, net_.tensors[static_cast<size_t>(first)].from_uint8);
  std::vector<int> inputs;
  for (size_t i = 2; i + 2 < node.inputs.size(); i += 3) {
    int x = activation(node, i, i + 1, i + 2);
    const QTensorInfo t = net_.tensors[static_cast<size_t>(x)];
    if (shape(node.inputs[i]).size() == 2 && t.height * t.width != 1) {
      fail(node, "joins flattened images; move Flatten behind it");
    }
    if (scale_of_.at(x) != out.scale || t.zero_point != out.zero_point) {
      // Placement alone cannot change the scale: a layer of its own does.
      QLayer layer;
      layer.op = QOp::kIdentity;
      layer.name = fmt::format("{}_input_{}", node.name, (i - 2) / 3);
      layer.inputs = {x};
      layer.requant = {requantisation_of(scale_of_.at(x), 1.0F, out.scale)};
      layer.output_zero_point = out.zero_point;
      QTensorInfo copy = t;
      copy.name = layer.name;
      copy.scale = static_cast<double>(out.scale);
      copy.zero_point = out.zero_point;
      copy.from_uint8 = out.from_uint8;
      net_.tensors.push_back(copy);
      x = layer.output = static_cast<int>(net_.tensors.size()) - 1;
      scale_of_[x] = out.scale;
      net_.layers.push_back(std::move(layer));
    }
    inputs.push_back(x);
  }
  add_layer(node, QOp::kConcat, std::move(inputs), out);
}

// On integers: Relu is max(x, 0) of the stored value, Clip compares stored values.
void QImporter::clip(const Node& node) {
  const int x = activation(node, 0);
  const QTensorInfo t = net_.tensors[static_cast<size_t>(x)];
  const int offset = t.from_uint8 ? 128 : 0;
  auto bound = [&](size_t i, int fallback) -> int {
    if (!has_input(node, i)) return fallback;
    const Constant& c = constant(node, i, "limit");
    const auto* s = std::get_if<Tensor<int8_t>>(&c);
    const auto* u = std::get_if<Tensor<uint8_t>>(&c);
    if (t.from_uint8 ? u == nullptr || u->size() != 1 : s == nullptr || s->size() != 1) {
      fail(node, fmt::format("limit '{}' is not one value of its input's type", node.inputs[i]));
    }
    return t.from_uint8 ? u->data[0] - offset : s->data[0];
  };
  const bool relu = node.op == "Relu";
  if (!relu && (node.attributes.count("min") != 0 || node.attributes.count("max") != 0)) {
    fail(node, "states its limits as attributes, which is for floats");
  }
  const int lo = relu ? -offset : bound(1, -128);
  const int hi = relu ? 127 : bound(2, 127);
  if (lo > hi) fail(node, fmt::format("limits {}..{} are empty", lo, hi));

  // Into the producer, where nobody else reads what it had before the clamp.
  auto producer = std::find_if(net_.layers.begin(), net_.layers.end(),
                               [&](const QLayer& l) { return l.output == x; });
  const bool direct = t.name == node.inputs[0];  // not behind a Flatten
  if (producer != net_.layers.end() && producer->op != QOp::kConcat && direct &&
      users_of(node.inputs[0]) == 1) {
    producer->lo = std::clamp(producer->lo, lo, hi);
    producer->hi = std::clamp(producer->hi, lo, hi);
    net_.tensors[static_cast<size_t>(x)].name = node.outputs[0];
    tensor_of_[node.outputs[0]] = x;
    return;
  }
  if (shape(node.inputs[0]).size() == 2 && t.height * t.width != 1) {
    fail(node, "clamps flattened images; move Flatten behind it");
  }
  QLayer& layer =
      add_layer(node, QOp::kIdentity, {x}, {scale_of_.at(x), t.zero_point, t.from_uint8});
  layer.requant = {Requantisation{1, 0}};
  layer.lo = lo;
  layer.hi = hi;
}

// Flatten, Reshape and Identity give another name to the same bytes.
void QImporter::flatten(const Node& node) {
  const std::string& from = name_of(node, 0);
  const std::string& to = node.outputs[0];
  const Shape& s = shape(to);
  if (raw_input_.count(from) != 0) {
    raw_input_.insert(to);
    return;
  }
  const int x = any_value(node, 0);
  const QTensorInfo& t = net_.tensors[static_cast<size_t>(x)];
  const bool row = s.size() == 2 && s[0] == 1;
  const bool image = s == Shape{1, t.channels, t.height, t.width};
  if (!row && !image) {
    fail(node,
         fmt::format("new shape [{}] is neither one row nor the image itself", fmt::join(s, ", ")));
  }
  tensor_of_[to] = x;
  if (dequantised_.count(from) != 0) dequantised_.insert(to);
  if (after_softmax_.count(from) != 0) after_softmax_.insert(to);
}

}  // namespace aap
