// SPDX-License-Identifier: Apache-2.0
// Inputs of nodes as tensors, and the layers that results become.
#include <algorithm>
#include <cmath>

#include "model/qimporter.h"

namespace aap {

// The caller adds the node's name: import lists all refused nodes at once.
void QImporter::fail(const Node&, const std::string& text) { throw InputError(text); }

bool QImporter::has_input(const Node& node, size_t i) {
  return i < node.inputs.size() && !node.inputs[i].empty();
}

const std::string& QImporter::name_of(const Node& node, size_t i) const {
  if (!has_input(node, i)) fail(node, fmt::format("input {} is missing", i));
  return node.inputs[i];
}

QValue& QImporter::value(const Node& node, size_t i) {
  const std::string& name = name_of(node, i);
  auto it = values_.find(name);
  if (it == values_.end()) {
    fail(node, fmt::format("input '{}' is not a quantised activation", name));
  }
  return it->second;
}

Activation QImporter::resolve(const Node& node, size_t i) {
  QValue& v = value(node, i);
  const std::string& name = node.inputs[i];
  if (const auto* raw = std::get_if<RawInput>(&v)) {
    if (!raw->params.has_value()) {
      fail(node, fmt::format("input '{}' is the network's float input; it is not quantised", name));
    }
    v = use_input(name, *raw);
  } else if (const auto* padded = std::get_if<Padded>(&v)) {
    const bool real = padded->base.real;
    const View view = padded->view;
    v = Activation{emit_pad(*padded, name + "_pad", name), view, real};
  } else if (const auto* p = std::get_if<Pending>(&v)) {
    // Exact without a scale of its own: the input's integers clamped at its zero point or joined.
    const bool same = std::all_of(p->inputs.begin(), p->inputs.end(), [&](int t) {
      return params_of(t) == params_of(p->inputs[0]);
    });
    const bool exact =
        (p->base == Pending::Base::kTensor || (p->base == Pending::Base::kConcat && same)) &&
        (std::isinf(p->lo) || p->lo == 0.0F) && std::isinf(p->hi);
    if (!exact) {
      fail(node, fmt::format("input '{}' is the float result of '{}', which no QuantizeLinear makes "
                             "integer before it is used",
                             name, p->name));
    }
    const View view = p->view;
    v = Activation{emit(*p, params_of(p->inputs[0]), name), view, true};
  } else if (std::holds_alternative<HostValue>(v)) {
    fail(node, fmt::format("input '{}' comes behind Softmax, which the host computes", name));
  }
  return std::get<Activation>(v);
}

Activation QImporter::integers(const Node& node, size_t i) {
  Activation a = resolve(node, i);
  if (a.real) {
    fail(node, fmt::format("input '{}' is float; only integers are computed", node.inputs[i]));
  }
  return a;
}

Activation QImporter::reals(const Node& node, size_t i) {
  Activation a = resolve(node, i);
  if (!a.real) {
    fail(node, fmt::format("input '{}' is integer, which the operator does not take",
                           node.inputs[i]));
  }
  return a;
}

Activation QImporter::integers(const Node& node, size_t i, size_t scale, size_t zero) {
  const Activation a = integers(node, i);
  const QParams own = params_of(a.tensor);
  const QParams p = params(node, scale, zero, own.from_uint8);
  if (!(p == own)) {
    fail(node,
         fmt::format("reads '{}' with scale {} and zero point {} ({}), its producer states {} and "
                     "{} ({}; zero points in the int8 domain)",
                     node.inputs[i], p.scale, p.zero_point, p.from_uint8 ? "uint8" : "int8",
                     own.scale, own.zero_point, own.from_uint8 ? "uint8" : "int8"));
  }
  return a;
}

Extents QImporter::extents(int tensor) const {
  const QTensorInfo& t = info(tensor);
  return {t.channels, t.height, t.width};
}

QParams QImporter::params_of(int tensor) const {
  const QTensorInfo& t = info(tensor);
  return {static_cast<float>(t.scale), t.zero_point, t.from_uint8};
}

void QImporter::require_image(const Node& node, const View& view, const Extents& e,
                              bool last) const {
  if (view != (last ? image_last_view(e) : image_view(e))) {
    fail(node, fmt::format("its input's dimensions are not {} of the image that they come from",
                           last ? "N, H, W, C" : "N, C, H, W"));
  }
}

int QImporter::users_of(const std::string& value) const {
  auto it = users_.find(value);
  int users = it == users_.end() ? 0 : static_cast<int>(it->second.size());
  for (const ValueInfo& output : graph_.outputs) users += output.name == value ? 1 : 0;
  return users;
}

int QImporter::add_tensor(const std::string& name, const Extents& e, const QParams& p) {
  QTensorInfo t;
  t.name = name;
  t.channels = e[kAxisC];
  t.height = e[kAxisH];
  t.width = e[kAxisW];
  t.scale = static_cast<double>(p.scale);
  t.zero_point = p.zero_point;
  t.from_uint8 = p.from_uint8;
  net_.tensors.push_back(std::move(t));
  return static_cast<int>(net_.tensors.size()) - 1;
}

QLayer& QImporter::add_layer(const std::string& name, QOp op, std::vector<int> inputs,
                             const std::string& tensor, const Extents& e, const QParams& out) {
  QLayer layer;
  layer.op = op;
  layer.name = name;
  for (int k = 2; !layer_names_.insert(layer.name).second; ++k) {
    layer.name = fmt::format("{}_{}", name, k);
  }
  layer.inputs = std::move(inputs);
  layer.output = add_tensor(tensor, e, out);
  layer.output_zero_point = out.zero_point;
  net_.layers.push_back(std::move(layer));
  return net_.layers.back();
}

namespace {

void set_window(QLayer& layer, const Window2d& w) {
  layer.kernel_h = w.kernel_h;
  layer.kernel_w = w.kernel_w;
  layer.stride_h = w.stride_h;
  layer.stride_w = w.stride_w;
  layer.dilation_h = w.dilation_h;
  layer.dilation_w = w.dilation_w;
  layer.pad_top = w.pad_top;
  layer.pad_left = w.pad_left;
  layer.pad_bottom = w.pad_bottom;
  layer.pad_right = w.pad_right;
}

// QuantizeLinear of a limit, saturated: clamping integers there is clamping before rounding.
int quantised(float limit, const QParams& p) {
  const float rounded = std::nearbyint(limit / p.scale) + static_cast<float>(p.zero_point);
  return static_cast<int>(std::clamp(rounded, -128.0F, 127.0F));
}

}  // namespace

// The tensor with other parameters, by a layer of its own where they differ.
int QImporter::rescaled(int tensor, const QParams& out, const std::string& name) {
  if (params_of(tensor) == out) return tensor;
  QLayer& layer = add_layer(name, QOp::kIdentity, {tensor}, name, extents(tensor), out);
  layer.requant = {
      requantisation_of(static_cast<float>(info(tensor).scale), 1.0F, out.scale)};
  return layer.output;
}

int QImporter::emit_pad(const Padded& p, const std::string& name, const std::string& tensor) {
  const Extents from = extents(p.base.tensor);
  const QParams q = params_of(p.base.tensor);
  QLayer& layer = add_layer(name, QOp::kConv, {p.base.tensor}, tensor, p.extents, q);
  layer.pad_top = p.before[kAxisH];
  layer.pad_left = p.before[kAxisW];
  layer.pad_bottom = p.after[kAxisH];
  layer.pad_right = p.after[kAxisW];
  // Weight 1 from each channel to its place; new channels have none and give the zero point.
  const int64_t in = from[kAxisC], out = p.extents[kAxisC];
  const bool depthwise = in == out;
  layer.groups = depthwise ? in : 1;
  layer.weights = Int8Tensor({out, depthwise ? 1 : in, 1, 1}, int8_t{0});
  layer.bias.assign(static_cast<size_t>(out), 0);
  layer.requant.assign(static_cast<size_t>(out), Requantisation{1, 0});
  for (int64_t c = 0; c < in; ++c) {
    const int64_t m = c + p.before[kAxisC];
    layer.weights.at4(m, depthwise ? 0 : c, 0, 0) = 1;
    layer.bias[static_cast<size_t>(m)] = -q.zero_point;
  }
  return layer.output;
}

void QImporter::fold_bias(QLayer& layer, const std::vector<double>& bias,
                          const std::vector<float>& scales) {
  const QTensorInfo& x = info(layer.inputs[0]);
  const auto sx = static_cast<float>(x.scale), sy = static_cast<float>(info(layer.output).scale);
  const size_t taps = layer.weights.data.size() / scales.size();
  for (size_t m = 0; m < scales.size(); ++m) {
    int64_t sum = 0;
    for (size_t i = 0; i < taps; ++i) sum += layer.weights.data[m * taps + i];
    const double rounded = std::nearbyint(bias[m]);
    const double folded = rounded - static_cast<double>(x.zero_point * sum);
    if (!(folded >= INT32_MIN && folded <= INT32_MAX)) {
      throw_input("bias of channel {} is {} with the zero point folded in, legal is {}..{}", m,
                  folded, INT32_MIN, INT32_MAX);
    }
    layer.bias.push_back(static_cast<int32_t>(folded));
    layer.bias_error.push_back(bias[m] - rounded);
    layer.requant.push_back(requantisation_of(sx, scales[m], sy));
  }
  const bool whole = std::all_of(layer.bias_error.begin(), layer.bias_error.end(),
                                 [](double e) { return e == 0.0; });
  if (whole) layer.bias_error.clear();
}

int QImporter::emit_base(const Pending& p, const QParams& out, const std::string& tensor) {
  const int lo = quantised(p.lo, out), hi = quantised(p.hi, out);
  const auto layer_of = [&](QOp op, const std::vector<int>& inputs) -> QLayer& {
    QLayer& layer = add_layer(p.name, op, inputs, tensor, p.base_extents, out);
    layer.lo = lo;
    layer.hi = hi;
    return layer;
  };
  switch (p.base) {
    case Pending::Base::kTensor: {
      if (params_of(p.inputs[0]) == out && lo == -128 && hi == 127) return p.inputs[0];
      QLayer& layer = layer_of(QOp::kIdentity, p.inputs);
      layer.requant = {requantisation_of(params_of(p.inputs[0]).scale, 1.0F, out.scale)};
      return layer.output;
    }
    case Pending::Base::kConv: {
      QLayer& layer = layer_of(QOp::kConv, p.inputs);
      set_window(layer, p.conv->window);
      layer.groups = p.conv->groups;
      layer.weights = p.conv->weights;
      fold_bias(layer, p.bias, p.conv->scales);
      return layer.output;
    }
    case Pending::Base::kAdd: {
      const QParams a = params_of(p.inputs[0]), b = params_of(p.inputs[1]);
      const AddMultipliers m =
          add_multipliers(a.scale, a.zero_point, b.scale, b.zero_point, out.scale);
      QLayer& layer = layer_of(QOp::kAdd, p.inputs);
      layer.ma = m.ma;
      layer.mb = m.mb;
      layer.add_shift = m.shift;
      layer.add_constant = m.constant;
      return layer.output;
    }
    case Pending::Base::kAverage: {
      QLayer& layer = layer_of(QOp::kAveragePool, p.inputs);
      set_window(layer, p.window);
      layer.count_include_pad = p.count_include_pad;
      const float sx = params_of(p.inputs[0]).scale;
      for (int64_t n = 1; n <= p.window.kernel_h * p.window.kernel_w; ++n) {
        layer.requant.push_back(average_requantisation(sx, out.scale, n));
      }
      return layer.output;
    }
    case Pending::Base::kConcat: {
      // Placement alone cannot change a scale: a layer of its own does.
      std::vector<int> inputs = p.inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        inputs[i] = rescaled(inputs[i], out, fmt::format("{}_input_{}", p.name, i));
      }
      return layer_of(QOp::kConcat, inputs).output;
    }
  }
  return -1;
}

int QImporter::emit(const Pending& p, const QParams& out, const std::string& tensor) {
  const auto name = [&](size_t pools) {
    return pools == p.pools.size() ? tensor : fmt::format("{}_before_pool_{}", tensor, pools);
  };
  int result = emit_base(p, out, name(0));
  for (size_t i = 0; i < p.pools.size(); ++i) {
    Extents e = extents(result);
    const auto& [pool, window] = p.pools[i];
    e[kAxisH] = window.out_h;
    e[kAxisW] = window.out_w;
    QLayer& layer =
        add_layer(pool, QOp::kMaxPool, {result}, name(i + 1), e, params_of(result));
    set_window(layer, window);
    result = layer.output;
  }
  return result;
}

void QImporter::store(const Node& node, Pending p, const std::optional<QParams>& out) {
  if (out.has_value()) {
    const int tensor = emit(p, *out, node.outputs.at(0));
    define(node, tensor, p.view, false);
  } else {
    values_[node.outputs[0]] = std::move(p);
  }
}

void QImporter::define(const Node& node, int tensor, View view, bool real) {
  values_[node.outputs.at(0)] = Activation{tensor, std::move(view), real};
}

}  // namespace aap
