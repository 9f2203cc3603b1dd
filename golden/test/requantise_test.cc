// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE golden_requantise
#include "golden/requantise.h"

#include <boost/test/unit_test.hpp>
#include <random>

#include "model/error.h"

using aap::requantise;

namespace {

__extension__ typedef __int128 Int128;

int plain(int64_t acc, uint32_t m, int t) { return requantise(acc, {m, t}, 0, -128, 127); }

// True when y is rne(p / 2^t): no farther than a half, and even where it is exactly a half.
bool is_rounded(Int128 y, Int128 p, int t) {
  const Int128 unit = static_cast<Int128>(1) << t;
  const Int128 twice_error = 2 * (y * unit - p);
  const Int128 size = twice_error < 0 ? -twice_error : twice_error;
  return size < unit || (size == unit && y % 2 == 0);
}

}  // namespace

BOOST_AUTO_TEST_CASE(halves_go_to_even) {
  BOOST_TEST(plain(1, 1, 1) == 0);    // 0.5
  BOOST_TEST(plain(3, 1, 1) == 2);    // 1.5
  BOOST_TEST(plain(5, 1, 1) == 2);    // 2.5
  BOOST_TEST(plain(7, 1, 1) == 4);    // 3.5
  BOOST_TEST(plain(-1, 1, 1) == 0);   // -0.5
  BOOST_TEST(plain(-3, 1, 1) == -2);  // -1.5
  BOOST_TEST(plain(-5, 1, 1) == -2);  // -2.5
  BOOST_TEST(plain(-7, 1, 1) == -4);  // -3.5
  BOOST_TEST(plain(2, 3, 2) == 2);    // 6 / 4 = 1.5
  BOOST_TEST(plain(-2, 5, 2) == -2);  // -10 / 4 = -2.5
}

BOOST_AUTO_TEST_CASE(others_go_to_nearest) {
  BOOST_TEST(plain(5, 1, 2) == 1);  // 1.25
  BOOST_TEST(plain(7, 1, 2) == 2);  // 1.75
  BOOST_TEST(plain(-5, 1, 2) == -1);
  BOOST_TEST(plain(-7, 1, 2) == -2);
  BOOST_TEST(plain(100, 3, 0) == 127);  // 300, saturated
  BOOST_TEST(plain(42, 3, 0) == 126);
}

BOOST_AUTO_TEST_CASE(zero_point_is_added_after_rounding_then_clamped) {
  // 0.5 rounds to 0, plus 1 is 1; rounding 1.5 would give 2.
  BOOST_TEST(int{requantise(1, {1, 1}, 1, -128, 127)} == 1);
  BOOST_TEST(int{requantise(3, {1, 1}, 1, -128, 127)} == 3);
  BOOST_TEST(int{requantise(1000, {1, 0}, -128, -128, 127)} == 127);
  BOOST_TEST(int{requantise(-1000, {1, 0}, 127, -128, 127)} == -128);
  BOOST_TEST(int{requantise(255, {1, 0}, -128, -128, 127)} == 127);
  BOOST_TEST(int{requantise(-50, {1, 0}, 3, 3, 40)} == 3);
  BOOST_TEST(int{requantise(50, {1, 0}, 3, 3, 40)} == 40);
}

BOOST_AUTO_TEST_CASE(every_shift_at_its_ties) {
  for (int t = 1; t <= 63; ++t) {
    BOOST_TEST_CONTEXT("shift " << t) {
      // acc * m = odd * 2^(t - 1), where such factors exist, and one on each side of it.
      for (const int64_t odd : {-5, -3, -1, 1, 3, 5}) {
        for (int split = 0; split <= 23 && split <= t - 1; ++split) {
          if (t - 1 - split > 60) continue;
          const auto m = static_cast<uint32_t>(1U << split);
          const int64_t acc = odd * (int64_t{1} << (t - 1 - split));
          const int64_t y = plain(acc, m, t);
          BOOST_TEST(is_rounded(y, static_cast<Int128>(acc) * m, t));
          BOOST_TEST(y % 2 == 0);
          BOOST_TEST(is_rounded(plain(acc + 1, m, t), static_cast<Int128>(acc + 1) * m, t));
          BOOST_TEST(is_rounded(plain(acc - 1, m, t), static_cast<Int128>(acc - 1) * m, t));
        }
      }
      BOOST_TEST(plain(0, (1U << 24) - 1, t) == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(random_values_at_every_shift) {
  std::mt19937_64 random(1);
  int compared = 0;
  for (int t = 0; t <= 63; ++t) {
    for (int i = 0; i < 2000; ++i) {
      const uint32_t m = 1 + static_cast<uint32_t>(random() % ((1U << 24) - 1));
      const auto acc = static_cast<int64_t>(random()) >> (random() % 64);
      const Int128 product = static_cast<Int128>(acc) * m;
      const int y = plain(acc, m, t);
      if (y > -128 && y < 127) {
        BOOST_REQUIRE(is_rounded(y, product, t));
        ++compared;
      } else {
        // Saturated: the exact value is at least a half beyond the neighbour.
        const Int128 unit = static_cast<Int128>(1) << t;
        if (y == 127) BOOST_REQUIRE(2 * product >= 253 * unit);
        if (y == -128) BOOST_REQUIRE(2 * product <= -255 * unit);
      }
    }
  }
  BOOST_TEST(compared > 20000);
}

BOOST_AUTO_TEST_CASE(int64_extremes) {
  BOOST_TEST(plain(INT64_MAX, (1U << 24) - 1, 63) == 127);
  BOOST_TEST(plain(INT64_MIN, (1U << 24) - 1, 63) == -128);
  BOOST_TEST(plain(INT64_MAX, 1, 63) == 1);
  BOOST_TEST(plain(INT64_MIN, 1, 63) == -1);
  BOOST_TEST(plain(INT32_MAX, (1U << 24) - 1, 63) == 0);
  BOOST_TEST(plain(INT32_MIN, (1U << 24) - 1, 63) == 0);
  BOOST_TEST(plain(INT32_MIN, 1, 31) == -1);
  BOOST_TEST(plain(INT32_MIN, 1, 32) == 0);  // -0.5
}

BOOST_AUTO_TEST_CASE(illegal_parameters_are_refused) {
  BOOST_CHECK_THROW(requantise(1, {1, 64}, 0, -128, 127), aap::InputError);
  BOOST_CHECK_THROW(requantise(1, {1, -1}, 0, -128, 127), aap::InputError);
  BOOST_CHECK_THROW(requantise(1, {1, 0}, 0, -129, 127), aap::InputError);
  BOOST_CHECK_THROW(requantise(1, {1, 0}, 0, 5, 4), aap::InputError);
}
