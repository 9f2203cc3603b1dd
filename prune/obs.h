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
  // Sweeps that exchange kept weights for removed ones of their group while that helps, where
  // M (D - D K / G) (D K / G)^2 stays below the limit.
  int exchange_sweeps = 3;
  double exchange_limit = 5e10;
  bool match_dense = true;  // aim at the dense network's output; false: at the dense layer's output
                            // for what the pruned network feeds it
  // Where the layer ends in a residual addition, aim at the dense sum: the layer also takes up the
  // error that the other branch brings. Only with match_dense.
  bool match_sums = true;
  // Rounds of solving for the kept weights with the ReLU behind the layer in view: what is negative
  // in the dense network only has to stay so. Only with match_dense and where refit_limit allows.
  int relu_rounds = 3;
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
  int64_t exchanged = -1;  // weights that changed places; -1 where exchanges were beyond the limit
};

// Whether the plan asks for it: method aap, share 1, score "obs".
bool is_second_order(const LayerPlan& layer);

// Prunes every layer of `layers` (from plan()) that is_second_order; first all others as prune()
// does, by their own methods and scores, so that those solved here take up their error where they
// stand behind them. Layers that keep their weights change with refit_unpruned alone. `images`
// [N, C, H, W] are preprocessed as for inference. Metadata as prune() leaves it. A solved layer
// without BatchNormalization behind it has its bias corrected, and gets one where it has none.
// Errors: InputError for weights or biases of a solved layer that another node uses too, a scorer
// that is missing, and networks that float inference does not support.
std::vector<ObsLayer> obs_prune(Graph& graph, const std::vector<LayerPlan>& layers,
                                const FloatTensor& images, const ObsOptions& options = {},
                                const Scorers& scorers = {});

}  // namespace aap
