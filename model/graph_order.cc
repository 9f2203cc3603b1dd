// SPDX-License-Identifier: Apache-2.0
#include "model/graph_order.h"

#include <algorithm>
#include <queue>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "model/shapes.h"

namespace aap {
namespace {

bool is_graph_output(const Graph& graph, const std::string& value) {
  return std::any_of(graph.outputs.begin(), graph.outputs.end(),
                     [&](const ValueInfo& v) { return v.name == value; });
}

bool is_onnx(const Node& node, const char* op) { return node.domain.empty() && node.op == op; }

// The tensor that a Constant node stands for; false where the attribute is one that is not read.
bool constant_value(const Node& node, Constant& out) {
  if (node.attributes.size() != 1) return false;
  const auto& [key, value] = *node.attributes.begin();
  if (key == "value" && std::holds_alternative<Constant>(value)) {
    out = std::get<Constant>(value);
  } else if (key == "value_float" && std::holds_alternative<float>(value)) {
    out = Tensor<float>(Shape{}, std::get<float>(value));
  } else if (key == "value_int" && std::holds_alternative<int64_t>(value)) {
    out = Tensor<int64_t>(Shape{}, std::get<int64_t>(value));
  } else if (key == "value_floats" && std::holds_alternative<std::vector<float>>(value)) {
    const auto& v = std::get<std::vector<float>>(value);
    out = Tensor<float>(Shape{static_cast<int64_t>(v.size())}, v);
  } else if (key == "value_ints" && std::holds_alternative<std::vector<int64_t>>(value)) {
    const auto& v = std::get<std::vector<int64_t>>(value);
    out = Tensor<int64_t>(Shape{static_cast<int64_t>(v.size())}, v);
  } else {
    return false;
  }
  return true;
}

// Reshape of a constant by a constant, as older exporters write for fully connected weights.
bool fold_reshape(Graph& graph, const Node& node) {
  if (node.inputs.size() != 2 || node.outputs.size() != 1) return false;
  auto data = graph.constants.find(node.inputs[0]);
  auto target = graph.constants.find(node.inputs[1]);
  if (data == graph.constants.end() || target == graph.constants.end()) return false;
  const auto* dims = std::get_if<Tensor<int64_t>>(&target->second);
  if (dims == nullptr) return false;
  Constant result = data->second;
  std::visit([&](auto& t) { t.shape = reshaped(node, t.shape, dims->data); }, result);
  graph.constants[node.outputs[0]] = std::move(result);
  return true;
}

}  // namespace

void name_and_check(Graph& graph, const std::string& file) {
  std::unordered_set<std::string> names;
  for (const Node& node : graph.nodes) {
    if (!node.name.empty() && !names.insert(node.name).second) {
      throw_input("{}: two nodes are named '{}'", file, node.name);
    }
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    if (!node.name.empty()) continue;
    node.name = fmt::format("{}_{}", node.op, i);
    while (!names.insert(node.name).second) node.name += "_";
  }

  std::unordered_map<std::string, std::string> producer;
  auto produce = [&](const std::string& value, const std::string& who) {
    auto [it, fresh] = producer.emplace(value, who);
    if (!fresh)
      throw_input("{}: value '{}' comes from {} and from {}", file, value, it->second, who);
  };
  for (const ValueInfo& input : graph.inputs) produce(input.name, "a graph input");
  for (const auto& constant : graph.constants) produce(constant.first, "an initializer");
  for (const Node& node : graph.nodes) {
    if (node.outputs.empty() || node.outputs[0].empty()) {
      throw_input("{}: node '{}' ({}) has no output", file, node.name, node.op);
    }
    for (const std::string& output : node.outputs) {
      if (!output.empty()) produce(output, fmt::format("node '{}' ({})", node.name, node.op));
    }
  }
  for (const Node& node : graph.nodes) {
    for (const std::string& input : node.inputs) {
      if (!input.empty() && producer.count(input) == 0) {
        throw_input("{}: node '{}' ({}): nothing produces its input '{}'", file, node.name, node.op,
                    input);
      }
    }
  }
  std::unordered_set<std::string> outputs;
  for (const ValueInfo& output : graph.outputs) {
    if (producer.count(output.name) == 0) {
      throw_input("{}: nothing produces the graph output '{}'", file, output.name);
    }
    if (!outputs.insert(output.name).second) {
      throw_input("{}: graph output '{}' is stated twice", file, output.name);
    }
  }
}

void sort_nodes(Graph& graph, const std::string& file) {
  const size_t count = graph.nodes.size();
  std::unordered_map<std::string, size_t> producer;
  for (size_t i = 0; i < count; ++i) {
    for (const std::string& output : graph.nodes[i].outputs) producer[output] = i;
  }
  producer.erase("");
  std::vector<size_t> missing(count, 0);  // inputs whose producer has not been placed yet
  std::vector<std::vector<size_t>> users(count);
  for (size_t i = 0; i < count; ++i) {
    for (const std::string& input : graph.nodes[i].inputs) {
      auto it = producer.find(input);
      if (it == producer.end()) continue;
      users[it->second].push_back(i);
      ++missing[i];
    }
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i) {
    if (missing[i] == 0) ready.push(i);
  }
  std::vector<Node> sorted;
  sorted.reserve(count);
  while (!ready.empty()) {
    size_t i = ready.top();
    ready.pop();
    sorted.push_back(std::move(graph.nodes[i]));
    for (size_t user : users[i]) {
      if (--missing[user] == 0) ready.push(user);
    }
  }
  if (sorted.size() != count) {
    for (size_t i = 0; i < count; ++i) {
      if (missing[i] != 0) {
        throw_input("{}: node '{}' ({}) is on a cycle or behind one", file, graph.nodes[i].name,
                    graph.nodes[i].op);
      }
    }
  }
  graph.nodes = std::move(sorted);
}

void fold_nodes(Graph& graph, const std::string& file) {
  std::unordered_map<std::string, std::string> alias;  // removed value -> the value it copies
  std::vector<Node> kept;
  std::set<std::string> reshape_sources;
  auto used_value = [&](const std::string& value) {
    if (is_graph_output(graph, value)) return true;
    for (const Node& node : graph.nodes) {
      if (std::count(node.inputs.begin(), node.inputs.end(), value) != 0) return true;
    }
    return false;
  };
  for (Node& node : graph.nodes) {
    for (std::string& input : node.inputs) {
      auto it = alias.find(input);
      if (it != alias.end()) input = it->second;
    }
    if (is_onnx(node, "Constant")) {
      Constant value;
      if (!constant_value(node, value)) {
        throw_input("{}: node '{}' (Constant): its value is of a kind that is not supported", file,
                    node.name);
      }
      if (node.outputs.size() != 1 || node.outputs[0].empty() || !node.inputs.empty()) {
        throw_input("{}: node '{}' (Constant): needs no inputs and one output", file, node.name);
      }
      graph.constants[node.outputs[0]] = std::move(value);
      continue;
    }
    const bool identity = is_onnx(node, "Identity") && node.inputs.size() == 1;
    // A third input may switch Dropout to training; a mask that somebody reads is not inference.
    const bool dropout = is_onnx(node, "Dropout") && !node.inputs.empty() &&
                         (node.inputs.size() < 3 || node.inputs[2].empty()) &&
                         (node.outputs.size() < 2 || !used_value(node.outputs[1]));
    if ((identity || dropout) && !node.outputs.empty() && !node.inputs[0].empty()) {
      const std::string& from = node.inputs[0];
      const std::string& to = node.outputs[0];
      if (!is_graph_output(graph, to)) {
        alias[to] = from;
        continue;
      }
      // The graph's output must keep its name: rename the producer's output instead, where that
      // value is neither a graph output itself nor read by a node that is already placed.
      auto producer = std::find_if(kept.begin(), kept.end(), [&](const Node& n) {
        return std::count(n.outputs.begin(), n.outputs.end(), from) != 0;
      });
      if (producer != kept.end() && !is_graph_output(graph, from)) {
        const std::string old = from;
        for (Node& n : kept) {
          std::replace(n.inputs.begin(), n.inputs.end(), old, to);
          std::replace(n.outputs.begin(), n.outputs.end(), old, to);
        }
        for (auto& entry : alias) {
          if (entry.second == old) entry.second = to;
        }
        alias[old] = to;
        continue;
      }
      node.op = "Identity";
      node.inputs = {from};
      node.outputs = {to};
      node.attributes.clear();
    }
    if (is_onnx(node, "Reshape") && fold_reshape(graph, node)) {
      reshape_sources.insert(node.inputs.begin(), node.inputs.end());
      continue;
    }
    kept.push_back(std::move(node));
  }
  graph.nodes = std::move(kept);
  // Constants that only folded nodes read would be written twice; others stay as the file has them.
  for (const std::string& source : reshape_sources) {
    if (!used_value(source)) graph.constants.erase(source);
  }
}

}  // namespace aap
