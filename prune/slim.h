// SPDX-License-Identifier: Apache-2.0
// Channel slimming (Z. Liu et al., arXiv 1708.06519): whole output channels of convolutions are
// removed, with everything that belongs to them: BatchNormalization parameters, biases, depthwise
// filters, and the input channels of every layer that reads them. The network gets smaller; groups
// of G are formed over what is left.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/graph.h"
#include "prune/recipe.h"

namespace aap {

// Channels that must go together: one convolution's, or those of several that are added.
struct SlimmedChannels {
  std::vector<std::string> producers;  // convolutions, in the order of the graph
  std::vector<std::string> consumers;  // layers whose input channels went with them
  int64_t before = 0;
  std::vector<int64_t> kept;  // channels that stay, ascending
};

// Applies recipe.slim to a float graph and records "aap.slim.<node>" ("12/16") for each producer.
// Of M channels the ceil(M * keep_percent / 100) with the largest scores stay, ties the lower ones:
// "bn_gamma" is |scale| of the BatchNormalization that reads the convolution, "l1" the mean |w| of
// the channel; convolutions that are added together add up their scores. The last rule that
// matches a layer holds. Errors: InputError that names node and reason where a rule matches no
// convolution (of a float network) or names a depthwise one, whose channels are those of what it
// reads; where the channels reach the network's output, a grouped convolution, an operator that is
// not understood or a constant that another node uses too; and where an addition ties them to a
// convolution that no rule, or a rule with another percentage, names.
std::vector<SlimmedChannels> slim(Graph& graph, const Recipe& recipe);

}  // namespace aap
