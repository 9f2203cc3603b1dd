// SPDX-License-Identifier: Apache-2.0
#include "prune/obs_exchange.h"

#include <algorithm>

#include "model/error.h"

namespace aap {
namespace {

// One row: its support S, the inverse A of H over S, and weights w = A c with c = H target over S.
// Adding column j, with h = H_Sj, u = A h, s = H_jj - h u and r = c_j - h w, lowers the error by
// r^2 / s; removing i raises it by w_i^2 / A_ii.
class Row {
 public:
  Row(const ConstMatrixView& hessian, const double* wanted, int64_t columns)
      : h_(hessian), wanted_(wanted), place_(static_cast<size_t>(columns), -1) {}

  bool start(const double* row, int64_t columns) {
    support_.clear();
    std::fill(place_.begin(), place_.end(), -1);
    for (int64_t i = 0; i < columns; ++i) {
      if (row[i] == 0.0) continue;
      place_[static_cast<size_t>(i)] = size();
      support_.push_back(i);
    }
    stride_ = size() + 1;
    inverse_.assign(static_cast<size_t>(stride_ * stride_), 0.0);
    for (int64_t a = 0; a < size(); ++a) {
      for (int64_t b = 0; b < size(); ++b) at(a, b) = h_.data[column(a) * h_.row + column(b)];
    }
    if (size() > 0 && !invert_symmetric({inverse_.data(), size(), size(), stride_, 1})) return false;
    weights_.assign(static_cast<size_t>(size()), 0.0);
    for (int64_t a = 0; a < size(); ++a) {
      for (int64_t b = 0; b < size(); ++b) {
        weights_[static_cast<size_t>(a)] += at(a, b) * wanted_[column(b)];
      }
    }
    return true;
  }

  // The best exchange within a group, made if it lowers the error.
  bool improve(const ColumnGroup& group) {
    double best = 0.0;
    int64_t in = -1, out = -1;
    int64_t here = 0;
    for (int64_t j = group.first; j < group.first + group.size; ++j) {
      here += place_[static_cast<size_t>(j)] >= 0 ? 1 : 0;
    }
    if (here >= group.size) return false;
    for (int64_t j = group.first; j < group.first + group.size; ++j) {
      if (place_[static_cast<size_t>(j)] >= 0) continue;
      const Step step = price(j);
      if (!(step.schur > 0.0)) continue;
      const double gain = step.rest * step.rest / step.schur;
      if (here < group.keep) {
        if (gain > best) best = gain, in = j, out = -1;
        continue;
      }
      for (int64_t i = group.first; i < group.first + group.size; ++i) {
        const int64_t p = place_[static_cast<size_t>(i)];
        if (p < 0) continue;
        const double u = u_[static_cast<size_t>(p)];
        const double w = weights_[static_cast<size_t>(p)] - u * step.rest / step.schur;
        const double net = gain - w * w / (at(p, p) + u * u / step.schur);
        // Above rounding, so that two columns alike do not change places for ever.
        if (net > best && net > 1e-9 * gain) best = net, in = j, out = i;
      }
    }
    if (in < 0) return false;
    add(in);
    if (out >= 0) remove(out);
    return true;
  }

  void store(double* row, int64_t columns) const {
    std::fill(row, row + columns, 0.0);
    for (int64_t a = 0; a < size(); ++a) row[column(a)] = weights_[static_cast<size_t>(a)];
  }

 private:
  struct Step {
    double schur = 0.0, rest = 0.0;
  };

  int64_t size() const { return static_cast<int64_t>(support_.size()); }
  int64_t column(int64_t p) const { return support_[static_cast<size_t>(p)]; }
  double& at(int64_t a, int64_t b) { return inverse_[static_cast<size_t>(a * stride_ + b)]; }

  // Leaves u in u_.
  Step price(int64_t j) {
    const int64_t n = size();
    h_column_.resize(static_cast<size_t>(n));
    u_.assign(static_cast<size_t>(n), 0.0);
    const double* row = h_.data + j * h_.row;
    Step step{row[j], wanted_[j]};
    for (int64_t a = 0; a < n; ++a) {
      const double v = row[column(a)];
      h_column_[static_cast<size_t>(a)] = v;
      step.rest -= v * weights_[static_cast<size_t>(a)];
      const double* from = inverse_.data() + a * stride_;
      for (int64_t b = 0; b < n; ++b) u_[static_cast<size_t>(b)] += v * from[b];
    }
    for (int64_t a = 0; a < n; ++a) {
      step.schur -= h_column_[static_cast<size_t>(a)] * u_[static_cast<size_t>(a)];
    }
    return step;
  }

  void add(int64_t j) {
    const Step step = price(j);
    const int64_t n = size();
    if (n + 1 > stride_) widen(n + 8);
    const double w = step.rest / step.schur;
    for (int64_t a = 0; a < n; ++a) {
      const double f = u_[static_cast<size_t>(a)] / step.schur;
      for (int64_t b = 0; b < n; ++b) at(a, b) += f * u_[static_cast<size_t>(b)];
      at(a, n) = at(n, a) = -f;
      weights_[static_cast<size_t>(a)] -= u_[static_cast<size_t>(a)] * w;
    }
    at(n, n) = 1.0 / step.schur;
    weights_.push_back(w);
    place_[static_cast<size_t>(j)] = n;
    support_.push_back(j);
  }

  // The last of the support takes the place of what goes.
  void remove(int64_t i) {
    const int64_t p = place_[static_cast<size_t>(i)], last = size() - 1;
    const double diagonal = at(p, p), w = weights_[static_cast<size_t>(p)];
    removed_.resize(static_cast<size_t>(size()));
    for (int64_t a = 0; a <= last; ++a) removed_[static_cast<size_t>(a)] = at(p, a);
    for (int64_t a = 0; a <= last; ++a) {
      const double f = removed_[static_cast<size_t>(a)] / diagonal;
      weights_[static_cast<size_t>(a)] -= f * w;
      for (int64_t b = 0; b <= last; ++b) at(a, b) -= f * removed_[static_cast<size_t>(b)];
    }
    for (int64_t a = 0; a <= last; ++a) at(p, a) = at(last, a);
    for (int64_t a = 0; a <= last; ++a) at(a, p) = at(a, last);
    weights_[static_cast<size_t>(p)] = weights_[static_cast<size_t>(last)];
    support_[static_cast<size_t>(p)] = column(last);
    place_[static_cast<size_t>(column(p))] = p;
    place_[static_cast<size_t>(i)] = -1;
    support_.pop_back();
    weights_.pop_back();
  }

  void widen(int64_t stride) {
    std::vector<double> wider(static_cast<size_t>(stride * stride), 0.0);
    for (int64_t a = 0; a < size(); ++a) {
      std::copy_n(inverse_.data() + a * stride_, size(), wider.data() + a * stride);
    }
    inverse_ = std::move(wider);
    stride_ = stride;
  }

  const ConstMatrixView h_;
  const double* wanted_;
  int64_t stride_ = 0;
  std::vector<int64_t> support_, place_;  // column of each place, place of each column or -1
  std::vector<double> inverse_, weights_, u_, h_column_, removed_;
};

}  // namespace

int64_t obs_exchange_rows(MatrixView w, const ConstMatrixView& target, const ConstMatrixView& hessian,
                          const std::vector<ColumnGroup>& groups, int sweeps) {
  std::vector<double> wanted(static_cast<size_t>(w.rows * w.columns), 0.0);  // target * H
  add_product(1.0, target, hessian, {wanted.data(), w.rows, w.columns, w.columns, 1});
  int64_t exchanges = 0;
  for (int64_t r = 0; r < w.rows; ++r) {
    double* weights = w.data + r * w.row;
    Row row(hessian, wanted.data() + r * w.columns, w.columns);
    if (!row.start(weights, w.columns)) {
      throw_input("second-order update: the moments of row {} are singular", r);
    }
    int64_t before = -1, made = 0;
    for (int sweep = 0; sweep < sweeps && made != before; ++sweep) {
      before = made;
      for (const ColumnGroup& group : groups) made += row.improve(group) ? 1 : 0;
    }
    if (made > 0) row.store(weights, w.columns);
    exchanges += made;
  }
  return exchanges;
}

}  // namespace aap
