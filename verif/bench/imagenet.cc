// SPDX-License-Identifier: Apache-2.0
// Whole ImageNet networks with seeded weights: cycles pruned and dense from the cycle model, layer by layer against the
// roofline, and (--rtl) every value of every layer of a Verilated run against golden. scripts/imagenet.sh calls it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "compile/compile.h"
#include "cyclemodel/cyclemodel.h"
#include "cyclemodel/roofline.h"
#include "golden/golden.h"
#include "model/whole_file.h"
#include "verif/networks/imagenet.h"
#include "verif/program_run.h"

namespace {

using namespace aap;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::string network, config = "configs/board.yaml", json;
  uint32_t seed = 1;
  int keep = 4, keep_fully_connected = 0;
  bool dense = false, rtl = false, layers = false;
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The board's memory: 16 bytes a cycle for reads and writes together.
ModelOptions board_memory() {
  ModelOptions options;
  options.values = false;
  options.shared_bandwidth = true;
  options.most_rows = uint64_t{1} << 40;
  return options;
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

int run(const Arguments& a) {
  const Config config = load_config(a.config);
  const verif::ImageNetNetwork* found = nullptr;
  for (const verif::ImageNetNetwork& n : verif::imagenet_networks()) {
    if (n.name == a.network) found = &n;
  }
  if (found == nullptr) throw_input("--network is '{}', legal is vgg16, resnet50, mobilenet_v1, alexnet, squeezenet1_1", a.network);
  verif::SyntheticPruning pruning{config.group, a.keep, a.keep};
  if (a.keep == 4) pruning.keep_fully_connected = found->keep_fully_connected;
  if (a.keep_fully_connected != 0) pruning.keep_fully_connected = a.keep_fully_connected;
  auto begin = std::chrono::steady_clock::now();
  const QNetwork network = found->build(a.seed, pruning);
  CompileOptions options;
  options.dense = a.dense;
  const Program program = compile(network, config, options);
  Json j = {{"network", network.name}, {"synthetic", true}, {"seed", a.seed}, {"config", config.name}, {"select", config.select},
            {"keep", pruning.keep}, {"keep_fully_connected", pruning.keep_fully_connected}, {"group", pruning.group},
            {"dense_program", a.dense}, {"compile_seconds", seconds_since(begin)}};

  begin = std::chrono::steady_clock::now();
  const ModelOptions memory = board_memory();
  std::vector<uint8_t> bytes;
  load_image(program, bytes);
  const ModelResult model = run_model(program, config, bytes, memory);
  if (model.error != isa::Error::kNone) throw_input("{}: {}", network.name, model.error_text);
  uint64_t kept = 0, dense = 0, least = 0;
  for (const ProgramLayer& l : program.layers) {
    kept += static_cast<uint64_t>(l.macs_kept);
    dense += static_cast<uint64_t>(l.macs_dense);
    least += roofline(l, config, memory).cycles();
  }
  const auto cycles = static_cast<double>(model.cycles);
  j.update({{"macs_dense", dense}, {"macs_kept", kept}, {"model_cycles", model.cycles}, {"roofline_cycles", least},
            {"of_roofline", static_cast<double>(least) / cycles},
            {"mac_use", static_cast<double>(kept) / config.multipliers() / cycles},
            {"read_bytes", model.read_bytes}, {"write_bytes", model.write_bytes}, {"fetch_bytes", model.fetch_bytes},
            {"model_seconds", seconds_since(begin)}});
  for (const CycleCause& cause : kCycleCauses) j["counts"][cause.key] = model.counts.*cause.member;
  if (a.layers) j["layers"] = layer_rows(program, config, model, memory);

  int status = 0;
  if (a.rtl) {
    verif::SessionOptions session;
    session.memory.shared_bandwidth = true;
    const Int8Tensor input = found->input(a.seed);
    begin = std::chrono::steady_clock::now();
    const auto expected = Golden(network).run(input);
    j["golden_seconds"] = seconds_since(begin);
    begin = std::chrono::steady_clock::now();
    verif::ProgramRun rtl(program, config, session);
    const verif::JobResult job = rtl.run(input);
    const verif::Comparison comparison = rtl.compare(expected);
    j.update({{"rtl_cycles", job.cycles}, {"values_compared", comparison.values}, {"mismatches", comparison.mismatches},
              {"model_minus_rtl", static_cast<int64_t>(model.cycles) - static_cast<int64_t>(job.cycles)},
              {"rtl_seconds", seconds_since(begin)}});
    if (!job.done || comparison.mismatches > 0 || model.cycles != job.cycles) {
      fmt::print(stderr, "{}: {}\n", network.name,
                 comparison.first ? comparison.first->to_string()
                                  : fmt::format("{}, {} cycles, the cycle model has {}", isa::to_string(job.error), job.cycles, model.cycles));
      status = 1;
    }
  }
  if (a.json.empty()) {
    fmt::print("{}\n", j.dump(2));
  } else {
    write_whole_file(a.json, j.dump(2) + "\n");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app{"ImageNet networks with seeded weights: cycles, roofline, and with --rtl bit-exactness"};
  app.add_option("--network", a.network, "vgg16, resnet50, mobilenet_v1, alexnet, squeezenet1_1")->required();
  app.add_option("--config", a.config, "configuration")->capture_default_str();
  app.add_option("--keep", a.keep, "K of the configuration's G, 0: all")->capture_default_str();
  app.add_option("--keep-fc", a.keep_fully_connected, "K of fully connected layers; 0: 1 for vgg16 at keep 4, else as --keep");
  app.add_option("--seed", a.seed, "seed of weights and input")->capture_default_str();
  app.add_flag("--dense", a.dense, "compute zeros too");
  app.add_flag("--rtl", a.rtl, "run the simulator of the configuration, every value against golden");
  app.add_flag("--layers", a.layers, "a row for each layer");
  app.add_option("--json", a.json, "file for the result; standard output without");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(a);
  } catch (const std::exception& e) {
    fmt::print(stderr, "aap-imagenet: {}\n", e.what());
    return 2;
  }
}
