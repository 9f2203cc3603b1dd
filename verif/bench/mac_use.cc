// SPDX-License-Identifier: Apache-2.0
// MAC use of single convolutions in RTL, transfers included: prints JSON. Usage: bench_mac_use [CONFIG.yaml]
// Every output value is compared with golden as well.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "compile/compile.h"
#include "cyclemodel/cyclemodel.h"
#include "golden/golden.h"
#include "verif/networks/builder.h"
#include "verif/program_run.h"

namespace {

struct Case {
  const char* name;
  int64_t channels, size, channels_out, kernel;
  int keep;  // 0: all weights
  int64_t stride = 1;
};

constexpr Case kCases[] = {
    {"64x56x56 to 64, 1x1, keep 4", 64, 56, 64, 1, 4},     {"64x56x56 to 256, 1x1, keep 4", 64, 56, 256, 1, 4},
    {"64x56x56 to 64, 3x3, keep 4", 64, 56, 64, 3, 4},     {"128x28x28 to 128, 3x3, keep 4", 128, 28, 128, 3, 4},
    {"256x14x14 to 256, 1x1, keep 4", 256, 14, 256, 1, 4}, {"256x14x14 to 256, 3x3, keep 4", 256, 14, 256, 3, 4},
    {"512x7x7 to 512, 3x3, keep 4", 512, 7, 512, 3, 4},    {"64x28x28 to 64, 3x3, keep 8", 64, 28, 64, 3, 8},
    {"64x28x28 to 64, 3x3, keep 16", 64, 28, 64, 3, 16},
    {"first layer 3x224x224 to 64, 7x7 stride 2", 3, 224, 64, 7, 0, 2},
    {"first layer 3x224x224 to 32, 3x3 stride 2", 3, 224, 32, 3, 0, 2},
    {"first layer 3x224x224 to 64, 3x3", 3, 224, 64, 3, 0},
    {"first layer 1x28x28 to 32, 5x5", 1, 28, 32, 5, 0},
    {"first layer 1x112x112 to 32, 3x3", 1, 112, 32, 3, 0},
    {"first layer 1x224x224 to 32, 3x3", 1, 224, 32, 3, 0},
    {"first layer 1x224x224 to 64, 3x3", 1, 224, 64, 3, 0},
    {"first layer 1x49x49 to 64, 7x7 stride 2", 1, 49, 64, 7, 0, 2},
};

}  // namespace

int main(int argc, char** argv) {
  using namespace aap;
  try {
    const Config config = load_config(argc > 1 ? argv[1] : "configs/board.yaml");
    nlohmann::ordered_json result;
    for (const Case& c : kCases) {
      verif::NetworkBuilder builder(1, c.channels, c.size, c.size);
      verif::LayerShape shape;
      shape.channels_out = c.channels_out;
      shape.kernel_h = shape.kernel_w = c.kernel;
      shape.stride_h = shape.stride_w = c.stride;
      shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = c.kernel / 2;
      shape.keep = c.keep;
      shape.group = config.group;
      builder.conv(shape);
      const QNetwork network = builder.build();
      const Program program = compile(network, config);
      const Int8Tensor input = builder.random_input();
      verif::ProgramRun run(program, config, {});
      const verif::JobResult job = run.run(input);
      const verif::Comparison comparison = run.compare(Golden(network).run(input));
      std::vector<uint8_t> memory;
      load_image(program, memory);
      place_tensor(program.maps.at(static_cast<size_t>(program.input)), config, input, memory.data());
      const ModelResult model = run_model(program, config, memory, {});
      const ProgramLayer& layer = program.layers.at(0);
      const double slots = static_cast<double>(layer.macs_kept) / config.multipliers();
      result[c.name] = {{"mac_use", slots / job.cycles}, {"mac_use_array", slots / static_cast<double>(layer.array_cycles)},
                        {"cycles_rtl", job.cycles}, {"cycles_model", model.cycles},
                        {"ideal_cycles", layer.ideal_cycles}, {"read_bytes", layer.read_bytes},
                        {"write_bytes", layer.write_bytes}, {"mismatches", comparison.mismatches}};
      for (const CycleCause& cause : kCycleCauses) result[c.name][cause.key] = model.counts.*cause.member;
      result[c.name]["descriptors"] = program.descriptor_count;
      if (!job.done || comparison.mismatches > 0) {
        fmt::print(stderr, "{}: {}\n", c.name, comparison.first ? comparison.first->to_string() : isa::to_string(job.error));
        return 1;
      }
      if (model.cycles != job.cycles) {
        fmt::print(stderr, "{}: {} cycles, the cycle model has {}\n", c.name, job.cycles, model.cycles);
        return 1;
      }
    }
    fmt::print("{}\n", result.dump(2));
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_mac_use: {}\n", e.what());
    return 2;
  }
}
