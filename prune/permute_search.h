// SPDX-License-Identifier: Apache-2.0
// Which channel goes to which place, so that groups of G neighbours lose least. Private to prune/.
#pragma once

#include <cstdint>
#include <vector>

namespace aap {

// A consumer of the channels that are placed. Place p is channel offset + p of the consumer, whose
// groups lie at multiples of `group`; a group of G channels keeps `keep`, a short last one
// `tail_keep`. Channels before `offset` and after the placed ones stay where they are.
struct PermuteUse {
  int64_t offset = 0;
  int64_t channels = 0;  // of the consumer
  int64_t group = 0, keep = 0, tail_keep = 0;
  int64_t rows = 0;           // places where a group is chosen: M x KH x KW
  std::vector<float> scores;  // [channels][rows], >= 0, in today's order
};

struct PermuteSearch {
  uint32_t seed = 1;
  // The search compares sums of `rows` values; it ends after this many values (6e9 take
  // about 0.6 s on one core with AVX2).
  double limit = 6e9;
  int64_t sampled_rows = 16384;  // of each consumer, evenly spaced; the result is scored on all
};

struct PermuteFound {
  std::vector<int64_t> order;        // order[place] = today's place of the channel that goes there
  double before = 0.0, after = 0.0;  // sum of kept scores over all uses
  double bound = 0.0;  // what no order can exceed: each row's largest, as many as its groups keep
  int64_t swaps = 0;
};

// Never worse than today's order. Same result for the same seed on every machine.
PermuteFound search_permutation(int64_t channels, const std::vector<const PermuteUse*>& uses,
                                const PermuteSearch& options = {});

// Sum of kept scores of one consumer whose channels are in the given order.
double kept_score(const PermuteUse& use, const std::vector<int64_t>& order);

}  // namespace aap
