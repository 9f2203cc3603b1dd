// SPDX-License-Identifier: Apache-2.0
// Accuracy without training: scripts/prune_study.sh runs this. Each run (network, seed, K, method)
// is kept as a file, so that a study that was stopped goes on where it was.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "model/float_executor.h"
#include "model/whole_file.h"
#include "prune/study/study_data.h"
#include "prune/study/study_methods.h"
#include "prune/study/study_statistics.h"

namespace aap::study {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string name = "fashion_mnist", data = "fashion_mnist", folder = "out/prune_study", output;
  // One dense network for all seeds, or as many as there are seeds.
  std::vector<std::string> networks = {"networks/fashion_mnist.onnx"};
  std::vector<int> keeps = {4, 2};
  std::vector<uint32_t> seeds = {1, 2, 3, 4, 5};
  std::vector<std::string> methods;
  int group = 16, threads = 1;
  int64_t calibration = 1024;
  bool finished = false;  // report what earlier runs left, run nothing
};

// Which images are right; `skip` are not scored.
Marks score(const Graph& graph, const Images& images, const std::vector<int64_t>& skip,
            int threads) {
  const int64_t all = images.x.shape[0];
  Marks marks(static_cast<size_t>(all), '0');
  for (int64_t i : skip) marks[static_cast<size_t>(i)] = '-';
  std::vector<int64_t> scored;
  for (int64_t i = 0; i < all; ++i) {
    if (marks[static_cast<size_t>(i)] != '-') scored.push_back(i);
  }
  const FloatExecutor executor(graph);
  constexpr size_t kBatch = 500;
  for (size_t at = 0; at < scored.size(); at += kBatch) {
    const std::vector<int64_t> part(
        scored.begin() + static_cast<int64_t>(at),
        scored.begin() + static_cast<int64_t>(std::min(scored.size(), at + kBatch)));
    const FloatTensor y = executor.run(take(images.x, part), threads);
    const int64_t classes = y.size() / static_cast<int64_t>(part.size());
    for (size_t i = 0; i < part.size(); ++i) {
      const auto begin = y.data.begin() + static_cast<int64_t>(i) * classes;
      const auto image = static_cast<size_t>(part[i]);
      if (std::max_element(begin, begin + classes) - begin == images.labels[image])
        marks[image] = '1';
    }
  }
  return marks;
}

class Study {
 public:
  explicit Study(Arguments a) : a_(std::move(a)) {
    if (a_.networks.size() != 1 && a_.networks.size() != a_.seeds.size()) {
      throw_input("study: {} networks for {} seeds, legal is one or as many", a_.networks.size(),
                  a_.seeds.size());
    }
    if (a_.methods.empty()) a_.methods = methods();
    std::filesystem::create_directories(a_.folder);
  }

  Json run() {
    Json result;
    std::vector<Marks> dense;
    for (size_t s = 0; s < a_.seeds.size(); ++s) dense.push_back(marks(s, 0, "dense"));
    const Summary base = summarise(dense);
    result["dense"] = {{"mean", base.mean}, {"spread", base.spread}};
    for (int keep : a_.keeps) {
      std::map<std::string, std::vector<Marks>> runs;
      const std::string key = fmt::format("keep_{}_of_{}", keep, a_.group);
      for (size_t s = 0; s < a_.seeds.size(); ++s) {
        for (const std::string& method : a_.methods) runs[method].push_back(marks(s, keep, method));
      }
      for (const std::string& method : a_.methods) {
        const auto missing = std::count(runs[method].begin(), runs[method].end(), Marks());
        if (missing > 0) {
          result["not_run"].push_back(fmt::format("{} {}: {} of {} seeds", key, method, missing,
                                                  a_.seeds.size()));
          runs.erase(method);
        }
      }
      for (const std::string& method : a_.methods) {
        if (runs.count(method) == 0) continue;
        const Summary m = summarise(runs[method]);
        Json row = {{"mean", m.mean}, {"spread", m.spread}};
        add_difference(row, "minus_dense", "minus_dense_interval", runs[method], dense);
        if (method != "unconstrained" && runs.count("unconstrained") != 0) {
          add_difference(row, "minus_unconstrained", "interval", runs[method],
                         runs["unconstrained"]);
        }
        if ((method == "permuted" || method == "refitted") && runs.count("obs") != 0) {
          add_difference(row, "minus_obs", "minus_obs_interval", runs[method], runs["obs"]);
        }
        result[method][key] = row;
      }
    }
    result["networks"] = a_.networks;
    result["seeds"] = a_.seeds;
    result["calibration_images"] = a_.calibration;
    result["scored_images"] =
        std::count_if(dense[0].begin(), dense[0].end(), [](char c) { return c != '-'; });
    return result;
  }

 private:
  static void add_difference(Json& row, const char* name, const char* interval,
                             const std::vector<Marks>& a, const std::vector<Marks>& b) {
    const Difference d = paired_difference(a, b);
    row[name] = d.mean;
    row[interval] = {d.low, d.high};
  }

  // From the file of an earlier study, or measured now; empty where it is missing and `finished`.
  Marks marks(size_t s, int keep, const std::string& method) {
    // What no draw changes is measured once.
    const bool no_draw = method == "dense" || method == "magnitude";
    if (no_draw && a_.data == "fashion_mnist" && a_.networks.size() == 1) s = 0;
    const std::string network = a_.networks.size() == 1 ? a_.networks[0] : a_.networks[s];
    const std::string what =
        fmt::format("{} {} bytes, {}, seed {}, {} calibration images, keep {} of {}, {}", network,
                    std::filesystem::file_size(network), a_.data, a_.seeds[s], a_.calibration, keep,
                    a_.group, method);
    const std::string path = fmt::format("{}/{}.seed{}.keep{}of{}.{}.txt", a_.folder, a_.name,
                                         a_.seeds[s], keep, a_.group, method);
    std::ifstream in(path);
    std::string line;
    Marks known;
    if (std::getline(in, line) && line == what && std::getline(in, known)) return known;
    if (a_.finished) return {};
    const auto start = std::chrono::steady_clock::now();
    if (network != loaded_) {
      graph_ = read_onnx(network);
      loaded_ = network;
    }
    const bool fashion_data = a_.data == "fashion_mnist";
    if (!test_) {
      test_ = fashion_data ? fashion(graph_, "test") : cifar10(a_.data);
      if (fashion_data) train_ = fashion(graph_, "train");
    }
    const Images& pool = fashion_data ? *train_ : *test_;
    const std::vector<int64_t> drawn = draw(pool.x.shape[0], a_.calibration, a_.seeds[s]);
    const Graph pruned =
        method == "dense" ? graph_
                          : apply(graph_, method, keep, a_.group, take(pool.x, drawn), a_.threads);
    const Marks now =
        score(pruned, *test_, fashion_data ? std::vector<int64_t>{} : drawn, a_.threads);
    write_whole_file(path, what + "\n" + now + "\n");
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("{}: {:.2f} % ({:.0f} s)\n", what, accuracy(now), seconds);
    return now;
  }

  Arguments a_;
  std::string loaded_;
  Graph graph_;
  std::optional<Images> test_, train_;
};

// Figures of other networks in the same file stay.
void store(const Arguments& a, const Json& result, const std::string& command) {
  Json all = Json::object();
  if (std::ifstream in(a.output); in) all = Json::parse(in, nullptr, false);
  if (!all.is_object()) throw_input("{}: no JSON object", a.output);
  all["command"] = command;
  all[a.name] = result;
  write_whole_file(a.output, all.dump(2) + "\n");
}

}  // namespace
}  // namespace aap::study

int main(int argc, char** argv) {
  aap::study::Arguments a;
  std::string command;
  CLI::App app{"Accuracy of pruned networks without training, over several calibration draws"};
  app.add_option("--name", a.name, "key in the results")->capture_default_str();
  app.add_option("--network", a.networks, "dense ONNX file; one, or one for each seed")
      ->capture_default_str();
  app.add_option(
         "--data", a.data,
         "fashion_mnist (calibrated on its training images) or a CIFAR-10 file (on part of it)")
      ->capture_default_str();
  app.add_option("--keep", a.keeps, "K, one or more")->capture_default_str();
  app.add_option("--group", a.group, "G")->capture_default_str();
  app.add_option("--seeds", a.seeds, "32-bit, one run each")->capture_default_str();
  app.add_option("--methods", a.methods,
                 "magnitude recalibrated unconstrained obs permuted refitted; default all");
  app.add_option("--calibration", a.calibration, "images")->capture_default_str();
  app.add_option("--threads", a.threads)->check(CLI::Range(1, 256))->capture_default_str();
  app.add_flag("--finished", a.finished, "report what earlier runs left, list the rest, run nothing");
  app.add_option("--folder", a.folder, "finished runs")->capture_default_str();
  app.add_option("--command", command, "what made the results, for the file");
  app.add_option("-o,--output", a.output, "JSON file to update");
  CLI11_PARSE(app, argc, argv);
  try {
    const auto result = aap::study::Study(a).run();
    if (a.output.empty()) {
      fmt::print("{}\n", result.dump(2));
    } else {
      aap::study::store(a, result, command);
    }
  } catch (const std::exception& e) {
    fmt::print(stderr, "aap-prune-study: {}\n", e.what());
    return 2;
  }
  return 0;
}
