// SPDX-License-Identifier: Apache-2.0
// Scores as 8-bit levels, on which the search for an order compares. Private to prune/.
#pragma once

#include <cstdint>
#include <vector>

#include "prune/permute_search.h"

namespace aap {

// Scores of one use as 8-bit levels on every few rows.
struct Levels {
  const PermuteUse* use = nullptr;
  int64_t rows = 0;               // padded
  std::vector<uint8_t> level;     // [consumer channel][rows]
  std::vector<uint8_t> replaced;  // [place][rows]: see Climber in permute_search.cc
  std::vector<int64_t> own;       // [place]: see Climber in permute_search.cc
  const uint8_t* row(int64_t channel) const { return level.data() + channel * rows; }
};

// The score that becomes level 255: above it, scores count alike, as they stay in any group.
float top_of(const std::vector<const PermuteUse*>& uses);
Levels quantise(const PermuteUse& use, float top, int64_t sampled);

// How many of a group of `size` channels stay.
int64_t keep_of(const PermuteUse& use, int64_t size);

// Sum over rows of max(a, b), for a row of Levels.
int64_t sum_of_max(const uint8_t* a, const uint8_t* b, int64_t n);

}  // namespace aap
