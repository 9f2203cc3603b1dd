// SPDX-License-Identifier: Apache-2.0
#include "prune/obs_moments.h"

#include <algorithm>

#include "model/float_kernels.h"

namespace aap {
namespace {

constexpr int64_t kChunk = 512;  // samples added at once

// Samples side by side: [rows][kChunk] in double, with room for the rows of x and of y.
class Chunk {
 public:
  Chunk(LayerMoments& moments, int64_t d, int64_t m)
      : moments_(moments),
        d_(d),
        m_(m),
        x_(static_cast<size_t>(d * kChunk)),
        y_(static_cast<size_t>(m * kChunk)) {}

  // One sample is column `pixel` of x [rows of features][pixels] and y [M][pixels].
  void add(const float* x, const std::vector<int64_t>& feature, const float* y, int64_t pixels) {
    for (int64_t done = 0; done < pixels;) {
      const int64_t n = std::min(kChunk - filled_, pixels - done);
      copy(x, &feature, pixels, done, n, d_, x_);
      copy(y, nullptr, pixels, done, n, m_, y_);
      filled_ += n;
      done += n;
      if (filled_ == kChunk) flush();
    }
  }

  void flush() {
    const ConstMatrixView x(x_.data(), d_, filled_, kChunk), y(y_.data(), m_, filled_, kChunk);
    const ConstMatrixView xt(x_.data(), filled_, d_, 1, kChunk);
    add_product(1.0, x, xt, {moments_.hessian.data(), d_, d_, d_, 1}, true);
    add_product(1.0, y, xt, {moments_.cross.data(), m_, d_, d_, 1});
    for (int64_t i = 0; i < d_; ++i) {
      for (int64_t s = 0; s < filled_; ++s) {
        moments_.mean_x[static_cast<size_t>(i)] += x_[static_cast<size_t>(i * kChunk + s)];
      }
    }
    for (int64_t i = 0; i < m_; ++i) {
      for (int64_t s = 0; s < filled_; ++s) {
        const double v = y_[static_cast<size_t>(i * kChunk + s)];
        moments_.mean_y[static_cast<size_t>(i)] += v;
        moments_.energy[static_cast<size_t>(i)] += v * v;
      }
    }
    moments_.samples += static_cast<double>(filled_);
    filled_ = 0;
  }

 private:
  void copy(const float* from, const std::vector<int64_t>* row_of, int64_t pixels, int64_t first,
            int64_t n, int64_t rows, std::vector<double>& to) const {
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = row_of == nullptr ? i : (*row_of)[static_cast<size_t>(i)];
      const float* in = from + row * pixels + first;
      std::copy_n(in, n, to.data() + i * kChunk + filled_);
    }
  }

  LayerMoments& moments_;
  int64_t d_, m_, filled_ = 0;
  std::vector<double> x_, y_;
};

// Sums become centred moments and means.
void centre(LayerMoments& m) {
  for (double& v : m.mean_x) v /= m.samples;
  for (double& v : m.mean_y) v /= m.samples;
  const int64_t d = m.columns;
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      double& v = m.hessian[static_cast<size_t>(i * d + j)];
      v -= m.samples * m.mean_x[static_cast<size_t>(i)] * m.mean_x[static_cast<size_t>(j)];
      m.hessian[static_cast<size_t>(j * d + i)] = v;
    }
  }
  for (int64_t r = 0; r < m.outputs; ++r) {
    const double mean = m.mean_y[static_cast<size_t>(r)];
    for (int64_t i = 0; i < d; ++i) {
      m.cross[static_cast<size_t>(r * d + i)] -=
          m.samples * mean * m.mean_x[static_cast<size_t>(i)];
    }
    m.energy[static_cast<size_t>(r)] =
        std::max(0.0, m.energy[static_cast<size_t>(r)] - m.samples * mean * mean);
  }
}

}  // namespace

ColumnOrder column_order(const LayerPlan& layer, int64_t part) {
  ColumnOrder order;
  const int64_t channels = layer.shape.at(1), positions = layer.shape.at(2) * layer.shape.at(3);
  if (layer.rule != PruneRule::kAap) {
    for (int64_t f = 0; f < channels * positions; ++f) order.feature.push_back(f);
    order.groups.push_back({0, channels * positions, channels * positions});
    return order;
  }
  // The groups of one kernel position, as the plan lays them.
  std::vector<std::pair<int64_t, int64_t>> groups;
  for_each_group_at(layer, part * (layer.shape[0] / layer.conv_groups), 0,
                    [&](int64_t first, int64_t size, int64_t) {
                      groups.emplace_back(first / positions % channels, size);
                    });
  for (const auto& [c0, size] : groups) {
    for (int64_t p = 0; p < positions; ++p) {
      order.groups.push_back(
          {static_cast<int64_t>(order.feature.size()), size, kept_in_group(layer, size)});
      for (int64_t c = c0; c < c0 + size; ++c) order.feature.push_back(c * positions + p);
    }
  }
  return order;
}

LayerMoments layer_moments(const Node& node, const LayerPlan& layer, const ColumnOrder& order,
                           const FloatTensor& x, const FloatTensor& y, int64_t part) {
  LayerMoments m;
  const bool convolution = layer.op == "Conv";
  const int64_t parts = layer.conv_groups;
  m.columns = static_cast<int64_t>(order.feature.size());
  m.outputs = layer.shape[0] / parts;
  const auto d = static_cast<size_t>(m.columns), rows = static_cast<size_t>(m.outputs);
  m.hessian.assign(d * d, 0.0);
  m.cross.assign(rows * d, 0.0);
  m.mean_x.assign(d, 0.0);
  m.mean_y.assign(rows, 0.0);
  m.energy.assign(rows, 0.0);
  Chunk chunk(m, m.columns, m.outputs);
  const int64_t images = x.shape.at(0), in_size = x.size() / images, out_size = y.size() / images;
  if (!convolution) {
    // A row of the input matrix is a sample of its own; there may be several an image.
    const int64_t samples = x.size() / m.columns;
    for (int64_t s = 0; s < samples; ++s) {
      chunk.add(x.data.data() + s * m.columns, order.feature, y.data.data() + s * m.outputs, 1);
    }
  } else {
    ConvShape s;
    s.channels = x.shape.at(1);
    s.height = x.shape.at(2);
    s.width = x.shape.at(3);
    s.outputs = layer.shape[0];
    s.groups = parts;
    s.window = window_of(node, layer.shape[2], layer.shape[3], s.height, s.width);
    const int64_t pixels = s.window.out_h * s.window.out_w;
    std::vector<float> columns(d * static_cast<size_t>(pixels));
    for (int64_t n = 0; n < images; ++n) {
      gather_columns(s, x.data.data() + n * in_size, part * (s.channels / parts), columns.data());
      chunk.add(columns.data(), order.feature,
                y.data.data() + n * out_size + part * m.outputs * pixels, pixels);
    }
  }
  chunk.flush();
  centre(m);
  return m;
}

// Rows [M][D] of convolution group `part`, columns in the given order.
std::vector<double> rows_of(const std::vector<float>& weights, const LayerPlan& layer,
                            const ColumnOrder& order, int64_t first, int64_t rows) {
  const int64_t features = layer.shape[1] * layer.shape[2] * layer.shape[3];
  std::vector<double> out;
  for (int64_t m = first; m < first + rows; ++m) {
    for (int64_t f : order.feature) {
      out.push_back(weights[static_cast<size_t>(m * features + f)]);
    }
  }
  return out;
}

void store_rows(const std::vector<double>& rows, std::vector<float>& weights,
                const LayerPlan& layer, const ColumnOrder& order, int64_t first) {
  const int64_t features = layer.shape[1] * layer.shape[2] * layer.shape[3];
  const auto columns = static_cast<int64_t>(order.feature.size());
  const int64_t count = static_cast<int64_t>(rows.size()) / columns;
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t i = 0; i < columns; ++i) {
      const int64_t f = order.feature[static_cast<size_t>(i)], m = first + r;
      weights[static_cast<size_t>(m * features + f)] =
          static_cast<float>(rows[static_cast<size_t>(r * columns + i)]);
    }
  }
}

double damp(std::vector<double>& hessian, int64_t d, double share) {
  double mean = 0.0;
  for (int64_t i = 0; i < d; ++i) mean += hessian[static_cast<size_t>(i * d + i)];
  mean /= static_cast<double>(d);
  // A layer that reads nothing but constants has no moments; any positive number will do.
  const double amount = mean > 0.0 ? share * mean : 1.0;
  for (int64_t i = 0; i < d; ++i) hessian[static_cast<size_t>(i * d + i)] += amount;
  return amount;
}

}  // namespace aap
