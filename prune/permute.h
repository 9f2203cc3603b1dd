// SPDX-License-Identifier: Apache-2.0
// Channel permutation: the output channels of a layer may stand in any order if all who read them
// follow. The pruner picks the order in which groups of G neighbours keep most, for any K of G;
// hardware pays nothing for it, and the network computes the same.
#pragma once

#include <string>
#include <vector>

#include "prune/permute_search.h"
#include "prune/prune.h"

namespace aap {

// Channels that must stand in one order: of one producer, or of all whose outputs are added.
struct PermutedChannels {
  std::string producer;  // the first of them
  int64_t channels = 0;
  std::vector<std::string> readers;  // pruned layers that gain or lose by the order
  std::string reason;                // why the order stayed; empty where it was searched
  double before = 0.0, after = 0.0;  // sum of kept scores over the readers
  double bound = 0.0;                // no order can keep more
  double total = 0.0;                // sum of all scores
  int64_t swaps = 0;
};

// Reorders channels of a float graph, through BatchNormalization, activations, pools, depthwise
// convolutions, Add, Concat, Flatten and fully connected layers, so that the layers of `layers`
// that have rule kAap keep more of their scores (magnitudes, or what the plan's scorer says).
// Channels that cannot move are listed with the reason. In a quantised graph none can. Errors:
// InputError for plans that do not fit.
std::vector<PermutedChannels> permute_channels(Graph& graph, const std::vector<LayerPlan>& layers,
                                               const PermuteSearch& options = {},
                                               const Scorers& scorers = {});

}  // namespace aap
