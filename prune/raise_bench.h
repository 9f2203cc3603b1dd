// SPDX-License-Identifier: Apache-2.0
// Speed of permutation search and second-order update on layers of stated size, one thread. Seconds
// are processor time of the thread, so that other work on the machine does not count.
#pragma once

#include <cstdint>
#include <vector>

namespace aap {

struct PermutationBench {
  int64_t rows = 0, channels = 0;
  double seconds = 0.0;
  double before = 0.0, after = 0.0, bound = 0.0;  // sums of kept magnitudes
};
// Magnitudes of normal weights whose channels and rows differ in strength; rows = M x KH x KW.
PermutationBench bench_permutation(int64_t rows, int64_t channels, int group, int keep,
                                   uint32_t seed);

// A layer of M outputs over D columns with the moments of 2 D correlated samples.
struct ObsBenchInput {
  int64_t rows = 0, columns = 0;
  std::vector<float> weights;  // [M][D]
  std::vector<float> hessian;  // [D][D]
};
ObsBenchInput obs_bench_input(int64_t rows, int64_t columns, uint32_t seed);

struct ObsBench {
  double seconds = 0.0;        // damping, factor, selection and update, all columns in one order
  std::vector<float> weights;  // pruned
  double error = 0.0;          // sum of (q - w)^T H (q - w) over that of magnitude
};
ObsBench bench_obs(const ObsBenchInput& input, int group, int keep);

// Share of the mean diagonal that bench_obs adds.
double obs_bench_damping();

// Of any weights: sum of (q - w)^T H (q - w).
double obs_bench_error(const ObsBenchInput& input, const std::vector<float>& weights);

}  // namespace aap
