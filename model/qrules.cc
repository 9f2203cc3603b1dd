// SPDX-License-Identifier: Apache-2.0
// The rules that make integers of scales: docs/numerics.md.
#include <algorithm>
#include <cmath>

#include "model/qimport.h"

namespace aap {
namespace {

void check_scale(const char* name, float s) {
  if (!std::isfinite(s) || !(s > 0.0F)) {
    throw_input("scale {} is {}, legal is positive and finite", name, s);
  }
}

// The float as multiplier / 2^shift.
Requantisation split(float value) {
  if (!std::isfinite(value) || !(value > 0.0F)) {
    throw_input("ratio of scales is {}, legal is positive and finite", value);
  }
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);       // value = fraction * 2^exponent
  auto m = static_cast<uint32_t>(std::ldexp(fraction, 24));  // exact: floats have 24 bits
  int shift = 24 - exponent;
  while (shift > 0 && (m & 1U) == 0) {
    m >>= 1;
    --shift;
  }
  if (shift < 0) throw_input("ratio of scales is {}, legal is below 2^24", value);
  if (shift > 63) {
    // Then value < 2^-39 and value * acc rounds to 0 for every int32 acc; so does m / 2^63 for any
    // m of 24 bits, so rounding m changes no result.
    const int drop = shift - 63;
    m = drop > 24 ? 1U : std::max(1U, (m + (1U << (drop - 1))) >> drop);
    shift = 63;
  }
  return {m, shift};
}

// Round half to even, whatever the rounding mode of the thread is.
int64_t round_even(double v) {
  const double low = std::floor(v);
  const double rest = v - low;
  const auto n = static_cast<int64_t>(low);
  if (rest != 0.5) return rest > 0.5 ? n + 1 : n;
  return n % 2 == 0 ? n : n + 1;
}

}  // namespace

Requantisation requantisation_of(float sx, float sw, float sy) {
  check_scale("of the input", sx);
  check_scale("of the weights", sw);
  check_scale("of the output", sy);
  const float product = sx * sw;
  return split(product / sy);
}

Requantisation average_requantisation(float sx, float sy, int64_t n) {
  check_scale("of the input", sx);
  check_scale("of the output", sy);
  if (n < 1) throw_input("average over {} values, legal is 1 or more", n);
  const float ratio = sx / sy;
  return split(ratio / static_cast<float>(n));
}

AddMultipliers add_multipliers(float sa, int za, float sb, int zb, float sy) {
  check_scale("of a", sa);
  check_scale("of b", sb);
  check_scale("of the sum", sy);
  const double a = static_cast<double>(sa) / static_cast<double>(sy);
  const double b = static_cast<double>(sb) / static_cast<double>(sy);
  constexpr int64_t limit = (int64_t{1} << kAddMultiplierBits) - 1;
  for (int t = 31; t >= 0; --t) {
    const double ma = std::ldexp(a, t), mb = std::ldexp(b, t);
    if (ma + mb > limit + 1.0) continue;  // also keeps the conversion in range
    const int64_t ia = round_even(ma), ib = round_even(mb);
    if (ia + ib > limit) continue;
    AddMultipliers r{static_cast<uint32_t>(ia), static_cast<uint32_t>(ib), t, 0};
    while (r.shift > 0 && ((r.ma | r.mb) & 1U) == 0) {
      r.ma >>= 1;
      r.mb >>= 1;
      --r.shift;
    }
    r.constant = static_cast<int32_t>(-(za * int64_t{r.ma} + zb * int64_t{r.mb}));
    return r;
  }
  throw_input("ratios of scales of a sum are {} and {}, their sum is to be below 2^{}", a, b,
              kAddMultiplierBits);
}

}  // namespace aap
