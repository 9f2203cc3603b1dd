// SPDX-License-Identifier: Apache-2.0
// The dense linear algebra of the second-order update, in double, row-major. Private to prune/.
// One thread; sums are in a fixed order for one processor type, but wider vectors use fused
// multiply-add, so that last bits may differ between types.
#pragma once

#include <cstdint>
#include <vector>

namespace aap {

// A matrix in someone else's memory: element (r, c) at data[r * row + c * column].
struct MatrixView {
  double* data = nullptr;
  int64_t rows = 0, columns = 0, row = 0, column = 1;
  MatrixView block(int64_t r, int64_t c, int64_t r_count, int64_t c_count) const {
    return {data + r * row + c * column, r_count, c_count, row, column};
  }
  MatrixView transposed() const { return {data, columns, rows, column, row}; }
};

struct ConstMatrixView {
  const double* data = nullptr;
  int64_t rows = 0, columns = 0, row = 0, column = 1;
  ConstMatrixView() = default;
  ConstMatrixView(const double* d, int64_t r, int64_t c, int64_t row_step, int64_t column_step = 1)
      : data(d), rows(r), columns(c), row(row_step), column(column_step) {}
  ConstMatrixView(const MatrixView& m)  // NOLINT: a view that promises less
      : data(m.data), rows(m.rows), columns(m.columns), row(m.row), column(m.column) {}
};

// c += alpha * a * b. With `lower`, c is square and only tiles that hold an element on or below the
// diagonal are touched.
void add_product(double alpha, const ConstMatrixView& a, const ConstMatrixView& b, MatrixView c,
                 bool lower = false);

// The lower triangle of `a` (n x n, symmetric positive definite, lower half given) becomes L with
// a = L L^T; the strict upper half is left as it was. False where a pivot is not positive.
bool cholesky(MatrixView a);

// x := L^-1 x and x := L^-T x, for columns of x.
void solve_lower(const ConstMatrixView& l, MatrixView x);
void solve_lower_transposed(const ConstMatrixView& l, MatrixView x);

// The inverse of a symmetric positive definite matrix from its lower half, both halves written.
// False where it is not positive definite.
bool invert_symmetric(MatrixView a);

// Rows 0..n-1 of a (n columns used, `stride` apart) minus factor * v v^T.
void subtract_outer(double* a, int64_t stride, int64_t n, double factor, const double* v);

}  // namespace aap
