// SPDX-License-Identifier: Apache-2.0
// Scales nudged so that the integers made of them are short. The accelerator multiplies by the
// exact value of fp32(fp32(sx * sw) / sy); 24 bits in general, and a wide multiplier in small
// hardware.
#pragma once

#include <cstdint>

namespace aap {

// The weight scale nearest to `sw` whose multiplier requantisation_of(sx, result, sy) has at most
// `bits` bits: within 2^(1 - bits) of `sw` for 98 in 100, further (0.1 % with
// short scales at 16 bits, 3 % at worst) for the unlucky pairs of sx and sy whose roundings miss
// one multiplier after another. Weights are quantised with the result, so the difference is no
// error. InputError where there is none near (scales not finite, not positive, or too far apart).
float snap_weight_scale(float sx, float sw, float sy, int bits);

// The same for the output scale of an average over n values, and average_requantisation().
float snap_average_scale(float sx, float sy, int64_t n, int bits);

// The smallest weight scale of at least `sw` (to a rounding) whose multiplier is m / 2^t with t at most
// 16 and m of at most `bits` bits: fp32 then computes acc * m / 2^t exactly wherever the output does
// not saturate (docs/numerics.md). Up to 2^-(bits of m) larger than `sw`. Ratios below 2^-16 get an m of
// as few bits as the fp32 roundings of the scales leave (one, mostly). InputError as snap_weight_scale.
float snap_exact_weight_scale(float sx, float sw, float sy, int bits);

// The same for the output scale of an average over all of n values: also fp32(sx / fp32(sy * n)), which
// ONNX Runtime multiplies by, is that m / 2^t.
float snap_exact_average_scale(float sx, float sy, int64_t n, int bits);

// `scale` rounded up to 8 significant bits: products with short multipliers are then exact in fp32,
// so that snapping the weight scales finds its value at once.
float short_scale(double scale);

}  // namespace aap
