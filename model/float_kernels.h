// SPDX-License-Identifier: Apache-2.0
// Float kernels for one image, for model/ and for what prune/ measures. Every output is one sum in
// a fixed order without fused multiply-add, so that results do not depend on threads or on the
// processor's vector width.
#pragma once

#include <cstdint>
#include <vector>

#include "model/graph.h"

namespace aap {

constexpr int64_t kPanel = 16;  // columns that the matrix kernel computes at once

// A matrix [k][n] cut into panels of kPanel columns: [ceil(n / kPanel)][k][kPanel], zero filled.
struct PackedMatrix {
  int64_t k = 0, n = 0;
  std::vector<float> data;
  const float* panel(int64_t j) const { return data.data() + j * k * kPanel; }
};

// `row_stride`, `column_stride` in values: (n, 1) for [k][n], (1, k) for its transpose [n][k].
PackedMatrix pack_matrix(const float* from, int64_t k, int64_t n, int64_t row_stride,
                         int64_t column_stride);

// c[rows][0..columns) = start + a[rows][k] * panel[k][kPanel], columns <= kPanel. `start` is one
// value per row, or null for 0.
void multiply_panel(const float* a, int64_t lda, int64_t rows, const float* panel, int64_t k,
                    const float* start, float* c, int64_t ldc, int64_t columns);

// c[rows][n] = a[rows][k] * b
void multiply(const float* a, int64_t rows, const PackedMatrix& b, float* c);

struct ConvShape {
  int64_t channels = 0, height = 0, width = 0;  // input C, H, W
  int64_t outputs = 0;                          // M
  int64_t groups = 1;
  Window2d window;
};

// Memory that a thread keeps between images.
struct Scratch {
  std::vector<float> columns, panel;
};

// weights [M][C/groups][KH][KW], bias M values or null.
void convolve(const ConvShape& s, const float* x, const float* weights, const float* bias, float* y,
              Scratch& scratch);
// One input and one output channel per group.
void convolve_depthwise(const ConvShape& s, const float* x, const float* weights, const float* bias,
                        float* y);
// The patches of x as a matrix [C/groups * KH * KW][OH * OW] for the channels from `first` on.
void gather_columns(const ConvShape& s, const float* x, int64_t first, float* columns);

void max_pool(const Window2d& w, int64_t channels, int64_t in_h, int64_t in_w, const float* x,
              float* y);
void average_pool(const Window2d& w, bool count_include_pad, int64_t channels, int64_t in_h,
                  int64_t in_w, const float* x, float* y);
// x[outer][length][inner], softmax over length.
void softmax(int64_t outer, int64_t length, int64_t inner, const float* x, float* y);

}  // namespace aap
