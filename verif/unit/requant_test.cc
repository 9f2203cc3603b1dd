// SPDX-License-Identifier: Apache-2.0
// aap_requant against exact integers: random and corner operands, every shift, a new operand every
// cycle.
#define BOOST_TEST_MODULE requant
#include <boost/test/unit_test.hpp>
#include <deque>

#include DUT_HEADER
#include "verif/unit/bench.h"
#include "verif/unit/numerics_model.h"

using namespace aap::bench;

namespace {
constexpr int kLatency = 6;
constexpr int64_t kMax = (int64_t{1} << (P_AccWidth - 1)) - 1, kMin = -kMax - 1;
constexpr uint32_t kMaxM = (1u << P_MulWidth) - 1;

// Drives sum, bias, m, t and compares what comes out kLatency edges later.
class Bench : public Clocked<DUT> {
 public:
  void bounds(const Bounds& b) {
    bounds_ = b;
    dut->zp_i = static_cast<uint8_t>(b.zp);
    dut->lo_i = static_cast<uint8_t>(b.lo);
    dut->hi_i = static_cast<uint8_t>(b.hi);
  }
  void give(int64_t sum, int64_t bias, uint32_t m, int t) {
    drive(dut->sum_i, sum);
    drive(dut->bias_i, bias);
    dut->m_i = m;
    dut->t_i = t;
    expected_.push_back(requantise(sum, bias, m, t, bounds_));
    edge();
    if (static_cast<int>(expected_.size()) == kLatency) {
      const int8_t want = expected_.front(), got = static_cast<int8_t>(dut->y_o);
      expected_.pop_front();
      ++compared;
      BOOST_REQUIRE_EQUAL(int{got}, int{want});
    }
  }
  void flush() {
    for (int i = 0; i < kLatency; ++i) give(0, 0, 0, 0);
    expected_.clear();
  }
  int compared = 0;

 private:
  static void drive(IData& port, int64_t v) {
    port = static_cast<uint32_t>(static_cast<uint64_t>(v) & ((uint64_t{1} << P_AccWidth) - 1));
  }
  Bounds bounds_;
  std::deque<int8_t> expected_;
};

Bounds random_bounds(Random& random) {
  Bounds b;
  b.zp = static_cast<int>(random.between(-128, 127));
  if (random.one_in(2)) return b;
  b.lo = static_cast<int>(random.between(-128, 127));
  b.hi = static_cast<int>(random.between(b.lo, 127));
  return b;
}
}  // namespace

BOOST_AUTO_TEST_CASE(corners_at_every_shift) {
  Bench bench;
  for (const int zp : {-128, 0, 127}) {
    bench.bounds({zp, -128, 127});
    for (int t = 0; t < 64; ++t) {
      for (const uint32_t m : {0u, 1u, 2u, 3u, kMaxM / 2 + 1, kMaxM - 1, kMaxM}) {
        for (const int64_t acc :
             {kMin, kMin + 1, int64_t{-129}, int64_t{-3}, int64_t{-2}, int64_t{-1}, int64_t{0},
              int64_t{1}, int64_t{2}, int64_t{3}, int64_t{129}, kMax - 1, kMax}) {
          bench.give(acc, 0, m, t);
        }
      }
    }
    bench.flush();
  }
  BOOST_TEST(bench.compared > 17000);
}

BOOST_AUTO_TEST_CASE(ties_go_to_even) {
  Bench bench;
  bench.bounds({0, -128, 127});
  for (int t = 1; t < P_MulWidth; ++t) {
    for (int half = -255; half <= 255; half += 2) bench.give(half, 0, 1u << (t - 1), t);
  }
  bench.flush();
}

BOOST_AUTO_TEST_CASE(random_operands) {
  Random random;
  Bench bench;
  for (int batch = 0; batch < 200; ++batch) {
    bench.bounds(random_bounds(random));
    for (int i = 0; i < 1000; ++i) {
      const int magnitude = static_cast<int>(random.between(2, P_AccWidth));
      const int64_t acc = wrap(static_cast<int64_t>(random.bits(magnitude)), magnitude);
      // sum + bias = acc, both within the accumulator's range.
      const int64_t bias = random.between(std::max(kMin, acc - kMax), std::min(kMax, acc - kMin));
      const uint32_t m =
          static_cast<uint32_t>(random.bits(static_cast<int>(random.between(1, P_MulWidth))));
      // Mostly shifts that leave something between the bounds.
      const int t =
          random.one_in(3)
              ? static_cast<int>(random.bits(6))
              : std::max(0, magnitude + P_MulWidth - 8 - static_cast<int>(random.between(0, 8)));
      bench.give(acc - bias, bias, m, std::min(t, 63));
    }
    bench.flush();
  }
}
