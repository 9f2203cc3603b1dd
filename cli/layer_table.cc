// SPDX-License-Identifier: Apache-2.0
#include "cli/layer_table.h"

#include <fmt/format.h>

#include "cyclemodel/roofline.h"

namespace aap::cli {

using Json = nlohmann::ordered_json;

Json layer_json(const ProgramLayer& l, const Program& p, const Config& config, const ModelOptions& memory, uint64_t cycles,
                const CycleCounts* counts) {
  const int multipliers = config.multipliers();
  const double use = cycles > 0 ? static_cast<double>(l.macs_kept) / (static_cast<double>(cycles) * multipliers) : 0;
  const double steady = l.array_cycles > 0 ? static_cast<double>(l.macs_kept) / (static_cast<double>(l.array_cycles) * multipliers) : 0;
  const Roofline least = roofline(l, config, memory);
  Json j = {{"name", l.name}, {"op", l.op}, {"map", l.output < 0 ? std::string() : p.maps.at(static_cast<size_t>(l.output)).name},
            {"in_channels", l.in_channels}, {"out_channels", l.out_channels}, {"out_height", l.out_height},
            {"out_width", l.out_width}, {"kernel_h", l.kernel_h}, {"kernel_w", l.kernel_w},
            {"keep", l.keep}, {"group", l.group}, {"macs_dense", l.macs_dense}, {"macs_kept", l.macs_kept},
            {"cycles", cycles}, {"array_cycles", l.array_cycles}, {"ideal_cycles", l.ideal_cycles},
            {"mac_use", use}, {"mac_use_array", steady}, {"weight_bytes", l.weight_bytes},
            {"index_bytes", l.index_bytes}, {"read_bytes", l.read_bytes}, {"write_bytes", l.write_bytes},
            {"bound", least.bound()}, {"roofline_cycles", least.cycles()},
            {"over_roofline", least.cycles() > 0 ? static_cast<double>(cycles) / static_cast<double>(least.cycles()) : 0}};
  if (counts != nullptr) {
    for (const CycleCause& cause : kCycleCauses) {
      if (cause.member != &CycleCounts::stall_empty) j[cause.key] = counts->*cause.member;
    }
    const Rest rest = largest_rest(l, config, *counts);
    j["rest"] = rest.cause;
    j["rest_cycles"] = rest.cycles;
  }
  return j;
}

void print_layers(const Json& layers) {
  fmt::print("{:<26} {:<16} {:>14} {:>7} {:>9} {:>9} {:>8} {:>7} {:>8} {:>6} {:>9}  {}\n", "layer", "op", "out CxHxW",
             "K of G", "MAC dense", "kept", "cycles", "MAC use", "roofline", "bound", "of it", "most of the rest");
  for (const Json& l : layers) {
    fmt::print("{:<26} {:<16} {:>14} {:>7} {:>9} {:>9} {:>8} {:>6.1f}% {:>8} {:>6} {:>8.2f}x  {}\n", l["name"].get<std::string>(),
               l["op"].get<std::string>(),
               fmt::format("{}x{}x{}", l["out_channels"].get<int64_t>(), l["out_height"].get<int64_t>(), l["out_width"].get<int64_t>()),
               fmt::format("{}/{}", l["keep"].get<int>(), l["group"].get<int>()), l["macs_dense"].get<int64_t>(),
               l["macs_kept"].get<int64_t>(), l["cycles"].get<uint64_t>(), 100 * l["mac_use"].get<double>(),
               l["roofline_cycles"].get<uint64_t>(), l["bound"].get<std::string>(), l["over_roofline"].get<double>(),
               l.contains("rest") ? fmt::format("{} {}", l["rest"].get<std::string>(), l["rest_cycles"].get<uint64_t>()) : "");
  }
}

}  // namespace aap::cli
