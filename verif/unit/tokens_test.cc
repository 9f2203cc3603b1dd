// SPDX-License-Identifier: Apache-2.0
// aap_tokens against five counters; overflow; clear.
#define BOOST_TEST_MODULE tokens
#include <boost/test/unit_test.hpp>

#include <array>

#include DUT_HEADER
#include "verif/unit/bench.h"

using namespace aap::bench;

struct Tokens : Clocked<DUT> {
  Tokens() {
    dut->rst_ni = 0;
    dut->clear_i = dut->post_i = dut->take_i = 0;
    edge();
    dut->rst_ni = 1;
  }
};

BOOST_AUTO_TEST_CASE(counts_each_kind) {
  Random random;
  Tokens bench;
  auto& d = *bench.dut;
  std::array<int, 5> model{};
  for (int i = 0; i < 5000; ++i) {
    d.clear_i = random.one_in(500);
    d.post_i = random.bits(5) & (random.one_in(2) ? 31 : random.bits(5));
    bench.settle();
    for (int t = 0; t < 5; ++t) BOOST_REQUIRE_EQUAL(d.avail_o >> t & 1, int{model[t] > 0});
    d.take_i = d.avail_o & random.bits(5);
    bench.settle();
    BOOST_REQUIRE(!d.overflow_o);
    for (int t = 0; t < 5; ++t) {
      model[t] += (d.post_i >> t & 1) - (d.take_i >> t & 1);
      if (d.clear_i) model[t] = 0;
      BOOST_REQUIRE(model[t] >= 0);
    }
    bench.edge();
  }
}

BOOST_AUTO_TEST_CASE(the_256th_overflows) {
  for (int t = 0; t < 5; ++t) {
    Tokens bench;
    auto& d = *bench.dut;
    d.post_i = 1 << t;
    for (int i = 0; i < 255; ++i) {
      bench.edge();
      BOOST_REQUIRE(!d.overflow_o);
    }
    // One posted and one taken in the same cycle leaves a full counter full.
    d.take_i = 1 << t;
    bench.edge();
    BOOST_REQUIRE(!d.overflow_o);
    d.take_i = 0;
    bench.edge();
    BOOST_TEST(d.overflow_o);
    d.post_i = 0;
    bench.edge();
    BOOST_TEST(!d.overflow_o);
  }
}
