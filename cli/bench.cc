// SPDX-License-Identifier: Apache-2.0
#include "prune/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "cli/cli.h"
#include "prune/raise_bench.h"
#include "train/torch_bench.h"

namespace aap::cli {
namespace {

using Json = nlohmann::ordered_json;

struct BenchArguments {
  int64_t weights = 25557032;  // ResNet-50's
  int group = 16, keep = 4, rounds = 9;
  int64_t permute_rows = 2304, permute_channels = 256;  // a 3x3 convolution of 256 to 256 channels
  int64_t obs_rows = 512, obs_columns = 4608;           // one of 512 to 512
  uint32_t seed = 1;
  bool json = false;
};

// The selection by libtorch on the same weights; null where it was not built.
void bench_torch(const BenchArguments& a, const std::vector<float>& weights, const SelectionBench& bench, Json& j) {
  std::string why;
  const TorchBenchApi* torch = load_torch_bench(why);
  const double ours = bench.variants.back().seconds;
  if (torch == nullptr) {
    j["speedup_vs_libtorch_topk"] = nullptr;
    j["libtorch"] = why;
    return;
  }
  std::vector<float> magnitudes(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) magnitudes[i] = std::fabs(weights[i]);
  std::vector<uint32_t> masks(static_cast<size_t>(bench.groups));
  const double seconds = torch->topk(magnitudes.data(), bench.groups, a.group, a.keep, 2, masks.data());
  // Which of equal magnitudes stays is the only freedom that topk has.
  const auto kept = [&](size_t group, uint32_t mask) {
    std::vector<float> list;
    for (int i = 0; i < a.group; ++i) {
      if ((mask >> i & 1U) != 0) list.push_back(magnitudes[group * static_cast<size_t>(a.group) + static_cast<size_t>(i)]);
    }
    std::sort(list.begin(), list.end());
    return list;
  };
  int64_t differ = 0;
  for (size_t g = 0; g < masks.size(); ++g) {
    if (masks[g] != bench.masks[g] && kept(g, masks[g]) != kept(g, bench.masks[g])) ++differ;
  }
  j["speedup_vs_libtorch_topk"] = seconds / ours;
  j["libtorch"] = torch->libtorch_version();
  j["libtorch_topk_seconds"] = seconds;
  j["groups_that_differ_from_libtorch"] = differ;
}

void bench_raising(const BenchArguments& a, Json& j) {
  const PermutationBench p = bench_permutation(a.permute_rows, a.permute_channels, a.group, a.keep, a.seed);
  j["permutation_rows"] = p.rows;
  j["permutation_channels"] = p.channels;
  j["permutation_seconds"] = p.seconds;
  j["permutation_kept_before"] = p.before;
  j["permutation_kept_after"] = p.after;
  j["permutation_bound"] = p.bound;
  const ObsBenchInput input = obs_bench_input(a.obs_rows, a.obs_columns, a.seed);
  const ObsBench obs = bench_obs(input, a.group, a.keep);
  j["obs_rows"] = input.rows;
  j["obs_columns"] = input.columns;
  j["obs_seconds"] = obs.seconds;
  j["obs_error_over_magnitude"] = obs.error;
  std::string why;
  const TorchBenchApi* torch = load_torch_bench(why);
  j["obs_libtorch_seconds"] = nullptr;
  if (torch == nullptr) return;
  std::vector<float> weights = input.weights;
  j["obs_libtorch_seconds"] = torch->obs(input.hessian.data(), weights.data(), input.rows, input.columns, a.group, a.keep,
                                         obs_bench_damping());
  j["obs_libtorch_error_over_magnitude"] = obs.error * obs_bench_error(input, weights) / obs_bench_error(input, obs.weights);
}

int run_bench_prune(const BenchArguments& a) {
  const std::vector<float> weights = bench_weights(a.weights, a.group, a.seed);
  const SelectionBench bench = bench_selection(weights, a.group, a.keep, a.rounds);
  const double bytes = static_cast<double>(bench.weights) * sizeof(float);
  const SelectionTime& best = bench.variants.back();
  Json j = {{"weights", bench.weights}, {"group", a.group}, {"keep", a.keep}, {"seed", a.seed}, {"threads", 1},
            {"variant", to_string(best.isa)}, {"selection_seconds", best.seconds},
            {"selection_gigabytes_per_second", bytes / best.seconds / 1e9},
            {"read_gigabytes_per_second", bytes / bench.read_seconds / 1e9},
            {"fraction_of_read_bandwidth", bench.read_seconds / best.seconds}};
  for (const SelectionTime& v : bench.variants) j["seconds_by_variant"][to_string(v.isa)] = v.seconds;
  j["variants_agree"] = bench.agree;
  bench_torch(a, weights, bench, j);
  bench_raising(a, j);
  if (a.json) {
    print_json(j);
  } else {
    for (const auto& [key, value] : j.items()) fmt::print("{:<36} {}\n", key, value.dump());
  }
  const auto differ = j.find("groups_that_differ_from_libtorch");
  return bench.agree && (differ == j.end() || *differ == 0) ? kOk : kMismatch;
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("bench", "Measure the project's own speed on this machine");
  sub->require_subcommand(1);
  sub->footer("Example:\n  aap bench prune --json");
  auto* prune = sub->add_subcommand("prune", "Selection of K of G, permutation search and second-order update, against reading memory and libtorch, one thread");
  prune->footer("Example:\n  aap bench prune --json\nExit code 1 where the variants, or libtorch, keep other weights.");
  auto a = std::make_shared<BenchArguments>();
  prune->add_option("--weights", a->weights, "how many")->check(CLI::Range(int64_t{1}, int64_t{1} << 30))->capture_default_str();
  prune->add_option("--group", a->group, "G, 1..32")->capture_default_str();
  prune->add_option("--keep", a->keep, "K")->capture_default_str();
  prune->add_option("--rounds", a->rounds, "the shortest counts")->check(CLI::Range(1, 1000))->capture_default_str();
  const auto size = CLI::Range(int64_t{1}, int64_t{1} << 16);
  prune->add_option("--permute-rows", a->permute_rows, "M x KH x KW of the permutation search")->check(size)->capture_default_str();
  prune->add_option("--permute-channels", a->permute_channels, "C of it")->check(size)->capture_default_str();
  prune->add_option("--obs-rows", a->obs_rows, "M of the second-order update")->check(size)->capture_default_str();
  prune->add_option("--obs-columns", a->obs_columns, "C x KH x KW of it")->check(size)->capture_default_str();
  prune->add_option("--seed", a->seed, "32-bit, of the weights")->capture_default_str();
  prune->add_flag("--json", a->json, "result as JSON");
  prune->callback([a, &action] { action = [a] { return run_bench_prune(*a); }; });
}

}  // namespace aap::cli
