// SPDX-License-Identifier: Apache-2.0
#include "golden/requantise.h"

#include <algorithm>

#include "model/error.h"

namespace aap {
namespace {

__extension__ typedef __int128 Int128;  // holds int64 x uint32 exactly

// rne(value / 2^shift). The right shift of a negative value rounds towards minus infinity (g++ and
// clang define it so), hence the remainder is 0 .. 2^shift - 1 for either sign.
template <typename Wide>
Wide divide_round_half_even(Wide value, int shift) {
  if (shift == 0) return value;
  const Wide quotient = value >> shift;
  const Wide one = 1;
  const Wide half = one << (shift - 1);
  const Wide remainder = value & (half | (half - 1));
  const bool up = remainder > half || (remainder == half && (quotient & 1) != 0);
  return quotient + (up ? 1 : 0);
}

}  // namespace

int8_t requantise(int64_t acc, Requantisation r, int zero_point, int lo, int hi) {
  if (r.shift < 0 || r.shift > 63) {
    throw_input("requantisation: shift is {}, legal is 0..63", r.shift);
  }
  if (lo < -128 || hi > 127 || lo > hi) {
    throw_input("requantisation: clamp is {}..{}, legal is within -128..127", lo, hi);
  }
  // An int32 accumulator times 32 bits fits 64: the usual case, and the faster one.
  if (acc >= INT32_MIN && acc <= INT32_MAX) {
    const int64_t product = acc * static_cast<int64_t>(r.multiplier);
    const int64_t rounded = divide_round_half_even<int64_t>(product, r.shift);
    return static_cast<int8_t>(std::clamp<int64_t>(rounded + zero_point, lo, hi));
  }
  const Int128 product = static_cast<Int128>(acc) * r.multiplier;
  const Int128 rounded = divide_round_half_even<Int128>(product, r.shift);
  return static_cast<int8_t>(std::clamp<Int128>(rounded + zero_point, lo, hi));
}

}  // namespace aap
