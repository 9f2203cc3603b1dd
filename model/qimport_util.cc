// SPDX-License-Identifier: Apache-2.0
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

const Constant& QImporter::constant(const Node& node, size_t i, const char* what) const {
  const std::string& name = name_of(node, i);
  auto it = graph_.constants.find(name);
  if (it == graph_.constants.end()) {
    fail(node, fmt::format("{} '{}' is not a constant", what, name));
  }
  return it->second;
}

std::vector<float> QImporter::channel_scales(const Node& node, size_t i, int64_t channels) const {
  const auto* t = std::get_if<FloatTensor>(&constant(node, i, "scale"));
  if (t == nullptr) fail(node, fmt::format("scale '{}' is not float", node.inputs[i]));
  if (t->size() != 1 && t->size() != channels) {
    fail(node, fmt::format("scale '{}' has {} values, legal is 1 or {}", node.inputs[i], t->size(),
                           channels));
  }
  for (float s : t->data) {
    if (!std::isfinite(s) || !(s > 0.0F)) {
      fail(node,
           fmt::format("scale '{}' holds {}, legal is positive and finite", node.inputs[i], s));
    }
  }
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

int QImporter::any_value(const Node& node, size_t i) const {
  const std::string& name = name_of(node, i);
  auto it = tensor_of_.find(name);
  if (it == tensor_of_.end()) {
    fail(node, fmt::format("input '{}' is not a quantised activation", name));
  }
  return it->second;
}

int QImporter::activation(const Node& node, size_t i) const {
  const int index = any_value(node, i);
  if (dequantised_.count(node.inputs[i]) != 0) {
    fail(node, fmt::format("input '{}' is float; only integers are computed", node.inputs[i]));
  }
  return index;
}

int QImporter::activation(const Node& node, size_t i, size_t scale, size_t zero) const {
  const int index = activation(node, i);
  const QTensorInfo& t = net_.tensors[static_cast<size_t>(index)];
  const QParams p = params(node, scale, zero, t.from_uint8);
  if (p.scale != scale_of_.at(index) || p.zero_point != t.zero_point ||
      p.from_uint8 != t.from_uint8) {
    fail(node,
         fmt::format("reads '{}' with scale {} and zero point {} ({}), its producer states {} and "
                     "{} ({}; zero points in the int8 domain)",
                     node.inputs[i], p.scale, p.zero_point, p.from_uint8 ? "uint8" : "int8",
                     scale_of_.at(index), t.zero_point, t.from_uint8 ? "uint8" : "int8"));
  }
  return index;
}

Int8Tensor QImporter::weights(const Node& node, size_t i, size_t zero, size_t channel_axis) const {
  const Constant& c = constant(node, i, "weight");
  const std::string& name = node.inputs[i];
  const auto* s = std::get_if<Tensor<int8_t>>(&c);
  const auto* u = std::get_if<Tensor<uint8_t>>(&c);
  if (s == nullptr && u == nullptr)
    fail(node, fmt::format("weight '{}' is not int8 or uint8", name));
  const Shape& shape = s != nullptr ? s->shape : u->shape;
  if (channel_axis >= shape.size()) {
    fail(node, fmt::format("weight '{}' has rank {}", name, shape.size()));
  }
  // Zero points, widened; the type must be that of the weights.
  std::vector<int> zeros = {0};
  if (has_input(node, zero)) {
    const Constant& z = constant(node, zero, "zero point");
    const auto* zs = std::get_if<Tensor<int8_t>>(&z);
    const auto* zu = std::get_if<Tensor<uint8_t>>(&z);
    if ((s != nullptr) != (zs != nullptr) || (u != nullptr) != (zu != nullptr)) {
      fail(node,
           fmt::format("zero point '{}' has another type than its weights", node.inputs[zero]));
    }
    zeros = zs != nullptr ? std::vector<int>(zs->data.begin(), zs->data.end())
                          : std::vector<int>(zu->data.begin(), zu->data.end());
  }
  const int64_t channels = shape[channel_axis];
  if (zeros.size() != 1 && static_cast<int64_t>(zeros.size()) != channels) {
    fail(node,
         fmt::format("weight zero point has {} values, legal is 1 or {}", zeros.size(), channels));
  }
  int64_t inner = 1;
  for (size_t d = channel_axis + 1; d < shape.size(); ++d) inner *= shape[d];
  Int8Tensor out(shape);
  for (size_t k = 0; k < out.data.size(); ++k) {
    const auto channel = static_cast<size_t>(static_cast<int64_t>(k) / inner % channels);
    const int value =
        (s != nullptr ? int{s->data[k]} : int{u->data[k]}) - zeros[zeros.size() == 1 ? 0 : channel];
    if (value < -128 || value > 127) {
      fail(node, fmt::format("weight '{}': value {} less its zero point is {}, legal is -128..127 "
                             "(quantise weights symmetrically)",
                             name, k, value));
    }
    out.data[k] = static_cast<int8_t>(value);
  }
  return out;
}

std::vector<int32_t> QImporter::bias(const Node& node, size_t i, int64_t channels) const {
  std::vector<int32_t> out(static_cast<size_t>(channels), 0);
  if (!has_input(node, i)) return out;
  const auto* t = std::get_if<Tensor<int32_t>>(&constant(node, i, "bias"));
  if (t == nullptr || (t->size() != channels && t->size() != 1)) {
    fail(node, fmt::format("bias '{}' is not {} values of int32", node.inputs[i], channels));
  }
  for (size_t m = 0; m < out.size(); ++m) out[m] = t->data[t->size() == 1 ? 0 : m];
  return out;
}

int QImporter::add_tensor(const std::string& value, const QParams& p) {
  const Shape& s = shape(value);
  QTensorInfo t;
  t.name = value;
  if (s.size() == 4) {
    t.channels = s[1];
    t.height = s[2];
    t.width = s[3];
  } else if (s.size() == 2) {
    t.channels = s[1];
    t.height = t.width = 1;
  } else {
    throw_input("value '{}' has rank {}, legal is 4 (N, C, H, W) or 2 (N, C)", value, s.size());
  }
  if (s[0] != 1) throw_input("value '{}' mixes the images of a batch", value);
  t.scale = static_cast<double>(p.scale);
  t.zero_point = p.zero_point;
  t.from_uint8 = p.from_uint8;
  net_.tensors.push_back(std::move(t));
  const int index = static_cast<int>(net_.tensors.size()) - 1;
  tensor_of_[value] = index;
  scale_of_[index] = p.scale;
  return index;
}

QLayer& QImporter::add_layer(const Node& node, QOp op, std::vector<int> inputs,
                             const QParams& out) {
  QLayer layer;
  layer.op = op;
  layer.name = node.name;
  layer.inputs = std::move(inputs);
  layer.output = add_tensor(node.outputs.at(0), out);
  layer.output_zero_point = out.zero_point;
  net_.layers.push_back(std::move(layer));
  return net_.layers.back();
}

void QImporter::fold_bias(const Node& node, QLayer& layer, std::vector<int32_t> b,
                          const std::vector<float>& scales) {
  const int x = layer.inputs[0];
  const int64_t zx = net_.tensors[static_cast<size_t>(x)].zero_point;
  const float sx = scale_of_.at(x), sy = scale_of_.at(layer.output);
  const size_t taps = layer.weights.data.size() / b.size();
  layer.bias = std::move(b);
  for (size_t m = 0; m < layer.bias.size(); ++m) {
    int64_t sum = 0;
    for (size_t i = 0; i < taps; ++i) sum += layer.weights.data[m * taps + i];
    const int64_t folded = layer.bias[m] - zx * sum;
    if (folded < INT32_MIN || folded > INT32_MAX) {
      fail(node, fmt::format("bias of channel {} is {} with the zero point folded in, legal is "
                             "{}..{}",
                             m, folded, INT32_MIN, INT32_MAX));
    }
    layer.bias[m] = static_cast<int32_t>(folded);
    layer.requant.push_back(requantisation_of(sx, scales[m], sy));
  }
}

void QImporter::set_window(QLayer& layer, const Window2d& w) const {
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

int QImporter::users_of(const std::string& value) const {
  int users = 0;
  for (const Node& node : graph_.nodes) {
    for (const std::string& input : node.inputs) users += input == value ? 1 : 0;
  }
  for (const ValueInfo& output : graph_.outputs) users += output.name == value ? 1 : 0;
  return users;
}

}  // namespace aap
