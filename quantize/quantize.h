// SPDX-License-Identifier: Apache-2.0
// From a float network to integers, after training: int8 activations (asymmetric, a scale per
// tensor), int8 weights (symmetric, a scale per output channel), int32 biases. Written as ONNX
// QOperator nodes, which model/qimport.h and ONNX Runtime both read.
#pragma once

#include <cstdint>

#include "model/dataset.h"
#include "model/graph.h"

namespace aap {

struct QuantizeOptions {
  int64_t calibration_images =
      512;  // drawn from the data set without replacement; all if it has fewer
  // Range of an activation: from the (100 - percentile)-th to the percentile-th percentile of its
  // calibration values; 50 < percentile <= 100, and 100 is minimum to maximum. The network's output
  // always gets its full range.
  double percentile = 99.999;
  uint64_t seed = 1;  // which images
  // Scales are nudged until every multiplier of a convolution, a fully connected layer and an
  // average over a full window fits in this many bits (8..24; 24 is what any scale needs).
  int multiplier_bits = 16;
  // Scales are chosen so that fp32 ONNX runtimes agree on every input (aap check --exact): shifts of at
  // most 16, sums of residual adds at one scale or powers of two of it, even zero points. Not for
  // averages that exclude padding, whose windows count other numbers at the borders.
  bool exact = false;
  int threads = 1;
};

// Returns a graph with the float graph's name, node names, float input and float output:
// QuantizeLinear, QLinearConv, com.microsoft QGemm / QLinearAdd / QLinearAveragePool /
// QLinearGlobalAveragePool / QLinearConcat, MaxPool, Clip, Flatten, Reshape, DequantizeLinear,
// Softmax. BatchNormalization is folded first; Relu and Clip become the range of the layer before.
// Weights that are zero stay zero. Metadata is carried over (aap.group, aap.keep.<node>, ...).
// Images are preprocessed as the data set says or, where it does not, the metadata
// (preprocessing_of); the result's metadata states what was used. Errors: InputError that lists all unsupported nodes at once; options out of range; a
// calibration set that is empty or of another image shape; weights or activations that are not
// finite.
Graph quantise(const Graph& float_graph, const Dataset& calibration,
               const QuantizeOptions& options);

}  // namespace aap
