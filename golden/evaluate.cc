// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "golden/golden.h"
#include "model/error.h"

namespace aap {

Int8Tensor quantise_input(const QNetwork& network, const uint8_t* pixels) {
  const QTensorInfo& info = network.tensors[static_cast<size_t>(network.input)];
  const auto scale = static_cast<float>(info.scale);
  Int8Tensor out({info.channels, info.height, info.width});
  for (size_t i = 0; i < out.data.size(); ++i) {
    const float value =
        (static_cast<float>(pixels[i]) / 255.0F - network.input_mean) / network.input_std;
    // nearbyint rounds half to even in the default rounding mode; the clamp is done in float, so
    // that no value is too large to convert.
    const float rounded = std::nearbyint(value / scale) + static_cast<float>(info.zero_point);
    out.data[i] = static_cast<int8_t>(std::clamp(rounded, -128.0F, 127.0F));
  }
  return out;
}

int64_t argmax(const Int8Tensor& values) {
  if (values.data.empty()) throw_input("argmax: tensor is empty, legal is one value or more");
  return std::max_element(values.data.begin(), values.data.end()) - values.data.begin();
}

double evaluate(const QNetwork& network, const Dataset& dataset, int64_t first, int64_t n,
                int threads, const Progress& progress) {
  const Golden golden(network);
  const QTensorInfo& info = network.tensors[static_cast<size_t>(network.input)];
  if (dataset.image_shape != Shape{info.channels, info.height, info.width}) {
    throw_input("data set '{}': image shape is not the network's, {} x {} x {}", dataset.name,
                info.channels, info.height, info.width);
  }
  if (first < 0 || first >= dataset.count() || n < 1) {
    throw_input("data set '{}': images {}..{} asked for, legal is 0..{}", dataset.name, first,
                first + n - 1, dataset.count() - 1);
  }
  if (threads < 1) throw_input("evaluate: threads is {}, legal is 1 or more", threads);
  const int64_t total = std::min(n, dataset.count() - first);
  const int64_t image_size = element_count(dataset.image_shape);

  std::atomic<int64_t> next{0};
  std::atomic<int64_t> right{0};
  std::mutex mutex;  // guards done, failure and the calls of progress
  int64_t done = 0;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      for (int64_t i = next++; i < total; i = next++) {
        const auto image = static_cast<size_t>(first + i);
        const uint8_t* pixels = dataset.pixels.data() + image * static_cast<size_t>(image_size);
        if (argmax(golden.run_output(quantise_input(network, pixels))) == dataset.labels[image]) {
          ++right;
        }
        const std::lock_guard<std::mutex> lock(mutex);
        ++done;
        if (progress) progress(done, total);
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!failure) failure = std::current_exception();
      next = total;  // the other threads stop after their image
    }
  };
  std::vector<std::thread> pool;
  for (int t = 1; t < threads; ++t) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
  if (failure) std::rethrow_exception(failure);
  return 100.0 * static_cast<double>(right) / static_cast<double>(total);
}

}  // namespace aap
