// SPDX-License-Identifier: Apache-2.0
// Where the cycles of a job went: the counters of spec/isa.yaml, which hardware and cycle model keep alike. They add up to
// CYCLES; docs/accelerator.md, Counters, says when each counts.
#pragma once

#include <array>
#include <cstdint>

namespace aap {

struct CycleCounts {
  uint64_t exec_cycles = 0;
  uint64_t stall_weights = 0, stall_activations = 0, stall_output = 0, stall_requant = 0;
  uint64_t stall_imbalance = 0, stall_tokens = 0, stall_empty = 0;

  uint64_t total() const;
};

struct CycleCause {
  const char* key;   // in JSON
  const char* text;  // for people
  uint64_t CycleCounts::*member;
};

// In the order of the registers from EXEC_CYCLES on.
inline constexpr std::array<CycleCause, 8> kCycleCauses{{
    {"exec_cycles", "rows issued", &CycleCounts::exec_cycles},
    {"stall_weights", "waiting for weights", &CycleCounts::stall_weights},
    {"stall_activations", "waiting for activations", &CycleCounts::stall_activations},
    {"stall_output", "waiting for stores", &CycleCounts::stall_output},
    {"stall_requant", "waiting for requantisers", &CycleCounts::stall_requant},
    {"stall_imbalance", "waiting for the slowest PE", &CycleCounts::stall_imbalance},
    {"stall_tokens", "waiting for loads that wait", &CycleCounts::stall_tokens},
    {"stall_empty", "set-up, start and end", &CycleCounts::stall_empty},
}};

inline uint64_t CycleCounts::total() const {
  uint64_t sum = 0;
  for (const CycleCause& cause : kCycleCauses) sum += this->*cause.member;
  return sum;
}

}  // namespace aap
