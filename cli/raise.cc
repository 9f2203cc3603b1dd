// SPDX-License-Identifier: Apache-2.0
#include "cli/raise.h"

#include <fmt/format.h>

#include <cmath>

#include "cli/cycles.h"
#include "prune/allocate.h"
#include "prune/bias_recalibration.h"
#include "prune/obs.h"
#include "prune/permute.h"

namespace aap::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Budget {
  bool of_cycles = false;
  double amount = 0.0;
};

Budget parse_budget(const std::string& text) {
  const size_t equals = text.find('=');
  const std::string kind = text.substr(0, equals), number = equals == std::string::npos ? "" : text.substr(equals + 1);
  Budget budget{kind == "cycles", -1.0};
  try {
    size_t used = 0;
    const double value = std::stod(number, &used);
    if (used == number.size() && std::isfinite(value)) budget.amount = value;
  } catch (const std::exception&) {
  }
  if ((!budget.of_cycles && kind != "loss") || budget.amount < 0.0) {
    throw_input("--allocate '{}': legal is cycles=N or loss=X, N and X numbers from 0", text);
  }
  return budget;
}

// The plan with every score "magnitude": which weights stay does not change cycles.
std::vector<LayerPlan> by_magnitude(std::vector<LayerPlan> layers) {
  for (LayerPlan& l : layers) l.score = "magnitude";
  return layers;
}

ExpectedCycles cycles_with(const Graph& graph, const std::vector<LayerPlan>& layers,
                           const std::map<std::string, int>& keep_of, const Config& config) {
  Graph pruned = graph;
  aap::prune(pruned, with_keep(graph, by_magnitude(layers), keep_of));
  return expected_cycles(pruned, config);
}

// Cycles of every layer for each K: all layers with a choice get the same K, one compiled network for
// each. `others` is what the rest of the network takes.
std::map<int, std::map<std::string, uint64_t>> cycle_table(const Graph& graph, const std::vector<LayerPlan>& layers,
                                                           const std::vector<int>& keeps, const Config& config,
                                                           double& others) {
  std::map<int, std::map<std::string, uint64_t>> table;
  others = 0.0;
  for (const int keep : keeps) {
    std::map<std::string, int> same;
    for (const LayerPlan& l : layers) {
      if (l.rule == PruneRule::kAap && l.share == 1 && keep <= l.group) same[l.name] = keep;
    }
    const ExpectedCycles cycles = cycles_with(graph, layers, same, config);
    table[keep] = cycles.of_layer;
    double rest = static_cast<double>(cycles.total);
    for (const auto& [name, k] : same) {
      const auto found = cycles.of_layer.find(name);
      if (found != cycles.of_layer.end()) rest -= static_cast<double>(found->second);
    }
    others = std::max(others, rest);
  }
  return table;
}

}  // namespace

void RaiseOptions::add(CLI::App& sub, CLI::Option* recipe, CLI::Option* score) {
  sub.add_option("--allocate", allocate_,
                 "K of each layer by dynamic programming: cycles=N (with --config), or loss=X, the sum over layers of "
                 "squared output error over output variance");
  sub.add_option("--allocate-keeps", keeps_, "the K to choose from")
      ->delimiter(',')->check(CLI::Range(1, 32))->capture_default_str();
  sub.add_option("--allocate-images", allocate_images_, "images that losses are measured on")
      ->check(CLI::Range(int64_t{1}, int64_t{60000}))->capture_default_str();
  sub.add_flag("--permute", permute_, "reorder channels so that groups keep more; the network computes the same");
  sub.add_option("--permute-seed", permute_seed_, "32-bit, of the search for an order")->capture_default_str();
  sub.add_option("--obs", obs_, "second-order selection and update on so many calibration images; short for --score obs "
                                "--calibration-images N")
      ->check(CLI::Range(int64_t{1}, int64_t{60000}))->excludes(recipe)->excludes(score);
  sub.add_flag("--refit", refit_, "with obs: layers that keep all their weights take up errors, too");
  sub.add_option("--bias", bias_, "images for bias re-calibration of layers without batch norm, 0 is none")
      ->check(CLI::Range(int64_t{0}, int64_t{60000}))->capture_default_str();
  sub.add_flag("--bias-variance", bias_variance_, "with --bias: match the deviation of each channel, too");
}

void RaiseOptions::allocate(const Graph& graph, std::vector<LayerPlan>& layers, const ImageSource& images,
                            const std::string& config_path, int threads, Json& j) const {
  if (!allocates()) return;
  const Budget budget = parse_budget(allocate_);
  if (budget.of_cycles && config_path.empty()) {
    throw_input("--allocate cycles=N needs --config, whose cycles are counted");
  }
  double others = 0.0;
  Config config;
  std::map<int, std::map<std::string, uint64_t>> cycles;
  if (!config_path.empty()) {
    config = load_config(config_path);
    cycles = cycle_table(graph, layers, keeps_, config, others);
  }
  const auto cost = [&](const std::string& name, int keep) {
    if (!config_path.empty()) {
      const auto found = cycles.at(keep).find(name);
      return found == cycles.at(keep).end() ? 0.0 : static_cast<double>(found->second);
    }
    const auto l = std::find_if(layers.begin(), layers.end(), [&](const LayerPlan& p) { return p.name == name; });
    return static_cast<double>(l->weights) * keep / l->group;
  };
  const std::vector<LayerChoices> choices =
      layer_choices(graph, layers, keeps_, images(allocate_images_), cost, threads);
  if (choices.empty()) throw_input("--allocate '{}': no layer of method aap with share 1 has a choice of K", allocate_);
  Allocation a;
  double limit = budget.amount - others;
  for (int attempt = 0;; ++attempt) {
    if (budget.of_cycles && limit < 0.0) {
      throw_input("--allocate '{}': what is outside the layers with a choice takes {:.0f} cycles already", allocate_,
                  budget.amount - limit);
    }
    a = budget.of_cycles ? allocate_by_cost(choices, limit) : allocate_by_loss(choices, budget.amount);
    if (config_path.empty()) break;
    // Layers overlap at their ends, so that a sum over layers may be a little off: count the real ones.
    const auto real = static_cast<double>(cycles_with(graph, layers, a.keep_of, config).total);
    if (!budget.of_cycles || real <= budget.amount || attempt == 8) {
      if (budget.of_cycles && real > budget.amount) {
        throw_input("--allocate '{}': the best allocation found takes {:.0f} cycles", allocate_, real);
      }
      a.cost = real;
      break;
    }
    limit -= real - budget.amount;
  }
  layers = with_keep(graph, layers, a.keep_of);
  j["allocation"] = {{"budget", allocate_}, {"loss", a.loss}, {config_path.empty() ? "kept_weights" : "cycles", a.cost}};
  for (const LayerChoices& layer : choices) {
    Json row = {{"name", layer.name}, {"keep", a.keep_of.at(layer.name)}};
    for (const KeepChoice& c : layer.choices) {
      row["choices"].push_back({{"keep", c.keep}, {"cost", c.cost}, {"loss", c.loss}});
    }
    j["allocation"]["layers"].push_back(row);
  }
}

void RaiseOptions::permute(Graph& graph, const std::vector<LayerPlan>& layers, const Scorers& scorers, Json& j) const {
  if (!permute_) return;
  PermuteSearch search;
  search.seed = permute_seed_;
  j["permuted"] = Json::array();
  for (const PermutedChannels& p : permute_channels(graph, layers, search, scorers)) {
    Json row = {{"producer", p.producer}, {"channels", p.channels}, {"readers", p.readers}};
    if (p.reason.empty()) {
      row.update({{"kept_before", p.before}, {"kept_after", p.after}, {"bound", p.bound}, {"all", p.total},
                  {"swaps", p.swaps}});
    } else {
      row["reason"] = p.reason;
    }
    j["permuted"].push_back(row);
  }
}

void RaiseOptions::correct_biases(Graph& graph, const Graph& dense, const ImageSource& images, int threads,
                                  Json& j) const {
  if (bias_variance_ && bias_ == 0) throw_input("--bias-variance goes with --bias");
  if (bias_ == 0) return;
  BiasOptions options;
  options.variance = bias_variance_;
  options.threads = threads;
  j["bias_recalibrated_layers"] = recalibrate_biases(graph, dense, images(bias_), options).layers;
}

void prune_with_update(Graph& graph, const std::vector<LayerPlan>& layers, const Scorers& scorers,
                       const FloatTensor& images, bool refit, int threads, Json& j) {
  ObsOptions options;
  options.refit_unpruned = refit;
  options.threads = threads;
  j["obs"] = Json::array();
  for (const ObsLayer& l : obs_prune(graph, layers, images, options, scorers)) {
    j["obs"].push_back({{"name", l.name}, {"error_magnitude", l.error_magnitude}, {"error", l.error},
                        {"row_order", l.row_order}, {"refit", l.refit}});
  }
}

void print_raised(const Json& j) {
  if (const auto a = j.find("allocation"); a != j.end()) {
    const bool cycles = a->contains("cycles");
    fmt::print("allocated by {}: loss {:.4f}, {:.0f} {}\n", (*a)["budget"].get<std::string>(), (*a)["loss"].get<double>(),
               (*a)[cycles ? "cycles" : "kept_weights"].get<double>(), cycles ? "cycles" : "weights kept");
  }
  for (const Json& s : j.value("slimmed", Json::array())) {
    fmt::print("slimmed: {} of {} channels of {} stay\n", s["kept"].size(), s["channels"].get<int64_t>(),
               fmt::join(s["producers"].get<std::vector<std::string>>(), ", "));
  }
  for (const Json& p : j.value("permuted", Json::array())) {
    const std::string who = fmt::format("{} channels of {}", p["channels"].get<int64_t>(), p["producer"].get<std::string>());
    if (p.contains("reason")) {
      fmt::print("not permuted: {}: {}\n", who, p["reason"].get<std::string>());
      continue;
    }
    const double all = p["all"].get<double>();
    const auto share = [&](const char* key) { return all > 0.0 ? 100.0 * p[key].get<double>() / all : 100.0; };
    fmt::print("permuted: {}: {:.2f} % of the score kept, {:.2f} % before\n", who, share("kept_after"), share("kept_before"));
  }
  for (const Json& l : j.value("obs", Json::array())) {
    fmt::print("second-order: {}: output error {:.4f} of the variance, {:.4f} by magnitude alone\n",
               l["name"].get<std::string>(), l["error"].get<double>(), l["error_magnitude"].get<double>());
  }
  if (j.contains("bias_recalibrated_layers")) {
    fmt::print("biases re-calibrated: {} layers\n", j["bias_recalibrated_layers"].get<int>());
  }
}

}  // namespace aap::cli
