// SPDX-License-Identifier: Apache-2.0
// aap_ram: synchronous read, held value, independent ports.
#define BOOST_TEST_MODULE ram
#include <boost/test/unit_test.hpp>

#include DUT_HEADER
#include "verif/unit/bench.h"

using namespace aap::bench;

BOOST_AUTO_TEST_CASE(reads_what_was_written_and_holds_it) {
  Random random;
  Clocked<DUT> bench;
  auto& d = *bench.dut;
  d.rst_ni = 1;
  d.re_i = 0;
  std::vector<Bits> mem(P_Depth);
  for (int a = 0; a < P_Depth; ++a) {
    mem[a] = make_bits(P_Width);
    put(mem[a], 0, P_Width > 64 ? 64 : P_Width, random.bits(64));
    d.we_i = 1;
    d.waddr_i = a;
    drive(d.wdata_i, mem[a]);
    bench.edge();
  }
  Bits held;
  for (int i = 0; i < 5000; ++i) {
    const int w = static_cast<int>(random.between(0, P_Depth - 1)),
              r = static_cast<int>(random.between(0, P_Depth - 1));
    Bits v = make_bits(P_Width);
    put(v, P_Width > 64 ? P_Width - 64 : 0, P_Width > 64 ? 64 : P_Width, random.bits(64));
    d.we_i = random.one_in(2);
    d.re_i = random.one_in(2) && !(d.we_i && w == r);  // a collision is an assertion
    d.waddr_i = w;
    d.raddr_i = r;
    drive(d.wdata_i, v);
    if (d.re_i) held = mem[r];
    if (d.we_i) mem[w] = v;
    bench.edge();
    if (held.empty()) continue;
    const Bits got = sample(d.rdata_o);
    for (int b = 0; b < P_Width; ++b) BOOST_REQUIRE_EQUAL(get(got, b, 1), get(held, b, 1));
  }
}
