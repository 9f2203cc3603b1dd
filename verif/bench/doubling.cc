// SPDX-License-Identifier: Apache-2.0
// The price of unconstrained pruning: a network pruned without constraint and its AAP twin (as many weights in every layer) on
// WINDOW, where a window waits for the PE with most weights, and the twin on GROUP with as many multipliers. RTL cycles, every
// value against golden; wider windows from the cycle model. scripts/doubling.sh calls it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "compile/compile.h"
#include "model/graph.h"
#include "model/qimport.h"
#include "model/whole_file.h"
#include "verif/bench/exact.h"

namespace {

using namespace aap;
using Json = nlohmann::ordered_json;

struct Twins {
  std::string name;
  QNetwork unconstrained, aap;
};

Int8Tensor random_input(const QNetwork& network) {
  const QTensorInfo& in = network.tensors.at(static_cast<size_t>(network.input));
  Int8Tensor x({in.channels, in.height, in.width});
  std::mt19937 random(1);
  for (int8_t& v : x.data) v = static_cast<int8_t>(random() >> 24);
  return x;
}

uint64_t model_cycles(const QNetwork& network, const Config& config) {
  return verif::run_board_model(compile(network, config), config).cycles;
}

// RTL cycles; InputError unless every value is golden's and the cycles are the model's.
uint64_t rtl_cycles(const QNetwork& network, const Config& config, uint64_t& values) {
  const Program program = compile(network, config);
  const verif::ExactRun rtl =
      verif::run_exact(network, program, config, random_input(network), verif::run_board_model(program, config).cycles);
  if (!rtl.difference.empty()) throw_input("{} on {}: {}", network.name, config.name, rtl.difference);
  values += rtl.values;
  return rtl.cycles;
}

// Array cycles of the convolutions with one group, where a window is W / G consecutive groups of channels, kernel position by
// kernel position: ceil(weights / T) in each window, of the fullest PE of a tile of output channels window by window (coupled),
// or in sum, as if PEs did not wait for each other. Transfers, drains and empty windows left out.
uint64_t array_cycles(const QNetwork& network, const Config& config, bool coupled) {
  uint64_t cycles = 0;
  for (const QLayer& l : network.layers) {
    if (l.op != QOp::kConv || l.groups != 1) continue;
    const QTensorInfo& out = network.tensors.at(static_cast<size_t>(l.output));
    const int64_t m_all = l.weights.shape[0], c_all = l.weights.shape[1], area = l.kernel_h * l.kernel_w;
    const int64_t groups = (c_all + config.group - 1) / config.group, per_window = config.window / config.group;
    for (int64_t m0 = 0; m0 < m_all; m0 += config.pes) {
      std::vector<uint64_t> pe(static_cast<size_t>(config.pes), 0);
      uint64_t slowest = 0;
      for (int64_t first = 0; first < area * groups; first += per_window) {
        uint64_t most = 0;
        for (int64_t m = m0; m < std::min<int64_t>(m_all, m0 + config.pes); ++m) {
          int64_t n = 0;
          for (int64_t item = first; item < std::min(area * groups, first + per_window); ++item) {
            const int64_t k = item / groups, c0 = item % groups * config.group;
            for (int64_t c = c0; c < std::min<int64_t>(c_all, c0 + config.group); ++c) {
              n += l.weights.data[static_cast<size_t>((m * c_all + c) * area + k)] != 0 ? 1 : 0;
            }
          }
          const auto rows = static_cast<uint64_t>((n + config.window_multipliers - 1) / config.window_multipliers);
          pe[static_cast<size_t>(m - m0)] += rows;
          most = std::max(most, rows);
        }
        slowest += most;
      }
      const uint64_t tile = coupled ? slowest : *std::max_element(pe.begin(), pe.end());
      cycles += tile * static_cast<uint64_t>(out.height * out.width);
    }
  }
  return cycles;
}

uint64_t kept_weights(const QNetwork& network) {
  uint64_t n = 0;
  for (const QLayer& l : network.layers) {
    for (const int8_t w : l.weights.data) n += w != 0 ? 1 : 0;
  }
  return n;
}

Json study(const Twins& t, const std::string& folder) {
  Json j;
  uint64_t values = 0;
  j["weights"] = {{"unconstrained", kept_weights(t.unconstrained)}, {"aap", kept_weights(t.aap)}};
  for (const int pes : {16, 32}) {
    const Config window = load_config(fmt::format("{}/doubling_window_p{}.yaml", folder, pes));
    const Config group = load_config(fmt::format("{}/doubling_group_p{}.yaml", folder, pes));
    if (window.pes * window.muls() != group.multipliers()) throw_input("{}: not as many multipliers as {}", group.name, window.name);
    const uint64_t a = rtl_cycles(t.unconstrained, window, values), b = rtl_cycles(t.aap, window, values),
                   c = rtl_cycles(t.aap, group, values);
    j[fmt::format("pes_{}", pes)] = {{"unconstrained_on_window", a}, {"aap_on_window", b}, {"aap_on_group", c},
                                     {"window_speedup", static_cast<double>(a) / static_cast<double>(b)},
                                     {"group_speedup", static_cast<double>(a) / static_cast<double>(c)}};
    fmt::print("{}, {} PEs, RTL: unconstrained on WINDOW {}, AAP on WINDOW {} ({:.2f}x), AAP on GROUP {} ({:.2f}x)\n", t.name, pes, a,
               b, static_cast<double>(a) / static_cast<double>(b), c, static_cast<double>(a) / static_cast<double>(c));
    std::fflush(stdout);
  }
  Config config = load_config(fmt::format("{}/doubling_window_p16.yaml", folder));
  for (const int w : {16, 32, 64, 128, 256}) {
    config.window = w;
    config.lanes = w / config.group;
    config.name = fmt::format("window_w{}", w);
    validate(config, config.name);
    const uint64_t a = model_cycles(t.unconstrained, config), b = model_cycles(t.aap, config);
    const uint64_t coupled = array_cycles(t.unconstrained, config, true), free = array_cycles(t.unconstrained, config, false);
    j["windows"][std::to_string(w)] = {{"unconstrained_on_window", a}, {"aap_on_window", b},
                                       {"unconstrained_array", coupled}, {"unconstrained_array_decoupled", free}};
    fmt::print("{}, 16 PEs, W {}, cycle model: unconstrained {}, AAP {}; array of its convolutions {}, with decoupled PEs {}\n", t.name, w, a,
               b, coupled, free);
    std::fflush(stdout);
  }
  j["values_compared"] = values;
  return j;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names;
  std::string json, folder = "verif/doubling";
  CLI::App app{"Unconstrained pruning against AAP: WINDOW and GROUP"};
  app.add_option("twins", names, "NAME UNCONSTRAINED.onnx AAP.onnx, once or more; quantised")->required();
  app.add_option("--configs", folder, "folder of the configurations")->capture_default_str();
  app.add_option("--json", json, "file for all figures");
  CLI11_PARSE(app, argc, argv);
  try {
    if (names.size() % 3 != 0) throw_input("{} arguments, legal are three for each network", names.size());
    Json all;
    for (size_t i = 0; i < names.size(); i += 3) {
      const Twins t{names[i], import_quantised(read_onnx(names[i + 1])), import_quantised(read_onnx(names[i + 2]))};
      all[t.name] = study(t, folder);
    }
    if (!json.empty()) write_whole_file(json, all.dump(1) + "\n");
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "aap-doubling: {}\n", e.what());
    return 2;
  }
}
