// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/roofline.h"

#include <algorithm>

namespace aap {
namespace {

uint64_t ceil_div(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

uint64_t mac_cycles(const ProgramLayer& layer, const Config& config) {
  return ceil_div(static_cast<uint64_t>(layer.macs_kept), static_cast<uint64_t>(config.multipliers()));
}

}  // namespace

Roofline roofline(const ProgramLayer& layer, const Config& config, const ModelOptions& memory) {
  const auto reads = static_cast<uint64_t>(layer.read_bytes), writes = static_cast<uint64_t>(layer.write_bytes);
  const uint64_t bytes = memory.shared_bandwidth ? reads + writes : std::max(reads, writes);
  const uint64_t beats = ceil_div(bytes, static_cast<uint64_t>(config.beat_bytes()));
  return {mac_cycles(layer, config), beats * static_cast<uint64_t>(memory.cycles_per_beat)};
}

Rest largest_rest(const ProgramLayer& layer, const Config& config, const CycleCounts& counts) {
  Rest rest;
  const auto offer = [&](const char* cause, uint64_t cycles) {
    if (cycles > rest.cycles) rest = {cause, cycles};
  };
  const uint64_t mac = mac_cycles(layer, config);
  offer("unused_slots", counts.exec_cycles > mac ? counts.exec_cycles - mac : 0);
  for (const CycleCause& cause : kCycleCauses) {
    if (cause.member != &CycleCounts::exec_cycles) offer(cause.key, counts.*cause.member);
  }
  return rest;
}

}  // namespace aap
