// SPDX-License-Identifier: Apache-2.0
// Measures the selection kernel against the rate at which the machine reads the same array. One
// thread, its processor time, the shortest of several rounds that alternate between the two, so
// that both meet the same neighbours on a shared machine.
#pragma once

#include <cstdint>
#include <vector>

#include "prune/select_kernel.h"

namespace aap {

struct SelectionTime {
  Isa isa = Isa::kPlain;
  double seconds = 0.0;
};

struct SelectionBench {
  int64_t weights = 0, groups = 0;
  double read_seconds = 0.0;             // reading all weights once
  std::vector<SelectionTime> variants;   // those that this machine runs, fastest last
  std::vector<uint32_t> masks;           // of the last variant
  bool agree = true;                     // all variants gave the same masks
};

// Normally distributed weights, seeded: the `weights` first of whole groups of G.
std::vector<float> bench_weights(int64_t weights, int group, uint32_t seed);

SelectionBench bench_selection(const std::vector<float>& weights, int group, int keep, int rounds);

}  // namespace aap
