// SPDX-License-Identifier: Apache-2.0
#include "quantize/fold.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace aap {
namespace {

class Folder {
 public:
  explicit Folder(const Graph& graph) : graph_(graph), shapes_(infer_shapes(graph)) {}

  Graph run() {
    drop_copies();
    for (Node& node : graph_.nodes) {
      if (node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul") own_parameters(node);
    }
    // One pass per kind of fold is enough only for a chain of one; repeat until nothing changes.
    while (fold_one()) {
    }
    for (Node& node : graph_.nodes) {
      if (node.op == "BatchNormalization") to_depthwise(node);
    }
    drop_unused_constants();
    return std::move(graph_);
  }

 private:
  static bool has_parameters(const Node& node) { return node.op == "Conv" || node.op == "Gemm"; }

  bool is_output(const std::string& value) const {
    return std::any_of(graph_.outputs.begin(), graph_.outputs.end(),
                       [&](const ValueInfo& o) { return o.name == value; });
  }

  size_t uses(const std::string& value) const {
    size_t count = is_output(value) ? 1 : 0;
    for (const Node& node : graph_.nodes) {
      count += static_cast<size_t>(std::count(node.inputs.begin(), node.inputs.end(), value));
    }
    return count;
  }

  void drop_copies() {
    std::vector<Node> kept;
    std::map<std::string, std::string> same;  // value -> the value that it copies
    const auto resolve = [&](std::string& value) {
      const auto found = same.find(value);
      if (found != same.end()) value = found->second;
    };
    for (Node& node : graph_.nodes) {
      for (std::string& input : node.inputs) resolve(input);
      if ((node.op == "Identity" || node.op == "Dropout") && !is_output(node.outputs.at(0)) &&
          !graph_.is_constant(node.inputs.at(0))) {
        same[node.outputs[0]] = node.inputs[0];
      } else {
        kept.push_back(std::move(node));
      }
    }
    graph_.nodes = std::move(kept);
  }

  // Gives a layer weights and bias that no other node reads, and plain Gemm parameters.
  void own_parameters(Node& node) {
    if (node.inputs.size() < 2 || !graph_.is_constant(node.inputs[1])) return;
    FloatTensor w = graph_.float_constant(node.inputs[1]);
    if (node.op == "MatMul") {
      const auto shape = shapes_.find(node.inputs[0]);
      if (w.shape.size() != 2 || shape == shapes_.end() || shape->second.size() != 2) return;
      node.op = "Gemm";
    }
    int64_t outputs = w.shape.at(0);
    float alpha = 1.0F, beta = 1.0F;
    if (node.op == "Gemm") {
      if (w.shape.size() != 2) return;
      outputs = node.attr_int("transB", 0) != 0 ? w.shape[0] : w.shape[1];
      alpha = node.attr_float("alpha", 1.0F);
      beta = node.attr_float("beta", 1.0F);
      node.attributes.erase("alpha");
      node.attributes.erase("beta");
    }
    FloatTensor bias({outputs}, 0.0F);
    if (node.inputs.size() > 2 && !node.inputs[2].empty()) {
      if (!graph_.is_constant(node.inputs[2])) return;
      const FloatTensor& b = graph_.float_constant(node.inputs[2]);
      if (b.size() != outputs && b.size() != 1) return;
      for (size_t i = 0; i < bias.data.size(); ++i) bias.data[i] = b.data[b.size() == 1 ? 0 : i];
    }
    if (alpha != 1.0F) {
      for (float& v : w.data) v *= alpha;
    }
    if (beta != 1.0F) {
      for (float& v : bias.data) v *= beta;
    }
    node.inputs.resize(3);
    if (uses(node.inputs[1]) > 1) node.inputs[1] += "/" + node.name;
    node.inputs[2] = node.name + "/bias";
    graph_.constants[node.inputs[1]] = std::move(w);
    graph_.constants[node.inputs[2]] = std::move(bias);
  }

  Node* sole_layer_before(const std::string& value) {
    if (uses(value) != 1) return nullptr;
    for (Node& node : graph_.nodes) {
      if (node.outputs.at(0) == value) return has_parameters(node) && owned(node) ? &node : nullptr;
    }
    return nullptr;
  }

  bool owned(const Node& node) const {
    return node.inputs.size() == 3 && graph_.is_constant(node.inputs[1]) &&
           node.inputs[2] == node.name + "/bias";
  }

  bool fold_one() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      Node& node = graph_.nodes[i];
      if (node.op != "BatchNormalization" && node.op != "Add") continue;
      const size_t data = node.op == "Add" && graph_.is_constant(node.inputs.at(0)) ? 1 : 0;
      Node* layer = sole_layer_before(node.inputs.at(data));
      if (layer == nullptr) continue;
      std::vector<double> factor, offset;
      if (node.op == "BatchNormalization" ? !affine_of(node, factor, offset)
                                          : !constant_of(node, data, *layer, factor, offset)) {
        continue;
      }
      if (!apply(*layer, factor, offset)) continue;
      layer->outputs[0] = node.outputs.at(0);
      graph_.nodes.erase(graph_.nodes.begin() + static_cast<std::ptrdiff_t>(i));
      return true;
    }
    return false;
  }

  // y = factor * x + offset per channel.
  bool affine_of(const Node& bn, std::vector<double>& factor, std::vector<double>& offset) const {
    if (bn.inputs.size() != 5) return false;
    for (size_t i = 1; i < 5; ++i) {
      if (!graph_.is_constant(bn.inputs[i])) return false;
    }
    const auto& scale = graph_.float_constant(bn.inputs[1]).data;
    const auto& bias = graph_.float_constant(bn.inputs[2]).data;
    const auto& mean = graph_.float_constant(bn.inputs[3]).data;
    const auto& variance = graph_.float_constant(bn.inputs[4]).data;
    const double epsilon = bn.attr_float("epsilon", 1e-5F);
    for (size_t c = 0; c < scale.size(); ++c) {
      factor.push_back(scale[c] / std::sqrt(static_cast<double>(variance.at(c)) + epsilon));
      offset.push_back(bias.at(c) - factor.back() * mean.at(c));
    }
    return true;
  }

  bool constant_of(const Node& add, size_t data, const Node& layer, std::vector<double>& factor,
                   std::vector<double>& offset) const {
    const std::string& other = add.inputs.at(1 - data);
    if (!graph_.is_constant(other)) return false;
    const FloatTensor& t = graph_.float_constant(other);
    const size_t outputs = graph_.float_constant(layer.inputs[2]).data.size();
    // The channel axis is second to none in a matrix and third from last in an image.
    const size_t axis_from_end = layer.op == "Conv" ? 3 : 1;
    for (size_t i = 0; i < t.shape.size(); ++i) {
      const bool channel_axis = t.shape.size() - i == axis_from_end;
      if (t.shape[i] != 1 && !(channel_axis && t.shape[i] == static_cast<int64_t>(outputs))) {
        return false;
      }
    }
    factor.assign(outputs, 1.0);
    for (size_t c = 0; c < outputs; ++c) offset.push_back(t.data[t.size() == 1 ? 0 : c]);
    return true;
  }

  bool apply(Node& layer, const std::vector<double>& factor, const std::vector<double>& offset) {
    FloatTensor& w = graph_.float_constant(layer.inputs[1]);
    FloatTensor& b = graph_.float_constant(layer.inputs[2]);
    const size_t outputs = b.data.size();
    if (factor.size() != outputs) return false;
    const bool output_last = layer.op == "Gemm" && layer.attr_int("transB", 0) == 0;
    const size_t per_output = w.data.size() / outputs;
    for (size_t i = 0; i < w.data.size(); ++i) {
      const size_t m = output_last ? i % outputs : i / per_output;
      w.data[i] = static_cast<float>(w.data[i] * factor[m]);
    }
    for (size_t m = 0; m < outputs; ++m) {
      b.data[m] = static_cast<float>(b.data[m] * factor[m] + offset[m]);
    }
    return true;
  }

  void to_depthwise(Node& bn) {
    std::vector<double> factor, offset;
    const auto shape = shapes_.find(bn.inputs.at(0));
    const bool image = shape != shapes_.end() && shape->second.size() == 4;
    if (!image || !affine_of(bn, factor, offset)) return;
    const int64_t c = static_cast<int64_t>(factor.size());
    FloatTensor w({c, 1, 1, 1}), b({c});
    for (size_t i = 0; i < factor.size(); ++i) {
      w.data[i] = static_cast<float>(factor[i]);
      b.data[i] = static_cast<float>(offset[i]);
    }
    bn.op = "Conv";
    bn.inputs = {bn.inputs[0], bn.name + "/weight", bn.name + "/bias"};
    bn.outputs.resize(1);
    bn.attributes = {{"group", c}, {"kernel_shape", std::vector<int64_t>{1, 1}}};
    graph_.constants[bn.inputs[1]] = std::move(w);
    graph_.constants[bn.inputs[2]] = std::move(b);
  }

  void drop_unused_constants() {
    for (auto it = graph_.constants.begin(); it != graph_.constants.end();) {
      it = uses(it->first) == 0 ? graph_.constants.erase(it) : std::next(it);
    }
  }

  Graph graph_;
  std::map<std::string, Shape> shapes_;
};

// Why a node of a folded graph cannot become integers; empty where it can.
std::string why_not(const Graph& g, const std::map<std::string, Shape>& shapes, const Node& node) {
  static const std::set<std::string> kOneInput = {
      "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten", "Reshape"};
  const auto rank = [&](const std::string& value) {
    const auto found = shapes.find(value);
    return found == shapes.end() ? size_t{0} : found->second.size();
  };
  if (node.op == "Conv" || node.op == "Gemm") {
    if (node.inputs.size() < 2 || !g.is_constant(node.inputs[1])) return "weights are no constant";
    if (node.inputs.size() != 3 || node.inputs[2] != node.name + "/bias") {
      // fold() gives every layer it understands such a bias; BN turned depthwise has one too.
      return "bias is no constant per output channel";
    }
    if (node.op == "Gemm" && node.attr_int("transA", 0) != 0) return "transA is not supported";
    if (g.is_constant(node.inputs[0])) return "input is a constant";
    return "";
  }
  if (node.op == "Add" || node.op == "Concat") {
    for (const std::string& input : node.inputs) {
      if (g.is_constant(input)) return "a constant input that is no bias of the layer before";
    }
    if (node.op == "Concat" && node.attr_int("axis", 1) != 1) return "only axis 1 is supported";
    if (node.op == "Add" && shapes.at(node.inputs.at(0)) != shapes.at(node.inputs.at(1))) {
      return "operands of different shapes";
    }
    return "";
  }
  if (node.op == "Softmax") {
    return node.outputs.at(0) == g.outputs.at(0).name ? "" : "only at the end of the network";
  }
  if (node.op == "BatchNormalization") return "follows no Conv or Gemm and reads no image";
  if (node.op == "Flatten" && node.attr_int("axis", 1) != 1) return "only axis 1 is supported";
  if (node.op == "Reshape" && rank(node.outputs.at(0)) != 2)
    return "only N x features is supported";
  if (kOneInput.count(node.op) != 0) return "";
  return "no integer form";
}

}  // namespace

Graph fold(const Graph& graph) { return Folder(graph).run(); }

std::vector<Unsupported> unsupported_folded_nodes(const Graph& folded) {
  const auto shapes = infer_shapes(folded);
  std::vector<Unsupported> out;
  for (const Node& node : folded.nodes) {
    const std::string reason = why_not(folded, shapes, node);
    if (!reason.empty()) out.push_back({node.name, node.op, reason});
  }
  return out;
}

}  // namespace aap
