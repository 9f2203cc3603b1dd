// SPDX-License-Identifier: Apache-2.0
// Simulated cycles per second of the cycle model on one core: prints JSON. Usage: bench_model_speed [CONFIG.yaml]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "compile/compile.h"
#include "cyclemodel/cyclemodel.h"
#include "verif/networks/builder.h"

namespace {

struct Case {
  const char* name;
  int64_t channels, size, channels_out, kernel;
};

constexpr Case kCases[] = {{"64x56x56 to 64, 1x1", 64, 56, 64, 1},   {"64x56x56 to 256, 1x1", 64, 56, 256, 1},
                           {"64x56x56 to 64, 3x3", 64, 56, 64, 3},   {"256x14x14 to 256, 1x1", 256, 14, 256, 1},
                           {"512x7x7 to 512, 3x3", 512, 7, 512, 3},  {"512x1x1 to 1024, 1x1", 512, 1, 1024, 1}};

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
      shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = c.kernel / 2;
      shape.keep = 4;
      shape.group = config.group;
      builder.conv(shape);
      const Program program = compile(builder.build(), config);
      std::vector<uint8_t> memory;
      load_image(program, memory);
      const auto measure = [&](bool values, bool shared) {
        ModelOptions options;
        options.values = values;
        options.shared_bandwidth = shared;
        double best = 0;
        for (int i = 0; i < 5; ++i) {
          const auto begin = std::chrono::steady_clock::now();
          const uint64_t cycles = run_model(program, config, memory, options).cycles;
          const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
          best = std::max(best, static_cast<double>(cycles) / took.count() / 1e6);
        }
        return best;
      };
      result[c.name] = {{"mcycles_per_second", measure(false, false)}, {"shared_bandwidth", measure(false, true)},
                        {"with_values", measure(true, false)}};
    }
    fmt::print("{}\n", result.dump(2));
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_model_speed: {}\n", e.what());
    return 2;
  }
}
