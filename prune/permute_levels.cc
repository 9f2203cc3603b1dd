// SPDX-License-Identifier: Apache-2.0
#include "prune/permute_levels.h"

#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace aap {
namespace {

constexpr int64_t kLanes = 32;  // rows are padded to a multiple with zeros

#if defined(__x86_64__)
__attribute__((target("avx2"))) int64_t sum_of_max_avx2(const uint8_t* a, const uint8_t* b,
                                                        int64_t n) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i sum = zero;
  for (int64_t i = 0; i < n; i += 32) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i));
    const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i));
    sum = _mm256_add_epi64(sum, _mm256_sad_epu8(_mm256_max_epu8(x, y), zero));
  }
  alignas(32) int64_t part[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(part), sum);
  return part[0] + part[1] + part[2] + part[3];
}
#endif

int64_t sum_of_max_plain(const uint8_t* a, const uint8_t* b, int64_t n) {
  int64_t sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::max(a[i], b[i]);
  return sum;
}

}  // namespace

// n is a multiple of kLanes.
int64_t sum_of_max(const uint8_t* a, const uint8_t* b, int64_t n) {
#if defined(__x86_64__)
  static const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  if (avx2) return sum_of_max_avx2(a, b, n);
#endif
  return sum_of_max_plain(a, b, n);
}

float top_of(const std::vector<const PermuteUse*>& uses) {
  std::vector<float> sample;
  for (const PermuteUse* user : uses) {
    const PermuteUse& use = *user;
    const size_t step = std::max<size_t>(1, use.scores.size() / 65536);
    for (size_t i = 0; i < use.scores.size(); i += step) sample.push_back(use.scores[i]);
  }
  if (sample.empty()) return 0.0F;
  const size_t at = sample.size() - 1 - sample.size() / 500;
  std::nth_element(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(at), sample.end());
  return sample[at] > 0.0F ? sample[at] : *std::max_element(sample.begin(), sample.end());
}

Levels quantise(const PermuteUse& use, float top, int64_t sampled) {
  Levels l;
  l.use = &use;
  const int64_t step = std::max<int64_t>(1, (use.rows + sampled - 1) / sampled);
  const int64_t rows = (use.rows + step - 1) / step;
  l.rows = (rows + kLanes - 1) / kLanes * kLanes;
  l.level.assign(static_cast<size_t>(use.channels * l.rows), 0);
  const float scale = top > 0.0F ? 255.0F / top : 0.0F;
  for (int64_t c = 0; c < use.channels; ++c) {
    for (int64_t r = 0; r < rows; ++r) {
      const float v = use.scores[static_cast<size_t>(c * use.rows + r * step)] * scale;
      l.level[static_cast<size_t>(c * l.rows + r)] =
          static_cast<uint8_t>(std::min(255.0F, v + 0.5F));
    }
  }
  return l;
}

int64_t keep_of(const PermuteUse& use, int64_t size) {
  return size == use.group ? use.keep : use.tail_keep;
}

}  // namespace aap
