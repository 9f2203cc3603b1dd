// SPDX-License-Identifier: Apache-2.0
// A recipe: how to prune a network, as one YAML file says it. Rules apply in this order, later ones
// going before: built-in defaults < `defaults` < `types` < `layers` in the file's order.
//
//   group: 16                      # G of the accelerator, 1..32
//   seed: 1                        # of method random
//   defaults: {method: aap, keep: 4, share: 1, tail: keep, score: magnitude}
//   types:
//     first: {method: dense}
//     fully_connected: {keep: 2}
//   layers:                        # names of nodes, * and ? are wildcards
//     - {name: "block3/*", keep: 8}
//   slim:                          # whole output channels go first, as prune/slim.h says
//     - {name: "block3/pw", keep_percent: 75, score: bn_gamma}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "prune/layer.h"

namespace aap {

// Keys that a rule leaves out come from the rules before it.
struct RuleSettings {
  std::optional<PruneRule> method;  // aap, n_of_m, unconstrained, global, random, dense
  std::optional<int> keep;          // K, 1..G; N of n_of_m
  std::optional<int> share;         // 1..64, methods aap and random
  std::optional<int> of;            // M of n_of_m, 2..32
  std::optional<TailRule> tail;
  std::optional<std::string> score;  // magnitude, wanda, obs
};

struct TypeRule {
  LayerType type = LayerType::kConv;
  RuleSettings settings;
};

struct NameRule {
  std::string pattern;
  RuleSettings settings;
};

struct SlimRule {
  std::string pattern;
  int keep_percent = 100;          // 1..100 of the layer's output channels, rounded up
  std::string score = "bn_gamma";  // or "l1"
};

struct Recipe {
  std::string origin = "recipe";  // file, for errors
  int group = 16;
  uint32_t seed = 1;
  RuleSettings defaults;
  std::vector<TypeRule> types;
  std::vector<NameRule> layers;
  std::vector<SlimRule> slim;
};

// Unknown, missing and duplicate keys, numbers such as 010 and values out of range are refused in
// one line naming file, key and legal range.
Recipe load_recipe(const std::string& path);
Recipe parse_recipe(const std::string& text, const std::string& origin);

// A recipe for this network that keeps K of G everywhere it can: every layer is named with what
// happens to it and why, ready to be edited.
std::string write_recipe(const Graph& graph, int group, int keep);

// `*` any characters, `?` one.
bool matches(const std::string& pattern, const std::string& name);

}  // namespace aap
