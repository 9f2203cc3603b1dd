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

namespace {

// QuantizeLinear. nearbyint rounds half to even in the default rounding mode; the clamp is done in
// float, so that no value is too large to convert.
int8_t quantised(float value, float scale, int zero_point) {
  const float rounded = std::nearbyint(value / scale) + static_cast<float>(zero_point);
  return static_cast<int8_t>(std::clamp(rounded, -128.0F, 127.0F));
}

}  // namespace

Int8Tensor quantise_input(const QNetwork& network, const uint8_t* pixels) {
  Dataset one;
  const QTensorInfo& info = network.tensors[static_cast<size_t>(network.input)];
  one.name = network.name;
  one.image_shape = {info.channels, info.height, info.width};
  one.pixels.assign(pixels, pixels + element_count(one.image_shape));
  one.labels = {0};
  return quantise_input(network, one, 0);
}

Int8Tensor quantise_input(const QNetwork& network, const Dataset& data, int64_t image) {
  const QTensorInfo& info = network.tensors[static_cast<size_t>(network.input)];
  Int8Tensor out({info.channels, info.height, info.width});
  const int64_t size = out.size();
  if (image < 0 || image >= data.count()) {
    throw_input("data set '{}': image {} asked for, there are {}", data.name, image, data.count());
  }
  const bool planes = data.kind == DataKind::kPixels;  // in the order C, H, W whatever the file's
  if (planes ? data.image_shape != out.shape : element_count(data.image_shape) != size) {
    throw_input("data set '{}': images are {}, the network's are {} x {} x {}", data.name,
                fmt::join(data.image_shape, " x "), info.channels, info.height, info.width);
  }
  const std::vector<int64_t>& order = network.input_order;
  const auto at = [&](size_t i) {
    const auto from = planes || order.empty() ? static_cast<int64_t>(i) : order[i];
    return static_cast<size_t>(image * size + from);
  };
  const auto scale = static_cast<float>(info.scale);
  if (data.kind == DataKind::kInt8) {
    if (info.from_uint8) {
      throw_input("data set '{}': inputs are int8, the network's are uint8", data.name);
    }
    for (size_t i = 0; i < out.data.size(); ++i) {
      out.data[i] = static_cast<int8_t>(data.values[at(i)]);
    }
  } else if (data.kind == DataKind::kFloat) {
    for (size_t i = 0; i < out.data.size(); ++i) {
      out.data[i] = quantised(data.values[at(i)], scale, info.zero_point);
    }
  } else if (data.kind == DataKind::kBytes && !network.input_real) {
    if (!info.from_uint8) {
      throw_input("data set '{}': inputs are uint8, the network's are int8", data.name);
    }
    for (size_t i = 0; i < out.data.size(); ++i) {
      out.data[i] = static_cast<int8_t>(data.pixels[at(i)] - 128);
    }
  } else {
    const Preprocessing& p = data.preprocessing_for(network.preprocessing);
    p.check(info.channels, data.name);
    const int64_t plane = info.height * info.width;
    for (int64_t c = 0; c < info.channels; ++c) {
      const std::vector<float> value = p.table(c);
      for (int64_t i = c * plane; i < (c + 1) * plane; ++i) {
        const auto k = static_cast<size_t>(i);
        out.data[k] = quantised(value[data.pixels[at(k)]], scale, info.zero_point);
      }
    }
  }
  return out;
}

FloatTensor host_output(const QNetwork& network, const Int8Tensor& y) {
  const QTensorInfo& info = network.tensors[static_cast<size_t>(network.output)];
  FloatTensor out({y.size()});
  const auto scale = static_cast<float>(info.scale);
  for (size_t i = 0; i < out.data.size(); ++i) {
    const size_t to = network.output_order.empty() ? i : static_cast<size_t>(network.output_order[i]);
    const bool real = network.output_real || network.softmax_on_host;
    out.data[to] = real ? static_cast<float>(y.data[i] - info.zero_point) * scale
                        : static_cast<float>(y.data[i] + (info.from_uint8 ? 128 : 0));
  }
  if (!network.softmax_on_host) return out;
  const float largest = *std::max_element(out.data.begin(), out.data.end());
  float sum = 0;
  for (float& v : out.data) sum += v = std::exp(v - largest);
  for (float& v : out.data) v /= sum;
  if (network.softmax_params.has_value()) {
    const QParams& q = *network.softmax_params;
    for (float& v : out.data) {
      const int8_t stored = quantised(v, q.scale, q.zero_point);
      v = network.output_real ? static_cast<float>(stored - q.zero_point) * q.scale
                              : static_cast<float>(stored + (q.from_uint8 ? 128 : 0));
    }
  }
  return out;
}

int64_t argmax(const Int8Tensor& values) {
  if (values.data.empty()) throw_input("argmax: tensor is empty, legal is one value or more");
  return std::max_element(values.data.begin(), values.data.end()) - values.data.begin();
}

double evaluate(const QNetwork& network, const Dataset& dataset, int64_t first, int64_t n,
                int threads, const Progress& progress, const EachOutput& each) {
  const Golden golden(network);
  if (first < 0 || first >= dataset.count() || n < 1) {
    throw_input("data set '{}': images {}..{} asked for, legal is 0..{}", dataset.name, first,
                first + n - 1, dataset.count() - 1);
  }
  if (threads < 1) throw_input("evaluate: threads is {}, legal is 1 or more", threads);
  const int64_t total = std::min(n, dataset.count() - first);

  std::atomic<int64_t> next{0};
  std::atomic<int64_t> right{0};
  std::mutex mutex;  // guards done, failure and the calls of progress
  int64_t done = 0;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      for (int64_t i = next++; i < total; i = next++) {
        const Int8Tensor y = golden.run_output(quantise_input(network, dataset, first + i));
        if (argmax(y) == dataset.labels[static_cast<size_t>(first + i)]) ++right;
        const std::lock_guard<std::mutex> lock(mutex);
        ++done;
        if (each) each(first + i, y);
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
