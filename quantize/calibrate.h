// SPDX-License-Identifier: Apache-2.0
// Ranges of activations over calibration images.
#pragma once

#include <map>
#include <string>

#include "model/dataset.h"
#include "model/graph.h"
#include "quantize/quantize.h"

namespace aap {

// Distribution of one value, gathered in one pass: exact minimum and maximum, and a histogram over
// -2^e .. 2^e whose e grows with the data (bins are merged in pairs), so no first pass finds the
// range.
class RangeCounter {
 public:
  void add(const std::vector<float>& values);
  float minimum() const { return min_; }
  float maximum() const { return max_; }
  bool finite() const { return finite_; }
  // Value below which `percent` of all values lie, to within a bin (2^e / 4096), within the
  // extremes.
  float percentile(double percent) const;

 private:
  static constexpr int kBins = 8192;
  void grow();
  std::vector<int64_t> bins_ = std::vector<int64_t>(kBins, 0);
  int exponent_ = -20;
  int64_t count_ = 0;
  float min_ = 0.0F, max_ = 0.0F;
  bool finite_ = true;
};

struct Range {
  float low = 0.0F, high = 0.0F;  // at the percentiles of the options
  float minimum = 0.0F, maximum = 0.0F;
};

// Runs options.calibration_images images, drawn with options.seed, through the float graph. Returns
// the range of the graph's input and of every node's first output. InputError as quantise().
std::map<std::string, Range> calibrate(const Graph& graph, const Dataset& dataset,
                                       const QuantizeOptions& options);

}  // namespace aap
