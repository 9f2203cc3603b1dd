// SPDX-License-Identifier: Apache-2.0
#include "prune/raise_bench.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <random>

#include "prune/obs_moments.h"
#include "prune/permute_search.h"

namespace aap {
namespace {

double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double error_of(const ObsBenchInput& in, const std::vector<double>& w, const std::vector<double>& h,
                const std::vector<double>& q) {
  return quadratic_error({q.data(), in.rows, in.columns, in.columns},
                         {w.data(), in.rows, in.columns, in.columns},
                         {h.data(), in.columns, in.columns, in.columns});
}

std::vector<double> wide(const std::vector<float>& from) { return {from.begin(), from.end()}; }

}  // namespace

PermutationBench bench_permutation(int64_t rows, int64_t channels, int group, int keep,
                                   uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw(0.0F, 1.0F);
  PermuteUse use;
  use.channels = channels;
  use.group = group;
  use.keep = use.tail_keep = keep;
  use.rows = rows;
  std::vector<float> of_row;
  for (int64_t r = 0; r < rows; ++r) of_row.push_back(std::exp(0.3F * draw(random)));
  for (int64_t c = 0; c < channels; ++c) {
    const float strength = std::exp(0.5F * draw(random));
    for (float row : of_row) use.scores.push_back(std::fabs(draw(random)) * strength * row);
  }
  PermuteSearch options;
  options.seed = seed;
  const double start = thread_seconds();
  const PermuteFound found = search_permutation(channels, {&use}, options);
  return {rows, channels, thread_seconds() - start, found.before, found.after, found.bound};
}

ObsBenchInput obs_bench_input(int64_t rows, int64_t columns, uint32_t seed) {
  ObsBenchInput in;
  in.rows = rows;
  in.columns = columns;
  std::mt19937 random(seed);
  std::normal_distribution<float> draw(0.0F, 1.0F);
  for (int64_t i = 0; i < rows * columns; ++i) in.weights.push_back(draw(random));
  // Neighbouring columns look alike, as pixels do: an autoregressive series over the columns.
  const int64_t samples = 2 * columns, chunk = 512;
  std::vector<double> x(static_cast<size_t>(columns * chunk)),
      h(static_cast<size_t>(columns * columns), 0.0);
  for (int64_t done = 0; done < samples; done += chunk) {
    const int64_t n = std::min(chunk, samples - done);
    for (int64_t i = 0; i < columns; ++i) {
      for (int64_t s = 0; s < n; ++s) {
        const double before = i == 0 ? 0.0 : x[static_cast<size_t>((i - 1) * chunk + s)];
        x[static_cast<size_t>(i * chunk + s)] = 0.6 * before + draw(random);
      }
    }
    add_product(1.0, {x.data(), columns, n, chunk}, {x.data(), n, columns, 1, chunk},
                {h.data(), columns, columns, columns, 1}, true);
  }
  in.hessian.resize(h.size());
  for (int64_t i = 0; i < columns; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      in.hessian[static_cast<size_t>(i * columns + j)] =
          in.hessian[static_cast<size_t>(j * columns + i)] =
              static_cast<float>(h[static_cast<size_t>(i * columns + j)]);
    }
  }
  return in;
}

double obs_bench_damping() { return kObsDamping; }

double obs_bench_error(const ObsBenchInput& input, const std::vector<float>& weights) {
  return error_of(input, wide(input.weights), wide(input.hessian), wide(weights));
}

ObsBench bench_obs(const ObsBenchInput& input, int group, int keep) {
  const int64_t columns = input.columns;
  std::vector<ColumnGroup> groups;
  for (int64_t at = 0; at < columns; at += group) {
    const int64_t size = std::min<int64_t>(group, columns - at);
    groups.push_back({at, size, std::min<int64_t>(keep, size)});
  }
  ObsBench bench;
  const double start = thread_seconds();
  std::vector<double> h = wide(input.hessian), q = wide(input.weights);
  damp(h, columns, kObsDamping);
  obs_prune_rows({q.data(), input.rows, columns, columns, 1},
                 {h.data(), columns, columns, columns, 1}, groups, ObsOrder::kColumns);
  bench.weights.assign(q.begin(), q.end());
  bench.seconds = thread_seconds() - start;
  std::vector<double> largest = wide(input.weights);
  std::vector<size_t> order;
  for (int64_t r = 0; r < input.rows; ++r) {
    for (const ColumnGroup& g : groups) {
      order.clear();
      for (int64_t i = 0; i < g.size; ++i)
        order.push_back(static_cast<size_t>(r * columns + g.first + i));
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return std::fabs(largest[a]) > std::fabs(largest[b]);
      });
      for (size_t i = static_cast<size_t>(g.keep); i < order.size(); ++i) largest[order[i]] = 0.0;
    }
  }
  bench.error = obs_bench_error(input, bench.weights) /
                error_of(input, wide(input.weights), wide(input.hessian), largest);
  return bench;
}

}  // namespace aap
