// SPDX-License-Identifier: Apache-2.0
// Quantisation, clamps, changes of layout, padding, and what the host does before and behind.
#include <algorithm>
#include <cmath>

#include "model/qimporter.h"
#include "model/shapes.h"

namespace aap {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void refuse_blocks(const Node& node) {
  if (node.attr_int("block_size", 0) != 0) {
    throw_input("block_size is {}: blocked quantisation is not supported",
                node.attr_int("block_size", 0));
  }
}

}  // namespace

bool changes_shape_only(const Node& node) {
  static const std::set<std::string> kOps = {"Flatten", "Reshape",   "Squeeze", "Unsqueeze",
                                             "Identity", "Transpose", "Dropout"};
  return node.domain.empty() && kOps.count(node.op) != 0;
}

void QImporter::quantize(const Node& node) {
  refuse_blocks(node);
  const int64_t type = node.attr_int("output_dtype", 0);
  if (type != 0 && type != 2 && type != 3) {
    fail(node, fmt::format("output_dtype is {}, legal is 2 (uint8) or 3 (int8)", type));
  }
  QParams p = params(node, 1, 2, type != 3);
  QValue& x = value(node, 0);
  const std::string& to = node.outputs.at(0);
  if (auto* raw = std::get_if<RawInput>(&x)) {
    if (!raw->params.has_value()) {
      values_[to] = RawInput{raw->order, p, false, to};
      return;
    }
    if (raw->real && *raw->params == p) {
      values_[to] = RawInput{raw->order, p, false, raw->name};
      return;
    }
  }
  if (auto* host = std::get_if<HostValue>(&x)) {
    if (host->params.has_value() && !(*host->params == p)) {
      fail(node, "quantises the result of Softmax a second time");
    }
    values_[to] = HostValue{host->activation, p, false};
    return;
  }
  if (auto* padded = std::get_if<Padded>(&x)) {
    if (padded->base.real && params_of(padded->base.tensor) == p) {
      Padded same = *padded;
      same.base.real = false;
      values_[to] = std::move(same);
      return;
    }
  }
  if (auto* pending = std::get_if<Pending>(&x)) {
    const Pending copy = *pending;
    define(node, emit(copy, p, to), copy.view, false);
    return;
  }
  const Activation a = reals(node, 0);
  if (params_of(a.tensor) == p) {
    define(node, a.tensor, a.view, false);
    return;
  }
  QLayer& layer = add_layer(node.name, QOp::kIdentity, {a.tensor}, to, extents(a.tensor), p);
  layer.requant = {requantisation_of(params_of(a.tensor).scale, 1.0F, p.scale)};
  define(node, layer.output, a.view, false);
}

void QImporter::dequantize(const Node& node) {
  refuse_blocks(node);
  QValue& x = value(node, 0);
  const std::string& to = node.outputs.at(0);
  if (auto* raw = std::get_if<RawInput>(&x)) {
    if (raw->real) fail(node, "its input is float");
    const QParams p = params(node, 1, 2, raw->params->from_uint8);
    if (!(p == *raw->params)) fail(node, "its scale or zero point is not that of the integers");
    values_[to] = RawInput{raw->order, p, true, raw->name};
    return;
  }
  if (auto* host = std::get_if<HostValue>(&x)) {
    if (host->real || !(params(node, 1, 2, host->params->from_uint8) == *host->params)) {
      fail(node, "its scale or zero point is not that of the integers");
    }
    values_[to] = HostValue{host->activation, host->params, true};
    return;
  }
  if (auto* padded = std::get_if<Padded>(&x)) {
    const QParams own = params_of(padded->base.tensor);
    if (!padded->base.real && params(node, 1, 2, own.from_uint8) == own) {
      Padded real = *padded;
      real.base.real = true;
      values_[to] = std::move(real);
      return;
    }
  }
  const Activation a = integers(node, 0, 1, 2);
  define(node, a.tensor, a.view, true);
}

// Channels are the last dimension of an input that a Transpose brings to the front before the first
// operator that knows of channels.
bool QImporter::channels_come_last(const std::string& value) const {
  std::vector<std::pair<std::string, std::vector<int64_t>>> open = {{value, {0, 1, 2, 3}}};
  std::set<std::string> seen = {value};
  while (!open.empty()) {
    auto [name, perm] = open.back();
    open.pop_back();
    auto users = users_.find(name);
    if (users == users_.end()) continue;
    for (const Node* node : users->second) {
      if (node->inputs.at(0) != name || node->outputs.empty()) continue;
      std::vector<int64_t> next = perm;
      if (node->op == "Transpose") {
        const auto p = checked_perm(node->attr_ints("perm", {}), 4);
        for (size_t d = 0; d < 4; ++d) next[d] = perm[static_cast<size_t>(p[d])];
      } else if (node->op == "QuantizeLinear" || node->op == "DequantizeLinear" ||
                 node->op == "Pad" || node->op == "Relu" || node->op == "Clip" ||
                 node->op == "Identity") {
      } else if (node->op.find("Conv") != std::string::npos ||
                 node->op.find("Pool") != std::string::npos) {
        const bool last = node->attr_int("channels_last", 0) != 0;
        return perm == (last ? std::vector<int64_t>{0, 1, 2, 3} : std::vector<int64_t>{0, 3, 1, 2});
      } else {
        continue;
      }
      if (seen.insert(node->outputs[0]).second) open.emplace_back(node->outputs[0], next);
    }
  }
  return false;
}

Activation QImporter::use_input(const std::string& value, const RawInput& raw) {
  const Shape& s = shape(value);
  if (s.size() < 2 || s.size() > 4 || s[0] != 1) {
    throw_input("the network's input is used as [{}], legal are one image of rank 4, rank 3 or a row",
                fmt::join(s, ", "));
  }
  Extents e = {s[1], s.size() > 2 ? s[2] : 1, s.size() > 3 ? s[3] : 1};
  std::vector<int64_t> order = raw.order;
  View view;
  if (s.size() == 4 && channels_come_last(value)) {
    e = {s[3], s[1], s[2]};
    view = image_last_view(e);
    order = transposed_order(order, s, {0, 3, 1, 2});
  } else {
    view = image_view(e);
    view.dims.resize(s.size());
  }
  bool same = true;
  for (size_t i = 0; i < order.size(); ++i) same = same && order[i] == static_cast<int64_t>(i);
  if (same) order.clear();
  if (net_.input < 0) {
    net_.input = add_tensor(raw.name, e, *raw.params);
    net_.input_order = order;
  } else if (!(params_of(net_.input) == *raw.params)) {
    throw_input("the network's input is quantised a second time, with other parameters");
  } else if (extents(net_.input) != e || net_.input_order != order) {
    throw_input("the network's input is used in two layouts");
  }
  return {net_.input, view, raw.real};
}

void QImporter::change_shape(const Node& node) {
  QValue& x = value(node, 0);
  const std::string& to = node.outputs.at(0);
  const Shape& from = shape(node.inputs[0]);
  std::vector<int64_t> perm;
  if (node.op == "Transpose") {
    perm = checked_perm(node.attr_ints("perm", {}), from.size());
    if (!perm.empty() && perm[0] != 0 && from[0] != shape(to)[0]) {
      fail(node, "moves the batch dimension");
    }
  }
  const auto moved = [&](const View& view, const Extents& e) {
    if (!perm.empty()) return transposed_view(view, perm);
    const auto out = reshaped_view(view, e, shape(to));
    if (!out.has_value()) {
      fail(node, fmt::format("its new shape [{}] cuts through channels, height or width",
                             fmt::join(shape(to), ", ")));
    }
    return *out;
  };
  if (const auto* raw = std::get_if<RawInput>(&x)) {
    RawInput out = *raw;
    if (!perm.empty()) out.order = transposed_order(raw->order, from, perm);
    values_[to] = std::move(out);
  } else if (const auto* p = std::get_if<Padded>(&x)) {
    Padded out = *p;
    out.view = moved(p->view, p->extents);
    values_[to] = std::move(out);
  } else if (const auto* p = std::get_if<Pending>(&x)) {
    Pending out = *p;
    out.view = moved(p->view, p->extents);
    values_[to] = std::move(out);
  } else if (const auto* h = std::get_if<HostValue>(&x)) {
    HostValue out = *h;
    out.activation.view = moved(h->activation.view, extents(h->activation.tensor));
    values_[to] = std::move(out);
  } else {
    const Activation a = std::get<Activation>(x);
    values_[to] = Activation{a.tensor, moved(a.view, extents(a.tensor)), a.real};
  }
}

void QImporter::clip(const Node& node) {
  const auto* before = std::get_if<Pending>(&value(node, 0));
  Pending p;
  if (before != nullptr) {
    p = *before;
  } else {
    const Activation x = resolve(node, 0);
    if (!x.real) return clip_integers(node, x);
    p.name = node.name;
    p.inputs = {x.tensor};
    p.base_extents = p.extents = extents(x.tensor);
    p.view = x.view;
  }
  float lo = -kInfinity, hi = kInfinity;
  if (node.op == "Relu") {
    lo = 0.0F;
  } else {
    // Before opset 11 the limits are attributes.
    lo = limit(node, 1).value_or(node.attr_float("min", -kInfinity));
    hi = limit(node, 2).value_or(node.attr_float("max", kInfinity));
    if (std::isnan(lo) || std::isnan(hi)) fail(node, "a limit is not a number");
  }
  p.lo = std::min(std::max(p.lo, lo), hi);
  p.hi = std::min(std::max(p.hi, lo), hi);
  store(node, std::move(p), std::nullopt);
}

// On integers: Relu is max(x, 0) of the stored value, Clip compares stored values.
void QImporter::clip_integers(const Node& node, const Activation& x) {
  const QTensorInfo t = info(x.tensor);
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
                               [&](const QLayer& l) { return l.output == x.tensor; });
  const bool direct = t.name == node.inputs[0];  // not behind a change of shape
  if (producer != net_.layers.end() && producer->op != QOp::kConcat && direct &&
      users_of(node.inputs[0]) == 1) {
    producer->lo = std::clamp(producer->lo, lo, hi);
    producer->hi = std::clamp(producer->hi, lo, hi);
    net_.tensors[static_cast<size_t>(x.tensor)].name = node.outputs[0];
    define(node, x.tensor, x.view, false);
    return;
  }
  QLayer& layer = add_layer(node.name, QOp::kIdentity, {x.tensor}, node.outputs[0],
                            extents(x.tensor), params_of(x.tensor));
  layer.requant = {Requantisation{1, 0}};
  layer.lo = lo;
  layer.hi = hi;
  define(node, layer.output, x.view, false);
}

void QImporter::pad(const Node& node) {
  const Activation x = resolve(node, 0);
  const Extents e = extents(x.tensor);
  const std::string mode = node.attr_string("mode", "constant");
  if (mode != "constant") fail(node, fmt::format("mode is '{}', legal is constant", mode));
  if (has_input(node, 3)) fail(node, "has axes, which are not supported");
  std::vector<int64_t> pads = node.attr_ints("pads", {});
  if (has_input(node, 1)) {
    const auto* t = std::get_if<Tensor<int64_t>>(&constant(node, 1, "pads"));
    if (t == nullptr) fail(node, fmt::format("pads '{}' is not int64", node.inputs[1]));
    pads = t->data;
  }
  const bool last = x.view == image_last_view(e) && x.view != image_view(e);
  require_image(node, x.view, e, last);

  // The value as an integer of the input's; 0 where there is none.
  const QParams q = params_of(x.tensor);
  double real = 0;  // what padding stands for
  if (x.real) {
    real = limit(node, 2).value_or(node.attr_float("value", 0.0F));
  } else {
    int stored = 0;
    if (has_input(node, 2)) {
      const Constant& c = constant(node, 2, "value");
      const auto* s = std::get_if<Tensor<int8_t>>(&c);
      const auto* u = std::get_if<Tensor<uint8_t>>(&c);
      if (q.from_uint8 ? u == nullptr || u->size() != 1 : s == nullptr || s->size() != 1) {
        fail(node, fmt::format("value '{}' is not one value of its input's type", node.inputs[2]));
      }
      stored = q.from_uint8 ? u->data[0] : s->data[0];
    }
    real = (stored - (q.from_uint8 ? 128 : 0) - q.zero_point) * static_cast<double>(q.scale);
  }
  if (real != 0.0) {
    fail(node, fmt::format("pads with {}, legal is 0 (the zero point of its input)", real));
  }
  if (pads.size() != 8) fail(node, fmt::format("has {} pads, legal is 8", pads.size()));
  Padded p{x, {}, {}, e, {}};
  const std::array<int, 4> axis = last ? std::array<int, 4>{-1, kAxisH, kAxisW, kAxisC}
                                       : std::array<int, 4>{-1, kAxisC, kAxisH, kAxisW};
  for (size_t d = 0; d < 4; ++d) {
    const int64_t before = pads[d], after = pads[d + 4];
    if (before < 0 || after < 0 || before > 65536 || after > 65536) {
      fail(node, fmt::format("has pads {} and {}, legal is 0..65536", before, after));
    }
    if (axis[d] < 0) {
      if (before + after != 0) fail(node, "pads the batch dimension");
      continue;
    }
    const auto a = static_cast<size_t>(axis[d]);
    p.before[a] = before;
    p.after[a] = after;
    p.extents[a] += before + after;
  }
  p.view = last ? image_last_view(p.extents) : image_view(p.extents);
  values_[node.outputs.at(0)] = std::move(p);
}

void QImporter::softmax(const Node& node) {
  const Activation x = reals(node, 0);
  const size_t rank = x.view.dims.size();
  const int64_t axis = checked_axis(node, node.attr_int("axis", graph_.opset < 13 ? 1 : -1), rank);
  // Older ones run over all dimensions from the axis on.
  for (size_t d = 0; d < rank; ++d) {
    const auto at = static_cast<int64_t>(d);
    if (!x.view.dims[d].empty() && (graph_.opset < 13 ? at < axis : at != axis)) {
      fail(node, "is not over all values of the image");
    }
  }
  values_[node.outputs.at(0)] = HostValue{x, std::nullopt, true};
}

}  // namespace aap
