// SPDX-License-Identifier: Apache-2.0
#include "quantize/calibrate.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "model/float_executor.h"

namespace aap {
namespace {

std::vector<int64_t> draw_images(int64_t available, int64_t wanted, uint64_t seed) {
  std::vector<int64_t> order(static_cast<size_t>(available));
  std::iota(order.begin(), order.end(), int64_t{0});
  const int64_t n = std::min(available, wanted);
  std::mt19937_64 random(seed);
  // Fisher-Yates by hand: std::shuffle and the distributions differ between libraries.
  for (int64_t i = 0; i < n; ++i) {
    const auto j = i + static_cast<int64_t>(random() % static_cast<uint64_t>(available - i));
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(j)]);
  }
  order.resize(static_cast<size_t>(n));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

void RangeCounter::grow() {
  // Bin i covers -R + i * 2R / kBins; doubling R moves pairs towards the middle.
  std::vector<int64_t> wider(kBins, 0);
  for (int i = 0; i < kBins; ++i)
    wider[static_cast<size_t>(kBins / 4 + i / 2)] += bins_[static_cast<size_t>(i)];
  bins_ = std::move(wider);
  ++exponent_;
}

void RangeCounter::add(const std::vector<float>& values) {
  if (values.empty()) return;
  if (count_ == 0) min_ = max_ = values[0];
  float low = min_, high = max_;
  for (float v : values) {
    if (!std::isfinite(v)) {
      finite_ = false;
      return;
    }
    low = std::min(low, v);
    high = std::max(high, v);
  }
  min_ = low;
  max_ = high;
  const float largest = std::max(std::fabs(low), std::fabs(high));
  while (std::ldexp(1.0F, exponent_) <= largest) grow();
  const float to_bin = std::ldexp(static_cast<float>(kBins / 2), -exponent_);
  for (float v : values) {
    const int bin = static_cast<int>(std::floor(v * to_bin)) + kBins / 2;
    ++bins_[static_cast<size_t>(std::clamp(bin, 0, kBins - 1))];
  }
  count_ += static_cast<int64_t>(values.size());
}

float RangeCounter::percentile(double percent) const {
  if (percent <= 0.0) return min_;
  if (percent >= 100.0) return max_;
  const double target = percent / 100.0 * static_cast<double>(count_);
  double seen = 0.0;
  for (int i = 0; i < kBins; ++i) {
    const double here = static_cast<double>(bins_[static_cast<size_t>(i)]);
    if (here > 0.0 && seen + here >= target) {
      const double position = i - kBins / 2 + (target - seen) / here;
      const double value = std::ldexp(position, exponent_) / (kBins / 2);
      return std::clamp(static_cast<float>(value), min_, max_);
    }
    seen += here;
  }
  return max_;
}

std::map<std::string, Range> calibrate(const Graph& graph, const Dataset& dataset,
                                       const QuantizeOptions& options) {
  if (options.calibration_images < 1) {
    throw_input("quantise: calibration_images is {}, legal is 1 or more",
                options.calibration_images);
  }
  if (!(options.percentile > 50.0 && options.percentile <= 100.0)) {
    throw_input("quantise: percentile is {}, legal is above 50 up to 100", options.percentile);
  }
  if (dataset.count() == 0) throw_input("quantise: data set '{}' has no images", dataset.name);
  const ValueInfo& input = graph.inputs.at(0);
  if (input.shape.size() != dataset.image_shape.size() + 1 ||
      !std::equal(dataset.image_shape.begin(), dataset.image_shape.end(),
                  input.shape.begin() + 1)) {
    throw_input("quantise: images of '{}' are {}, the network's input '{}' is {}", dataset.name,
                fmt::join(dataset.image_shape, " x "), input.name, fmt::join(input.shape, " x "));
  }
  const Preprocessing preprocessing = preprocessing_of(graph.metadata, graph.name);

  std::map<std::string, RangeCounter> counters;
  const FloatExecutor executor(graph);
  const std::vector<int64_t> images =
      draw_images(dataset.count(), options.calibration_images, options.seed);
  const auto batch_size = static_cast<size_t>(images_at_once(graph, 64));
  for (size_t first = 0; first < images.size(); first += batch_size) {
    const size_t n = std::min(batch_size, images.size() - first);
    Shape shape = {static_cast<int64_t>(n)};
    shape.insert(shape.end(), dataset.image_shape.begin(), dataset.image_shape.end());
    FloatTensor batch;
    batch.shape = shape;
    for (size_t i = first; i < first + n; ++i) {
      const FloatTensor one = dataset.batch(images[i], 1, preprocessing);
      batch.data.insert(batch.data.end(), one.data.begin(), one.data.end());
    }
    counters[input.name].add(batch.data);
    executor.run(batch, options.threads, [&](const Node& node, const FloatTensor& y) {
      counters[node.outputs.at(0)].add(y.data);
    });
  }
  std::map<std::string, Range> ranges;
  for (const auto& [name, counter] : counters) {
    if (!counter.finite()) throw_input("quantise: activation '{}' is not finite", name);
    ranges[name] = {counter.percentile(100.0 - options.percentile),
                    counter.percentile(options.percentile), counter.minimum(), counter.maximum()};
  }
  return ranges;
}

}  // namespace aap
