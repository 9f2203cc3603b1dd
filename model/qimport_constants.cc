// SPDX-License-Identifier: Apache-2.0
// Constants of quantised networks: scales, zero points, weights, biases, and the few operators that
// exporters leave on them.
#include <algorithm>
#include <cmath>

#include "model/qimporter.h"
#include "model/shapes.h"

namespace aap {
namespace {

const Shape& shape_of(const Constant& c) {
  return std::visit([](const auto& t) -> const Shape& { return t.shape; }, c);
}

Constant transposed(const Constant& c, const std::vector<int64_t>& perm) {
  return std::visit(
      [&](const auto& t) -> Constant {
        auto out = t;
        for (size_t d = 0; d < perm.size(); ++d) {
          out.shape[d] = t.shape[static_cast<size_t>(perm[d])];
        }
        const std::vector<int64_t> from = transposed_order({}, t.shape, perm);
        for (size_t i = 0; i < from.size(); ++i) out.data[i] = t.data[static_cast<size_t>(from[i])];
        return out;
      },
      c);
}

// Index of `axis` in the new shape; nothing where the change of shape cuts or moves it.
std::optional<size_t> axis_behind(const Shape& from, size_t axis, const Shape& to) {
  const int64_t before = element_count(Shape(from.begin(), from.begin() + static_cast<long>(axis)));
  int64_t count = 1;
  for (size_t d = 0; d < to.size(); ++d) {
    if (count == before && to[d] == from[axis]) return d;
    count *= to[d];
  }
  return std::nullopt;
}

// Zero points as numbers; nothing where the type is not one of 8 or 32 bits.
std::optional<std::vector<int>> zeros_of(const Constant& c) {
  std::vector<int> out;
  if (const auto* u = std::get_if<Tensor<uint8_t>>(&c)) out.assign(u->data.begin(), u->data.end());
  else if (const auto* s = std::get_if<Tensor<int8_t>>(&c)) out.assign(s->data.begin(), s->data.end());
  else if (const auto* w = std::get_if<Tensor<int32_t>>(&c)) out.assign(w->data.begin(), w->data.end());
  else return std::nullopt;
  return out;
}

// w - zero point as int8 of all weights; `axis` is where zero points and channels count.
Int8Tensor symmetric(const Constant& c, const std::string& name, const std::vector<int>& zeros,
                     size_t axis) {
  const auto* s = std::get_if<Tensor<int8_t>>(&c);
  const auto* u = std::get_if<Tensor<uint8_t>>(&c);
  if (s == nullptr && u == nullptr) throw_input("weight '{}' is not int8 or uint8", name);
  const Shape& shape = shape_of(c);
  int64_t inner = 1;
  for (size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
  Int8Tensor out(shape);
  for (size_t k = 0; k < out.data.size(); ++k) {
    const auto channel = static_cast<size_t>(static_cast<int64_t>(k) / inner % shape[axis]);
    const int value = (s != nullptr ? int{s->data[k]} : int{u->data[k]}) -
                      zeros[zeros.size() == 1 ? 0 : channel];
    if (value < -128 || value > 127) {
      throw_input("weight '{}': value {} less its zero point {} is {}, legal is -128..127 (quantise "
                  "weights symmetrically)",
                  name, k, zeros[zeros.size() == 1 ? 0 : channel], value);
    }
    out.data[k] = static_cast<int8_t>(value);
  }
  return out;
}

void check_scales(const std::string& name, const std::vector<float>& scales) {
  for (float s : scales) {
    if (!std::isfinite(s) || !(s > 0.0F)) {
      throw_input("scale '{}' holds {}, legal is positive and finite", name, s);
    }
  }
}

}  // namespace

const Constant* QImporter::find_constant(const std::string& value) const {
  auto it = graph_.constants.find(value);
  if (it != graph_.constants.end()) return &it->second;
  it = folded_.find(value);
  return it == folded_.end() ? nullptr : &it->second;
}

const Constant& QImporter::constant(const Node& node, size_t i, const char* what) const {
  const std::string& name = name_of(node, i);
  const Constant* c = find_constant(name);
  if (c == nullptr) fail(node, fmt::format("{} '{}' is not a constant", what, name));
  return *c;
}

std::vector<float> QImporter::channel_scales(const Node& node, size_t i, int64_t channels) const {
  const auto* t = std::get_if<FloatTensor>(&constant(node, i, "scale"));
  if (t == nullptr) fail(node, fmt::format("scale '{}' is not float", node.inputs[i]));
  if (t->size() != 1 && t->size() != channels) {
    fail(node, channels == 1
                   ? fmt::format("scale '{}' has {} values: activations have one scale, not one a "
                                 "channel",
                                 node.inputs[i], t->size())
                   : fmt::format("scale '{}' has {} values, legal is 1 or {}", node.inputs[i],
                                 t->size(), channels));
  }
  check_scales(node.inputs[i], t->data);
  if (t->size() == channels) return t->data;
  return std::vector<float>(static_cast<size_t>(channels), t->data[0]);
}

float QImporter::scalar_scale(const Node& node, size_t i) const {
  return channel_scales(node, i, 1)[0];
}

QParams QImporter::params(const Node& node, size_t scale, size_t zero, bool uint8_default) const {
  QParams p;
  p.scale = scalar_scale(node, scale);
  p.from_uint8 = uint8_default;
  p.zero_point = uint8_default ? -128 : 0;
  if (!has_input(node, zero)) return p;
  const Constant& c = constant(node, zero, "zero point");
  const auto* u = std::get_if<Tensor<uint8_t>>(&c);
  const auto* s = std::get_if<Tensor<int8_t>>(&c);
  if ((u == nullptr || u->size() != 1) && (s == nullptr || s->size() != 1)) {
    fail(node, fmt::format("zero point '{}' is not one int8 or uint8 value", node.inputs[zero]));
  }
  p.from_uint8 = u != nullptr;
  p.zero_point = u != nullptr ? u->data[0] - 128 : s->data[0];
  return p;
}

std::pair<Int8Tensor, std::vector<float>> QImporter::weights(const Node& node, bool qlinear,
                                                             size_t axis) const {
  const size_t i = qlinear ? 3 : 1;
  const std::string& name = name_of(node, i);
  const DequantisedConstant* d = nullptr;
  if (!qlinear) {
    auto it = dequantised_.find(name);
    if (it == dequantised_.end()) {
      fail(node, find_constant(name) != nullptr
                     ? fmt::format("weight '{}' is float; only DequantizeLinear of integers is "
                                   "computed",
                                   name)
                     : fmt::format("weight '{}' is not a constant", name));
    }
    d = &it->second;
  }
  const Constant& c = qlinear ? constant(node, i, "weight") : d->values;
  const Shape& shape = shape_of(c);
  if (axis >= shape.size()) fail(node, fmt::format("weight '{}' has rank {}", name, shape.size()));
  const int64_t channels = shape[axis];
  if (qlinear) {
    std::vector<int> zeros = {0};
    if (has_input(node, 5)) {
      const Constant& z = constant(node, 5, "zero point");
      if (z.index() != c.index()) {
        fail(node, fmt::format("zero point '{}' has another type than its weights", node.inputs[5]));
      }
      zeros = zeros_of(z).value_or(std::vector<int>{});
    }
    if (zeros.size() != 1 && static_cast<int64_t>(zeros.size()) != channels) {
      fail(node, fmt::format("weight zero point has {} values, legal is 1 or {}", zeros.size(),
                             channels));
    }
    return {symmetric(c, name, zeros, axis), channel_scales(node, 4, channels)};
  }
  if (d->scale.size() != 1 && d->axis != axis) {
    fail(node, fmt::format("weight '{}' has a scale for each index of dimension {}; legal is one "
                           "for each output channel, dimension {}",
                           name, d->axis, axis));
  }
  std::vector<float> scales = d->scale;
  if (scales.size() == 1) scales.assign(static_cast<size_t>(channels), d->scale[0]);
  return {symmetric(c, name, d->zero, axis), std::move(scales)};
}

std::vector<double> QImporter::integer_bias(const Node& node, size_t i, int64_t channels) const {
  std::vector<double> out(static_cast<size_t>(channels), 0.0);
  if (!has_input(node, i)) return out;
  const auto* t = std::get_if<Tensor<int32_t>>(&constant(node, i, "bias"));
  if (t == nullptr || (t->size() != channels && t->size() != 1)) {
    fail(node, fmt::format("bias '{}' is not {} values of int32", node.inputs[i], channels));
  }
  for (size_t m = 0; m < out.size(); ++m) out[m] = t->data[t->size() == 1 ? 0 : m];
  return out;
}

std::vector<double> QImporter::bias_units(const Node& node, size_t i, float sx,
                                          const std::vector<float>& scales) const {
  std::vector<double> out(scales.size(), 0.0);
  if (!has_input(node, i)) return out;
  const std::string& name = node.inputs[i];
  auto it = dequantised_.find(name);
  const Constant* c = it != dequantised_.end() ? &it->second.values : find_constant(name);
  if (c == nullptr) fail(node, fmt::format("bias '{}' is not a constant", name));
  const int64_t count = element_count(shape_of(*c));
  if (count != 1 && count != static_cast<int64_t>(out.size())) {
    fail(node, fmt::format("bias '{}' has {} values, legal is 1 or {}", name, count, out.size()));
  }
  const auto at = [&](size_t m) { return count == 1 ? 0 : m; };
  if (it == dequantised_.end()) {
    const auto* t = std::get_if<FloatTensor>(c);
    if (t == nullptr) fail(node, fmt::format("bias '{}' is not float", name));
    for (size_t m = 0; m < out.size(); ++m) {
      out[m] = t->data[at(m)] / (static_cast<double>(sx) * scales[m]);
    }
  } else {
    const DequantisedConstant& d = it->second;
    for (size_t m = 0; m < out.size(); ++m) {
      const float s = d.scale[d.scale.size() == 1 ? 0 : at(m)];
      const double v = std::visit([&](const auto& t) { return static_cast<double>(t.data[at(m)]); },
                                  *c) - d.zero[d.zero.size() == 1 ? 0 : at(m)];
      const float product = sx * scales[m];
      out[m] = s == product ? v : v * s / (static_cast<double>(sx) * scales[m]);
    }
  }
  for (size_t m = 0; m < out.size(); ++m) {
    if (!(std::fabs(out[m]) < 4e9)) {
      fail(node, fmt::format("bias '{}' of channel {} is {} steps of input times weight scale, legal "
                             "is the range of int32",
                             name, m, out[m]));
    }
  }
  return out;
}

std::optional<float> QImporter::limit(const Node& node, size_t i) const {
  if (!has_input(node, i)) return std::nullopt;
  const std::string& name = node.inputs[i];
  auto it = dequantised_.find(name);
  if (it != dequantised_.end() && element_count(shape_of(it->second.values)) == 1) {
    return static_cast<float>(zeros_of(it->second.values)->at(0) - it->second.zero.at(0)) *
           it->second.scale.at(0);
  }
  const auto* t = std::get_if<FloatTensor>(&constant(node, i, "limit"));
  if (t == nullptr || t->size() != 1 || std::isnan(t->data[0])) {
    fail(node, fmt::format("limit '{}' is not one float number", name));
  }
  return t->data[0];
}

// Nodes that compute constants from constants. Their values are not activations.
bool QImporter::fold_constant(const Node& node) {
  if (node.inputs.empty() || node.inputs[0].empty()) return false;
  const std::string& from = node.inputs[0];
  const Constant* c = find_constant(from);
  const auto d = dequantised_.find(from);
  if (c == nullptr && d == dequantised_.end()) return false;
  const std::string& to = node.outputs.at(0);
  if (changes_shape_only(node)) {
    const Shape& shape = shape_of(c != nullptr ? *c : d->second.values);
    Constant result = c != nullptr ? *c : d->second.values;
    std::vector<int64_t> perm;
    if (node.op == "Transpose") {
      perm = checked_perm(node.attr_ints("perm", {}), shape.size());
      result = transposed(result, perm);
    } else {
      std::visit([&](auto& t) { t.shape = shapes_.at(to); }, result);
    }
    if (c != nullptr) {
      folded_[to] = std::move(result);
      return true;
    }
    DequantisedConstant made = d->second;
    if (made.scale.size() > 1) {
      const auto axis = node.op == "Transpose"
                            ? static_cast<size_t>(std::find(perm.begin(), perm.end(),
                                                            static_cast<int64_t>(made.axis)) -
                                                  perm.begin())
                            : axis_behind(shape, made.axis, shapes_.at(to));
      if (!axis.has_value()) fail(node, fmt::format("cuts the channels of '{}'", from));
      made.axis = *axis;
    }
    made.values = std::move(result);
    dequantised_[to] = std::move(made);
    return true;
  }
  if (c == nullptr || (node.op != "DequantizeLinear" && node.op != "QuantizeLinear")) return false;

  // Scale, zero point and axis of either operator.
  const Shape& shape = shape_of(*c);
  const auto* s = std::get_if<FloatTensor>(&constant(node, 1, "scale"));
  if (s == nullptr) fail(node, fmt::format("scale '{}' is not float", node.inputs[1]));
  size_t axis = 0;
  if (s->size() != 1) {
    axis = static_cast<size_t>(checked_axis(node, node.attr_int("axis", 1), shape.size()));
    if (s->size() != shape[axis]) {
      fail(node, fmt::format("scale '{}' has {} values, legal is 1 or {}", node.inputs[1],
                             s->size(), shape[axis]));
    }
  }
  check_scales(node.inputs[1], s->data);
  std::vector<int> zeros = {0};
  bool uint8 = node.op == "QuantizeLinear" && node.attr_int("output_dtype", 2) == 2;
  if (has_input(node, 2)) {
    const Constant& z = constant(node, 2, "zero point");
    const auto read = zeros_of(z);
    if (!read.has_value() || (static_cast<int64_t>(read->size()) != s->size())) {
      fail(node, fmt::format("zero point '{}' is not {} integers", node.inputs[2], s->size()));
    }
    if (node.op == "DequantizeLinear" && z.index() != c->index()) {
      fail(node, fmt::format("zero point '{}' has another type than '{}'", node.inputs[2], from));
    }
    zeros = *read;
    uint8 = std::holds_alternative<Tensor<uint8_t>>(z);
  }
  if (node.op == "DequantizeLinear") {
    if (!zeros_of(*c).has_value()) {
      fail(node, fmt::format("'{}' is not int8, uint8 or int32", from));
    }
    dequantised_[to] = {*c, s->data, zeros, axis};
    return true;
  }
  const auto* x = std::get_if<FloatTensor>(c);
  if (x == nullptr) fail(node, fmt::format("'{}' is not float", from));
  int64_t inner = 1;
  for (size_t k = axis + 1; k < shape.size(); ++k) inner *= shape[k];
  const auto at = [&](size_t k) {
    return s->size() == 1 ? size_t{0}
                          : static_cast<size_t>(static_cast<int64_t>(k) / inner % shape[axis]);
  };
  Tensor<uint8_t> u(shape);
  Int8Tensor q(shape);
  for (size_t k = 0; k < x->data.size(); ++k) {
    if (!std::isfinite(x->data[k])) fail(node, fmt::format("'{}' holds {}", from, x->data[k]));
    const float zero = static_cast<float>(zeros[zeros.size() == 1 ? 0 : at(k)]);
    const float v = std::nearbyint(x->data[k] / s->data[at(k)]) + zero;
    if (uint8) {
      u.data[k] = static_cast<uint8_t>(std::clamp(v, 0.0F, 255.0F));
    } else {
      q.data[k] = static_cast<int8_t>(std::clamp(v, -128.0F, 127.0F));
    }
  }
  if (uint8) folded_[to] = std::move(u);
  else folded_[to] = std::move(q);
  return true;
}

}  // namespace aap
