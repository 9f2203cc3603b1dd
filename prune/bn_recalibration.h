// SPDX-License-Identifier: Apache-2.0
// Batch-norm re-calibration: pruning changes the distribution of what each BatchNormalization
// reads, and its stored mean and variance are then wrong. They are estimated again from training
// images, without labels and without gradients.
#pragma once

#include <vector>

#include "model/graph.h"

namespace aap {

struct RecalibrationReport {
  int layers = 0;              // BatchNormalization nodes updated
  double largest_shift = 0.0;  // largest |new mean - old mean| / sqrt(old variance)
};

// Replaces mean and (biased) variance of every BatchNormalization by those of its own input over
// all `images` [N, C, H, W] (preprocessed as for inference; a few hundred training images), layer
// by layer: each BN reads what the network gives once all BNs before it are updated, so every layer
// sees the statistics of the network as it will be. Costs about one forward run of the network,
// plus a run of each residual block for each BN in it. Errors: InputError where a BN's parameters
// are no constants or are shared by two nodes.
RecalibrationReport recalibrate_batch_norm(Graph& graph, const FloatTensor& images,
                                           int threads = 1);

// The same for one node whose input over all images is `x` [N, C, ...]. Returns the largest shift.
double update_batch_norm(Graph& graph, const Node& node, const FloatTensor& x);

}  // namespace aap
