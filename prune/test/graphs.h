// SPDX-License-Identifier: Apache-2.0
// Small graphs for tests, one builder call per node.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap::testing {

class GraphBuilder {
 public:
  explicit GraphBuilder(Shape image, unsigned seed = 1) : random_(seed) {
    graph_.name = "test";
    graph_.inputs.push_back({"input", DataType::kFloat, {-1, image[0], image[1], image[2]}});
  }

  FloatTensor normal(const Shape& shape, float scale) {
    std::normal_distribution<float> draw(0.0F, scale);
    FloatTensor t(shape);
    for (float& v : t.data) v = draw(random_);
    return t;
  }

  // Each returns the name of the output, "<name>.out".
  std::string conv(const std::string& name, const std::string& x, FloatTensor weights,
                   int64_t groups = 1, std::vector<int64_t> pads = {}, int64_t stride = 1,
                   bool bias = false) {
    const int64_t m = weights.shape[0];
    Node node = make("Conv", name, {x, name + ".w"});
    node.attributes["kernel_shape"] = std::vector<int64_t>{weights.shape[2], weights.shape[3]};
    node.attributes["strides"] = std::vector<int64_t>{stride, stride};
    node.attributes["group"] = groups;
    if (pads.empty()) {
      const int64_t h = weights.shape[2] / 2, w = weights.shape[3] / 2;
      pads = {h, w, h, w};
    }
    node.attributes["pads"] = pads;
    graph_.constants[name + ".w"] = std::move(weights);
    if (bias) {
      node.inputs.push_back(name + ".b");
      graph_.constants[name + ".b"] = normal({m}, 0.2F);
    }
    return add(std::move(node));
  }

  std::string batch_norm(const std::string& name, const std::string& x, int64_t channels) {
    FloatTensor scale = normal({channels}, 0.2F);
    for (float& v : scale.data) v += 1.0F;
    FloatTensor variance = normal({channels}, 0.1F);
    for (float& v : variance.data) v = 1.0F + v * v;
    graph_.constants[name + ".scale"] = scale;
    graph_.constants[name + ".bias"] = normal({channels}, 0.3F);
    graph_.constants[name + ".mean"] = normal({channels}, 0.3F);
    graph_.constants[name + ".var"] = variance;
    return add(make("BatchNormalization", name,
                    {x, name + ".scale", name + ".bias", name + ".mean", name + ".var"}));
  }

  std::string gemm(const std::string& name, const std::string& x, FloatTensor weights,
                   bool trans_b) {
    const int64_t m = weights.shape[trans_b ? 0 : 1];
    Node node = make("Gemm", name, {x, name + ".w", name + ".b"});
    node.attributes["transB"] = static_cast<int64_t>(trans_b ? 1 : 0);
    graph_.constants[name + ".w"] = std::move(weights);
    graph_.constants[name + ".b"] = normal({m}, 0.2F);
    return add(std::move(node));
  }

  std::string max_pool(const std::string& name, const std::string& x, int64_t size) {
    Node node = make("MaxPool", name, {x});
    node.attributes["kernel_shape"] = std::vector<int64_t>{size, size};
    node.attributes["strides"] = std::vector<int64_t>{size, size};
    return add(std::move(node));
  }

  std::string op(const std::string& op, const std::string& name, std::vector<std::string> inputs) {
    Node node = make(op, name, std::move(inputs));
    if (op == "Concat") node.attributes["axis"] = static_cast<int64_t>(1);
    return add(std::move(node));
  }

  std::string add(Node node) {
    graph_.nodes.push_back(std::move(node));
    return graph_.nodes.back().outputs[0];
  }

  static Node make(const std::string& op, const std::string& name,
                   std::vector<std::string> inputs) {
    Node node;
    node.op = op;
    node.name = name;
    node.inputs = std::move(inputs);
    node.outputs = {name + ".out"};
    return node;
  }

  Graph& graph() { return graph_; }
  Graph finish(const std::string& output) {
    graph_.outputs.push_back({output, DataType::kFloat, {}});
    return graph_;
  }

 private:
  Graph graph_;
  std::mt19937 random_;
};

}  // namespace aap::testing
