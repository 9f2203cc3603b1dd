// SPDX-License-Identifier: Apache-2.0
#include "golden/layers.h"

#include <algorithm>
#include <cstddef>

#include "golden/requantise.h"
#include "model/error.h"

// The innermost loop of convolution is compiled for AVX2 too and chosen when the program starts.
// Sanitizers instrument that choice before they are ready, so they do without.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define AAP_GOLDEN_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define AAP_GOLDEN_CLONES
#endif

namespace aap::golden {
namespace {

// sums[p] += weight * values[p]
AAP_GOLDEN_CLONES void add_products(int32_t* __restrict sums, const int8_t* __restrict values,
                                    int8_t weight, int64_t count) {
  for (int64_t p = 0; p < count; ++p) {
    sums[p] += static_cast<int16_t>(weight * values[p]);  // at most 128 * 128, fits int16
  }
}

void add_products(int64_t* sums, const int8_t* values, int8_t weight, int64_t count) {
  for (int64_t p = 0; p < count; ++p) sums[p] += weight * values[p];
}

// Sums of this many products of two int8 cannot leave int32; longer reductions are summed in int64.
constexpr int64_t kInt32Taps = INT32_MAX / (128 * 128);

// Bytes of gathered values worked on at once, so that they stay in a processor's second-level
// cache.
constexpr int64_t kGatherBytes = 256 * 1024;

// The pixel as an index into the output plane, so that no one divides for the usual case.
void check_int32(int64_t accumulator, const QLayer& layer, const QTensorInfo& output,
                 int64_t channel, int64_t pixel) {
  if (accumulator < INT32_MIN || accumulator > INT32_MAX) {
    const int64_t y = pixel / output.width, x = pixel % output.width;
    throw_input("layer '{}': accumulator of channel {} at pixel ({}, {}) is {}, legal is {}..{}",
                layer.name, channel, y, x, accumulator, INT32_MIN, INT32_MAX);
  }
}

Int8Tensor output_of(const QTensorInfo& y) { return Int8Tensor({y.channels, y.height, y.width}); }

size_t offset(const QTensorInfo& t, int64_t c, int64_t y, int64_t x) {
  return static_cast<size_t>((c * t.height + y) * t.width + x);
}

// What one kernel tap reads for one output row: the input row at ox * stride_w + shift for each ox
// in 0 .. width - 1, the padding value where that is outside. `row` is null for a row of padding.
void gather_row(const int8_t* row, int64_t row_width, int64_t stride_w, int64_t shift,
                int8_t padding, int8_t* out, int64_t width) {
  if (row == nullptr) {
    std::fill_n(out, width, padding);
    return;
  }
  int64_t ox = 0;
  for (; ox < width && ox * stride_w + shift < 0; ++ox) out[ox] = padding;
  if (stride_w == 1) {
    const int64_t inside = std::clamp<int64_t>(row_width - shift, ox, width);
    if (inside > ox) std::copy_n(row + ox + shift, inside - ox, out + ox);
    ox = inside;
  } else {
    for (; ox < width && ox * stride_w + shift < row_width; ++ox)
      out[ox] = row[ox * stride_w + shift];
  }
  for (; ox < width; ++ox) out[ox] = padding;
}

// Convolution of one group's output channels for output rows first_row .. first_row + rows - 1.
template <typename Sum>
void conv_rows(const QLayer& layer, const Operand& x, const QTensorInfo& y_info, int64_t group,
               int64_t first_row, int64_t rows, std::vector<int8_t>& gathered, Int8Tensor& y) {
  const int64_t in_channels = x.info.channels / layer.groups;
  const int64_t out_channels = y_info.channels / layer.groups;
  const int64_t taps = in_channels * layer.kernel_h * layer.kernel_w;
  const int64_t pixels = rows * y_info.width;
  const auto padding = static_cast<int8_t>(x.info.zero_point);

  // gathered[tap][pixel]: the value that each tap (channel, kernel row, kernel column) reads.
  gathered.resize(static_cast<size_t>(taps * pixels));
  int8_t* out = gathered.data();
  for (int64_t c = 0; c < in_channels; ++c) {
    for (int64_t ky = 0; ky < layer.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < layer.kernel_w; ++kx) {
        for (int64_t oy = first_row; oy < first_row + rows; ++oy, out += y_info.width) {
          const int64_t iy = oy * layer.stride_h + ky * layer.dilation_h - layer.pad_top;
          const bool inside = iy >= 0 && iy < x.info.height;
          const int8_t* row =
              inside ? &x.values.data[offset(x.info, group * in_channels + c, iy, 0)] : nullptr;
          gather_row(row, x.info.width, layer.stride_w, kx * layer.dilation_w - layer.pad_left,
                     padding, out, y_info.width);
        }
      }
    }
  }

  std::vector<Sum> sums;
  for (int64_t m = group * out_channels; m < (group + 1) * out_channels; ++m) {
    sums.assign(static_cast<size_t>(pixels), 0);
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int8_t weight = layer.weights.data[static_cast<size_t>(m * taps + tap)];
      if (weight == 0) continue;
      add_products(sums.data(), &gathered[static_cast<size_t>(tap * pixels)], weight, pixels);
    }
    const int64_t bias = layer.bias[static_cast<size_t>(m)];
    const Requantisation r = layer.requant[static_cast<size_t>(m)];
    int8_t* to = &y.data[offset(y_info, m, first_row, 0)];
    for (int64_t p = 0; p < pixels; ++p) {
      const int64_t accumulator = bias + sums[static_cast<size_t>(p)];
      check_int32(accumulator, layer, y_info, m, first_row * y_info.width + p);
      to[p] = requantise(accumulator, r, layer.output_zero_point, layer.lo, layer.hi);
    }
  }
}

}  // namespace

Int8Tensor conv(const QLayer& layer, const Operand& x, const QTensorInfo& y_info) {
  Int8Tensor y = output_of(y_info);
  const int64_t taps = x.info.channels / layer.groups * layer.kernel_h * layer.kernel_w;
  const int64_t most_rows = std::max<int64_t>(1, kGatherBytes / (taps * y_info.width));
  std::vector<int8_t> gathered;
  for (int64_t group = 0; group < layer.groups; ++group) {
    for (int64_t oy = 0; oy < y_info.height; oy += most_rows) {
      const int64_t rows = std::min(most_rows, y_info.height - oy);
      if (taps <= kInt32Taps) {
        conv_rows<int32_t>(layer, x, y_info, group, oy, rows, gathered, y);
      } else {
        conv_rows<int64_t>(layer, x, y_info, group, oy, rows, gathered, y);
      }
    }
  }
  return y;
}

Int8Tensor max_pool(const QLayer& layer, const Operand& x, const QTensorInfo& y_info) {
  Int8Tensor y = output_of(y_info);
  for (int64_t c = 0; c < y_info.channels; ++c) {
    for (int64_t oy = 0; oy < y_info.height; ++oy) {
      for (int64_t ox = 0; ox < y_info.width; ++ox) {
        int largest = -128;  // what padding reads
        for (int64_t ky = 0; ky < layer.kernel_h; ++ky) {
          for (int64_t kx = 0; kx < layer.kernel_w; ++kx) {
            const int64_t iy = oy * layer.stride_h + ky * layer.dilation_h - layer.pad_top;
            const int64_t ix = ox * layer.stride_w + kx * layer.dilation_w - layer.pad_left;
            if (iy < 0 || iy >= x.info.height || ix < 0 || ix >= x.info.width) continue;
            largest = std::max<int>(largest, x.values.data[offset(x.info, c, iy, ix)]);
          }
        }
        y.data[offset(y_info, c, oy, ox)] =
            static_cast<int8_t>(std::clamp(largest, layer.lo, layer.hi));
      }
    }
  }
  return y;
}

Int8Tensor average_pool(const QLayer& layer, const Operand& x, const QTensorInfo& y_info) {
  Int8Tensor y = output_of(y_info);
  for (int64_t c = 0; c < y_info.channels; ++c) {
    for (int64_t oy = 0; oy < y_info.height; ++oy) {
      for (int64_t ox = 0; ox < y_info.width; ++ox) {
        int64_t sum = 0;      // of x - zx; padding reads zx and adds nothing
        int64_t counted = 0;  // the divisor
        for (int64_t ky = 0; ky < layer.kernel_h; ++ky) {
          for (int64_t kx = 0; kx < layer.kernel_w; ++kx) {
            const int64_t iy = oy * layer.stride_h + ky * layer.dilation_h - layer.pad_top;
            const int64_t ix = ox * layer.stride_w + kx * layer.dilation_w - layer.pad_left;
            if (iy >= 0 && iy < x.info.height && ix >= 0 && ix < x.info.width) {
              sum += x.values.data[offset(x.info, c, iy, ix)] - x.info.zero_point;
              ++counted;
            } else if (layer.count_include_pad && iy < x.info.height + layer.pad_bottom &&
                       ix < x.info.width + layer.pad_right) {
              ++counted;  // padding; a window may reach beyond it (ceil_mode), that never counts
            }
          }
        }
        if (counted < 1 || counted > static_cast<int64_t>(layer.requant.size())) {
          throw_input("layer '{}': window at pixel ({}, {}) counts {} values, legal is 1..{}",
                      layer.name, oy, ox, counted, layer.requant.size());
        }
        check_int32(sum, layer, y_info, c, oy * y_info.width + ox);
        y.data[offset(y_info, c, oy, ox)] =
            requantise(sum, layer.requant[static_cast<size_t>(counted - 1)],
                       layer.output_zero_point, layer.lo, layer.hi);
      }
    }
  }
  return y;
}

Int8Tensor add(const QLayer& layer, const Operand& a, const Operand& b, const QTensorInfo& y_info) {
  Int8Tensor y = output_of(y_info);
  const Requantisation division{1, layer.add_shift};
  for (int64_t c = 0; c < y_info.channels; ++c) {
    for (int64_t oy = 0; oy < y_info.height; ++oy) {
      for (int64_t ox = 0; ox < y_info.width; ++ox) {
        const size_t i = offset(y_info, c, oy, ox);
        const int64_t sum = int64_t{a.values.data[i]} * layer.ma +
                            int64_t{b.values.data[i]} * layer.mb + layer.add_constant;
        check_int32(sum, layer, y_info, c, oy * y_info.width + ox);
        y.data[i] = requantise(sum, division, layer.output_zero_point, layer.lo, layer.hi);
      }
    }
  }
  return y;
}

Int8Tensor concat(const QLayer& layer, const std::vector<Operand>& inputs,
                  const QTensorInfo& y_info) {
  Int8Tensor y = output_of(y_info);
  size_t at = 0;
  for (const Operand& x : inputs) {
    for (const int8_t value : x.values.data) {
      y.data[at++] = static_cast<int8_t>(std::clamp<int>(value, layer.lo, layer.hi));
    }
  }
  return y;
}

Int8Tensor identity(const QLayer& layer, const Operand& x, const QTensorInfo& y_info) {
  Int8Tensor y = output_of(y_info);
  for (size_t i = 0; i < y.data.size(); ++i) {
    y.data[i] = requantise(x.values.data[i] - x.info.zero_point, layer.requant[0],
                           layer.output_zero_point, layer.lo, layer.hi);
  }
  return y;
}

}  // namespace aap::golden
