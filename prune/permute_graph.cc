// SPDX-License-Identifier: Apache-2.0
#include "prune/permute_graph.h"

#include <set>
#include <utility>

namespace aap {
namespace {

// t with the entries of one dimension taken in the order from[place], as many as that has.
template <typename T>
void take_along(Tensor<T>& t, size_t axis, const std::vector<int64_t>& from) {
  int64_t outer = 1, inner = 1;
  for (size_t i = 0; i < axis; ++i) outer *= t.shape[i];
  for (size_t i = axis + 1; i < t.shape.size(); ++i) inner *= t.shape[i];
  const int64_t n = t.shape[axis];
  std::vector<T> out;
  out.reserve(t.data.size());
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i : from) {
      const auto begin = t.data.begin() + (o * n + i) * inner;
      out.insert(out.end(), begin, begin + inner);
    }
  }
  t.data = std::move(out);
  t.shape[axis] = static_cast<int64_t>(from.size());
}

}  // namespace

ChannelSpaces::ChannelSpaces(const Graph& graph, const std::vector<LayerPlan>& layers)
    : graph_(graph), shapes_(infer_shapes(graph)) {
  for (const LayerPlan& layer : layers) layers_[layer.name] = &layer;
  for (const Node& node : graph.nodes) {
    for (const std::string& name : node.inputs) {
      if (graph.is_constant(name)) ++uses_[name];
    }
  }
  for (const ValueInfo& input : graph.inputs) {
    const Shape& shape = shapes_.at(input.name);
    values_[input.name] = {{make(shape.size() > 1 ? shape[1] : 1, input.name,
                                 "the network's input has an order of its own"),
                            1}};
  }
  for (const Node& node : graph.nodes) visit(node);
  for (const ValueInfo& output : graph.outputs) {
    const auto found = values_.find(output.name);
    if (found != values_.end()) fix(found->second, "the network's output has an order of its own");
  }
  for (size_t s = 0; s < spaces_.size(); ++s) {
    if (parent_[s] == static_cast<int>(s)) roots_.push_back(static_cast<int>(s));
  }
}

int ChannelSpaces::make(int64_t channels, const std::string& producer, const std::string& fixed) {
  spaces_.push_back({channels, producer, fixed, {producer}});
  parent_.push_back(static_cast<int>(parent_.size()));
  return parent_.back();
}

int ChannelSpaces::find(int s) const {
  while (parent_[static_cast<size_t>(s)] != s) s = parent_[static_cast<size_t>(s)];
  return s;
}

int64_t ChannelSpaces::width(const Segments& segments) const {
  int64_t sum = 0;
  for (const Segment& s : segments) {
    sum += spaces_[static_cast<size_t>(find(s.space))].channels * s.inner;
  }
  return sum;
}

void ChannelSpaces::fix(const Segments& segments, const std::string& why) {
  for (const Segment& s : segments) {
    std::string& fixed = space(s.space).fixed;
    if (fixed.empty()) fixed = why;
  }
}

void ChannelSpaces::merge(const Segments& a, const Segments& b, const std::string& node) {
  bool alike = a.size() == b.size();
  for (size_t i = 0; alike && i < a.size(); ++i) {
    alike = a[i].inner == b[i].inner && space(a[i].space).channels == space(b[i].space).channels;
  }
  if (!alike) {
    const std::string why = "node '" + node + "' joins values whose channels are cut differently";
    fix(a, why);
    fix(b, why);
    return;
  }
  for (size_t i = 0; i < a.size(); ++i) {
    const int into = find(a[i].space), from = find(b[i].space);
    if (into == from) continue;
    if (space(into).fixed.empty()) space(into).fixed = space(from).fixed;
    std::vector<std::string>& all = space(into).producers;
    all.insert(all.end(), space(from).producers.begin(), space(from).producers.end());
    parent_[static_cast<size_t>(from)] = into;
  }
}

void ChannelSpaces::follow(const std::string& constant, size_t axis, const Segments& segments) {
  if (constant.empty()) return;
  if (!graph_.is_constant(constant)) {
    fix(segments, "'" + constant + "' is computed in the graph, not a constant");
    return;
  }
  if (uses_[constant] > 1) {
    fix(segments, "constant '" + constant + "' is shared by several nodes");
    return;
  }
  const Shape& shape = shapes_.at(constant);
  if (axis >= shape.size() || shape[axis] != width(segments)) {
    fix(segments, "constant '" + constant + "' does not have one entry per channel");
    return;
  }
  followers_.push_back({constant, axis, segments});
}

void ChannelSpaces::give_up(const Node& node, const std::string& why) {
  for (const std::string& name : node.inputs) {
    const auto found = values_.find(name);
    if (found != values_.end()) fix(found->second, why);
  }
  for (const std::string& name : node.outputs) {
    const auto shape = shapes_.find(name);
    const int64_t channels =
        shape != shapes_.end() && shape->second.size() > 1 ? shape->second[1] : 1;
    values_[name] = {{make(channels, node.name, why), 1}};
  }
}

void ChannelSpaces::visit_conv(const Node& node) {
  const Segments& in = values_.at(node.inputs.at(0));
  const Shape& w = shapes_.at(node.inputs.at(1));
  const int64_t groups = node.attr_int("group", 1), channels = width(in);
  const std::string bias = node.inputs.size() > 2 ? node.inputs[2] : "";
  if (groups == channels && groups > 1 && w.at(0) == channels) {
    follow(node.inputs[1], 0, in);
    if (!bias.empty()) follow(bias, 0, in);
    values_[node.outputs[0]] = in;
    return;
  }
  if (groups != 1) {
    give_up(node, "grouped convolution '" + node.name + "' ties channels to its groups");
    return;
  }
  const Segments out = {{make(w.at(0), node.name), 1}};
  follow(node.inputs[1], 1, in);
  follow(node.inputs[1], 0, out);
  if (!bias.empty()) follow(bias, 0, out);
  const auto layer = layers_.find(node.name);
  if (layer != layers_.end() && layer->second->share > 1) {
    fix(out, "neighbouring output channels of '" + node.name + "' share their indices");
  }
  readers_.push_back({node.name, in});
  values_[node.outputs[0]] = out;
}

void ChannelSpaces::visit_matrix(const Node& node) {
  const Segments& in = values_.at(node.inputs.at(0));
  const Shape& x = shapes_.at(node.inputs[0]);
  const Shape& w = shapes_.at(node.inputs.at(1));
  if (x.size() != 2 || w.size() != 2 || node.attr_int("transA", 0) != 0 ||
      !graph_.is_constant(node.inputs[1])) {
    give_up(node, node.op + " '" + node.name + "' is not a layer of constant weights on [N, F]");
    return;
  }
  const size_t features = node.op == "Gemm" && node.attr_int("transB", 0) != 0 ? 1 : 0;
  const Segments out = {{make(w[1 - features], node.name), 1}};
  follow(node.inputs[1], features, in);
  follow(node.inputs[1], 1 - features, out);
  if (node.inputs.size() > 2 && !node.inputs[2].empty()) {
    const Shape& c = shapes_.at(node.inputs[2]);
    if (element_count(c) != 1) follow(node.inputs[2], c.size() - 1, out);
  }
  const auto layer = layers_.find(node.name);
  if (layer != layers_.end() && layer->second->share > 1) {
    fix(out, "neighbouring outputs of '" + node.name + "' share their indices");
  }
  readers_.push_back({node.name, in});
  values_[node.outputs[0]] = out;
}

void ChannelSpaces::visit_add(const Node& node) {
  const Shape& out = shapes_.at(node.outputs[0]);
  Segments result;
  for (const std::string& name : node.inputs) {
    const auto value = values_.find(name);
    if (value == values_.end()) continue;
    if (shapes_.at(name) != out) {
      give_up(node, "Add '" + node.name + "' broadcasts");
      return;
    }
    if (result.empty()) {
      result = value->second;
    } else {
      merge(result, value->second, node.name);
    }
  }
  for (const std::string& name : node.inputs) {
    if (values_.count(name) != 0) continue;
    const Shape& shape = shapes_.at(name);  // a constant, aligned to the last dimension
    const size_t missing = out.size() - shape.size();
    if (missing > 1 || shape[1 - missing] == 1) continue;
    follow(name, 1 - missing, result);
  }
  values_[node.outputs[0]] = result;
}

void ChannelSpaces::visit_concat(const Node& node) {
  const auto rank = static_cast<int64_t>(shapes_.at(node.outputs[0]).size());
  const int64_t axis = node.attr_int("axis", 0);
  Segments all;
  for (const std::string& name : node.inputs) {
    const auto value = values_.find(name);
    if (value == values_.end() || (axis != 1 && axis + rank != 1)) {
      give_up(node, "Concat '" + node.name + "' is not of channels");
      return;
    }
    all.insert(all.end(), value->second.begin(), value->second.end());
  }
  values_[node.outputs[0]] = all;
}

void ChannelSpaces::visit_flatten(const Node& node) {
  const Shape& from = shapes_.at(node.inputs.at(0));
  const Shape& to = shapes_.at(node.outputs[0]);
  if (from.size() < 2 || to.size() < 2 || from[0] != to[0] || to[0] == 0) {
    give_up(node, node.op + " '" + node.name + "' does not keep images apart");
    return;
  }
  Segments segments = values_.at(node.inputs[0]);
  if (to.size() == from.size() && to == from) {
    values_[node.outputs[0]] = segments;
    return;
  }
  int64_t inner = 1, rest = 1;
  for (size_t i = 2; i < from.size(); ++i) inner *= from[i];
  for (size_t i = 2; i < to.size(); ++i) rest *= to[i];
  if (rest != 1 || to[1] != from[1] * inner) {
    give_up(node, node.op + " '" + node.name + "' changes the shape of channels");
    return;
  }
  for (Segment& s : segments) s.inner *= inner;
  values_[node.outputs[0]] = segments;
}

void ChannelSpaces::visit(const Node& node) {
  static const std::set<std::string> kSameChannels = {
      "Relu", "Clip", "Identity", "Dropout", "MaxPool", "AveragePool", "GlobalAveragePool"};
  if (node.inputs.empty() || values_.count(node.inputs[0]) == 0) {
    // Only Add may have its value in second place.
    if (node.op == "Add" && node.inputs.size() == 2 && values_.count(node.inputs[1]) != 0) {
      visit_add(node);
    } else {
      give_up(node, node.op + " '" + node.name + "' reads a constant");
    }
  } else if (!node.domain.empty()) {
    give_up(node, "node '" + node.name + "' is of domain " + node.domain);
  } else if (node.op == "Conv") {
    visit_conv(node);
  } else if (node.op == "Gemm" || node.op == "MatMul") {
    visit_matrix(node);
  } else if (node.op == "BatchNormalization") {
    for (size_t i = 1; i < 5; ++i) follow(node.inputs.at(i), 0, values_.at(node.inputs[0]));
    values_[node.outputs[0]] = values_.at(node.inputs[0]);
  } else if (kSameChannels.count(node.op) != 0) {
    values_[node.outputs[0]] = values_.at(node.inputs[0]);
  } else if (node.op == "Add") {
    visit_add(node);
  } else if (node.op == "Concat") {
    visit_concat(node);
  } else if (node.op == "Flatten" || node.op == "Reshape") {
    visit_flatten(node);
  } else {
    give_up(node, "order of channels through " + node.op + " '" + node.name + "' is not known");
  }
}

void ChannelSpaces::apply(Graph& graph, const std::map<int, std::vector<int64_t>>& order) const {
  for (const Follower& f : followers_) {
    std::vector<int64_t> from;
    int64_t offset = 0;
    bool moves = false;
    for (const Segment& s : f.segments) {
      const auto found = order.find(find(s.space));
      const int64_t channels = spaces_[static_cast<size_t>(find(s.space))].channels;
      const int64_t left = found == order.end() ? channels : static_cast<int64_t>(found->second.size());
      for (int64_t p = 0; p < left; ++p) {
        const int64_t c = found == order.end() ? p : found->second[static_cast<size_t>(p)];
        for (int64_t i = 0; i < s.inner; ++i) from.push_back(offset + c * s.inner + i);
      }
      moves = moves || found != order.end();
      offset += channels * s.inner;
    }
    if (!moves) continue;
    std::visit([&](auto& tensor) { take_along(tensor, f.axis, from); },
               graph.constants.at(f.constant));
  }
}

}  // namespace aap
