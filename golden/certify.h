// SPDX-License-Identifier: Apache-2.0
// For which accumulator values golden and fp32 ONNX runtimes differ: certification of every
// multiplier of a quantised network, without running it. Contract: docs/numerics.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "golden/onnx_arithmetic.h"
#include "model/graph.h"
#include "model/qnetwork.h"

namespace aap {

// Accumulator values, both ends included.
struct AccumulatorRange {
  int64_t low = 0, high = 0;
  int64_t values() const { return high - low + 1; }
};

// How many accumulators of `range` two functions disagree on. Both must never decrease and return
// -128..127; their thresholds (at most 255 each) are found by bisection and compared.
using StepFunction = std::function<int(int64_t)>;
int64_t count_differences(const StepFunction& a, const StepFunction& b, AccumulatorRange range);

// The accumulators that output channel m of a convolution can reach: its bias, its weights, and for
// each input the values lo..hi (with the zero point where the layer pads).
AccumulatorRange reachable(const QLayer& conv, int64_t m, int zero_point, int lo, int hi);

struct CertifiedChannel {
  int64_t index = 0;  // output channel; for averages the number n of counted values
  Requantisation requant;
  int64_t reachable = 0;  // accumulators
  int64_t differing = 0;  // of them
  int64_t lowest = 0;     // the first of them, the others follow (convolutions and averages)
};

struct CertifiedLayer {
  std::string name;
  std::string op;  // the file's operator
  std::string domain;  // what is counted: "accumulators", "sums", "pairs of inputs", "inputs"
  std::vector<CertifiedChannel> channels;  // one entry for adds and identities
  // False where the runtime's result depends on more than the accumulator: fp32 sums of an average
  // over floats that are not exact. The counts are then those of a correctly rounded sum.
  bool function_of_accumulator = true;

  int64_t reachable() const;
  int64_t differing() const;
};

struct Certificate {
  std::string network;
  std::vector<CertifiedLayer> layers;  // without those that only place or compare values

  int64_t reachable() const;
  int64_t differing() const;
  int64_t differing_channels() const;
  // Nothing differs, whatever the input.
  bool exact() const;
};

// graph: what `network` was imported from. Convolutions, also those stated with floats, are compared
// with the QLinearConv that a runtime makes of them. Throws InputError as validate().
Certificate certify(const Graph& graph, const QNetwork& network);

}  // namespace aap
