// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "verif/networks/graphs.h"

namespace aap::verif {

std::string GraphBuilder::input(DataType type, Shape shape) {
  g_.inputs = {{"input", type, std::move(shape)}};
  return "input";
}

std::string GraphBuilder::node(const std::string& op, std::vector<std::string> inputs,
                               std::map<std::string, Attribute> attributes,
                               const std::string& domain) {
  Node n;
  n.op = op;
  n.domain = domain;
  n.name = op + std::to_string(count_);
  n.inputs = std::move(inputs);
  n.outputs = {"v" + std::to_string(count_++)};
  n.attributes = std::move(attributes);
  g_.nodes.push_back(n);
  return n.outputs[0];
}

std::string GraphBuilder::constant(Constant value) {
  const std::string name = "c" + std::to_string(count_++);
  g_.constants[name] = std::move(value);
  return name;
}

std::string GraphBuilder::ints(std::vector<int64_t> values) {
  const auto n = static_cast<int64_t>(values.size());
  return constant(Tensor<int64_t>({n}, std::move(values)));
}

void GraphBuilder::remember(const std::string& q, int exponent, int zero_point, bool uint8) {
  const std::string scale = constant(FloatTensor(Shape{}, std::ldexp(1.0F, exponent)));
  const std::string zero =
      uint8 ? constant(Tensor<uint8_t>(Shape{}, static_cast<uint8_t>(zero_point)))
            : constant(Int8Tensor(Shape{}, static_cast<int8_t>(zero_point)));
  parameters_[q] = {scale, zero};
}

std::string GraphBuilder::quantize(const std::string& x, int exponent, int zero_point, bool uint8) {
  remember("", exponent, zero_point, uint8);
  const auto p = parameters_.at("");
  const std::string q = node("QuantizeLinear", {x, p[0], p[1]});
  parameters_[q] = p;
  return q;
}

std::string GraphBuilder::quantized_like(const std::string& x, const std::string& like) {
  const auto p = parameters_.at(like);
  const std::string q = node("QuantizeLinear", {x, p[0], p[1]});
  parameters_[q] = p;
  return q;
}

std::string GraphBuilder::dequantize(const std::string& q) {
  const auto p = parameters_.at(q);
  return node("DequantizeLinear", {q, p[0], p[1]});
}

std::string GraphBuilder::weights(Shape shape, int64_t axis) {
  Int8Tensor w(shape);
  for (int8_t& v : w.data) v = static_cast<int8_t>(random(-127, 127));
  FloatTensor scale({shape.at(static_cast<size_t>(axis))});
  for (float& s : scale.data) s = std::ldexp(1.0F, random(-9, -6));
  return node("DequantizeLinear", {constant(w), constant(scale)}, {{"axis", axis}});
}

std::string GraphBuilder::float_conv(const std::string& x, Shape w,
                                     std::map<std::string, Attribute> attributes,
                                     const std::string& bias) {
  std::vector<std::string> inputs = {x, weights(std::move(w), 0)};
  if (!bias.empty()) inputs.push_back(bias);
  return node("Conv", std::move(inputs), std::move(attributes));
}

Graph GraphBuilder::finish(const std::string& output, DataType type) {
  g_.name = "graph";
  g_.outputs = {{output, type, {}}};
  return g_;
}

}  // namespace aap::verif
