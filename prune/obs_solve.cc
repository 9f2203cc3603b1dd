// SPDX-License-Identifier: Apache-2.0
#include "prune/obs_solve.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/error.h"

namespace aap {
namespace {

constexpr int64_t kBlock = 128;  // columns whose share of later columns is added at once

// Removes weights of one group until `keep` are left, always the one whose loss w^2 / inverse_ii is
// smallest, and moves the others to where the loss is least. `inverse` [size][size] is the inverse
// of the group's Hessian and is destroyed; `w` is the group's row.
void eliminate(double* w, double* inverse, int64_t size, int64_t keep, std::vector<char>& gone) {
  gone.assign(static_cast<size_t>(size), 0);
  for (int64_t left = size; left > keep; --left) {
    int64_t worst = -1;
    double least = std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < size; ++i) {
      if (gone[static_cast<size_t>(i)]) continue;
      const double loss = w[i] * w[i] / inverse[i * size + i];
      if (worst < 0 || loss < least) {
        least = loss;
        worst = i;
      }
    }
    gone[static_cast<size_t>(worst)] = 1;
    const double* row = inverse + worst * size;
    const double diagonal = row[worst];
    const double step = w[worst] / diagonal;
    for (int64_t i = 0; i < size; ++i) w[i] -= step * row[i];
    for (int64_t i = 0; i < size; ++i) {
      if (i == worst || gone[static_cast<size_t>(i)]) continue;
      const double f = inverse[i * size + worst] / diagonal;
      for (int64_t j = 0; j < size; ++j) inverse[i * size + j] -= f * row[j];
    }
    for (int64_t i = 0; i < size; ++i) {
      if (gone[static_cast<size_t>(i)]) w[i] = 0.0;
    }
  }
}

// With H = L L^T the error of a row e = q - w is |e^T L|^2, and component i of e^T L depends on
// e_j for j >= i only: so groups are settled from the last to the first, and the columns before
// take up what is left (the same steps as SparseGPT's on the reversed order, without an inverse).
void prune_by_columns(MatrixView w, MatrixView hessian, const std::vector<ColumnGroup>& groups) {
  if (!cholesky(hessian)) throw_input("second-order update: the moments are not positive definite");
  const ConstMatrixView l = hessian;
  const int64_t rows = w.rows, columns = w.columns;
  std::vector<double> error(static_cast<size_t>(rows * columns), 0.0);  // q - w
  std::vector<double> carried(static_cast<size_t>(rows * kBlock));      // (e^T L) of the block
  std::vector<double> inverse, inverse_copy, target;
  std::vector<char> gone;
  size_t end = groups.size();
  while (end > 0) {
    size_t begin = end - 1;
    const int64_t last = groups[begin].first + groups[begin].size;
    while (begin > 0 && last - groups[begin - 1].first <= kBlock) --begin;
    const int64_t first = groups[begin].first, width = last - first;
    carried.assign(static_cast<size_t>(rows * width), 0.0);
    if (last < columns) {
      add_product(1.0, {error.data() + last, rows, columns - last, columns},
                  {l.data + last * l.row + first, columns - last, width, l.row},
                  {carried.data(), rows, width, width, 1});
    }
    for (size_t g = end; g-- > begin;) {
      const auto [at, size, keep] = groups[g];
      inverse.assign(static_cast<size_t>(size * size), 0.0);
      for (int64_t i = 0; i < size; ++i) {
        for (int64_t j = 0; j < size; ++j) {
          for (int64_t k = 0; k <= std::min(i, j); ++k) {
            inverse[static_cast<size_t>(i * size + j)] +=
                l.data[(at + i) * l.row + at + k] * l.data[(at + j) * l.row + at + k];
          }
        }
      }
      if (!invert_symmetric({inverse.data(), size, size, size, 1})) {
        throw_input("second-order update: the moments of columns {}..{} are singular", at,
                    at + size - 1);
      }
      target.resize(static_cast<size_t>(size));
      for (int64_t r = 0; r < rows; ++r) {
        double* e = error.data() + r * columns + at;
        double* row = w.data + r * w.row + at;
        double* rest = carried.data() + r * width;
        // The unconstrained optimum of this group: e_g = -carried L_gg^-1.
        for (int64_t i = size; i-- > 0;) {
          double sum = rest[at - first + i];
          for (int64_t j = i + 1; j < size; ++j) sum += e[j] * l.data[(at + j) * l.row + at + i];
          e[i] = -sum / l.data[(at + i) * l.row + at + i];
        }
        for (int64_t i = 0; i < size; ++i) target[static_cast<size_t>(i)] = row[i] + e[i];
        inverse_copy = inverse;
        eliminate(target.data(), inverse_copy.data(), size, keep, gone);
        for (int64_t i = 0; i < size; ++i) {
          e[i] = target[static_cast<size_t>(i)] - row[i];
          row[i] = target[static_cast<size_t>(i)];
        }
        for (int64_t j = 0; j < size; ++j) {
          const double* lj = l.data + (at + j) * l.row + first;
          for (int64_t i = 0; i < at - first; ++i) rest[i] += e[j] * lj[i];
        }
      }
    }
    end = begin;
  }
}

// All weights of a row that may still go, in the order of their cost.
void prune_by_rows(MatrixView w, MatrixView hessian, const std::vector<ColumnGroup>& groups) {
  if (!invert_symmetric(hessian)) {
    throw_input("second-order update: the moments are not positive definite");
  }
  const int64_t columns = w.columns;
  std::vector<int64_t> group_of(static_cast<size_t>(columns));
  int64_t removals = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    removals += std::max<int64_t>(0, groups[g].size - groups[g].keep);
    for (int64_t i = 0; i < groups[g].size; ++i) {
      group_of[static_cast<size_t>(groups[g].first + i)] = static_cast<int64_t>(g);
    }
  }
  std::vector<double> inverse(static_cast<size_t>(columns * columns)), row(group_of.size()),
      removed(group_of.size());
  std::vector<int64_t> active(group_of.size()), left(groups.size());
  for (int64_t r = 0; r < w.rows; ++r) {
    double* out = w.data + r * w.row;
    int64_t n = columns;  // weights still there; `inverse` and `row` are compact over them
    for (int64_t i = 0; i < columns; ++i) {
      std::copy_n(hessian.data + i * hessian.row, columns, inverse.data() + i * columns);
      active[static_cast<size_t>(i)] = i;
      row[static_cast<size_t>(i)] = out[i];
    }
    for (size_t g = 0; g < groups.size(); ++g) left[g] = groups[g].size;
    for (int64_t step = 0; step < removals; ++step) {
      int64_t worst = -1;
      double least = std::numeric_limits<double>::infinity();
      for (int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        const auto g = static_cast<size_t>(group_of[static_cast<size_t>(active[at])]);
        if (left[g] <= groups[g].keep) continue;
        const double loss = row[at] * row[at] / inverse[static_cast<size_t>(i * columns + i)];
        if (worst < 0 || loss < least) {
          least = loss;
          worst = i;
        }
      }
      const auto at = static_cast<size_t>(worst);
      --left[static_cast<size_t>(group_of[static_cast<size_t>(active[at])])];
      out[active[at]] = 0.0;
      std::copy_n(inverse.data() + worst * columns, n, removed.data());
      const double diagonal = removed[at], amount = row[at] / diagonal;
      // The last one moves to the removed one's place.
      --n;
      const auto last = static_cast<size_t>(n);
      active[at] = active[last];
      row[at] = row[last];
      std::copy_n(inverse.data() + n * columns, n + 1, inverse.data() + worst * columns);
      for (int64_t i = 0; i < n; ++i) {
        inverse[static_cast<size_t>(i * columns + worst)] =
            inverse[static_cast<size_t>(i * columns + n)];
      }
      removed[at] = removed[last];
      for (int64_t i = 0; i < n; ++i) {
        row[static_cast<size_t>(i)] -= amount * removed[static_cast<size_t>(i)];
      }
      subtract_outer(inverse.data(), columns, n, 1.0 / diagonal, removed.data());
    }
    for (int64_t i = 0; i < n; ++i) {
      out[active[static_cast<size_t>(i)]] = row[static_cast<size_t>(i)];
    }
  }
}

}  // namespace

void obs_prune_rows(MatrixView w, MatrixView hessian, const std::vector<ColumnGroup>& groups,
                    ObsOrder order) {
  if (order == ObsOrder::kColumns) {
    prune_by_columns(w, hessian, groups);
  } else {
    prune_by_rows(w, hessian, groups);
  }
}

void obs_refit_rows(MatrixView w, const ConstMatrixView& target, const ConstMatrixView& hessian) {
  const int64_t columns = w.columns;
  std::vector<double> wanted(static_cast<size_t>(w.rows * columns), 0.0);  // target * H
  add_product(1.0, target, hessian, {wanted.data(), w.rows, columns, columns, 1});
  std::vector<int64_t> support;
  std::vector<double> matrix, solution;
  for (int64_t r = 0; r < w.rows; ++r) {
    double* row = w.data + r * w.row;
    support.clear();
    for (int64_t i = 0; i < columns; ++i) {
      if (row[i] != 0.0) support.push_back(i);
    }
    const auto n = static_cast<int64_t>(support.size());
    if (n == 0) continue;
    matrix.resize(static_cast<size_t>(n * n));
    solution.resize(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      const double* from = hessian.data + support[static_cast<size_t>(i)] * hessian.row;
      for (int64_t j = 0; j <= i; ++j) {
        matrix[static_cast<size_t>(i * n + j)] = from[support[static_cast<size_t>(j)]];
      }
      solution[static_cast<size_t>(i)] =
          wanted[static_cast<size_t>(r * columns + support[static_cast<size_t>(i)])];
    }
    const MatrixView l{matrix.data(), n, n, n, 1}, x{solution.data(), n, 1, 1, 1};
    if (!cholesky(l)) throw_input("second-order update: the moments of row {} are singular", r);
    solve_lower(l, x);
    solve_lower_transposed(l, x);
    for (int64_t i = 0; i < n; ++i) {
      row[support[static_cast<size_t>(i)]] = solution[static_cast<size_t>(i)];
    }
  }
}

double quadratic_error(const ConstMatrixView& q, const ConstMatrixView& w,
                       const ConstMatrixView& hessian) {
  const int64_t rows = q.rows, columns = q.columns;
  std::vector<double> e(static_cast<size_t>(rows * columns)), product(e.size(), 0.0);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      e[static_cast<size_t>(r * columns + c)] = q.data[r * q.row + c] - w.data[r * w.row + c];
    }
  }
  add_product(1.0, {e.data(), rows, columns, columns}, hessian,
              {product.data(), rows, columns, columns, 1});
  double sum = 0.0;
  for (size_t i = 0; i < e.size(); ++i) sum += e[i] * product[i];
  return sum;
}

}  // namespace aap
