// SPDX-License-Identifier: Apache-2.0
#include "prune/recipe.h"

#include <array>

#include "prune/prune.h"
#include "spec/strict_yaml.h"

namespace aap {
namespace {

// Legal values of a key that is a word, in the order that errors list them.
template <typename T, size_t N>
T word(const std::string& text, const std::string& where, const std::string& key,
       const std::array<std::pair<const char*, T>, N>& legal) {
  std::string list;
  for (const auto& [name, value] : legal) {
    if (text == name) return value;
    list += (list.empty() ? "" : ", ") + std::string(name);
  }
  throw_input("{}: key '{}' is '{}', legal is {}", where, key, text, list);
}

RuleSettings take_settings(StrictTree& tree, int group) {
  RuleSettings s;
  if (tree.has("method")) {
    s.method = word<PruneRule, 6>(tree.take_text("method"), tree.where(), "method",
                                  {{{"aap", PruneRule::kAap},
                                    {"n_of_m", PruneRule::kNOfM},
                                    {"unconstrained", PruneRule::kUnconstrained},
                                    {"global", PruneRule::kGlobal},
                                    {"random", PruneRule::kRandom},
                                    {"dense", PruneRule::kDense}}});
  }
  if (tree.has("keep")) s.keep = static_cast<int>(tree.take_integer("keep", 1, 32));
  if (tree.has("of")) s.of = static_cast<int>(tree.take_integer("of", 2, 32));
  if (tree.has("share")) s.share = static_cast<int>(tree.take_integer("share", 1, 64));
  if (tree.has("tail")) {
    s.tail = word<TailRule, 2>(
        tree.take_text("tail"), tree.where(), "tail",
        {{{"keep", TailRule::kKeep}, {"proportional", TailRule::kProportional}}});
  }
  if (tree.has("score")) {
    const std::string name = tree.take_text("score");
    s.score = word<const char*, 3>(
        name, tree.where(), "score",
        {{{"magnitude", "magnitude"}, {"wanda", "wanda"}, {"obs", "obs"}}});
  }
  // n_of_m counts in its own M; every other K is one of G. The method may come from another rule,
  // so a K that only n_of_m could mean is judged when the layers are planned.
  if (s.keep && s.method && *s.method != PruneRule::kNOfM && *s.keep > group) {
    throw_input("{}: key 'keep' is {}, legal is 1..{} (group)", tree.where(), *s.keep, group);
  }
  return s;
}

LayerType take_type(const std::string& text, const std::string& where) {
  return word<LayerType, 5>(text, where, "types",
                            {{{"first", LayerType::kFirst},
                              {"conv", LayerType::kConv},
                              {"depthwise", LayerType::kDepthwise},
                              {"grouped", LayerType::kGrouped},
                              {"fully_connected", LayerType::kFullyConnected}}});
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

bool matches(const std::string& pattern, const std::string& name) {
  // Greedy with one point of return: the last '*' seen.
  size_t p = 0, n = 0, star = std::string::npos, mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Recipe parse_recipe(const std::string& text, const std::string& origin) {
  StrictTree root = StrictTree::parse(text, origin);
  Recipe recipe;
  recipe.origin = origin;
  recipe.group = static_cast<int>(root.take_integer("group", 1, 32));
  if (root.has("seed")) {
    recipe.seed = static_cast<uint32_t>(root.take_integer("seed", 0, 4294967295LL));
  }
  StrictTree defaults = root.take_map("defaults");
  recipe.defaults = take_settings(defaults, recipe.group);
  defaults.finish();
  if (!recipe.defaults.method) throw_input("{}: key 'method' is missing", defaults.where());
  if (!recipe.defaults.keep && *recipe.defaults.method != PruneRule::kDense) {
    throw_input("{}: key 'keep' is missing", defaults.where());
  }
  if (root.has("types")) {
    StrictTree types = root.take_map("types");
    for (const std::string& key : types.keys()) {
      const LayerType type = take_type(key, types.where());
      StrictTree settings = types.take_map(key);
      recipe.types.push_back({type, take_settings(settings, recipe.group)});
      settings.finish();
      const auto& method = recipe.types.back().settings.method;
      if (type == LayerType::kDepthwise && method != PruneRule::kDense) {
        throw_input("{}: a depthwise layer runs as keep 1 of G already, legal is "
                    "{{method: dense}}", settings.where());
      }
    }
  }
  if (root.has("layers")) {
    for (StrictTree& rule : root.take_list_of_maps("layers")) {
      NameRule r;
      r.pattern = rule.take_text("name");
      r.settings = take_settings(rule, recipe.group);
      rule.finish();
      recipe.layers.push_back(std::move(r));
    }
  }
  if (root.has("slim")) {
    for (StrictTree& rule : root.take_list_of_maps("slim")) {
      SlimRule r;
      r.pattern = rule.take_text("name");
      r.keep_percent = static_cast<int>(rule.take_integer("keep_percent", 1, 100));
      if (rule.has("score")) {
        r.score = word<const char*, 2>(rule.take_text("score"), rule.where(), "score",
                                       {{{"bn_gamma", "bn_gamma"}, {"l1", "l1"}}});
      }
      rule.finish();
      recipe.slim.push_back(std::move(r));
    }
  }
  root.finish();
  return recipe;
}

Recipe load_recipe(const std::string& path) { return parse_recipe(read_text_file(path), path); }

std::string write_recipe(const Graph& graph, int group, int keep) {
  PruneOptions options;
  options.group = group;
  options.keep = keep;
  const std::vector<LayerPlan> layers = plan(graph, options);
  std::string text = fmt::format(
      "# How to prune network '{}'. Later rules go before earlier ones:\n"
      "# defaults < types < layers, from top to bottom. A rule that matches nothing is an error.\n"
      "# aap prune MODEL --recipe THIS --plan shows what it does to each layer.\n"
      "group: {}   # G: channels that the accelerator fetches together\n"
      "seed: 1     # of method random\n"
      "defaults:\n"
      "  method: aap        # aap, n_of_m, unconstrained, global, random, dense\n"
      "  keep: {}            # K of every G weights; N of n_of_m\n"
      "  share: 1           # neighbouring output channels that keep the same input channels\n"
      "  tail: keep         # C not a multiple of G: keep (K there too) or proportional\n"
      "  score: magnitude   # magnitude, wanda (activation norms), obs (second order)\n",
      graph.name, group, keep);
  std::string types;
  for (const LayerType type : {LayerType::kFirst, LayerType::kDepthwise}) {
    const bool dense = std::any_of(layers.begin(), layers.end(), [&](const LayerPlan& l) {
      return l.type == type && (l.rule == PruneRule::kDense || l.rule == PruneRule::kDepthwise);
    });
    if (dense) types += fmt::format("  {}: {{method: dense}}\n", to_string(type));
  }
  if (!types.empty()) text += "types:\n" + types;
  std::string rules;
  for (const LayerPlan& l : layers) {
    rules += fmt::format("  # {}, {}: {} weights, {} stay; {}\n", to_string(l.type),
                         fmt::join(l.shape, "x"), l.weights, l.kept, l.reason);
    const bool left_alone = l.rule == PruneRule::kDense || l.rule == PruneRule::kDepthwise;
    rules += left_alone ? fmt::format("  - {{name: {}, method: dense}}\n", quoted(l.name))
                        : fmt::format("  - {{name: {}, keep: {}}}\n", quoted(l.name), l.keep);
  }
  if (!rules.empty()) text += "layers:   # node names; * and ? are wildcards\n" + rules;
  text +=
      "# slim:    # whole output channels go before the rules above, the smallest scores first\n"
      "#   - {name: \"block1/conv1\", keep_percent: 75, score: bn_gamma}   # or l1\n";
  return text;
}

}  // namespace aap
