// SPDX-License-Identifier: Apache-2.0
// docs/numerics.md once more, in exact wide integers, for the unit benches.
#pragma once

#include <algorithm>
#include <cstdint>

#include "verif/unit/bench.h"

namespace aap::bench {

// Round half to even of value / 2^shift, exactly: floor, then look at what was cut off.
inline __int128 rne(__int128 value, int shift) {
  if (shift == 0) return value;
  const __int128 unit = static_cast<__int128>(1) << shift;
  __int128 quotient = value / unit;
  __int128 rest = value % unit;
  if (rest < 0) {
    rest += unit;
    --quotient;
  }
  const __int128 twice = 2 * rest;
  if (twice > unit || (twice == unit && (quotient & 1) != 0)) ++quotient;
  return quotient;
}

inline int8_t clamp(__int128 value, int lo, int hi) {
  return static_cast<int8_t>(value < lo ? lo : value > hi ? hi : static_cast<int>(value));
}

struct Bounds {
  int zp = 0, lo = -128, hi = 127;
};

inline int8_t requantise(int64_t sum, int64_t bias, uint32_t m, int t, const Bounds& b) {
  return clamp(rne(static_cast<__int128>(sum + bias) * m, t) + b.zp, b.lo, b.hi);
}

struct ResidualAdd {
  uint32_t ma = 0, mb = 0;  // ma + mb < 2^AddMulWidth
  int32_t c = 0;  // -((za + 128) * ma + (zb + 128) * mb)
  int shift = 0;  // 0..31
  Bounds bounds;
};

inline void random_multipliers(Random& random, int bits, ResidualAdd& r) {
  const int64_t limit = (int64_t{1} << bits) - 1;
  r.ma = static_cast<uint32_t>(random.between(0, limit));
  r.mb = static_cast<uint32_t>(random.between(0, limit - r.ma));
}

inline int8_t residual_add(int8_t a, int8_t b, const ResidualAdd& r) {
  const __int128 sum = static_cast<__int128>(a + 128) * r.ma + static_cast<__int128>(b + 128) * r.mb + r.c;
  return clamp(rne(sum, r.shift) + r.bounds.zp, r.bounds.lo, r.bounds.hi);
}

// The low `bits` bits of value as a signed number.
inline int64_t wrap(int64_t value, int bits) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) << (64 - bits)) >> (64 - bits);
}

}  // namespace aap::bench
