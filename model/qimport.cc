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

[[noreturn]] void refuse(const Graph& graph, const std::vector<Unsupported>& list) {
  std::string text;
  for (const Unsupported& u : list) {
    text += fmt::format("{}'{}' ({}): {}", text.empty() ? "" : "; ", u.node, u.op, u.reason);
  }
  throw_input("network '{}': {} nodes are not supported: {}", graph.name, list.size(), text);
}

// Why an operator that users meet has no integer form; empty for all others.
std::string known_reason(const std::string& op) {
  static const std::map<std::string, std::string> kReasons = {
      {"DynamicQuantizeLinear", "dynamic quantisation: scales are computed at run time"},
      {"ConvInteger", "dynamic quantisation: its result has no scale"},
      {"MatMulInteger", "dynamic quantisation: its result has no scale"},
      {"DynamicQuantizeMatMul", "dynamic quantisation: scales are computed at run time"},
      {"BatchNormalization", "fold it into the convolution before quantising"},
      {"Cast", "other types than int8 and uint8 are not computed"},
  };
  auto it = kReasons.find(op);
  return it == kReasons.end() ? "not an operator of quantised networks" : it->second;
}

}  // namespace

// Reason for each refused node, by name: unknown operators and results without a shape.
std::map<std::string, std::string> QImporter::check_operators() {
  std::vector<Unsupported> without_shape;
  shapes_ = infer_shapes_for(graph_, input_shapes(graph_), &without_shape);
  check_limits(graph_, shapes_);
  std::map<std::string, std::string> reasons;
  for (const Unsupported& u : without_shape) reasons[u.node] = u.reason;
  bool integers = false;
  for (const Node& node : graph_.nodes) {
    for (const std::string& input : node.inputs) users_[input].push_back(&node);
    auto it = operators().find(node.op);
    if (it == operators().end() || it->second.domains.count(node.domain) == 0) {
      reasons[node.name] = known_reason(node.op) +
                           (node.domain.empty() ? "" : " in domain '" + node.domain + "'");
    }
    integers = integers || node.op.rfind("QLinear", 0) == 0 || node.op == "QGemm" ||
               node.op == "QuantizeLinear" || node.op == "DequantizeLinear" ||
               node.op.find("Quantize") != std::string::npos;
  }
  if (!integers && graph_.inputs.size() == 1 && graph_.inputs[0].type == DataType::kFloat) {
    throw_input("network '{}': is a float network; make it integer first (aap quantize)",
                graph_.name);
  }
  return reasons;
}

// Scale and zero point of a graph input that is integer already, as its first reader states them.
std::optional<QParams> QImporter::params_at_first_use(const std::string& value) const {
  static const std::set<std::string> kPasses = {"MaxPool", "Relu", "Clip", "Pad"};
  std::set<std::string> same = {value};
  for (const Node& node : graph_.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (same.count(node.inputs[i]) == 0) continue;
      if (changes_shape_only(node) || kPasses.count(node.op) != 0) {
        if (i == 0) same.insert(node.outputs.at(0));
      } else {
        return params(node, i + 1, i + 2, graph_.inputs[0].type == DataType::kUint8);
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
    values_[input.name] = RawInput{{}, std::nullopt, true, input.name};
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
  if (p->from_uint8 != (input.type == DataType::kUint8)) {
    throw_input("network '{}': input '{}' is {}, its zero point is not", graph_.name, input.name,
                input.type == DataType::kUint8 ? "uint8" : "int8");
  }
  values_[input.name] = RawInput{{}, p, false, input.name};
}

void QImporter::import_node(const Node& node) {
  if (fold_constant(node)) return;
  (this->*operators().at(node.op).read)(node);
}

// Operators that are read, with the domains they are read in and what reads them.
const std::map<std::string, QImporter::Operator>& QImporter::operators() {
  using Q = QImporter;
  const std::set<std::string> onnx = {""}, microsoft = {kMicrosoft}, both = {"", kMicrosoft};
  static const std::map<std::string, Operator> kOperators = {
      {"QuantizeLinear", {both, &Q::quantize}},
      {"DequantizeLinear", {both, &Q::dequantize}},
      {"Conv", {onnx, &Q::convolution}},
      {"QLinearConv", {both, &Q::convolution}},
      {"Gemm", {onnx, &Q::fully_connected}},
      {"QGemm", {microsoft, &Q::fully_connected}},
      {"MatMul", {onnx, &Q::fully_connected}},
      {"QLinearMatMul", {onnx, &Q::fully_connected}},
      {"Add", {onnx, &Q::add}},
      {"QLinearAdd", {microsoft, &Q::add}},
      {"AveragePool", {onnx, &Q::average_pool}},
      {"QLinearAveragePool", {microsoft, &Q::average_pool}},
      {"GlobalAveragePool", {onnx, &Q::average_pool}},
      {"QLinearGlobalAveragePool", {microsoft, &Q::average_pool}},
      {"ReduceMean", {onnx, &Q::reduce_mean}},
      {"MaxPool", {onnx, &Q::max_pool}},
      {"Concat", {onnx, &Q::concat}},
      {"QLinearConcat", {microsoft, &Q::concat}},
      {"Relu", {onnx, &Q::clip}},
      {"Clip", {onnx, &Q::clip}},
      {"Flatten", {onnx, &Q::change_shape}},
      {"Reshape", {onnx, &Q::change_shape}},
      {"Squeeze", {onnx, &Q::change_shape}},
      {"Unsqueeze", {onnx, &Q::change_shape}},
      {"Transpose", {onnx, &Q::change_shape}},
      {"Identity", {onnx, &Q::change_shape}},
      {"Dropout", {onnx, &Q::change_shape}},
      {"Pad", {onnx, &Q::pad}},
      {"Softmax", {onnx, &Q::softmax}},
  };
  return kOperators;
}

void QImporter::read_metadata() {
  net_.preprocessing = preprocessing_of(graph_.metadata, graph_.name);
  const int group = static_cast<int>(metadata_number(graph_, "aap.group", 1, 256, 0));
  for (QLayer& layer : net_.layers) {
    if (layer.op != QOp::kConv || graph_.metadata.count("aap.keep." + layer.name) == 0) continue;
    if (group == 0) {
      throw_input("network '{}': metadata 'aap.keep.{}' is there, 'aap.group' is not", graph_.name,
                  layer.name);
    }
    layer.keep = static_cast<int>(metadata_number(graph_, "aap.keep." + layer.name, 1, group, 0));
    layer.group_size = group;
  }
}

void QImporter::finish() {
  // The output is read as by one more node.
  Node reader;
  reader.inputs = {graph_.outputs[0].name};
  Activation a;
  auto it = values_.find(reader.inputs[0]);
  if (it == values_.end()) {
    throw_input("network '{}': output '{}' is not the result of integer layers", graph_.name,
                reader.inputs[0]);
  }
  if (const auto* host = std::get_if<HostValue>(&it->second)) {
    a = host->activation;
    net_.softmax_on_host = true;
    net_.softmax_params = host->params;
    net_.output_real = host->real;
  } else {
    try {
      a = resolve(reader, 0);
    } catch (const InputError& error) {
      throw_input("network '{}': output: {}", graph_.name, error.what());
    }
    net_.output_real = a.real;
  }
  if (net_.input < 0) {
    throw_input("network '{}': no integer layer reads input '{}'", graph_.name,
                graph_.inputs[0].name);
  }
  net_.input_real = graph_.inputs[0].type == DataType::kFloat;
  net_.output = a.tensor;
  net_.output_order = order_of(a.view, extents(a.tensor));
}

QNetwork QImporter::run() {
  net_.name = graph_.name;
  const std::map<std::string, std::string> reasons = check_operators();
  std::vector<Unsupported> list;
  std::set<std::string> unknown;  // results of refused nodes: their readers are not to blame
  const auto refused = [&](const Node& node, std::string reason) {
    const std::string prefix = fmt::format("node '{}' ({}): ", node.name, node.op);
    if (reason.rfind(prefix, 0) == 0) reason.erase(0, prefix.size());
    list.push_back({node.name, node.op, reason});
    unknown.insert(node.outputs.begin(), node.outputs.end());
  };
  try {
    define_input();
  } catch (const InputError&) {
    if (reasons.empty()) throw;  // the nodes are the better explanation
    unknown.insert(graph_.inputs.empty() ? "" : graph_.inputs[0].name);
  }
  for (const Node& node : graph_.nodes) {
    const auto reason = reasons.find(node.name);
    if (reason != reasons.end()) {
      refused(node, reason->second);
    } else if (std::any_of(node.inputs.begin(), node.inputs.end(),
                           [&](const std::string& i) { return unknown.count(i) != 0; })) {
      unknown.insert(node.outputs.begin(), node.outputs.end());
    } else {
      try {
        import_node(node);
      } catch (const InputError& error) {
        refused(node, error.what());
      }
    }
  }
  if (!list.empty()) refuse(graph_, list);
  finish();
  read_metadata();
  validate(net_);
  return std::move(net_);
}

QNetwork import_quantised(const Graph& graph) { return QImporter(graph).run(); }

}  // namespace aap
