// SPDX-License-Identifier: Apache-2.0
#include "prune/bench.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <random>

#include "model/error.h"

namespace aap {
namespace {

double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Reads every byte once. With `ahead` memory is asked for before it is needed, as the selection
// does; which of the two is faster depends on the machine.
uint64_t read_all(const std::vector<float>& values, bool ahead) {
  uint64_t a[8] = {};
  const char* data = reinterpret_cast<const char*>(values.data());
  const size_t bytes = values.size() * sizeof(float) / 64 * 64;
  for (size_t i = 0; i < bytes; i += 64) {
    if (ahead) {
      __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(data) + i + 4096),
                         0, 0);
    }
    uint64_t line[8];
    std::memcpy(line, data + i, 64);
    for (int j = 0; j < 8; ++j) a[j] ^= line[j];
  }
  return a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7];
}

}  // namespace

std::vector<float> bench_weights(int64_t weights, int group, uint32_t seed) {
  if (weights < group || group < 1 || group > 32) {
    throw_input("bench: {} weights in groups of {}, legal are at least one group of 1..32", weights,
                group);
  }
  std::vector<float> values(static_cast<size_t>(weights / group * group));
  std::minstd_rand random(seed);
  // Box-Muller; the values only have to look like weights.
  for (size_t i = 0; i < values.size(); i += 2) {
    const double u = (static_cast<double>(random()) + 1.0) / 2147483649.0;
    const double v = static_cast<double>(random()) / 2147483648.0 * 6.283185307179586;
    const double r = 0.05 * std::sqrt(-2.0 * std::log(u));
    values[i] = static_cast<float>(r * std::cos(v));
    if (i + 1 < values.size()) values[i + 1] = static_cast<float>(r * std::sin(v));
  }
  return values;
}

SelectionBench bench_selection(const std::vector<float>& weights, int group, int keep,
                               int rounds) {
  if (keep < 1 || keep > group) throw_input("bench: keep is {}, legal is 1..{}", keep, group);
  SelectionBench bench;
  bench.weights = static_cast<int64_t>(weights.size());
  bench.groups = bench.weights / group;
  const auto groups = static_cast<size_t>(bench.groups);
  for (const Isa isa : available_isas()) bench.variants.push_back({isa, 1e300});
  bench.read_seconds = 1e300;
  std::vector<uint32_t> masks(groups), first;
  volatile uint64_t sink = 0;
  for (int round = 0; round < rounds; ++round) {
    for (const bool ahead : {false, true}) {
      const double start = thread_seconds();
      sink = sink ^ read_all(weights, ahead);
      bench.read_seconds = std::min(bench.read_seconds, thread_seconds() - start);
    }
    for (SelectionTime& variant : bench.variants) {
      // The plain version takes a hundred times longer; one round is enough to compare with it.
      if (variant.isa == Isa::kPlain && round > 0) continue;
      const double start = thread_seconds();
      if (!keep_rows(variant.isa, weights.data(), bench.groups, group, keep, masks.data())) {
        throw_input("bench: a weight is NaN");
      }
      variant.seconds = std::min(variant.seconds, thread_seconds() - start);
      if (first.empty()) first = masks;
      bench.agree = bench.agree && masks == first;
    }
  }
  bench.masks = std::move(masks);
  return bench;
}

}  // namespace aap
