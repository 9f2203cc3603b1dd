// SPDX-License-Identifier: Apache-2.0
// Bias re-calibration, for networks whose batch normalisation is folded or was never there: after
// pruning, each layer gets the bias with which its mean output per channel is the dense one.
#pragma once

#include <vector>

#include "prune/layer.h"

namespace aap {

struct BiasOptions {
  bool variance = false;  // also scale each output channel's weights to the dense variance
  int threads = 1;
};

struct BiasReport {
  int layers = 0;              // layers that were corrected
  double largest_shift = 0.0;  // largest |dense mean - mean| over the channel's dense deviation
};

// Corrects every Conv and Gemm with constant weights and no BatchNormalization behind it, in order,
// on what the corrected layers before it give; `dense` is the same graph before pruning. A layer
// without a bias gets one. `images` [N, C, H, W] are preprocessed as for inference. Weights that
// are zero stay zero. Errors: InputError where the graphs differ in their nodes.
BiasReport recalibrate_biases(Graph& graph, const Graph& dense, const FloatTensor& images,
                              const BiasOptions& options = {});

// The bias of a Conv or Gemm becomes `bias`, under a constant of its own.
void set_layer_bias(Graph& graph, Node& node, const std::vector<double>& bias);

}  // namespace aap
