// SPDX-License-Identifier: Apache-2.0
#include "model/float_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

// One binary for every x86-64, with wider copies of the inner loops. The sanitizers run too late
// for the selection among copies.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define AAP_VECTOR_COPIES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define AAP_VECTOR_COPIES
#endif

namespace aap {
namespace {

using Vector = float __attribute__((vector_size(kPanel * sizeof(float)), aligned(4)));

// kRows rows of the product, held in registers.
template <int kRows>
inline __attribute__((always_inline)) void multiply_rows(const float* a, int64_t lda,
                                                         const float* panel, int64_t k,
                                                         const float* start, float* c, int64_t ldc,
                                                         int64_t columns) {
  Vector sum[kRows];
  for (int r = 0; r < kRows; ++r) sum[r] = Vector{} + (start != nullptr ? start[r] : 0.0F);
  for (int64_t i = 0; i < k; ++i) {
    Vector b;
    std::memcpy(&b, panel + i * kPanel, sizeof(b));
    for (int r = 0; r < kRows; ++r) sum[r] += a[r * lda + i] * b;
  }
  for (int r = 0; r < kRows; ++r) {
    if (columns == kPanel) {
      std::memcpy(c + r * ldc, &sum[r], sizeof(Vector));
    } else {
      for (int64_t j = 0; j < columns; ++j) c[r * ldc + j] = sum[r][j];
    }
  }
}

// y[i] += w * x[i * stride]
AAP_VECTOR_COPIES
void add_scaled(int64_t count, float w, const float* x, int64_t stride, float* y) {
  if (stride == 1) {
    for (int64_t i = 0; i < count; ++i) y[i] += w * x[i];
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] += w * x[i * stride];
  }
}

// Outputs o in [begin, end) whose input o * stride + offset lies in [0, in).
struct Range {
  int64_t begin, end;
};
Range valid_range(int64_t out, int64_t in, int64_t stride, int64_t offset) {
  const int64_t begin = offset >= 0 ? 0 : std::min(out, (-offset + stride - 1) / stride);
  const int64_t end = offset >= in ? 0 : std::min(out, (in - 1 - offset) / stride + 1);
  return {begin, std::max(begin, end)};
}

}  // namespace

PackedMatrix pack_matrix(const float* from, int64_t k, int64_t n, int64_t row_stride,
                         int64_t column_stride) {
  PackedMatrix m;
  m.k = k;
  m.n = n;
  m.data.resize(static_cast<size_t>((n + kPanel - 1) / kPanel * kPanel * k));
  for (int64_t j = 0; j < n; ++j) {
    float* to = m.data.data() + j / kPanel * kPanel * k + j % kPanel;
    for (int64_t i = 0; i < k; ++i) to[i * kPanel] = from[i * row_stride + j * column_stride];
  }
  return m;
}

AAP_VECTOR_COPIES
void multiply_panel(const float* a, int64_t lda, int64_t rows, const float* panel, int64_t k,
                    const float* start, float* c, int64_t ldc, int64_t columns) {
  int64_t r = 0;
  for (; r + 6 <= rows; r += 6) {
    multiply_rows<6>(a + r * lda, lda, panel, k, start ? start + r : nullptr, c + r * ldc, ldc,
                     columns);
  }
  for (; r + 2 <= rows; r += 2) {
    multiply_rows<2>(a + r * lda, lda, panel, k, start ? start + r : nullptr, c + r * ldc, ldc,
                     columns);
  }
  for (; r < rows; ++r) {
    multiply_rows<1>(a + r * lda, lda, panel, k, start ? start + r : nullptr, c + r * ldc, ldc,
                     columns);
  }
}

void multiply(const float* a, int64_t rows, const PackedMatrix& b, float* c) {
  for (int64_t j = 0; j * kPanel < b.n; ++j) {
    multiply_panel(a, b.k, rows, b.panel(j), b.k, nullptr, c + j * kPanel, b.n,
                   std::min(kPanel, b.n - j * kPanel));
  }
}

void gather_columns(const ConvShape& s, const float* x, int64_t first, float* columns) {
  const Window2d& w = s.window;
  for (int64_t c = first; c < first + s.channels / s.groups; ++c) {
    for (int64_t kh = 0; kh < w.kernel_h; ++kh) {
      for (int64_t kw = 0; kw < w.kernel_w; ++kw) {
        const int64_t offset = kw * w.dilation_w - w.pad_left;
        const Range valid = valid_range(w.out_w, s.width, w.stride_w, offset);
        for (int64_t oh = 0; oh < w.out_h; ++oh, columns += w.out_w) {
          const int64_t ih = oh * w.stride_h - w.pad_top + kh * w.dilation_h;
          if (ih < 0 || ih >= s.height || valid.begin >= valid.end) {
            std::fill(columns, columns + w.out_w, 0.0F);
            continue;
          }
          const float* row = x + (c * s.height + ih) * s.width;
          std::fill(columns, columns + valid.begin, 0.0F);
          for (int64_t ow = valid.begin; ow < valid.end; ++ow) {
            columns[ow] = row[ow * w.stride_w + offset];
          }
          std::fill(columns + valid.end, columns + w.out_w, 0.0F);
        }
      }
    }
  }
}

void convolve(const ConvShape& s, const float* x, const float* weights, const float* bias, float* y,
              Scratch& scratch) {
  const Window2d& w = s.window;
  const int64_t pixels = w.out_h * w.out_w;
  const int64_t k = s.channels / s.groups * w.kernel_h * w.kernel_w;
  const int64_t rows = s.outputs / s.groups;
  // A 1x1 convolution without stride and pads needs no gathering: x is the matrix.
  const bool direct = w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1 &&
                      pixels == s.height * s.width && w.pad_top == 0 && w.pad_left == 0;
  if (!direct) scratch.columns.resize(static_cast<size_t>(k * pixels));
  scratch.panel.resize(static_cast<size_t>(k * kPanel));
  float* panel = scratch.panel.data();
  for (int64_t g = 0; g < s.groups; ++g) {
    const int64_t first = g * (s.channels / s.groups);
    const float* matrix = x + first * pixels;
    if (!direct) {
      gather_columns(s, x, first, scratch.columns.data());
      matrix = scratch.columns.data();
    }
    for (int64_t j = 0; j < pixels; j += kPanel) {
      const int64_t columns = std::min(kPanel, pixels - j);
      if (columns == kPanel) {
        for (int64_t i = 0; i < k; ++i) {
          std::memcpy(panel + i * kPanel, matrix + i * pixels + j, kPanel * sizeof(float));
        }
      } else {
        for (int64_t i = 0; i < k; ++i) {
          for (int64_t p = 0; p < kPanel; ++p) {
            panel[i * kPanel + p] = p < columns ? matrix[i * pixels + j + p] : 0.0F;
          }
        }
      }
      multiply_panel(weights + g * rows * k, k, rows, panel, k,
                     bias != nullptr ? bias + g * rows : nullptr, y + g * rows * pixels + j, pixels,
                     columns);
    }
  }
}

void convolve_depthwise(const ConvShape& s, const float* x, const float* weights, const float* bias,
                        float* y) {
  const Window2d& w = s.window;
  for (int64_t c = 0; c < s.channels; ++c) {
    const float* plane = x + c * s.height * s.width;
    const float* kernel = weights + c * w.kernel_h * w.kernel_w;
    for (int64_t oh = 0; oh < w.out_h; ++oh, y += w.out_w) {
      std::fill(y, y + w.out_w, bias != nullptr ? bias[c] : 0.0F);
      for (int64_t kh = 0; kh < w.kernel_h; ++kh) {
        const int64_t ih = oh * w.stride_h - w.pad_top + kh * w.dilation_h;
        if (ih < 0 || ih >= s.height) continue;
        for (int64_t kw = 0; kw < w.kernel_w; ++kw) {
          const int64_t offset = kw * w.dilation_w - w.pad_left;
          const Range valid = valid_range(w.out_w, s.width, w.stride_w, offset);
          if (valid.begin >= valid.end) continue;
          add_scaled(valid.end - valid.begin, kernel[kh * w.kernel_w + kw],
                     plane + ih * s.width + valid.begin * w.stride_w + offset, w.stride_w,
                     y + valid.begin);
        }
      }
    }
  }
}

namespace {

// Calls tap(value) for each input of the window of output (oh, ow) that is not padding.
template <typename Tap>
void for_each_tap(const Window2d& w, const float* plane, int64_t in_h, int64_t in_w, int64_t oh,
                  int64_t ow, Tap tap) {
  for (int64_t kh = 0; kh < w.kernel_h; ++kh) {
    const int64_t ih = oh * w.stride_h - w.pad_top + kh * w.dilation_h;
    if (ih < 0 || ih >= in_h) continue;
    for (int64_t kw = 0; kw < w.kernel_w; ++kw) {
      const int64_t iw = ow * w.stride_w - w.pad_left + kw * w.dilation_w;
      if (iw >= 0 && iw < in_w) tap(plane[ih * in_w + iw]);
    }
  }
}

}  // namespace

void max_pool(const Window2d& w, int64_t channels, int64_t in_h, int64_t in_w, const float* x,
              float* y) {
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t oh = 0; oh < w.out_h; ++oh) {
      for (int64_t ow = 0; ow < w.out_w; ++ow) {
        float best = -std::numeric_limits<float>::infinity();
        for_each_tap(w, x + c * in_h * in_w, in_h, in_w, oh, ow,
                     [&](float v) { best = std::max(best, v); });
        *y++ = best;
      }
    }
  }
}

void average_pool(const Window2d& w, bool count_include_pad, int64_t channels, int64_t in_h,
                  int64_t in_w, const float* x, float* y) {
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t oh = 0; oh < w.out_h; ++oh) {
      for (int64_t ow = 0; ow < w.out_w; ++ow) {
        float sum = 0.0F;
        int64_t count = 0;
        for_each_tap(w, x + c * in_h * in_w, in_h, in_w, oh, ow, [&](float v) {
          sum += v;
          ++count;
        });
        if (count_include_pad) count = w.kernel_h * w.kernel_w;
        *y++ = count == 0 ? 0.0F : sum / static_cast<float>(count);
      }
    }
  }
}

void softmax(int64_t outer, int64_t length, int64_t inner, const float* x, float* y) {
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t base = o * length * inner + i;
      float top = -std::numeric_limits<float>::infinity();
      for (int64_t k = 0; k < length; ++k) top = std::max(top, x[base + k * inner]);
      double sum = 0.0;
      for (int64_t k = 0; k < length; ++k) {
        y[base + k * inner] = std::exp(x[base + k * inner] - top);
        sum += static_cast<double>(y[base + k * inner]);
      }
      for (int64_t k = 0; k < length; ++k) {
        y[base + k * inner] = static_cast<float>(y[base + k * inner] / sum);
      }
    }
  }
}

}  // namespace aap
