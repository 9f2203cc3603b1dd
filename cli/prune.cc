// SPDX-License-Identifier: Apache-2.0
#include "prune/prune.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/cli.h"
#include "cli/cycles.h"
#include "cli/raise.h"
#include "model/graph.h"
#include "prune/bn_recalibration.h"
#include "prune/obs.h"
#include "prune/obs_score.h"
#include "prune/slim.h"

namespace aap::cli {
namespace {

using Json = nlohmann::ordered_json;

struct PruneArguments {
  std::string input, output, recipe, config, method = "aap";
  PruneOptions options;
  std::vector<std::string> keep_of;
  int64_t recalibrate = 0, calibration_images = 256;
  bool plan_only = false, json = false;
  int threads = default_threads();
  DataOptions data;
  RaiseOptions raise;
};

const std::map<std::string, PruneRule> kMethods = {{"aap", PruneRule::kAap},
                                                   {"n_of_m", PruneRule::kNOfM},
                                                   {"unconstrained", PruneRule::kUnconstrained},
                                                   {"global", PruneRule::kGlobal},
                                                   {"random", PruneRule::kRandom}};

std::string shape_text(const Shape& shape) { return fmt::format("{}", fmt::join(shape, "x")); }

void take_keep_of(PruneArguments& a) {
  for (const std::string& text : a.keep_of) {
    const size_t equals = text.rfind('=');
    const std::string digits = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos) {
      throw_input("--keep-of '{}': legal is NODE=K", text);
    }
    a.options.keep_of[text.substr(0, equals)] = std::stoi(digits);
  }
}

// The first images of the data set, preprocessed as the network says or the options.
FloatTensor images_for(const Graph& graph, const DataOptions& options, int64_t count) {
  const Dataset data = options.load();
  return data.batch(0, std::min(count, data.count()), preprocessing_of(graph.metadata, graph.name));
}

bool any_second_order(const std::vector<LayerPlan>& layers) {
  return std::any_of(layers.begin(), layers.end(), is_second_order);
}

Scorers scorers_for(const Graph& graph, const std::vector<LayerPlan>& layers, const PruneArguments& a) {
  Scorers scorers;
  for (const LayerPlan& l : layers) {
    const bool scored = l.rule != PruneRule::kDense && l.rule != PruneRule::kDepthwise && l.rule != PruneRule::kRandom;
    if (!scored || l.score == "magnitude" || scorers.count(l.score) != 0) continue;
    if (is_quantised(graph)) {
      throw_input("layer '{}': score '{}' needs a float network, this one is quantised", l.name, l.score);
    }
    const FloatTensor images = images_for(graph, a.data, a.calibration_images);
    scorers[l.score] = l.score == "wanda" ? wanda_scorer(images, a.threads) : obs_scorer(images, a.threads);
  }
  return scorers;
}

// Non-zero weights of every layer as they are now.
void recount(const Graph& graph, std::vector<LayerPlan>& layers) {
  for (LayerPlan& l : layers) {
    if (l.weight.empty()) continue;
    const std::vector<float> values = layer_weights(graph, l);
    l.kept = std::count_if(values.begin(), values.end(), [](float v) { return v != 0.0F; });
  }
}

// Permutes, prunes and re-calibrates as the options say.
void change_graph(Graph& graph, std::vector<LayerPlan>& layers, const PruneArguments& a, Json& j) {
  const auto images = [&](int64_t count) { return images_for(graph, a.data, count); };
  if (a.recalibrate > 0 && any_second_order(layers)) {
    throw_input("--recalibrate: the second-order update re-calibrates batch norm as it goes");
  }
  if (a.raise.refits() && !any_second_order(layers)) {
    throw_input("--refit goes with the second-order update, which no layer has (--obs, or score obs in a recipe)");
  }
  const Scorers scorers = scorers_for(graph, layers, a);
  a.raise.permute(graph, layers, scorers, j);
  const Graph dense = graph;
  if (any_second_order(layers)) {
    prune_with_update(graph, layers, scorers, images(a.calibration_images), a.raise.refits(), a.threads, j);
  } else {
    prune(graph, layers, scorers);
  }
  recount(graph, layers);
  if (a.recalibrate > 0) {
    const RecalibrationReport r = recalibrate_batch_norm(graph, images(a.recalibrate), a.threads);
    j["recalibrated_layers"] = r.layers;
  }
  a.raise.correct_biases(graph, dense, images, a.threads, j);
}

struct Costs {
  ExpectedCycles pruned, dense;
};

Json plan_json(const std::vector<LayerPlan>& layers, const std::optional<Costs>& costs) {
  Json rows = Json::array();
  for (const LayerPlan& l : layers) {
    Json row = {{"name", l.name}, {"op", l.op}, {"type", to_string(l.type)}, {"shape", l.shape},
                {"rule", to_string(l.rule)}, {"reason", l.reason}, {"keep", l.keep}, {"group", l.group},
                {"share", l.share}, {"score", l.score}, {"weights", l.weights}, {"kept", l.kept}};
    if (costs) {
      const auto cycles = costs->pruned.of_layer.find(l.name);
      row["cycles"] = cycles == costs->pruned.of_layer.end() ? Json(nullptr) : Json(cycles->second);
      const auto dense = costs->dense.of_layer.find(l.name);
      row["dense_cycles"] = dense == costs->dense.of_layer.end() ? Json(nullptr) : Json(dense->second);
    }
    rows.push_back(row);
  }
  return rows;
}

void print_plan(const Json& rows, bool cycles) {
  const auto count = [](const Json& v) { return v.is_null() ? std::string("-") : fmt::format("{}", v.get<uint64_t>()); };
  fmt::print("{:<28} {:<16} {:>14} {:>8} {:>9} {:>9} {}{}\n", "layer", "type", "shape", "K of G", "weights", "kept",
             cycles ? fmt::format("{:>9} {:>9} ", "cycles", "dense") : " ", "rule and reason");
  for (const Json& l : rows) {
    fmt::print("{:<28} {:<16} {:>14} {:>8} {:>9} {:>9} {}{}: {}\n", l["name"].get<std::string>(),
               l["type"].get<std::string>(), shape_text(l["shape"].get<Shape>()),
               fmt::format("{}/{}", l["keep"].get<int>(), l["group"].get<int>()), l["weights"].get<int64_t>(),
               l["kept"].get<int64_t>(),
               cycles ? fmt::format("{:>9} {:>9}  ", count(l["cycles"]), count(l["dense_cycles"])) : " ",
               l["rule"].get<std::string>(), l["reason"].get<std::string>());
  }
}

int run_prune(PruneArguments& a) {
  a.options.method = kMethods.at(a.method);
  take_keep_of(a);
  if (!a.plan_only && a.output.empty()) throw_input("--output is missing (or give --plan)");
  if (!a.config.empty() && !a.plan_only && !a.raise.allocates()) {
    throw_input("--config goes with --plan, whose cycles it gives, or --allocate");
  }
  Graph graph = read_onnx(a.input);
  if (a.recalibrate > 0 && is_quantised(graph)) {
    throw_input("{}: --recalibrate needs a float network, this one is quantised", a.input);
  }
  if (a.raise.any() && is_quantised(graph)) {
    throw_input("{}: --allocate, --permute, --obs, --refit and --bias need a float network, this one is quantised", a.input);
  }
  if (a.raise.obs_images() > 0) {
    a.options.score = "obs";
    a.calibration_images = a.raise.obs_images();
  }
  Json j = {{"input", a.input}};
  std::vector<LayerPlan> layers = in_file(a.input, [&] {
    if (a.recipe.empty()) return plan(graph, a.options);
    const Recipe recipe = load_recipe(a.recipe);
    for (const SlimmedChannels& s : slim(graph, recipe)) {
      j["slimmed"].push_back({{"producers", s.producers}, {"channels", s.before}, {"kept", s.kept}, {"consumers", s.consumers}});
    }
    return plan_recipe(graph, recipe);
  });
  if (a.recipe.empty()) {
    j.update({{"method", a.method}, {"group", a.options.group}, {"keep", a.options.keep}});
  } else {
    j["recipe"] = a.recipe;
  }
  std::optional<Costs> costs;
  in_file(a.input, [&] {
    a.raise.allocate(graph, layers, [&](int64_t count) { return images_for(graph, a.data, count); }, a.config, a.threads, j);
    if (!a.plan_only || !a.config.empty()) change_graph(graph, layers, a, j);
  });
  if (!a.config.empty()) {
    const Config config = load_config(a.config);
    costs = Costs{expected_cycles(graph, config), expected_cycles(graph, config, true)};
    j["config"] = config.name;
    j["cycles"] = costs->pruned.total;
    j["dense_cycles"] = costs->dense.total;
  }
  int64_t weights = 0, kept = 0;
  for (const LayerPlan& l : layers) {
    weights += l.weights;
    kept += l.kept;
  }
  j["layers"] = plan_json(layers, costs);
  j["weights"] = weights;
  j["kept"] = kept;
  if (!a.json) {
    print_raised(j);
    if (a.recalibrate > 0 && j.contains("recalibrated_layers")) {
      fmt::print("batch norm re-calibrated: {} layers on {} images\n", j["recalibrated_layers"].get<int>(), a.recalibrate);
    }
    print_plan(j["layers"], costs.has_value());
    fmt::print("{} of {} weights kept\n", kept, weights);
    if (costs) {
      fmt::print("{} cycles per image on configuration {}, {} with all weights\n", costs->pruned.total,
                 j["config"].get<std::string>(), costs->dense.total);
    }
  }
  if (!a.plan_only) {
    write_onnx(graph, a.output);
    j["output"] = a.output;
  }
  if (a.json) print_json(j);
  return kOk;
}

}  // namespace

void add_prune(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("prune", "Keep K of every G weights of each layer, float or quantised");
  sub->footer("Examples:\n  aap prune net.onnx --keep 4 --group 16 --plan --config configs/board.yaml\n"
              "  aap prune net.onnx --keep 4 --group 16 --recalibrate 512 -o pruned.onnx\n"
              "  aap prune net.onnx --keep 4 --group 16 --permute --obs 1024 --refit -o pruned.onnx\n"
              "  aap prune net.onnx --allocate cycles=60000 --config configs/board.yaml --obs 1024 -o pruned.onnx\n"
              "  aap recipe net.onnx -o recipe.yaml; aap prune net.onnx --recipe recipe.yaml -o pruned.onnx\n"
              "  aap prune net.onnx --method unconstrained --keep 4 -o rival.onnx");
  auto a = std::make_shared<PruneArguments>();
  sub->add_option("input", a->input, "ONNX file: float, QDQ or QLinear")->required();
  sub->add_option("-o,--output", a->output, "ONNX file to write");
  auto* recipe = sub->add_option("--recipe", a->recipe, "YAML rules for types and names of layers, instead of the options below");
  auto* score = sub->add_option("--score", a->options.score, "what a weight is worth; obs with method aap also updates the kept ones")
                    ->check(CLI::IsMember({"magnitude", "wanda", "obs"}))->capture_default_str();
  for (auto* option :
       {sub->add_option("--keep", a->options.keep, "K (N of n_of_m)")->capture_default_str(),
        sub->add_option("--group", a->options.group, "G (M of n_of_m), 1..32")->capture_default_str(),
        sub->add_option("--method", a->method, "aap; n_of_m consecutive inputs; unconstrained magnitude at the same count per layer; global: over all layers; random")
            ->check(CLI::IsMember({"aap", "n_of_m", "unconstrained", "global", "random"}))->capture_default_str(),
        sub->add_option("--share", a->options.share, "neighbouring output channels that keep the same input channels")->capture_default_str(),
        score,
        sub->add_option("--seed", a->options.seed, "32-bit, of method random")->capture_default_str(),
        sub->add_option("--keep-of", a->keep_of, "NODE=K for one layer; may be repeated"),
        sub->add_option("--fc-keep", a->options.fully_connected_keep, "K of fully connected layers, 0 is --keep")->capture_default_str(),
        static_cast<CLI::Option*>(sub->add_flag("--prune-first", a->options.prune_first_layer, "prune the first layer too"))}) {
    option->excludes(recipe);
  }
  sub->add_option("--calibration-images", a->calibration_images, "images that the scores wanda and obs are taken over")
      ->check(CLI::Range(int64_t{1}, int64_t{60000}))->capture_default_str();
  sub->add_option("--recalibrate", a->recalibrate, "training images for batch norm re-calibration, 0 is none")
      ->check(CLI::Range(int64_t{0}, int64_t{60000}))->capture_default_str();
  sub->add_option("--config", a->config, "with --plan or --allocate: configuration whose cycles are expected");
  sub->add_option("--threads", a->threads)->check(CLI::Range(1, 256))->capture_default_str();
  sub->add_flag("--plan", a->plan_only, "show the plan, write nothing");
  sub->add_flag("--json", a->json, "result as JSON");
  a->raise.add(*sub, recipe, score);
  a->data.add(*sub, "train");
  sub->callback([a, &action] { action = [a] { return run_prune(*a); }; });
}

void add_recipe(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("recipe", "Write a pruning recipe that names every layer, to be edited");
  sub->footer("Example:\n  aap recipe net.onnx --keep 4 --group 16 -o recipe.yaml");
  struct Arguments {
    std::string input, output;
    int group = 16, keep = 4;
  };
  auto a = std::make_shared<Arguments>();
  sub->add_option("input", a->input, "ONNX file")->required();
  sub->add_option("-o,--output", a->output, "YAML file to write; standard output without it");
  sub->add_option("--keep", a->keep, "K")->capture_default_str();
  sub->add_option("--group", a->group, "G, 1..32")->capture_default_str();
  sub->callback([a, &action] {
    action = [a] {
      const std::string text = write_recipe(read_onnx(a->input), a->group, a->keep);
      if (a->output.empty()) {
        fmt::print("{}", text);
      } else {
        write_file(a->output, text);
      }
      return kOk;
    };
  });
}

}  // namespace aap::cli
