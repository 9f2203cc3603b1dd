// SPDX-License-Identifier: Apache-2.0
#include "train/torch_network.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "model/error.h"

namespace aap {
namespace {

const std::set<std::string> kOperators = {
    "Add",     "AveragePool", "BatchNormalization", "Clip",     "Concat", "Conv",    "Dropout",
    "Flatten", "Gemm",        "GlobalAveragePool",  "Identity", "MatMul", "MaxPool", "Relu",
    "Reshape", "Softmax"};

std::string input_of(const Node& node, size_t index) {
  return index < node.inputs.size() ? node.inputs[index] : std::string();
}

// Why the node cannot be trained, or "".
std::string refusal(const Graph& graph, const Node& node) {
  if (!node.domain.empty() && node.domain != "ai.onnx") return "operator of domain " + node.domain;
  if (kOperators.count(node.op) == 0) return "operator is not trainable here";
  const auto constant = [&](size_t i) { return graph.is_constant(input_of(node, i)); };
  if ((node.op == "Conv" || node.op == "MatMul" || node.op == "Gemm") && !constant(1)) {
    return "weight is not a constant";
  }
  if (node.op == "Conv" && graph.float_constant(node.inputs[1]).shape.size() != 4) {
    return "only two-dimensional convolutions";
  }
  if (node.op == "Gemm" && node.attr_int("transA", 0) != 0) return "transA is not supported";
  if (node.op == "BatchNormalization") {
    for (size_t i = 1; i < 5; ++i) {
      if (!constant(i)) return "scale, bias, mean or variance is not a constant";
    }
  }
  if (node.op == "Clip") {
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      if (!input_of(node, i).empty() && !constant(i)) return "bound is not a constant";
    }
  }
  if (node.op == "Reshape" && !constant(1)) return "shape is not a constant";
  if (node.op == "AveragePool" && node.attr_int("ceil_mode", 0) != 0)
    return "ceil_mode is not supported";
  if (node.op == "Softmax" && &node != &graph.nodes.back()) return "only as the last node";
  return "";
}

Window2d window(const Node& node, int64_t kernel_h, int64_t kernel_w, const torch::Tensor& x) {
  return window_of(node, kernel_h, kernel_w, x.size(2), x.size(3));
}

// The padding that torch's symmetric argument cannot express is made in advance. Rows that
// ceil_mode adds below and right count as padding. Returns the padded x and the symmetric rest.
std::pair<torch::Tensor, std::vector<int64_t>> pad(const torch::Tensor& x, const Window2d& w,
                                                   double value) {
  const auto rest = [](int64_t out, int64_t stride, int64_t kernel, int64_t dilation, int64_t in,
                       int64_t before, int64_t after) {
    return std::max(after, (out - 1) * stride + (kernel - 1) * dilation + 1 - in - before);
  };
  const int64_t bottom =
      rest(w.out_h, w.stride_h, w.kernel_h, w.dilation_h, x.size(2), w.pad_top, w.pad_bottom);
  const int64_t right =
      rest(w.out_w, w.stride_w, w.kernel_w, w.dilation_w, x.size(3), w.pad_left, w.pad_right);
  if (bottom == w.pad_top && right == w.pad_left) return {x, {w.pad_top, w.pad_left}};
  return {torch::constant_pad_nd(x, {w.pad_left, right, w.pad_top, bottom}, value), {0, 0}};
}

torch::Tensor average_pool(const Node& node, const torch::Tensor& x) {
  const auto kernel = node.attr_ints("kernel_shape", {});
  const Window2d w = window(node, kernel.at(0), kernel.at(1), x);
  const bool with_pad = node.attr_int("count_include_pad", 0) != 0;
  const auto pool = [&](const torch::Tensor& t) {
    const auto padded =
        torch::constant_pad_nd(t, {w.pad_left, w.pad_right, w.pad_top, w.pad_bottom}, 0.0);
    return torch::avg_pool2d(padded, {w.kernel_h, w.kernel_w}, {w.stride_h, w.stride_w});
  };
  if (with_pad || (w.pad_top | w.pad_left | w.pad_bottom | w.pad_right) == 0) return pool(x);
  return pool(x) / pool(torch::ones({1, 1, x.size(2), x.size(3)}));
}

double clip_bound(const Graph& graph, const Node& node, size_t index, const char* key,
                  double fallback) {
  const std::string name = input_of(node, index);
  if (!name.empty()) return graph.float_constant(name).data.at(0);
  return node.attr_float(key, static_cast<float>(fallback));
}

}  // namespace

torch::Tensor to_torch(const FloatTensor& tensor) {
  return torch::from_blob(const_cast<float*>(tensor.data.data()), tensor.shape, torch::kFloat)
      .clone();
}

FloatTensor from_torch(const torch::Tensor& tensor) {
  const torch::Tensor dense = tensor.detach().contiguous();
  const float* data = dense.data_ptr<float>();
  return FloatTensor(dense.sizes().vec(), std::vector<float>(data, data + dense.numel()));
}

TorchNetwork::TorchNetwork(const Graph& graph, bool masked) : graph_(graph) {
  std::string refused;
  for (const Node& node : graph.nodes) {
    const std::string reason = refusal(graph, node);
    if (reason.empty()) continue;
    refused += (refused.empty() ? "" : "; ") + node.name + " (" + node.op + "): " + reason;
  }
  if (!refused.empty()) throw_input("network '{}' cannot be trained: {}", graph.name, refused);

  for (const auto& [name, constant] : graph.constants) {
    if (const auto* tensor = std::get_if<FloatTensor>(&constant)) values_[name] = to_torch(*tensor);
  }
  std::map<std::string, int> uses;
  for (const ValueInfo& output : graph.outputs) ++uses[output.name];
  for (const Node& node : graph.nodes) {
    for (const std::string& name : node.inputs) ++uses[name];
    if (node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul") {
      add_parameter(node.inputs[1], true, masked);
      if (!input_of(node, 2).empty() && graph.is_constant(node.inputs[2])) {
        add_parameter(node.inputs[2], false, false);
      }
    } else if (node.op == "BatchNormalization") {
      add_parameter(node.inputs[1], false, false);
      add_parameter(node.inputs[2], false, false);
      trained_.insert(node.inputs[3]);
      trained_.insert(node.inputs[4]);
    }
  }
  // These operators do not need their own output for the gradient, so the ReLU behind may overwrite
  // it.
  for (const Node& node : graph.nodes) {
    const bool safe = node.op == "Conv" || node.op == "BatchNormalization" || node.op == "Add";
    if (safe && uses[node.outputs.at(0)] == 1) overwritable_.insert(node.outputs[0]);
  }
}

void TorchNetwork::add_parameter(const std::string& name, bool decay, bool masked) {
  if (!trained_.insert(name).second) return;  // shared by several nodes
  graph_.float_constant(name);                // refuses integers, by name
  Parameter p;
  p.name = name;
  p.value = values_.at(name);
  if (masked) p.mask = p.value.ne(0).to(torch::kFloat);
  p.velocity = torch::zeros_like(p.value);
  p.decay = decay;
  p.value.set_requires_grad(true);
  parameters_.push_back(p);
}

torch::Tensor TorchNetwork::forward(const torch::Tensor& images, bool training) {
  std::map<std::string, torch::Tensor> live;
  live[graph_.inputs.at(0).name] = images;
  for (const Node& node : graph_.nodes) {
    live[node.outputs.at(0)] = run(node, live, training);
  }
  return live.at(graph_.outputs.at(0).name);
}

torch::Tensor TorchNetwork::run(const Node& node, std::map<std::string, torch::Tensor>& live,
                                bool training) {
  const auto in = [&](size_t i) -> torch::Tensor {
    const std::string name = input_of(node, i);
    if (name.empty()) return {};
    const auto found = live.find(name);
    return found != live.end() ? found->second : value(name);
  };
  const torch::Tensor x = in(0);
  const std::string& op = node.op;
  if (op == "Conv") {
    const torch::Tensor weight = in(1);
    const Window2d w = window(node, weight.size(2), weight.size(3), x);
    const auto [padded, padding] = pad(x, w, 0.0);
    return torch::conv2d(padded, weight, in(2), {w.stride_h, w.stride_w}, padding,
                         {w.dilation_h, w.dilation_w}, node.attr_int("group", 1));
  }
  if (op == "BatchNormalization") {
    // ONNX weighs the old statistics by `momentum`, torch the new ones.
    const double momentum = 1.0 - node.attr_float("momentum", 0.9F);
    return torch::batch_norm(x, in(1), in(2), in(3), in(4), training, momentum,
                             node.attr_float("epsilon", 1e-5F), false);
  }
  if (op == "Relu") {
    if (overwritable_.count(node.inputs[0]) == 0) return torch::relu(x);
    torch::Tensor same = x;
    return torch::relu_(same);
  }
  if (op == "Clip") {
    const double limit = std::numeric_limits<float>::max();
    return torch::clamp(x, clip_bound(graph_, node, 1, "min", -limit),
                        clip_bound(graph_, node, 2, "max", limit));
  }
  if (op == "Add") return x + in(1);
  if (op == "GlobalAveragePool") return x.mean({2, 3}, /*keepdim=*/true);
  if (op == "MaxPool") {
    const auto kernel = node.attr_ints("kernel_shape", {});
    const Window2d w = window(node, kernel.at(0), kernel.at(1), x);
    const auto [padded, padding] = pad(x, w, -std::numeric_limits<double>::infinity());
    return torch::max_pool2d(padded, {w.kernel_h, w.kernel_w}, {w.stride_h, w.stride_w}, padding,
                             {w.dilation_h, w.dilation_w});
  }
  if (op == "AveragePool") return average_pool(node, x);
  if (op == "Flatten") {
    const int64_t axis = node.attr_int("axis", 1);
    int64_t rows = 1;
    for (int64_t i = 0; i < (axis < 0 ? axis + x.dim() : axis); ++i) rows *= x.size(i);
    return x.reshape({rows, -1});
  }
  if (op == "Reshape") {
    const auto* shape = std::get_if<Tensor<int64_t>>(&graph_.constants.at(node.inputs[1]));
    if (shape == nullptr || shape->data.empty()) throw_input("{}: shape is not int64", node.name);
    Shape target = shape->data;
    target[0] = x.size(0);  // files state a batch of one
    for (size_t i = 1; i < target.size(); ++i) {
      if (target[i] == 0) target[i] = x.size(static_cast<int64_t>(i));
    }
    return x.reshape(target);
  }
  if (op == "Gemm") {
    const torch::Tensor b = node.attr_int("transB", 0) != 0 ? in(1).t() : in(1);
    const torch::Tensor product = torch::matmul(x, b) * node.attr_float("alpha", 1.0F);
    return in(2).defined() ? product + in(2) * node.attr_float("beta", 1.0F) : product;
  }
  if (op == "MatMul") return torch::matmul(x, in(1));
  if (op == "Concat") {
    std::vector<torch::Tensor> parts;
    for (size_t i = 0; i < node.inputs.size(); ++i) parts.push_back(in(i));
    return torch::cat(parts, node.attr_int("axis", 1));
  }
  return x;  // Identity, Dropout, and the Softmax at the end: the loss takes logits
}

std::map<std::string, FloatTensor> TorchNetwork::constants() const {
  std::map<std::string, FloatTensor> result;
  for (const std::string& name : trained_) result[name] = from_torch(values_.at(name));
  return result;
}

void TorchNetwork::set_constants(const std::map<std::string, FloatTensor>& constants,
                                 const std::string& file) {
  const torch::NoGradGuard no_gradient;
  for (const std::string& name : trained_) {
    const auto found = constants.find(name);
    torch::Tensor& target = value(name);
    if (found == constants.end() || found->second.shape != target.sizes().vec()) {
      throw_input("{}: checkpoint does not fit the network at '{}'", file, name);
    }
    target.copy_(to_torch(found->second));
  }
}

}  // namespace aap
