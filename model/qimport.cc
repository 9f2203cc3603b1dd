// SPDX-License-Identifier: Apache-2.0
#include "model/qimport.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "model/qimporter.h"
#include "model/shapes.h"

namespace aap {
namespace {

const char* kMicrosoft = "com.microsoft";

// Operators that are read, with the domains they are read in.
const std::map<std::string, std::set<std::string>>& operators() {
  static const std::map<std::string, std::set<std::string>> kOperators = {
      {"QuantizeLinear", {""}},
      {"DequantizeLinear", {""}},
      {"QLinearConv", {""}},
      {"QLinearMatMul", {""}},
      {"QLinearAdd", {kMicrosoft}},
      {"QLinearAveragePool", {kMicrosoft}},
      {"QLinearGlobalAveragePool", {kMicrosoft}},
      {"QGemm", {kMicrosoft}},
      {"QLinearConcat", {kMicrosoft}},
      {"MaxPool", {""}},
      {"Flatten", {""}},
      {"Reshape", {""}},
      {"Relu", {""}},
      {"Clip", {""}},
      {"Identity", {""}},
      {"Softmax", {""}},
  };
  return kOperators;
}

[[noreturn]] void refuse(const Graph& graph, const std::vector<Unsupported>& list) {
  std::string text;
  for (const Unsupported& u : list) {
    text += fmt::format("{}'{}' ({}): {}", text.empty() ? "" : "; ", u.node, u.op, u.reason);
  }
  throw_input("network '{}': {} nodes are not supported: {}", graph.name, list.size(), text);
}

bool passes_values(const Node& node) {
  return node.op == "MaxPool" || node.op == "Flatten" || node.op == "Reshape" ||
         node.op == "Relu" || node.op == "Clip" || node.op == "Identity";
}

}  // namespace

void QImporter::check_operators() const {
  std::vector<Unsupported> list;
  for (const Node& node : graph_.nodes) {
    auto it = operators().find(node.op);
    if (it == operators().end() || it->second.count(node.domain) == 0) {
      list.push_back({node.name, node.op,
                      fmt::format("not an operator of quantised networks{}",
                                  node.domain.empty() ? "" : " in domain '" + node.domain + "'")});
    }
  }
  if (!list.empty()) refuse(graph_, list);
}

// Scale and zero point of a graph input that is integer already, as its first reader states them.
std::optional<QParams> QImporter::params_at_first_use(const std::string& value) const {
  std::set<std::string> same = {value};
  for (const Node& node : graph_.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (same.count(node.inputs[i]) == 0) continue;
      if (passes_values(node)) {
        if (i == 0) same.insert(node.outputs.at(0));
      } else {
        return params(node, i + 1, i + 2, true);
      }
    }
  }
  return std::nullopt;
}

void QImporter::define_input() {
  if (graph_.inputs.size() != 1 || graph_.outputs.size() != 1) {
    throw_input("network '{}': has {} inputs and {} outputs, legal is one of each", graph_.name,
                graph_.inputs.size(), graph_.outputs.size());
  }
  const ValueInfo& input = graph_.inputs[0];
  if (input.type == DataType::kFloat) {
    raw_input_.insert(input.name);
    return;
  }
  if (input.type != DataType::kInt8 && input.type != DataType::kUint8) {
    throw_input("network '{}': input '{}' has an element type other than float, int8, uint8",
                graph_.name, input.name);
  }
  const auto p = params_at_first_use(input.name);
  if (!p.has_value()) {
    throw_input("network '{}': no node states the scale of input '{}'", graph_.name, input.name);
  }
  net_.input = add_tensor(input.name, *p);
}

void QImporter::import_node(const Node& node) {
  using Method = void (QImporter::*)(const Node&);
  static const std::map<std::string, Method> kMethods = {
      {"QuantizeLinear", &QImporter::quantize},
      {"DequantizeLinear", &QImporter::dequantize},
      {"QLinearConv", &QImporter::convolution},
      {"QLinearMatMul", &QImporter::matmul},
      {"QLinearAdd", &QImporter::add},
      {"QLinearAveragePool", &QImporter::average_pool},
      {"QLinearGlobalAveragePool", &QImporter::average_pool},
      {"QGemm", &QImporter::gemm},
      {"QLinearConcat", &QImporter::concat},
      {"MaxPool", &QImporter::max_pool},
      {"Flatten", &QImporter::flatten},
      {"Reshape", &QImporter::flatten},
      {"Identity", &QImporter::flatten},
      {"Relu", &QImporter::clip},
      {"Clip", &QImporter::clip},
      {"Softmax", &QImporter::softmax},
  };
  (this->*kMethods.at(node.op))(node);
}

void QImporter::read_metadata() {
  auto number = [&](const std::string& key, double low, double high, double fallback) {
    auto it = graph_.metadata.find(key);
    if (it == graph_.metadata.end()) return fallback;
    char* end = nullptr;
    const double v = std::strtod(it->second.c_str(), &end);
    if (it->second.empty() || *end != '\0' || !(v >= low && v <= high)) {
      throw_input("network '{}': metadata '{}' is '{}', legal is {}..{}", graph_.name, key,
                  it->second, low, high);
    }
    return v;
  };
  net_.input_mean = static_cast<float>(number("aap.input_mean", -1e6, 1e6, 0.0));
  net_.input_std = static_cast<float>(number("aap.input_std", 1e-6, 1e6, 1.0));
  const int group = static_cast<int>(number("aap.group", 1, 256, 0));
  for (QLayer& layer : net_.layers) {
    if (layer.op != QOp::kConv || graph_.metadata.count("aap.keep." + layer.name) == 0) continue;
    if (group == 0) {
      throw_input("network '{}': metadata 'aap.keep.{}' is there, 'aap.group' is not", graph_.name,
                  layer.name);
    }
    layer.keep = static_cast<int>(number("aap.keep." + layer.name, 1, group, 0));
    layer.group_size = group;
  }
}

void QImporter::finish() {
  const std::string& output = graph_.outputs[0].name;
  net_.softmax_on_host = after_softmax_.count(output) != 0;
  auto it = tensor_of_.find(output);
  if (it == tensor_of_.end() || net_.input < 0) {
    throw_input("network '{}': output '{}' is not the result of integer layers", graph_.name,
                output);
  }
  net_.output = it->second;
}

QNetwork QImporter::run() {
  net_.name = graph_.name;
  check_operators();
  shapes_ = infer_shapes(graph_);
  define_input();
  std::vector<Unsupported> list;
  std::set<std::string> unknown;  // results of refused nodes: their readers are not to blame
  for (const Node& node : graph_.nodes) {
    const bool behind = std::any_of(node.inputs.begin(), node.inputs.end(),
                                    [&](const std::string& i) { return unknown.count(i) != 0; });
    if (!behind) {
      try {
        import_node(node);
        continue;
      } catch (const InputError& error) {
        std::string reason = error.what();
        const std::string prefix = fmt::format("node '{}' ({}): ", node.name, node.op);
        if (reason.rfind(prefix, 0) == 0) reason.erase(0, prefix.size());
        list.push_back({node.name, node.op, reason});
      }
    }
    unknown.insert(node.outputs.begin(), node.outputs.end());
  }
  if (!list.empty()) refuse(graph_, list);
  finish();
  read_metadata();
  validate(net_);
  return std::move(net_);
}

QNetwork import_quantised(const Graph& graph) { return QImporter(graph).run(); }

}  // namespace aap
