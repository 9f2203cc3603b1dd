// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "prune/prune.h"
#include "prune/select.h"

namespace aap {
namespace {

// The settings of one layer after all rules, and which of them said so.
struct Resolved {
  RuleSettings settings;
  std::string by;  // "types.first", "layers 'block3/*'"; "" where only defaults apply
};

void overlay(RuleSettings& below, const RuleSettings& above) {
  const auto take = [](auto& into, const auto& from) {
    if (from) into = from;
  };
  take(below.method, above.method);
  take(below.keep, above.keep);
  take(below.share, above.share);
  take(below.of, above.of);
  take(below.tail, above.tail);
  take(below.score, above.score);
}

Resolved resolve(const Recipe& recipe, const LayerPlan& layer) {
  Resolved r{recipe.defaults, ""};
  for (const TypeRule& rule : recipe.types) {
    if (rule.type != layer.type) continue;
    overlay(r.settings, rule.settings);
    r.by = fmt::format("types.{}", to_string(rule.type));
  }
  for (const NameRule& rule : recipe.layers) {
    if (!matches(rule.pattern, layer.name)) continue;
    overlay(r.settings, rule.settings);
    r.by = fmt::format("layers '{}'", rule.pattern);
  }
  return r;
}

void refuse_idle_rules(const Recipe& recipe, const std::vector<LayerPlan>& layers) {
  for (const TypeRule& rule : recipe.types) {
    if (std::none_of(layers.begin(), layers.end(),
                     [&](const LayerPlan& l) { return l.type == rule.type; })) {
      throw_input("{}: types.{} matches no layer with weights", recipe.origin,
                  to_string(rule.type));
    }
  }
  for (const NameRule& rule : recipe.layers) {
    if (std::none_of(layers.begin(), layers.end(),
                     [&](const LayerPlan& l) { return matches(rule.pattern, l.name); })) {
      throw_input("{}: layers '{}' matches no layer with weights", recipe.origin, rule.pattern);
    }
  }
}

bool left_alone(const LayerPlan& layer) {
  return layer.rule == PruneRule::kDense || layer.rule == PruneRule::kDepthwise;
}

// The K of G (or N of M) of the settings, in range.
void check_settings(const Recipe& recipe, const LayerPlan& layer, const Resolved& r) {
  const RuleSettings& s = r.settings;
  const std::string where =
      fmt::format("{}: layer '{}'{}", recipe.origin, layer.name, r.by.empty() ? "" : " by " + r.by);
  const PruneRule method = s.method.value();
  if (method == PruneRule::kDense) return;
  if (method == PruneRule::kNOfM && !s.of) {
    throw_input("{}: method n_of_m needs the key 'of' (M), legal is 2..32", where);
  }
  const int most = method == PruneRule::kNOfM ? *s.of : recipe.group;
  if (!s.keep || *s.keep < 1 || *s.keep > most) {
    throw_input("{}: keep is {}, legal is 1..{}", where, s.keep.value_or(0), most);
  }
  const int share = s.share.value_or(1);
  if (share == 1) return;
  if (method != PruneRule::kAap && method != PruneRule::kRandom) {
    throw_input("{}: share {} with method {}, legal with aap and random only", where, share,
                to_string(method));
  }
  const int64_t outputs = layer.shape[0] / layer.conv_groups;
  if (layer.conv_groups > 1 && outputs % share != 0 && layer.type != LayerType::kDepthwise) {
    throw_input("{}: share {} does not divide the {} output channels of a convolution group, which "
                "read other input channels than their neighbours; legal is a divisor of {}",
                where, share, outputs, outputs);
  }
}

std::string method_reason(const LayerPlan& layer, const std::string& k_of_g) {
  switch (layer.rule) {
    case PruneRule::kUnconstrained:
      return fmt::format("as many weights as {} leaves", k_of_g);
    case PruneRule::kGlobal:
      return fmt::format("as many weights as {} leaves, chosen over all layers of this method",
                         k_of_g);
    case PruneRule::kRandom:
      return fmt::format("{}, drawn with seed {}", k_of_g, layer.seed);
    case PruneRule::kNOfM:
      return fmt::format("{} consecutive inputs", k_of_g);
    default:
      return k_of_g;
  }
}

std::string pruned_reason(const LayerPlan& layer) {
  const int64_t c = layer.shape[1], g = layer.group;
  std::string reason = method_reason(layer, fmt::format("keep {} of {}", layer.keep, g));
  if (layer.share > 1) {
    reason += fmt::format(", the same channels for {} neighbouring outputs", layer.share);
  }
  if (layer.conv_groups > 1) {
    reason += fmt::format(", within the {} channels of each convolution group", c);
  }
  if (layer.type == LayerType::kFullyConnected) {
    reason += layer.shape[2] * layer.shape[3] > 1
                  ? fmt::format(" channels at each of {} x {} positions before Flatten",
                                layer.shape[2], layer.shape[3])
                  : std::string(" input features");
  }
  if (layer.score == "obs" && layer.rule == PruneRule::kAap && layer.share == 1) {
    reason += ", by obs, which updates what stays";
  } else if (layer.score != "magnitude" && layer.rule != PruneRule::kRandom) {
    reason += fmt::format(", by {}", layer.score);
  }
  // Tails: the distinct sizes of groups below G, with what each keeps.
  std::set<int64_t> sizes;
  for (int64_t cg = 0; cg < layer.conv_groups; ++cg) {
    for_each_group_at(layer, cg * (layer.shape[0] / layer.conv_groups), 0,
                      [&](int64_t, int64_t size, int64_t) {
                        if (size < g) sizes.insert(size);
                      });
  }
  for (const int64_t size : sizes) {
    reason += fmt::format("; tail of {} keeps {}", size, kept_in_group(layer, size));
  }
  return reason;
}

// Decides rule, reason and K of a described layer.
void decide(const Recipe& recipe, LayerPlan& layer) {
  const Resolved r = resolve(recipe, layer);
  const RuleSettings& s = r.settings;
  const int g = recipe.group;
  const int64_t c = layer.shape[1];
  const std::string by = r.by.empty() ? "" : "; by " + r.by;
  layer.group = g;
  layer.keep = g;
  layer.rule = PruneRule::kDense;
  if (layer.weight.empty()) {
    layer.reason = "weights are computed in the graph, not a constant";
    return;
  }
  if (layer.type == LayerType::kDepthwise) {
    layer.rule = PruneRule::kDepthwise;
    layer.keep = 1;
    layer.reason = fmt::format("depthwise: runs as keep 1 of {} already", g) + by;
    return;
  }
  check_settings(recipe, layer, r);
  if (layer.type == LayerType::kFirst && c < g && r.by.empty() && s.method != PruneRule::kDense) {
    layer.reason = fmt::format("first layer has {} channels, fewer than a group of {}", c, g);
    return;
  }
  if (s.method == PruneRule::kDense) {
    layer.reason = "left dense" + by;
    return;
  }
  const int most = s.method == PruneRule::kNOfM ? *s.of : g;
  if (*s.keep == most) {
    layer.reason = fmt::format("keep {} of {} was asked for", *s.keep, most) + by;
    return;
  }
  if (c <= *s.keep && s.method != PruneRule::kNOfM) {
    layer.reason = fmt::format("{} channels in a group, all within keep {}", c, *s.keep) + by;
    return;
  }
  layer.rule = *s.method;
  layer.group = most;
  layer.keep = *s.keep;
  layer.share = s.share.value_or(1);
  layer.tail = s.tail.value_or(TailRule::kKeep);
  layer.score = s.score.value_or("magnitude");
  layer.seed = recipe.seed;
  if (layer.rule == PruneRule::kNOfM) {
    // Consecutive inputs as they are stored: features of a fully connected layer in their own
    // order, whatever image they came from.
    if (layer.type == LayerType::kFullyConnected) {
      layer.shape = {layer.shape[0], c * layer.shape[2] * layer.shape[3], 1, 1};
    }
  }
  layer.reason = pruned_reason(layer) + by;
}

int64_t count_nonzero(const std::vector<float>& values) {
  return std::count_if(values.begin(), values.end(), [](float v) { return v != 0.0F; });
}

// Non-zero weights that K of G leaves where every output channel chooses for itself.
int64_t count_after_groups(const std::vector<float>& values, const LayerPlan& layer) {
  int64_t kept = 0;
  for (int64_t m = 0; m < layer.shape[0]; ++m) {
    for (int64_t p = 0; p < layer.shape[2] * layer.shape[3]; ++p) {
      for_each_group_at(layer, m, p, [&](int64_t first, int64_t size, int64_t step) {
        int64_t nonzero = 0;
        for (int64_t i = 0; i < size; ++i) {
          nonzero += values[static_cast<size_t>(first + i * step)] != 0.0F ? 1 : 0;
        }
        kept += std::min(nonzero, kept_in_group(layer, size));
      });
    }
  }
  return kept;
}

// Fills `kept` of every layer, and refuses weights that are not finite.
void count_kept(const Graph& graph, std::vector<LayerPlan>& layers) {
  bool global = false;
  for (LayerPlan& layer : layers) {
    if (layer.weight.empty()) continue;
    const std::vector<float> values = layer_weights(graph, layer);
    if (left_alone(layer)) {
      layer.kept = count_nonzero(values);
    } else if (layer.share > 1) {
      LayerPlan by_magnitude = layer;
      by_magnitude.score = "magnitude";
      const std::vector<uint8_t> mask =
          select_in_groups(layer, score_layer(graph, by_magnitude, values, {}));
      layer.kept = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        layer.kept += mask[i] != 0 && values[i] != 0.0F ? 1 : 0;
      }
    } else {
      layer.kept = count_after_groups(values, layer);
    }
    global = global || layer.rule == PruneRule::kGlobal;
  }
  if (!global) return;
  std::vector<LayerPlan> together;
  for (const LayerPlan& layer : layers) {
    if (layer.rule != PruneRule::kGlobal) continue;
    together.push_back(layer);
    together.back().score = "magnitude";
  }
  const auto masks = select_weights(graph, together);
  size_t next = 0;
  for (LayerPlan& layer : layers) {
    if (layer.rule != PruneRule::kGlobal) continue;
    layer.kept = std::count(masks[next].begin(), masks[next].end(), 1);
    ++next;
  }
}

Recipe recipe_of(const PruneOptions& options) {
  Recipe recipe;
  recipe.origin = "prune";
  recipe.group = options.group;
  recipe.seed = options.seed;
  recipe.defaults.method = options.method;
  recipe.defaults.keep = options.keep;
  if (options.method == PruneRule::kNOfM) recipe.defaults.of = options.group;
  recipe.defaults.share = options.share;
  recipe.defaults.score = options.score;
  if (options.prune_first_layer) {
    recipe.types.push_back({LayerType::kFirst, {}});
    recipe.types.back().settings.keep = options.keep;
  }
  if (options.fully_connected_keep != 0) {
    recipe.types.push_back({LayerType::kFullyConnected, {}});
    recipe.types.back().settings.keep = options.fully_connected_keep;
  }
  for (const auto& [name, keep] : options.keep_of) {
    recipe.layers.push_back({name, {}});
    recipe.layers.back().settings.keep = keep;
  }
  return recipe;
}

void check_options(const PruneOptions& options) {
  if (options.group < 1 || options.group > 32) {
    throw_input("prune: group is {}, legal is 1..32", options.group);
  }
  const auto check_keep = [&](const std::string& what, int keep, int low) {
    if (keep < low || keep > options.group) {
      throw_input("prune: {} is {}, legal is {}..{}", what, keep, low, options.group);
    }
  };
  check_keep("keep", options.keep, 1);
  check_keep("keep of fully connected layers", options.fully_connected_keep, 0);
  for (const auto& [name, keep] : options.keep_of) {
    check_keep(fmt::format("keep of layer '{}'", name), keep, 1);
  }
  if (options.share < 1 || options.share > 64) {
    throw_input("prune: share is {}, legal is 1..64", options.share);
  }
}

}  // namespace

std::vector<LayerPlan> plan_recipe(const Graph& graph, const Recipe& recipe) {
  std::vector<LayerPlan> layers = describe_layers(graph);
  refuse_idle_rules(recipe, layers);
  std::set<std::string> names;
  for (LayerPlan& layer : layers) {
    if (!names.insert(layer.name).second) {
      throw_input("two layers are named '{}': names of layers must differ to be recorded and "
                  "checked", layer.name);
    }
    decide(recipe, layer);
  }
  count_kept(graph, layers);
  return layers;
}

std::vector<LayerPlan> plan(const Graph& graph, const PruneOptions& options) {
  check_options(options);
  return plan_recipe(graph, recipe_of(options));
}

std::vector<LayerPlan> with_keep(const Graph& graph, std::vector<LayerPlan> layers,
                                 const std::map<std::string, int>& keep_of) {
  for (const auto& [name, keep] : keep_of) {
    const auto layer = std::find_if(layers.begin(), layers.end(),
                                    [&, n = name](const LayerPlan& l) { return l.name == n; });
    if (layer == layers.end()) throw_input("keep {} of layer '{}', which has no weights", keep, name);
    if (layer->weight.empty() || layer->type == LayerType::kDepthwise) {
      throw_input("layer '{}': keep {} cannot be given, {}", name, keep, layer->reason);
    }
    if (keep < 1 || keep > layer->group) {
      throw_input("layer '{}': keep is {}, legal is 1..{}", name, keep, layer->group);
    }
    layer->keep = keep;
    layer->rule = keep < std::min<int64_t>(layer->group, layer->shape[1]) ? PruneRule::kAap
                                                                           : PruneRule::kDense;
    layer->reason = layer->rule == PruneRule::kAap
                        ? pruned_reason(*layer) + "; allocated"
                        : fmt::format("keep {} of {} was allocated", keep, layer->group);
    if (layer->rule == PruneRule::kDense) layer->keep = layer->group;
  }
  count_kept(graph, layers);
  return layers;
}

}  // namespace aap
