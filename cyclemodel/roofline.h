// SPDX-License-Identifier: Apache-2.0
// The least cycles that a layer can take, by its multiplications and by its bytes, and what took the rest.
#pragma once

#include <string>

#include "compile/program.h"
#include "cyclemodel/cyclemodel.h"
#include "spec/config.h"

namespace aap {

struct Roofline {
  uint64_t mac = 0;     // kept MACs / multipliers
  uint64_t memory = 0;  // bytes of loads and stores / bytes of the bus in that time: the slower channel, or both when shared
  uint64_t cycles() const { return mac > memory ? mac : memory; }
  const char* bound() const { return mac >= memory ? "mac" : "memory"; }
};

Roofline roofline(const ProgramLayer& layer, const Config& config, const ModelOptions& memory);

// The largest of: "unused_slots" (rows issued beyond the kept MACs: padding of channels, tiles and steps) and the layer's stalls
// by cause; their cycles are in `cycles`. Layers overlap, so a part may have hidden behind another layer.
struct Rest {
  std::string cause = "none";
  uint64_t cycles = 0;
};
Rest largest_rest(const ProgramLayer& layer, const Config& config, const CycleCounts& counts);

}  // namespace aap
