// SPDX-License-Identifier: Apache-2.0
// Second-order pruning of a network without training: layer by layer, each layer keeps the K of G
// weights whose removal changes its output least on calibration images, and the kept weights take
// up the rest. A layer sees what the pruned layers before it give, and aims at what the dense
// network gives there, so that errors do not add up.
#pragma once

#include <string>
#include <vector>

#include "prune/prune.h"

namespace aap {

struct ObsOptions {
  double damping = 0.01;  // share of the mean diagonal of H that pulls weights to where they were
  // Rows in their own order (better) where M D^3 stays below this, else one order for all rows.
  double row_order_limit = 5e10;
  // Kept weights solved for exactly where M (D K / G)^3 / 3 stays below this.
  double refit_limit = 5e10;
  bool match_dense = true;  // aim at the dense network's output; false: at the dense layer's output
                            // for what the pruned network feeds it
  // Where the layer ends in a residual addition, aim at the dense sum: the layer also takes up the
  // error that the other branch brings. Only with match_dense.
  bool match_sums = true;
  bool refit_unpruned = false;  // also solve for the weights of layers that keep all of them
  bool recalibrate = true;      // BatchNormalization statistics, as each is reached
  int threads = 1;              // for inference
};

struct ObsLayer {
  std::string name;
  // Squared output error (after the best bias) over the variance of the dense output: with the
  // K of G largest magnitudes unchanged, and as pruned here.
  double error_magnitude = 0.0, error = 0.0;
  bool row_order = false, refit = false;
};

// Prunes every layer of `layers` (from plan()) that has rule kAap; the others keep their weights,
// unless refit_unpruned. `images` [N, C, H, W] are preprocessed as for inference. Metadata as
// prune() leaves it. A layer without BatchNormalization behind it has its bias corrected, and gets
// one where it has none. Errors: InputError for a plan with unconstrained layers, weights or biases
// shared by two layers, and networks that float inference does not support.
std::vector<ObsLayer> obs_prune(Graph& graph, const std::vector<LayerPlan>& layers,
                                const FloatTensor& images, const ObsOptions& options = {});

}  // namespace aap
