// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE quantize_snap
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "model/qimport.h"
#include "quantize/snap.h"

using namespace aap;

BOOST_AUTO_TEST_CASE(short_scales_have_8_bits_and_are_not_smaller) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> exponent(-20.0, 5.0);
  for (int i = 0; i < 2000; ++i) {
    const double scale = std::exp2(exponent(random));
    const double s = short_scale(scale);
    BOOST_TEST(s >= scale);
    BOOST_TEST(s <= scale * (1.0 + 1.0 / 127.0));
    const double mantissa = std::ldexp(s, 7 - std::ilogb(s));
    BOOST_TEST(mantissa == std::floor(mantissa));
  }
  BOOST_TEST(short_scale(0.5) == 0.5F);
}

BOOST_AUTO_TEST_CASE(weight_scales_give_short_multipliers_and_move_little) {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> exponent(-12.0, 0.0);
  for (const int bits : {12, 16, 20, 24}) {
    double worst = 0.0;
    int far = 0;
    constexpr int kTrials = 3000;
    for (int i = 0; i < kTrials; ++i) {
      // Activation scales as the quantiser makes them, and arbitrary ones (as averages have).
      double sx = std::exp2(exponent(random)), sy = std::exp2(exponent(random));
      if (i % 2 == 0) sx = short_scale(sx), sy = short_scale(sy);
      const float sw = static_cast<float>(std::exp2(exponent(random)) / 64.0);
      const float s = snap_weight_scale(static_cast<float>(sx), sw, static_cast<float>(sy), bits);
      const Requantisation r = requantisation_of(static_cast<float>(sx), s, static_cast<float>(sy));
      BOOST_TEST(r.multiplier >= 1U);
      BOOST_TEST((r.multiplier >> bits) == 0U);
      const double moved = std::fabs(s / sw - 1.0);
      worst = std::max(worst, moved);
      if (moved > std::ldexp(1.0, 1 - bits)) ++far;
    }
    BOOST_TEST_MESSAGE("bits " << bits << ": largest move " << worst << ", " << far << " of "
                               << kTrials << " moved more than 2^" << 1 - bits);
    BOOST_TEST(worst < std::ldexp(1.0, 8 - bits));
    BOOST_TEST(far < kTrials / 20);
  }
}

BOOST_AUTO_TEST_CASE(average_scales_give_short_multipliers) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> exponent(-8.0, 0.0);
  for (int i = 0; i < 500; ++i) {
    const float sx = static_cast<float>(std::exp2(exponent(random)));
    const float sy = static_cast<float>(sx * std::exp2(exponent(random) / 8.0));
    for (const int64_t n : {1, 4, 9, 49, 196}) {
      const float s = snap_average_scale(sx, sy, n, 16);
      BOOST_TEST((average_requantisation(sx, s, n).multiplier >> 16) == 0U);
      BOOST_TEST(std::fabs(s / sy - 1.0) < 1e-3);
    }
  }
}

BOOST_AUTO_TEST_CASE(refuses_scales_that_are_no_scales) {
  BOOST_CHECK_THROW(snap_weight_scale(0.0F, 1.0F, 1.0F, 16), InputError);
  BOOST_CHECK_THROW(snap_weight_scale(1.0F, std::nanf(""), 1.0F, 16), InputError);
  BOOST_CHECK_THROW(snap_weight_scale(1.0F, 1.0F, -1.0F, 16), InputError);
}

BOOST_AUTO_TEST_CASE(exact_weight_scales_have_short_shifts) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> exponent(-20.0, -1.0), scale(-9.0, -1.0);
  double largest = 0.0;
  int large_ratios = 0, unlucky = 0;
  for (int i = 0; i < 2000; ++i) {
    const float sx = short_scale(std::exp2(scale(random))), sy = short_scale(std::exp2(scale(random)));
    const auto sw = static_cast<float>(std::exp2(exponent(random)) * sy / sx);
    const float snapped = snap_exact_weight_scale(sx, sw, sy, 16);
    const Requantisation r = requantisation_of(sx, snapped, sy);
    BOOST_TEST((r.shift <= 16 || r.multiplier < 64U));
    BOOST_TEST(r.multiplier < 65536U);
    // Never smaller, but for a rounding: weights would saturate.
    BOOST_TEST(snapped >= sw * (1.0F - 1e-5F));
    const double ratio = static_cast<double>(sx) * sw / sy;
    if (ratio > std::exp2(-9.0)) {
      const double larger = snapped / static_cast<double>(sw) - 1.0;
      largest = std::max(largest, larger);
      ++large_ratios;
      unlucky += larger > 1.0 / 128.0 ? 1 : 0;
    }
    BOOST_TEST(snapped <= sw * 4.0F);
  }
  // At most 1 / 128 where m has 8 bits, but for pairs of scales whose roundings miss one m after another.
  BOOST_TEST(unlucky < large_ratios / 10);
  BOOST_TEST(largest < 0.1);
}

BOOST_AUTO_TEST_CASE(exact_average_scales_suit_both_orders_of_division) {
  for (const int64_t n : {1, 4, 7, 16, 36, 49, 64, 196}) {
    for (const float sx : {0.02F, 0.5F, short_scale(0.013)}) {
      const float wanted = sx * 0.4F;
      const float sy = snap_exact_average_scale(sx, wanted, n, 16);
      const Requantisation r = average_requantisation(sx, sy, n);
      BOOST_TEST((r.shift <= 16 || r.multiplier == 1U));
      const float divisor = sy * static_cast<float>(n);
      BOOST_TEST(sx / divisor == std::ldexp(static_cast<float>(r.multiplier), -r.shift));
      BOOST_TEST(sy >= wanted * (1.0F - 1e-5F));
    }
  }
}
