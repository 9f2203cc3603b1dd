// SPDX-License-Identifier: Apache-2.0
#include "prune/prune.h"

#include <algorithm>

#include "prune/select.h"

namespace aap {
namespace {

uint64_t mix(uint64_t x) {  // splitmix64, S. Vigna, public domain
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// A score drawn per weight from seed, layer and element alone, so that a layer's choice does not
// depend on which others are pruned. Zeros come last: they would waste one of the K places.
std::vector<float> random_scores(const LayerPlan& layer, const std::vector<float>& weights) {
  uint64_t state = layer.seed;
  for (const char c : layer.name) state = mix(state ^ static_cast<unsigned char>(c));
  std::vector<float> scores(weights.size(), 0.0F);
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] != 0.0F) scores[i] = 1.0F + static_cast<float>(mix(state + i) >> 41);
  }
  return scores;
}

bool is_pruned(const LayerPlan& layer) {
  return !layer.weight.empty() && layer.rule != PruneRule::kDense &&
         layer.rule != PruneRule::kDepthwise;
}

void check_fit(const LayerPlan& layer) {
  if (layer.group < 1 || layer.keep < 1 || layer.keep > layer.group || layer.share < 1) {
    throw_input("layer '{}': the plan says keep {} of {}, share {}", layer.name, layer.keep,
                layer.group, layer.share);
  }
}

}  // namespace

std::vector<std::vector<uint8_t>> select_weights(const Graph& graph,
                                                 const std::vector<LayerPlan>& layers,
                                                 const Scorers& scorers) {
  std::vector<std::vector<uint8_t>> masks(layers.size());
  std::vector<size_t> together;
  std::vector<std::vector<float>> together_scores;
  int64_t together_count = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerPlan& layer = layers[i];
    if (!is_pruned(layer)) continue;
    check_fit(layer);
    const std::vector<float> weights = layer_weights(graph, layer);
    std::vector<float> scores = layer.rule == PruneRule::kRandom
                                    ? random_scores(layer, weights)
                                    : score_layer(graph, layer, weights, scorers);
    if (layer.rule == PruneRule::kUnconstrained) {
      masks[i] = select_largest({std::move(scores)}, layer.kept)[0];
    } else if (layer.rule == PruneRule::kGlobal) {
      together.push_back(i);
      together_scores.push_back(std::move(scores));
      together_count += layer.kept;
    } else {
      masks[i] = select_in_groups(layer, scores);
    }
  }
  auto together_masks = select_largest(together_scores, together_count);
  for (size_t j = 0; j < together.size(); ++j) masks[together[j]] = std::move(together_masks[j]);
  return masks;
}

void record_pruning(Graph& graph, const std::vector<LayerPlan>& layers) {
  for (auto it = graph.metadata.begin(); it != graph.metadata.end();) {
    const std::string& key = it->first;
    const bool ours = key == "aap.group" || key == "aap.method" || key.rfind("aap.keep.", 0) == 0 ||
                      key.rfind("aap.share.", 0) == 0 || key.rfind("aap.n_of_m.", 0) == 0;
    it = ours ? graph.metadata.erase(it) : std::next(it);
  }
  for (const LayerPlan& layer : layers) {
    if (!is_pruned(layer)) continue;
    const std::string method = to_string(layer.rule);
    const auto [entry, fresh] = graph.metadata.emplace("aap.method", method);
    if (!fresh && entry->second != method) entry->second = "mixed";
    if (layer.rule == PruneRule::kNOfM) {
      graph.metadata["aap.n_of_m." + layer.name] = fmt::format("{}:{}", layer.keep, layer.group);
      continue;
    }
    graph.metadata["aap.group"] = std::to_string(layer.group);
    if (layer.rule != PruneRule::kAap && layer.rule != PruneRule::kRandom) continue;
    graph.metadata["aap.keep." + layer.name] = std::to_string(layer.keep);
    if (layer.share > 1) graph.metadata["aap.share." + layer.name] = std::to_string(layer.share);
  }
}

void prune(Graph& graph, const std::vector<LayerPlan>& layers, const Scorers& scorers) {
  const std::vector<std::vector<uint8_t>> masks = select_weights(graph, layers, scorers);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!masks[i].empty()) clear_weights(graph, layers[i], masks[i]);
  }
  record_pruning(graph, layers);
}

}  // namespace aap
