// SPDX-License-Identifier: Apache-2.0
// From scores to the weights that stay.
#pragma once

#include <cstdint>
#include <vector>

#include "prune/layer.h"
#include "prune/select_kernel.h"

namespace aap {

// Mask (1 stays) of one layer in canonical order: the kept_in_group() largest scores of each group,
// ties keep the lower channel. With share s the scores of s neighbouring output channels are added
// up and one choice serves all of them. For rules kAap, kNOfM, kRandom. G is at most 32.
// InputError names the layer where a score is NaN. Every variant gives the same mask; the fastest
// that this machine runs is taken where none is named.
std::vector<uint8_t> select_in_groups(const LayerPlan& layer, const std::vector<float>& scores);
std::vector<uint8_t> select_in_groups(const LayerPlan& layer, const std::vector<float>& scores,
                                      Isa isa);

// Masks of several layers together: the `count` largest of all scores, ties keep the earlier layer,
// then the lower element.
std::vector<std::vector<uint8_t>> select_largest(const std::vector<std::vector<float>>& scores,
                                                 int64_t count);

}  // namespace aap
