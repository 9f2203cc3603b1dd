// SPDX-License-Identifier: Apache-2.0
// One layer of second-order pruning as a matrix problem.
#define BOOST_TEST_MODULE obs_solve
#include <boost/test/unit_test.hpp>
#include <algorithm>
#include <cmath>
#include <random>

#include "prune/obs_exchange.h"
#include "prune/obs_solve.h"

using namespace aap;

namespace {

std::vector<double> random_values(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> draw;
  std::vector<double> out(n);
  for (double& v : out) v = draw(random);
  return out;
}

// X X^T of n variables with correlations, well conditioned.
std::vector<double> random_hessian(int64_t n, unsigned seed) {
  const int64_t samples = 3 * n;
  std::vector<double> x = random_values(static_cast<size_t>(n * samples), seed);
  for (int64_t i = 1; i < n; ++i) {
    for (int64_t s = 0; s < samples; ++s) {
      x[static_cast<size_t>(i * samples + s)] +=
          0.7 * x[static_cast<size_t>((i - 1) * samples + s)];
    }
  }
  std::vector<double> h(static_cast<size_t>(n * n), 0.0);
  add_product(1.0, {x.data(), n, samples, samples}, {x.data(), samples, n, 1, samples},
              {h.data(), n, n, n, 1});
  return h;
}

std::vector<ColumnGroup> groups_of(int64_t columns, int64_t group, int64_t keep) {
  std::vector<ColumnGroup> groups;
  for (int64_t at = 0; at < columns; at += group) {
    const int64_t size = std::min(group, columns - at);
    groups.push_back({at, size, std::min(keep, size)});
  }
  return groups;
}

int64_t most_in_a_group(const std::vector<double>& row, const std::vector<ColumnGroup>& groups) {
  int64_t most = 0;
  for (const ColumnGroup& g : groups) {
    int64_t count = 0;
    for (int64_t i = 0; i < g.size; ++i) count += row[static_cast<size_t>(g.first + i)] != 0.0;
    most = std::max(most, count - g.keep);
  }
  return most;  // above what is legal
}

struct Problem {
  int64_t rows, columns;
  std::vector<double> w, hessian;
  std::vector<ColumnGroup> groups;
};

Problem random_problem(int64_t rows, int64_t columns, int64_t group, int64_t keep, unsigned seed) {
  return {rows, columns, random_values(static_cast<size_t>(rows * columns), seed),
          random_hessian(columns, seed + 1), groups_of(columns, group, keep)};
}

double error_of(const Problem& p, const std::vector<double>& q) {
  return quadratic_error({q.data(), p.rows, p.columns, p.columns},
                         {p.w.data(), p.rows, p.columns, p.columns},
                         {p.hessian.data(), p.columns, p.columns, p.columns});
}

std::vector<double> by_magnitude(const Problem& p) {
  std::vector<double> q = p.w;
  for (int64_t r = 0; r < p.rows; ++r) {
    for (const ColumnGroup& g : p.groups) {
      std::vector<size_t> at;
      for (int64_t i = 0; i < g.size; ++i)
        at.push_back(static_cast<size_t>(r * p.columns + g.first + i));
      std::sort(at.begin(), at.end(),
                [&](size_t a, size_t b) { return std::fabs(q[a]) > std::fabs(q[b]); });
      for (size_t i = static_cast<size_t>(g.keep); i < at.size(); ++i) q[at[i]] = 0.0;
    }
  }
  return q;
}

std::vector<double> by_obs(const Problem& p, ObsOrder order) {
  std::vector<double> q = p.w, h = p.hessian;
  obs_prune_rows({q.data(), p.rows, p.columns, p.columns, 1},
                 {h.data(), p.columns, p.columns, p.columns, 1}, p.groups, order);
  return q;
}

void refit(const Problem& p, std::vector<double>& q) {
  obs_refit_rows({q.data(), p.rows, p.columns, p.columns, 1},
                 {p.w.data(), p.rows, p.columns, p.columns},
                 {p.hessian.data(), p.columns, p.columns, p.columns});
}

}  // namespace

BOOST_AUTO_TEST_CASE(products_and_factors_are_exact_for_any_size) {
  for (const int64_t n : {1, 2, 7, 64, 65, 100, 193}) {
    const std::vector<double> h = random_hessian(n, 3);
    std::vector<double> l = h, product(h.size(), 0.0);
    BOOST_REQUIRE(cholesky({l.data(), n, n, n, 1}));
    double worst = 0.0, largest = 0.0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        double sum = 0.0;
        for (int64_t k = 0; k <= j; ++k) {
          sum += l[static_cast<size_t>(i * n + k)] * l[static_cast<size_t>(j * n + k)];
        }
        worst = std::max(worst, std::fabs(sum - h[static_cast<size_t>(i * n + j)]));
        largest = std::max(largest, std::fabs(h[static_cast<size_t>(i * n + j)]));
      }
    }
    BOOST_TEST(worst < 1e-12 * largest);
    std::vector<double> inverse = h;
    BOOST_REQUIRE(invert_symmetric({inverse.data(), n, n, n, 1}));
    add_product(1.0, {h.data(), n, n, n}, {inverse.data(), n, n, n}, {product.data(), n, n, n, 1});
    for (int64_t i = 0; i < n * n; ++i) {
      BOOST_TEST(std::fabs(product[static_cast<size_t>(i)] - (i % (n + 1) == 0 ? 1.0 : 0.0)) <
                 1e-8);
    }
  }
  std::vector<double> singular = {1.0, 1.0, 1.0, 1.0};
  BOOST_TEST(!cholesky({singular.data(), 2, 2, 2, 1}));
}

BOOST_AUTO_TEST_CASE(every_order_keeps_k_of_g_and_beats_magnitude) {
  const int64_t cases[][3] = {{64, 16, 4}, {64, 16, 1}, {50, 16, 3},
                              {300, 8, 2}, {32, 32, 5}, {12, 16, 4}};
  for (const auto& [columns, group, keep] : cases) {
    Problem p = random_problem(9, columns, group, keep, 11);
    const double magnitude = error_of(p, by_magnitude(p));
    for (const ObsOrder order : {ObsOrder::kColumns, ObsOrder::kRows}) {
      BOOST_TEST_CONTEXT(columns << " columns, keep " << keep << " of " << group << ", order "
                                 << static_cast<int>(order)) {
        std::vector<double> q = by_obs(p, order);
        for (int64_t r = 0; r < p.rows; ++r) {
          const auto row = q.begin() + r * columns;
          BOOST_TEST(most_in_a_group({row, row + columns}, p.groups) == 0);
        }
        const double error = error_of(p, q);
        if (columns > keep) BOOST_TEST(error < 0.8 * magnitude);
        refit(p, q);
        BOOST_TEST(error_of(p, q) <= error * (1 + 1e-9) + 1e-9);
        // In their own order, rows already have the best weights for what they keep.
        if (order == ObsOrder::kRows)
          BOOST_TEST(error_of(p, q) == error, boost::test_tools::tolerance(1e-6));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(exchanges_lower_the_error_and_leave_none_that_helps) {
  const int64_t cases[][3] = {{64, 16, 4}, {50, 16, 3}, {48, 4, 2}, {12, 16, 4}};
  for (const auto& [columns, group, keep] : cases) {
    const Problem p = random_problem(9, columns, group, keep, 11);
    std::vector<double> q = by_magnitude(p);  // far from the best choice
    refit(p, q);
    const double before = error_of(p, q);
    const auto exchange = [&](std::vector<double>& w, int sweeps) {
      return obs_exchange_rows({w.data(), p.rows, columns, columns, 1},
                               {p.w.data(), p.rows, columns, columns},
                               {p.hessian.data(), columns, columns, columns}, p.groups, sweeps);
    };
    const int64_t made = exchange(q, 1000);
    const double after = error_of(p, q);
    if (columns > 16) BOOST_TEST(made > 0);
    if (columns > 16) BOOST_TEST(after < 0.95 * before);
    for (int64_t r = 0; r < p.rows; ++r) {
      const auto row = q.begin() + r * columns;
      BOOST_TEST(most_in_a_group({row, row + columns}, p.groups) == 0);
    }
    // The weights are the best for what is kept, and no single exchange lowers the error.
    std::vector<double> again = q;
    refit(p, again);
    BOOST_TEST(error_of(p, again) == after, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(exchange(again, 1000) == 0);
    for (const ColumnGroup& g : p.groups) {
      for (int64_t out = g.first; out < g.first + g.size; ++out) {
        for (int64_t in = g.first; in < g.first + g.size; ++in) {
          std::vector<double> tried = q;  // row 0 alone
          double *a = &tried[static_cast<size_t>(out)], *b = &tried[static_cast<size_t>(in)];
          if (*a == 0.0 || *b != 0.0) continue;
          std::swap(*a, *b);
          refit(p, tried);
          BOOST_TEST(error_of(p, tried) >= after * (1 - 1e-9));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(one_group_in_columns_order_is_the_textbook_elimination) {
  // With a single group both orders are Optimal Brain Surgeon, computed in two ways.
  const Problem p = random_problem(20, 16, 16, 4, 5);
  const std::vector<double> a = by_obs(p, ObsOrder::kColumns), b = by_obs(p, ObsOrder::kRows);
  for (size_t i = 0; i < a.size(); ++i) BOOST_TEST(std::fabs(a[i] - b[i]) < 1e-9);
}

BOOST_AUTO_TEST_CASE(no_correlation_means_magnitude_and_no_update) {
  Problem p = random_problem(6, 48, 16, 4, 9);
  std::fill(p.hessian.begin(), p.hessian.end(), 0.0);
  for (int64_t i = 0; i < 48; ++i) p.hessian[static_cast<size_t>(i * 49)] = 2.0;
  const std::vector<double> expected = by_magnitude(p);
  for (const ObsOrder order : {ObsOrder::kColumns, ObsOrder::kRows}) {
    const std::vector<double> q = by_obs(p, order);
    for (size_t i = 0; i < q.size(); ++i) BOOST_TEST(std::fabs(q[i] - expected[i]) < 1e-12);
  }
}
