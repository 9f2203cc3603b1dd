// SPDX-License-Identifier: Apache-2.0
// The one rounding of the numerical contract (docs/numerics.md), exact in integers.
#pragma once

#include <cstdint>

#include "model/qnetwork.h"

namespace aap {

// clamp(rne(acc * r.multiplier / 2^r.shift) + zero_point, lo, hi), rne = round half to even, exact
// for every int64 acc. Legal: r.shift 0..63, -128 <= lo <= hi <= 127; InputError otherwise.
int8_t requantise(int64_t acc, Requantisation r, int zero_point, int lo, int hi);

}  // namespace aap
