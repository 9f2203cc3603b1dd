// SPDX-License-Identifier: Apache-2.0
// What one image may ask for.
#include <algorithm>

#include "model/shapes.h"

namespace aap {

int64_t total_work(const Graph& graph, const std::map<std::string, Shape>& shapes) {
  // As double: 2^31 values times a window of 2^48 is beyond 64 bits.
  double work = 0.0;
  // Nodes that were refused have no shape.
  const auto shape = [&](const Node& node, size_t i) {
    const auto it = i < node.inputs.size() ? shapes.find(node.inputs[i]) : shapes.end();
    return it == shapes.end() ? Shape{1} : it->second;
  };
  const auto count = [](const Shape& s) { return static_cast<double>(element_count(s)); };
  for (const Node& node : graph.nodes) {
    const auto out = shapes.find(node.outputs.at(0));
    if (out == shapes.end()) continue;
    double each = 1.0;
    if (node.op == "Conv" || node.op == "QLinearConv") {
      const Shape w = shape(node, node.op == "Conv" ? 1 : 3);
      each = count(w) / static_cast<double>(std::max<int64_t>(1, w.at(0)));
    } else if (node.op == "Gemm" || node.op == "MatMul" || node.op == "QGemm" ||
               node.op == "QLinearMatMul") {
      const Shape a = shape(node, 0);
      each = static_cast<double>(node.attr_int("transA", 0) != 0 ? a.at(0) : a.back());
    } else if (node.attributes.count("kernel_shape") != 0) {
      for (int64_t k : node.attr_ints("kernel_shape", {})) each *= static_cast<double>(k);
    }
    work += std::max(each * count(out->second), count(shape(node, 0)));
  }
  return work < 9e18 ? static_cast<int64_t>(work) : INT64_MAX;
}

void check_limits(const Graph& graph, const std::map<std::string, Shape>& shapes) {
  int64_t values = 0;
  for (const Node& node : graph.nodes) {
    const auto out = shapes.find(node.outputs.at(0));
    if (out != shapes.end()) values += element_count(out->second);
  }
  if (values > kMostValues) {
    throw_input("graph '{}': its nodes compute {} values an image, legal is at most {}", graph.name,
                values, kMostValues);
  }
  const int64_t work = total_work(graph, shapes);
  if (work > kMostWork) {
    throw_input("graph '{}': takes {} operations an image, legal is at most {}", graph.name, work,
                kMostWork);
  }
}

}  // namespace aap
