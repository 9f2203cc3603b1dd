// SPDX-License-Identifier: Apache-2.0
// Whole ImageNet networks with seeded weights: cycles pruned and dense from the cycle model, layer by layer against the
// roofline, and (--rtl) every value of every layer of a Verilated run against golden. scripts/imagenet.sh calls it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "compile/compile.h"
#include "cyclemodel/cyclemodel.h"
#include "cyclemodel/roofline.h"
#include "model/whole_file.h"
#include "verif/bench/exact.h"
#include "verif/networks/imagenet.h"

namespace {

using namespace aap;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::vector<std::string> networks;
  std::string config = "configs/board.yaml", dense_config = "configs/board_dense.yaml", json;
  uint32_t seed = 1;
  int keep = 4;
  bool rtl = false, cropped = false;
};

// What must hold at the size of the paper's comparison: cycles of DENSE / cycles, MAC use.
struct Least {
  double speedup = 0, mac_use = 0;
};
const std::map<std::string, Least> kLeast = {{"vgg16", {3.8, 0.91}}, {"resnet50", {3.4, 0.92}}, {"mobilenetv1", {2.9, 0.74}}};
constexpr double kLeastOfDenseRoofline = 0.95;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Json layer_rows(const Program& program, const Config& config, const ModelResult& model, const ModelOptions& memory) {
  Json rows = Json::array();
  uint64_t before = 0;
  for (size_t i = 0; i < program.layers.size(); ++i) {
    const ProgramLayer& l = program.layers[i];
    const LayerCycles& c = model.layers[i];
    if (!c.used) continue;
    const uint64_t cycles = c.written > before ? c.written - before : 0;
    before = std::max(before, c.written);
    const Roofline least = roofline(l, config, memory);
    const Rest rest = largest_rest(l, config, c.counts);
    Json row = {{"name", l.name}, {"op", l.op}, {"keep", l.keep}, {"macs_dense", l.macs_dense}, {"macs_kept", l.macs_kept},
                {"cycles", cycles}, {"roofline_cycles", least.cycles()}, {"bound", least.bound()},
                {"read_bytes", l.read_bytes}, {"write_bytes", l.write_bytes}, {"array_cycles", l.array_cycles},
                {"rest", rest.cause}, {"rest_cycles", rest.cycles}};
    for (const CycleCause& cause : kCycleCauses) row[cause.key] = c.counts.*cause.member;
    rows.push_back(row);
  }
  return rows;
}

const verif::ImageNetNetwork& network_of(const std::string& name) {
  for (const verif::ImageNetNetwork& n : verif::imagenet_networks()) {
    if (n.name == name) return n;
  }
  throw_input("network '{}', legal is vgg16, resnet50, mobilenetv1, alexnet, squeezenet", name);
}

// `difference`: of RTL, "" where it agrees or did not run.
Json measure(const Arguments& a, const verif::ImageNetNetwork& net, const Config& config, int keep, std::string& difference) {
  const verif::SyntheticPruning pruning{config.group, keep, keep == 4 ? net.keep_fully_connected : keep};
  const int64_t size = a.cropped ? net.cropped_size : net.input_size;
  auto begin = std::chrono::steady_clock::now();
  const QNetwork network = net.build(a.seed, pruning, size);
  const Program program = compile(network, config);
  Json j = {{"config", config.name}, {"select", config.select}, {"input_size", size}, {"keep", pruning.keep},
            {"keep_fully_connected", pruning.keep_fully_connected}, {"group", pruning.group},
            {"compile_seconds", seconds_since(begin)}};
  begin = std::chrono::steady_clock::now();
  const ModelOptions memory = verif::board_memory();
  const ModelResult model = verif::run_board_model(program, config);
  uint64_t kept = 0, dense = 0, least = 0;
  for (const ProgramLayer& l : program.layers) {
    kept += static_cast<uint64_t>(l.macs_kept);
    dense += static_cast<uint64_t>(l.macs_dense);
    least += roofline(l, config, memory).cycles();
  }
  const auto cycles = static_cast<double>(model.cycles);
  j.update({{"macs_dense", dense}, {"macs_kept", kept}, {"cycles", model.cycles}, {"roofline_cycles", least},
            {"of_roofline", static_cast<double>(least) / cycles},
            {"mac_use", static_cast<double>(kept) / config.multipliers() / cycles}, {"read_bytes", model.read_bytes},
            {"write_bytes", model.write_bytes}, {"fetch_bytes", model.fetch_bytes}, {"model_seconds", seconds_since(begin)}});
  for (const CycleCause& cause : kCycleCauses) j["counts"][cause.key] = model.counts.*cause.member;
  if (a.rtl) {
    begin = std::chrono::steady_clock::now();
    const verif::ExactRun rtl = verif::run_exact(network, program, config, net.input(a.seed, size), model.cycles);
    difference = rtl.difference;
    j.update({{"rtl_seconds", seconds_since(begin)}, {"rtl_cycles", rtl.cycles}, {"values_compared", rtl.values},
              {"mismatches", rtl.mismatches}});
  }
  j["layers"] = layer_rows(program, config, model, memory);
  return j;
}

void print(const std::string& name, const Json& j) {
  fmt::print("\n{} ({}, synthetic): {:.1f} % of the roofline; cycles a layer adds, its roofline and what took the rest\n", name,
             j["select"].get<std::string>(), 100 * j["of_roofline"].get<double>());
  for (const Json& l : j["layers"]) {
    const auto cycles = l["cycles"].get<uint64_t>(), least = l["roofline_cycles"].get<uint64_t>();
    fmt::print("  {:<18} {:<16} K {:>2} {:>9} {:>9} {:<6} {:>4} %  {} {}\n", l["name"].get<std::string>(), l["op"].get<std::string>(),
               l["keep"].get<int>(), cycles, least, l["bound"].get<std::string>(), cycles > 0 ? 100 * least / cycles : 100,
               l["rest_cycles"].get<uint64_t>(), l["rest"].get<std::string>());
  }
}

int run(const Arguments& a) {
  const Config config = load_config(a.config), dense_config = load_config(a.dense_config);
  if (config.multipliers() != dense_config.multipliers()) {
    throw_input("{} has {} multipliers and {} {}, to be compared they need as many", a.config, config.multipliers(), a.dense_config,
                dense_config.multipliers());
  }
  Json all;
  int status = 0;
  const auto fail = [&](const std::string& text) {
    fmt::print(stderr, "{}\n", text);
    status = 1;
  };
  for (const std::string& name : a.networks) network_of(name);
  for (const std::string& name : a.networks) {
    const verif::ImageNetNetwork& net = network_of(name);
    std::string difference, dense_difference;
    const Json pruned = measure(a, net, config, a.keep, difference);
    const Json dense = measure(a, net, dense_config, 0, dense_difference);
    const double speedup = dense["cycles"].get<double>() / pruned["cycles"].get<double>();
    print(name, pruned);
    print(name, dense);
    fmt::print("{}: {} cycles against {} dense, {:.3f}x; MAC use {:.3f} against {:.3f}{}\n", name, pruned["cycles"].get<uint64_t>(),
               dense["cycles"].get<uint64_t>(), speedup, pruned["mac_use"].get<double>(), dense["mac_use"].get<double>(),
               a.rtl ? fmt::format("; RTL {} and {} values compared", pruned.value("values_compared", 0U), dense.value("values_compared", 0U))
                     : "");
    std::fflush(stdout);
    if (!difference.empty()) fail(fmt::format("{} on {}: {}", name, config.name, difference));
    if (!dense_difference.empty()) fail(fmt::format("{} on {}: {}", name, dense_config.name, dense_difference));
    const auto least = kLeast.find(name);
    if (!a.cropped && a.keep == 4 && least != kLeast.end() &&
        (speedup < least->second.speedup || pruned["mac_use"].get<double>() < least->second.mac_use)) {
      fail(fmt::format("{}: below {}x or a MAC use of {}", name, least->second.speedup, least->second.mac_use));
    }
    if (!a.cropped && dense["of_roofline"].get<double>() < kLeastOfDenseRoofline) {
      fail(fmt::format("{}: DENSE is below {} of its roofline", name, kLeastOfDenseRoofline));
    }
    all[name] = {{"synthetic", true}, {"seed", a.seed}, {"speedup_vs_dense", speedup}, {"mac_use", pruned["mac_use"]},
                 {"dense_roofline", dense["of_roofline"]}, {"cycles_model", pruned["cycles"]}, {"dense_cycles_model", dense["cycles"]}};
    if (a.rtl) all[name].update({{"cycles_rtl", pruned["rtl_cycles"]}, {"dense_cycles_rtl", dense["rtl_cycles"]}});
    all[name].update({{"pruned", pruned}, {"dense", dense}});
  }
  if (!a.json.empty()) write_whole_file(a.json, all.dump(1) + "\n");
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app{"ImageNet networks with seeded weights: K of 16 against all weights on DENSE"};
  app.add_option("networks", a.networks, "vgg16, resnet50, mobilenetv1, alexnet, squeezenet")->required();
  app.add_option("--config", a.config, "configuration for the pruned network")->capture_default_str();
  app.add_option("--dense-config", a.dense_config, "configuration for all weights")->capture_default_str();
  app.add_option("--keep", a.keep, "K of the configuration's G; of 4, fully connected layers of vgg16 keep 1")->capture_default_str();
  app.add_option("--seed", a.seed, "seed of weights and input")->capture_default_str();
  app.add_flag("--cropped", a.cropped, "every layer on fewer pixels");
  app.add_flag("--rtl", a.rtl, "in RTL too: every value against golden, the cycles against the model");
  app.add_option("--json", a.json, "file for all figures");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(a);
  } catch (const std::exception& e) {
    fmt::print(stderr, "aap-imagenet: {}\n", e.what());
    return 2;
  }
}
