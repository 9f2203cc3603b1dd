// SPDX-License-Identifier: Apache-2.0
// Small integer ONNX graphs as exporters write them, each with the form it stands for. All scales are
// powers of two, so that float and integer arithmetic agree to the bit.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap::verif {

// Builds a graph node by node; values are named in order.
class GraphBuilder {
 public:
  explicit GraphBuilder(uint32_t seed) : random_(seed) {}

  std::string input(DataType type, Shape shape);
  // Adds a node; returns its output.
  std::string node(const std::string& op, std::vector<std::string> inputs,
                   std::map<std::string, Attribute> attributes = {},
                   const std::string& domain = "");
  std::string constant(Constant value);
  std::string ints(std::vector<int64_t> values);  // of rank 1

  // QuantizeLinear to 2^exponent and zero point, uint8 where `uint8`; the parameters are remembered
  // for the result, which dequantize and qlinear then state.
  std::string quantize(const std::string& x, int exponent, int zero_point, bool uint8 = false);
  std::string dequantize(const std::string& q);
  // Scale and zero point of an integer value, as inputs of a node.
  std::vector<std::string> parameters(const std::string& q) const { return parameters_.at(q); }
  void remember(const std::string& q, int exponent, int zero_point, bool uint8);
  std::string quantized_like(const std::string& x, const std::string& q);  // with q's parameters

  // Dequantised random int8 weights with a scale per index of `axis`, 2^-9 .. 2^-6.
  std::string weights(Shape shape, int64_t axis);
  std::string float_conv(const std::string& x, Shape w, std::map<std::string, Attribute> attributes,
                         const std::string& bias = "");
  Graph finish(const std::string& output, DataType type);
  Graph& graph() { return g_; }
  int random(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<uint32_t>(high - low + 1));
  }

 private:
  Graph g_;
  std::mt19937 random_;
  std::map<std::string, std::vector<std::string>> parameters_;
  int count_ = 0;
};

struct NamedGraph {
  std::string name;  // the form
  std::function<Graph(uint32_t seed)> build;
};

const std::vector<NamedGraph>& integer_graphs();

}  // namespace aap::verif
