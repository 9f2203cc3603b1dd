// SPDX-License-Identifier: Apache-2.0
// aap_pe alone: adder tree, accumulation, maximum, and that nothing changes without valid_i.
#define BOOST_TEST_MODULE pe
#include <boost/test/unit_test.hpp>

#include DUT_HEADER
#include "verif/unit/bench.h"
#include "verif/unit/numerics_model.h"

using namespace aap::bench;

BOOST_AUTO_TEST_CASE(sums_and_maxima) {
  constexpr int kTree = P_Lanes == 1 ? 0 : P_Lanes == 8 ? 2 : 1;
  Random random;
  Clocked<DUT> bench;
  auto& d = *bench.dut;
  d.valid_i = 0;
  bool max = false, started = false;
  int64_t sum = 0;
  int largest = 0;
  std::vector<int64_t> tree(kTree + 1, 0);  // sums of products, newest first
  for (int i = 0; i < 20000; ++i) {
    Bits products = make_bits(16 * P_Lanes);
    int64_t total = 0;
    const bool bytes = i % 2 == 0;  // a maximum's operand: one lane's byte, the others 0
    const int lane = static_cast<int>(random.between(0, P_Lanes - 1));
    for (int l = 0; l < P_Lanes; ++l) {
      int64_t p = random.between(-16384, 16384);
      if (bytes) p = l == lane ? random.between(-128, 127) : 0;
      put(products, 16 * l, 16, static_cast<uint16_t>(p));
      total += p;
    }
    drive(d.products_i, products);
    tree.insert(tree.begin(), total);
    tree.pop_back();
    const int64_t operand = tree[kTree];
    const bool byte = operand >= -128 && operand <= 127;
    const bool valid = i > kTree && !random.one_in(4), first = !started || random.one_in(20);
    if (first && valid) max = byte && random.one_in(2);
    const bool use = valid && (!max || byte);
    d.valid_i = use;
    d.first_i = first;
    d.max_i = max;
    if (use) {
      const int a = static_cast<int>(operand & 0xff);
      sum = wrap(first ? operand : sum + operand, P_AccWidth);
      largest = first ? a : std::max(largest, a);
      started = true;
    }
    bench.edge();
    if (!started) continue;
    const int64_t got = wrap(static_cast<int64_t>(get(sample(d.acc_o), 0, P_AccWidth)), P_AccWidth);
    if (max) {
      BOOST_REQUIRE_EQUAL(~got & 0xff, largest);
    } else {
      BOOST_REQUIRE_EQUAL(got, sum);
    }
  }
}
