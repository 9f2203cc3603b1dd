// SPDX-License-Identifier: Apache-2.0
#include "prune/slim.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "prune/permute_graph.h"

namespace aap {
namespace {

const SlimRule* rule_for(const Recipe& recipe, const Node& node) {
  const SlimRule* found = nullptr;
  if (node.op != "Conv") return found;
  for (const SlimRule& rule : recipe.slim) {
    if (matches(rule.pattern, node.name)) found = &rule;
  }
  return found;
}

// Channels of a space with the nodes that make them.
struct Channels {
  int space = 0;
  int64_t count = 0;
  std::vector<const Node*> producers;
};

// |scale| of the BatchNormalization that reads the convolution.
std::vector<double> bn_scores(const Graph& graph, const Node& conv) {
  for (const Node& node : graph.nodes) {
    if (node.op != "BatchNormalization" || node.inputs.at(0) != conv.outputs.at(0)) continue;
    std::vector<double> scores;
    for (const float g : graph.float_constant(node.inputs.at(1)).data) scores.push_back(std::fabs(g));
    return scores;
  }
  throw_input("slim: no BatchNormalization reads '{}'; use score l1 for it", conv.name);
}

std::vector<double> l1_scores(const Graph& graph, const Node& conv) {
  const FloatTensor& w = graph.float_constant(conv.inputs.at(1));
  const auto outputs = static_cast<size_t>(w.shape.at(0));
  const size_t inputs = w.data.size() / std::max<size_t>(1, outputs);
  std::vector<double> scores(outputs, 0.0);
  for (size_t i = 0; i < w.data.size(); ++i) scores[i / inputs] += std::fabs(w.data[i]);
  for (double& s : scores) s /= static_cast<double>(std::max<size_t>(1, inputs));
  return scores;
}

std::vector<int64_t> best(const std::vector<double>& scores, int percent) {
  const auto m = static_cast<int64_t>(scores.size());
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  order.resize(static_cast<size_t>((m * percent + 99) / 100));
  std::sort(order.begin(), order.end());
  return order;
}

// The rule that all producers of these channels agree on; nullptr where none names any.
const SlimRule* common_rule(const Recipe& recipe, const Channels& channels, const std::string& fixed) {
  const SlimRule* rule = nullptr;
  const Node* named = nullptr;
  for (const Node* producer : channels.producers) {
    const SlimRule* r = rule_for(recipe, *producer);
    if (r == nullptr || rule != nullptr) continue;
    rule = r;
    named = producer;
  }
  if (rule == nullptr) return nullptr;
  const std::string where = fmt::format("{}: slim '{}': ", recipe.origin, rule->pattern);
  if (!fixed.empty()) {
    throw_input("{}the channels of '{}' cannot go: {}", where, named->name, fixed);
  }
  for (const Node* producer : channels.producers) {
    const SlimRule* r = rule_for(recipe, *producer);
    if (r != nullptr && r->keep_percent == rule->keep_percent) continue;
    throw_input("{}'{}' is added to '{}', {}; one keep_percent must hold for all that are added", where,
                named->name, producer->name,
                r == nullptr ? "which no rule names"
                             : fmt::format("of which another rule keeps {} percent", r->keep_percent));
  }
  return rule;
}

std::vector<double> scores_of(const Graph& graph, const Recipe& recipe, const Channels& channels) {
  std::vector<double> sum(static_cast<size_t>(channels.count), 0.0);
  for (const Node* node : channels.producers) {
    const bool gamma = rule_for(recipe, *node)->score == "bn_gamma";
    const std::vector<double> scores = gamma ? bn_scores(graph, *node) : l1_scores(graph, *node);
    if (scores.size() != sum.size()) {
      throw_input("slim: '{}' has {} scores for {} channels", node->name, scores.size(), sum.size());
    }
    for (size_t i = 0; i < sum.size(); ++i) {
      if (!std::isfinite(scores[i])) {
        throw_input("slim: the score of '{}' channel {} is not finite", node->name, i);
      }
      sum[i] += scores[i];
    }
  }
  return sum;
}

// What states a count of channels beside the weights: `group` of depthwise convolutions, and the
// target of a Reshape in front of a fully connected layer.
void restate_counts(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (node.op == "Conv" && node.attr_int("group", 1) > 1 && graph.is_constant(node.inputs.at(1))) {
      const Shape& w = graph.float_constant(node.inputs[1]).shape;
      if (w.at(1) == 1 && w[0] < node.attr_int("group", 1)) node.attributes["group"] = w[0];
    }
    if (node.op != "Reshape" || node.inputs.size() < 2 || !graph.is_constant(node.inputs[1])) continue;
    for (const Node& reader : graph.nodes) {
      if ((reader.op != "Gemm" && reader.op != "MatMul") || reader.inputs.at(0) != node.outputs.at(0) ||
          !graph.is_constant(reader.inputs.at(1))) {
        continue;
      }
      const Shape& w = graph.float_constant(reader.inputs[1]).shape;
      const int64_t features = w.at(reader.op == "Gemm" && reader.attr_int("transB", 0) != 0 ? 1 : 0);
      Constant target = graph.constants.at(node.inputs[1]);
      auto* shape = std::get_if<Tensor<int64_t>>(&target);
      if (shape == nullptr || shape->data.size() != 2 || shape->data[1] <= features) continue;
      shape->data[1] = features;
      node.inputs[1] += "." + node.name;  // others may read the old target
      graph.constants[node.inputs[1]] = target;
    }
  }
}

}  // namespace

std::vector<SlimmedChannels> slim(Graph& graph, const Recipe& recipe) {
  std::vector<SlimmedChannels> slimmed;
  if (recipe.slim.empty()) return slimmed;
  for (const SlimRule& rule : recipe.slim) {
    if (std::none_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& n) {
          return n.op == "Conv" && graph.is_constant(n.inputs.at(1)) && matches(rule.pattern, n.name);
        })) {
      throw_input("{}: slim '{}' matches no convolution of a float network", recipe.origin,
                  rule.pattern);
    }
  }
  std::map<std::string, const Node*> nodes;
  for (const Node& node : graph.nodes) nodes[node.name] = &node;
  ChannelSpaces spaces(graph, describe_layers(graph));
  std::map<int, std::vector<int64_t>> kept;
  std::set<std::string> named;
  for (const int root : spaces.roots()) {
    Channels channels{root, spaces.space(root).channels, {}};
    SlimmedChannels s;
    for (const std::string& producer : spaces.space(root).producers) {
      const auto node = nodes.find(producer);
      if (node == nodes.end()) continue;  // the network's input
      channels.producers.push_back(node->second);
      s.producers.push_back(producer);
      named.insert(producer);
    }
    const SlimRule* rule = common_rule(recipe, channels, spaces.space(root).fixed);
    if (rule == nullptr || rule->keep_percent == 100) continue;
    s.before = channels.count;
    s.kept = best(scores_of(graph, recipe, channels), rule->keep_percent);
    for (const SpaceReader& reader : spaces.readers()) {
      for (const Segment& segment : reader.segments) {
        if (spaces.find(segment.space) == root) s.consumers.push_back(reader.node);
      }
    }
    kept[root] = s.kept;
    slimmed.push_back(std::move(s));
  }
  for (const Node& node : graph.nodes) {
    const SlimRule* rule = rule_for(recipe, node);
    if (rule != nullptr && rule->pattern == node.name && named.count(node.name) == 0) {
      throw_input("{}: slim '{}': the channels of '{}' are those of what it reads; name the "
                  "convolution before it", recipe.origin, rule->pattern,
                  node.name);
    }
  }
  spaces.apply(graph, kept);
  restate_counts(graph);
  for (const SlimmedChannels& s : slimmed) {
    for (const std::string& producer : s.producers) {
      graph.metadata["aap.slim." + producer] = fmt::format("{}/{}", s.kept.size(), s.before);
    }
  }
  return slimmed;
}

}  // namespace aap
