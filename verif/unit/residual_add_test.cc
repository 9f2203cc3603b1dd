// SPDX-License-Identifier: Apache-2.0
// aap_residual_add against exact integers.
#define BOOST_TEST_MODULE residual_add
#include <boost/test/unit_test.hpp>
#include <deque>

#include DUT_HEADER
#include "verif/unit/bench.h"
#include "verif/unit/numerics_model.h"

using namespace aap::bench;

BOOST_AUTO_TEST_CASE(matches_exact_integers) {
  constexpr int kLatency = 4;
  Random random;
  Clocked<DUT> bench;
  auto& d = *bench.dut;
  int inside = 0;
  for (int batch = 0; batch < 600; ++batch) {
    ResidualAdd r;
    const bool corner = batch < 64;
    random_multipliers(random, P_AddMulWidth, r);
    if (corner) {
      constexpr uint32_t kLimit = (1U << P_AddMulWidth) - 1;
      r.ma = (batch & 1) * kLimit;
      r.mb = (batch >> 1 & 1) * (kLimit - r.ma);
    }
    const int za =
        corner ? (batch >> 2 & 1 ? 127 : -128) : static_cast<int>(random.between(-128, 127));
    const int zb =
        corner ? (batch >> 3 & 1 ? 127 : -128) : static_cast<int>(random.between(-128, 127));
    r.c = -static_cast<int32_t>((za + 128) * static_cast<int>(r.ma) + (zb + 128) * static_cast<int>(r.mb));
    r.shift = batch % 2 == 0 ? static_cast<int>(random.bits(5))
                             : static_cast<int>(random.between(P_AddMulWidth - 3, P_AddMulWidth + 2));
    r.bounds.zp = static_cast<int>(random.between(-128, 127));
    if (random.one_in(2)) {
      r.bounds.lo = static_cast<int>(random.between(-128, 127));
      r.bounds.hi = static_cast<int>(random.between(r.bounds.lo, 127));
    }
    d.ma_i = r.ma;
    d.mb_i = r.mb;
    d.c_i = static_cast<uint32_t>(r.c) & static_cast<uint32_t>((uint64_t{1} << (P_AddMulWidth + 9)) - 1);
    d.shift_i = r.shift;
    d.zp_i = static_cast<uint8_t>(r.bounds.zp);
    d.lo_i = static_cast<uint8_t>(r.bounds.lo);
    d.hi_i = static_cast<uint8_t>(r.bounds.hi);
    std::deque<int8_t> expected;
    for (int i = 0; i < 300; ++i) {
      int8_t a = static_cast<int8_t>(random.bits(8)), b = static_cast<int8_t>(random.bits(8));
      if (i < 4) {
        a = i & 1 ? 127 : -128;
        b = i & 2 ? 127 : -128;
      }
      d.a_i = static_cast<uint8_t>(a);
      d.b_i = static_cast<uint8_t>(b);
      expected.push_back(residual_add(a, b, r));
      bench.edge();
      if (static_cast<int>(expected.size()) < kLatency) continue;
      const int want = expected.front();
      expected.pop_front();
      inside += want != r.bounds.lo && want != r.bounds.hi;
      BOOST_REQUIRE_EQUAL(int{static_cast<int8_t>(d.y_o)}, want);
    }
  }
  BOOST_TEST(inside > 20000);
}
