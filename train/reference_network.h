// SPDX-License-Identifier: Apache-2.0
// The reference network of the project: residual, depthwise separable, for 1 x 28 x 28 images.
#pragma once

#include <cstdint>

#include "model/graph.h"

namespace aap {

// Limits that the reference network keeps: keep 4 of 16 of its weights fit 128 KiB.
constexpr int64_t kReferenceMacLimit = 5'000'000;
constexpr int64_t kReferenceWeightLimit = 240'000;

// Preprocessing (x / 255 - mean) / std, stored in the metadata as aap.input_mean and aap.input_std:
// mean and deviation of the 60,000 training images of Fashion-MNIST.
constexpr const char* kInputMean = "0.2860";
constexpr const char* kInputStd = "0.3530";

// Untrained, weights from the seed. Input "image" [N, 1, 28, 28], output "logits" [N, 10];
// BatchNormalization stays as nodes of its own, so that its statistics can be re-calibrated.
Graph reference_network(uint32_t seed);

struct NetworkCost {
  int64_t macs = 0;     // of Conv, Gemm and MatMul, for one image
  int64_t weights = 0;  // of the same, without biases and batch normalisation
};
NetworkCost network_cost(const Graph& graph);

}  // namespace aap
