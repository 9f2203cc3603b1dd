// SPDX-License-Identifier: Apache-2.0
// aap_fifo against a queue, at every ratio of pushing to popping.
#define BOOST_TEST_MODULE fifo
#include <boost/test/unit_test.hpp>

#include <deque>

#include DUT_HEADER
#include "verif/unit/bench.h"

using namespace aap::bench;

BOOST_AUTO_TEST_CASE(keeps_order_and_capacity) {
  Random random;
  Clocked<DUT> bench;
  auto& d = *bench.dut;
  d.rst_ni = 0;
  d.wr_valid_i = d.rd_ready_i = 0;
  bench.edge();
  d.rst_ni = 1;
  std::deque<uint64_t> model;
  size_t fullest = 0, moved = 0;
  for (int i = 0; i < 6000; ++i) {
    const int bias = i / 1000 % 3;  // fills, empties, both
    d.wr_valid_i = bias == 1 ? random.one_in(4) : 1;
    d.rd_ready_i = bias == 0 ? random.one_in(4) : 1;
    const uint64_t value = random.bits(P_Width);
    d.wr_data_i = static_cast<decltype(+d.wr_data_i)>(value);
    bench.settle();
    BOOST_REQUIRE_EQUAL(int{d.rd_valid_o}, int{!model.empty()});
    BOOST_REQUIRE_EQUAL(int{d.wr_ready_o}, int{model.size() < P_Depth});
    if (!model.empty()) BOOST_REQUIRE_EQUAL(uint64_t{d.rd_data_o}, model.front());
    const bool push = d.wr_valid_i && d.wr_ready_o, pop = d.rd_valid_o && d.rd_ready_i;
    bench.edge();
    if (pop) model.pop_front();
    if (push) model.push_back(value);
    moved += pop;
    fullest = std::max(fullest, model.size());
  }
  BOOST_TEST(fullest == P_Depth);
  BOOST_TEST(moved > 1000U);
}
