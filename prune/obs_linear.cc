// SPDX-License-Identifier: Apache-2.0
#include "prune/obs_linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>

// One binary for every x86-64, with wider copies of the inner loop. The sanitizers run too late for
// the selection among copies.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define AAP_VECTOR_COPIES \
  __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define AAP_VECTOR_COPIES
#endif

namespace aap {
namespace {

constexpr int64_t kTileRows = 6, kTileColumns = 8;
constexpr int64_t kDepth = 128, kRowBlock = 96, kColumnBlock = 256;

using Vector = double __attribute__((vector_size(kTileColumns * sizeof(double)), aligned(8)));

// tile[6][8] = sum over depth of a[depth][6] * b[depth][8]
AAP_VECTOR_COPIES
void multiply_tile(const double* a, const double* b, int64_t depth, double* tile) {
  Vector sum[kTileRows] = {};
  for (int64_t k = 0; k < depth; ++k) {
    Vector right;
    std::memcpy(&right, b + k * kTileColumns, sizeof(right));
    for (int64_t r = 0; r < kTileRows; ++r) sum[r] += a[k * kTileRows + r] * right;
  }
  std::memcpy(tile, sum, sizeof(sum));
}

// Rows of m, `width` at a time, as [panel][depth][width], zero filled.
void pack(const ConstMatrixView& m, int64_t width, std::vector<double>& to) {
  to.assign(static_cast<size_t>((m.rows + width - 1) / width * width * m.columns), 0.0);
  for (int64_t r = 0; r < m.rows; ++r) {
    double* out = to.data() + r / width * width * m.columns + r % width;
    const double* in = m.data + r * m.row;
    for (int64_t k = 0; k < m.columns; ++k) out[k * width] = in[k * m.column];
  }
}

double dot(const double* a, const double* b, int64_t n) {
  double sum[4] = {};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int64_t j = 0; j < 4; ++j) sum[j] += a[i + j] * b[i + j];
  }
  for (; i < n; ++i) sum[0] += a[i] * b[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

constexpr int64_t kPanelSize = 64;

bool cholesky_plain(MatrixView a) {
  for (int64_t j = 0; j < a.rows; ++j) {
    double* row = a.data + j * a.row;
    const double pivot = row[j] - dot(row, row, j);
    if (!(pivot > 0.0) || !std::isfinite(pivot)) return false;
    row[j] = std::sqrt(pivot);
    for (int64_t i = j + 1; i < a.rows; ++i) {
      double* below = a.data + i * a.row;
      below[j] = (below[j] - dot(below, row, j)) / row[j];
    }
  }
  return true;
}

// x := x L^-T for the rows of x
void solve_rows(const ConstMatrixView& l, MatrixView x) {
  for (int64_t r = 0; r < x.rows; ++r) {
    double* row = x.data + r * x.row;
    for (int64_t j = 0; j < l.rows; ++j) {
      const double* lj = l.data + j * l.row;
      row[j] = (row[j] - dot(row, lj, j)) / lj[j];
    }
  }
}

}  // namespace

void add_product(double alpha, const ConstMatrixView& a, const ConstMatrixView& b, MatrixView c,
                 bool lower) {
  std::vector<double> left, right;
  double tile[kTileRows * kTileColumns];
  for (int64_t k0 = 0; k0 < a.columns; k0 += kDepth) {
    const int64_t depth = std::min(kDepth, a.columns - k0);
    for (int64_t j0 = 0; j0 < c.columns; j0 += kColumnBlock) {
      const int64_t width = std::min(kColumnBlock, c.columns - j0);
      pack({b.data + k0 * b.row + j0 * b.column, width, depth, b.column, b.row}, kTileColumns,
           right);
      const int64_t first = lower ? j0 / kRowBlock * kRowBlock : 0;
      for (int64_t i0 = first; i0 < c.rows; i0 += kRowBlock) {
        const int64_t height = std::min(kRowBlock, c.rows - i0);
        pack({a.data + i0 * a.row + k0 * a.column, height, depth, a.row, a.column}, kTileRows,
             left);
        for (int64_t j = 0; j < width; j += kTileColumns) {
          const int64_t columns = std::min(kTileColumns, width - j);
          for (int64_t i = 0; i < height; i += kTileRows) {
            if (lower && i0 + i + kTileRows <= j0 + j) continue;
            multiply_tile(left.data() + i * depth, right.data() + j * depth, depth, tile);
            const int64_t rows = std::min(kTileRows, height - i);
            double* out = c.data + (i0 + i) * c.row + (j0 + j) * c.column;
            for (int64_t r = 0; r < rows; ++r) {
              for (int64_t s = 0; s < columns; ++s) {
                out[r * c.row + s * c.column] += alpha * tile[r * kTileColumns + s];
              }
            }
          }
        }
      }
    }
  }
}

AAP_VECTOR_COPIES
void subtract_outer(double* a, int64_t stride, int64_t n, double factor, const double* v) {
  for (int64_t i = 0; i < n; ++i) {
    const double f = factor * v[i];
    double* row = a + i * stride;
    for (int64_t j = 0; j < n; ++j) row[j] -= f * v[j];
  }
}

bool cholesky(MatrixView a) {
  for (int64_t k = 0; k < a.rows; k += kPanelSize) {
    const int64_t size = std::min(kPanelSize, a.rows - k), rest = a.rows - k - size;
    const MatrixView corner = a.block(k, k, size, size);
    if (!cholesky_plain(corner)) return false;
    const MatrixView below = a.block(k + size, k, rest, size);
    solve_rows(corner, below);
    add_product(-1.0, below, below.transposed(), a.block(k + size, k + size, rest, rest), true);
  }
  return true;
}

void solve_lower(const ConstMatrixView& l, MatrixView x) {
  for (int64_t i = 0; i < l.rows; ++i) {
    double* row = x.data + i * x.row;
    for (int64_t j = 0; j < i; ++j) {
      const double f = l.data[i * l.row + j * l.column];
      const double* other = x.data + j * x.row;
      for (int64_t c = 0; c < x.columns; ++c) row[c * x.column] -= f * other[c * x.column];
    }
    const double scale = 1.0 / l.data[i * l.row + i * l.column];
    for (int64_t c = 0; c < x.columns; ++c) row[c * x.column] *= scale;
  }
}

void solve_lower_transposed(const ConstMatrixView& l, MatrixView x) {
  for (int64_t i = l.rows; i-- > 0;) {
    double* row = x.data + i * x.row;
    for (int64_t j = i + 1; j < l.rows; ++j) {
      const double f = l.data[j * l.row + i * l.column];
      const double* other = x.data + j * x.row;
      for (int64_t c = 0; c < x.columns; ++c) row[c * x.column] -= f * other[c * x.column];
    }
    const double scale = 1.0 / l.data[i * l.row + i * l.column];
    for (int64_t c = 0; c < x.columns; ++c) row[c * x.column] *= scale;
  }
}

bool invert_symmetric(MatrixView a) {
  const int64_t n = a.rows;
  if (!cholesky(a)) return false;
  std::vector<double> inverse(static_cast<size_t>(n * n), 0.0);
  for (int64_t i = 0; i < n; ++i) inverse[static_cast<size_t>(i * n + i)] = 1.0;
  const MatrixView x{inverse.data(), n, n, n, 1};
  solve_lower(a, x);
  solve_lower_transposed(a, x);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) a.data[i * a.row + j * a.column] = x.data[i * n + j];
  }
  return true;
}

}  // namespace aap
