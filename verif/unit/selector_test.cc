// SPDX-License-Identifier: Apache-2.0
// aap_selector: every index, with and without max, and the diagonal.
#define BOOST_TEST_MODULE selector
#include <boost/test/unit_test.hpp>

#include DUT_HEADER
#include "verif/unit/bench.h"

using namespace aap::bench;

BOOST_AUTO_TEST_CASE(picks_what_the_index_names) {
  Random random;
  Clocked<DUT> bench;
  auto& d = *bench.dut;
  constexpr int kOutputs = P_Share < P_Group ? P_Share : P_Group;
  for (int i = 0; i < 4000; ++i) {
    Bits group = make_bits(8 * P_Group);
    for (int c = 0; c < P_Group; ++c) put(group, 8 * c, 8, random.bits(8));
    drive(d.group_i, group);
    d.index_i = i % P_Group;
    d.max_i = i / P_Group % 2;
    d.diag_i = P_Share > 1 && random.one_in(2);
    bench.edge();
    const Bits act = sample(d.act_o);
    for (int o = 0; o < kOutputs; ++o) {
      const int channel = d.diag_i ? P_First + o : i % P_Group;
      const int a = static_cast<int8_t>(get(group, 8 * channel, 8));
      BOOST_REQUIRE_EQUAL(static_cast<int>(get(act, 8 * o, 8)), d.max_i ? a + 128 : a & 0xff);
    }
  }
}
