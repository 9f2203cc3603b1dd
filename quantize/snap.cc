// SPDX-License-Identifier: Apache-2.0
#include "quantize/snap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "model/qimport.h"

namespace aap {
namespace {

bool fits(const Requantisation& r, int bits) { return (uint64_t{r.multiplier} >> bits) == 0; }

// Tries scales around those that give a multiplier of `bits` bits exactly, nearest multiplier
// first. ratio: what the multiplier should be; scale_of(ratio): the scale that gives it, in real
// numbers; good(scale): whether fp32 arithmetic agrees. Returns NaN where none is found.
template <typename ScaleOf, typename Good>
float search(double ratio, int bits, ScaleOf scale_of, Good good) {
  const double unit = std::ldexp(1.0, std::ilogb(ratio) - (bits - 1));
  const double nearest = std::nearbyint(ratio / unit);
  const double side = ratio / unit >= nearest ? 1.0 : -1.0;
  constexpr int kMultipliers = 4096, kUlps = 4;
  for (int i = 0; i < kMultipliers; ++i) {
    // 0, +1, -1, +2, -2 on the nearer side first.
    const double step = side * ((i + 1) / 2) * (i % 2 == 1 ? 1.0 : -1.0);
    const auto centre = static_cast<float>(scale_of((nearest + step) * unit));
    float up = centre, down = centre;
    for (int ulp = 0; ulp <= kUlps; ++ulp) {
      if (good(up)) return up;
      if (good(down)) return down;
      up = std::nextafter(up, std::numeric_limits<float>::infinity());
      down = std::nextafter(down, 0.0F);
    }
  }
  return std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

float snap_weight_scale(float sx, float sw, float sy, int bits) {
  const double ratio = static_cast<double>(sx) * sw / sy;
  if (!(std::isfinite(ratio) && ratio > 0.0)) {
    throw_input("scales {}, {} and {} give no multiplier", sx, sw, sy);
  }
  const float found = search(
      ratio, bits, [&](double r) { return r * sy / sx; },
      [&](float s) { return s > 0.0F && fits(requantisation_of(sx, s, sy), bits); });
  if (!(found > 0.0F)) {
    throw_input("no weight scale near {} gives a multiplier of {} bits (sx {}, sy {})", sw, bits,
                sx, sy);
  }
  return found;
}

float snap_average_scale(float sx, float sy, int64_t n, int bits) {
  const double ratio = static_cast<double>(sx) / sy / static_cast<double>(n);
  if (!(std::isfinite(ratio) && ratio > 0.0)) {
    throw_input("scales {} and {} give no multiplier for an average of {}", sx, sy, n);
  }
  const float found = search(
      ratio, bits, [&](double r) { return sx / (r * static_cast<double>(n)); },
      [&](float s) { return s > 0.0F && fits(average_requantisation(sx, s, n), bits); });
  if (!(found > 0.0F)) {
    throw_input("no output scale near {} gives an average of {} a multiplier of {} bits", sy, n,
                bits);
  }
  return found;
}

namespace {

// The fp32 value of a multiplier.
float value_of(const Requantisation& r) {
  return std::ldexp(static_cast<float>(r.multiplier), -r.shift);
}

// Multipliers to try from `ratio` upwards or downwards, nearest first: m / 2^t with t <= 16 and m of
// `bits` bits; for ratios below 2^-16 those of the fewest bits within a factor of 4.
std::vector<double> exact_multipliers(double ratio, int bits, bool up) {
  constexpr int kTried = 64, kSmallBits = 6;
  std::vector<double> list;
  const double unit = std::ldexp(1.0, -std::min(16, bits - 1 - std::ilogb(ratio)));
  const double steps = ratio / unit;
  for (int i = 0; i < kTried && steps >= 1.0; ++i) {
    const double m = up ? std::ceil(steps - 1e-6) + i : std::floor(steps + 1e-6) - i;
    if (m >= 1.0) list.push_back(m * unit);
  }
  for (int b = 1; b <= kSmallBits && steps < 1.0; ++b) {
    const double part = std::ldexp(1.0, std::ilogb(ratio) + (up ? 0 : -1) - (b - 1));
    for (double m = std::ldexp(1.0, b - 1); m <= std::ldexp(1.0, b); m += 1.0) {
      for (const double multiplier : {m * part, 2.0 * m * part}) {
        if (up ? multiplier >= ratio : multiplier <= ratio) list.push_back(multiplier);
      }
    }
  }
  return list;
}

// The first float near scale_of(multiplier), a real number, with good(float, multiplier), for the
// multipliers in their order. NaN where there is none.
template <typename ScaleOf, typename Good>
float search_exact(double ratio, int bits, bool up, ScaleOf scale_of, Good good) {
  constexpr int kUlps = 8;
  for (const double multiplier : exact_multipliers(ratio, bits, up)) {
    const auto centre = static_cast<float>(scale_of(multiplier));
    float above = centre, below = centre;
    for (int ulp = 0; ulp <= kUlps; ++ulp) {
      if (good(above, static_cast<float>(multiplier))) return above;
      if (good(below, static_cast<float>(multiplier))) return below;
      above = std::nextafter(above, std::numeric_limits<float>::infinity());
      below = std::nextafter(below, 0.0F);
    }
  }
  return std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

float snap_exact_weight_scale(float sx, float sw, float sy, int bits) {
  const double ratio = static_cast<double>(sx) * sw / sy;
  if (!(std::isfinite(ratio) && ratio > 0.0)) {
    throw_input("scales {}, {} and {} give no multiplier", sx, sw, sy);
  }
  const float found = search_exact(
      ratio, bits, true, [&](double r) { return r * sy / sx; },
      [&](float s, float m) {
        if (!(s > 0.0F)) return false;
        const Requantisation r = requantisation_of(sx, s, sy);
        return value_of(r) == m && fits(r, bits);
      });
  if (!(found > 0.0F)) {
    throw_input("no weight scale from {} upwards gives an exact multiplier of {} bits (sx {}, sy {})",
                sw, bits, sx, sy);
  }
  return found;
}

float snap_exact_average_scale(float sx, float sy, int64_t n, int bits) {
  const double ratio = static_cast<double>(sx) / sy / static_cast<double>(n);
  if (!(std::isfinite(ratio) && ratio > 0.0)) {
    throw_input("scales {} and {} give no multiplier for an average of {}", sx, sy, n);
  }
  const float found = search_exact(
      ratio, bits, false, [&](double r) { return sx / (r * static_cast<double>(n)); },
      [&](float s, float m) {
        if (!(s > 0.0F)) return false;
        const float divisor = s * static_cast<float>(n);
        const Requantisation r = average_requantisation(sx, s, n);
        return value_of(r) == m && sx / divisor == m && fits(r, bits);
      });
  if (!(found > 0.0F)) {
    throw_input("no output scale from {} upwards gives an average of {} an exact multiplier of {} bits",
                sy, n, bits);
  }
  return found;
}

float short_scale(double scale) {
  const double unit = std::ldexp(1.0, std::ilogb(scale) - 7);
  return static_cast<float>(std::ceil(scale / unit) * unit);
}

}  // namespace aap
