// SPDX-License-Identifier: Apache-2.0
#include "train/reference_network.h"

#include <cmath>
#include <string>
#include <utility>

#include "train/random.h"

namespace aap {
namespace {

// Stream of Random for the initial weights; epochs use 1, 2, ...
constexpr uint64_t kInitialStream = 0;

class Builder {
 public:
  explicit Builder(uint32_t seed) : random_(seed, kInitialStream) {
    graph_.name = "fashion_mnist";
    graph_.inputs = {{"image", DataType::kFloat, {-1, 1, 28, 28}}};
    graph_.outputs = {{"logits", DataType::kFloat, {-1, 10}}};
    graph_.metadata["aap.input_mean"] = kInputMean;
    graph_.metadata["aap.input_std"] = kInputStd;
  }

  // Conv [out_c, in_c / groups, k, k], pad k / 2, no bias.
  std::string conv(const std::string& name, const std::string& x, int64_t in_c, int64_t out_c,
                   int64_t k, int64_t stride, int64_t groups) {
    const int64_t pad = k / 2;
    weights(name + ".weight", {out_c, in_c / groups, k, k}, in_c / groups * k * k);
    Node& node = add("Conv", name, {x, name + ".weight"});
    node.attributes["kernel_shape"] = std::vector<int64_t>{k, k};
    node.attributes["strides"] = std::vector<int64_t>{stride, stride};
    node.attributes["pads"] = std::vector<int64_t>{pad, pad, pad, pad};
    node.attributes["dilations"] = std::vector<int64_t>{1, 1};
    node.attributes["group"] = groups;
    return batch_norm(name + "_bn", name, out_c);
  }

  std::string relu(const std::string& name, const std::string& x) {
    return one(add("Relu", name, {x}));
  }

  std::string sum(const std::string& name, const std::string& a, const std::string& b) {
    return one(add("Add", name, {a, b}));
  }

  // Depthwise 3x3, then 1x1, each with batch normalisation and ReLU.
  std::string separable(const std::string& name, const std::string& x, int64_t in_c, int64_t out_c,
                        int64_t stride) {
    const std::string dw =
        relu(name + "/dw_relu", conv(name + "/dw", x, in_c, in_c, 3, stride, in_c));
    return relu(name + "/pw_relu", conv(name + "/pw", dw, in_c, out_c, 1, 1, 1));
  }

  // The 1x1 convolution ends in the addition, which hardware can fuse with it.
  std::string residual(const std::string& name, const std::string& x, int64_t c) {
    const std::string dw = relu(name + "/dw_relu", conv(name + "/dw", x, c, c, 3, 1, c));
    const std::string pw = conv(name + "/pw", dw, c, c, 1, 1, 1);
    return relu(name + "/relu", sum(name + "/add", pw, x));
  }

  Graph finish(const std::string& x, int64_t channels, int64_t classes) {
    const std::string pooled = one(add("GlobalAveragePool", "head/pool", {x}));
    Node& flatten = add("Flatten", "head/flatten", {pooled});
    flatten.attributes["axis"] = int64_t{1};
    const std::string flat = one(flatten);
    weights("head/fc.weight", {classes, channels}, channels);
    graph_.constants["head/fc.bias"] = FloatTensor({classes});
    Node& fc = add("Gemm", "head/fc", {flat, "head/fc.weight", "head/fc.bias"});
    fc.attributes["transB"] = int64_t{1};
    fc.outputs = {"logits"};
    return std::move(graph_);
  }

 private:
  static std::string one(const Node& node) { return node.outputs.front(); }

  Node& add(const std::string& op, const std::string& name, std::vector<std::string> inputs) {
    Node node;
    node.op = op;
    node.name = name;
    node.inputs = std::move(inputs);
    node.outputs = {name};
    graph_.nodes.push_back(std::move(node));
    return graph_.nodes.back();
  }

  std::string batch_norm(const std::string& name, const std::string& x, int64_t c) {
    graph_.constants[name + ".scale"] = FloatTensor({c}, 1.0F);
    graph_.constants[name + ".bias"] = FloatTensor({c}, 0.0F);
    graph_.constants[name + ".mean"] = FloatTensor({c}, 0.0F);
    graph_.constants[name + ".var"] = FloatTensor({c}, 1.0F);
    Node& node = add("BatchNormalization", name,
                     {x, name + ".scale", name + ".bias", name + ".mean", name + ".var"});
    node.attributes["epsilon"] = 1e-5F;
    node.attributes["momentum"] = 0.9F;
    return one(node);
  }

  // Uniform with variance 2 / fan_in (He et al., "Delving Deep into Rectifiers", 2015).
  void weights(const std::string& name, const Shape& shape, int64_t fan_in) {
    FloatTensor tensor(shape);
    const float bound = std::sqrt(6.0F / static_cast<float>(fan_in));
    for (float& value : tensor.data) value = bound * random_.symmetric();
    graph_.constants[name] = std::move(tensor);
  }

  Graph graph_;
  Random random_;
};

}  // namespace

Graph reference_network(uint32_t seed) {
  Builder b(seed);
  std::string x = b.relu("stem/relu", b.conv("stem/conv", "image", 1, 32, 3, 1, 1));
  x = b.separable("down1", x, 32, 64, 2);  // 14 x 14
  x = b.residual("block1", x, 64);
  x = b.separable("down2", x, 64, 128, 2);  // 7 x 7
  x = b.residual("block2", x, 128);
  x = b.separable("down3", x, 128, 256, 2);  // 4 x 4
  x = b.residual("block3", x, 256);
  return b.finish(x, 256, 10);
}

NetworkCost network_cost(const Graph& graph) {
  const auto shapes = infer_shapes(graph);
  NetworkCost cost;
  for (const Node& node : graph.nodes) {
    if (node.op != "Conv" && node.op != "Gemm" && node.op != "MatMul") continue;
    const Shape& w = shapes.at(node.inputs.at(1));
    const Shape& y = shapes.at(node.outputs.at(0));
    const int64_t weights = element_count(w);
    cost.weights += weights;
    // Each weight is used once for every output pixel (Conv) or row (Gemm, MatMul).
    const int64_t uses = node.op == "Conv" ? y.at(2) * y.at(3) : element_count(y) / y.back();
    cost.macs += weights * uses;
  }
  return cost;
}

}  // namespace aap
