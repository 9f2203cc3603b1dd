// SPDX-License-Identifier: Apache-2.0
// aap_array (selectors, multipliers, PEs): random rows with gaps, sums and maxima, pixels back to
// back.
#define BOOST_TEST_MODULE array
#include <boost/test/unit_test.hpp>
#include <deque>

#include DUT_HEADER
#include "verif/unit/bench.h"
#include "verif/unit/numerics_model.h"

using namespace aap::bench;

#ifndef P_MaxRowCycles
#define P_MaxRowCycles 1
#endif

namespace {
constexpr int kIndexBits = P_Group == 16 ? 4 : P_Group == 8 ? 3 : 2;
constexpr bool kDense = P_Select == 1;
constexpr int kElement = 8 * P_Share + (kDense ? 0 : kIndexBits);  // weights of the PEs that share, index
constexpr int kTree = P_Lanes == 1 ? 0 : P_Lanes == 8 ? 2 : 1;
}  // namespace

BOOST_AUTO_TEST_CASE(pixels_match_plain_loops) {
  Random random;
  Clocked<DUT> bench;
  auto& d = *bench.dut;
  d.rst_ni = 0;
  d.clear_i = d.valid_i = 0;
  for (int i = 0; i < 3; ++i) bench.edge();
  d.rst_ni = 1;

  struct Pixel {
    int64_t cycle;  // in which done_o is due
    bool max;
    std::vector<int64_t> sums;
  };
  std::deque<Pixel> due;
  int finished = 0;
  auto cycle = [&] {
    bench.settle();
    BOOST_REQUIRE_EQUAL(bool{d.done_o}, !due.empty() && due.front().cycle == bench.cycle);
    BOOST_REQUIRE(due.empty() || d.busy_o || due.front().cycle - bench.cycle == 2 + kTree + (due.front().max ? P_MaxRowCycles : 1));
    if (d.done_o) {
      const Bits acc = sample(d.acc_o);
      for (int p = 0; p < P_Pes; ++p) {
        int64_t got = wrap(static_cast<int64_t>(get(acc, p * P_AccWidth, P_AccWidth)), P_AccWidth);
        if (due.front().max) got = static_cast<int64_t>(~static_cast<uint64_t>(got) & 0xff) - 128;
        BOOST_REQUIRE_EQUAL(got, due.front().sums[p]);
      }
      due.pop_front();
      ++finished;
    }
    bench.edge();
  };

  for (int pixel = 0; pixel < 400; ++pixel) {
    const bool diagonal = P_Share > 1 && random.one_in(3);
    const bool max = random.one_in(3), extreme = random.one_in(8);
    const int rows = random.one_in(4) ? 1 : static_cast<int>(random.between(2, 30));
    std::vector<int64_t> sums(P_Pes, max ? -128 : 0);
    for (int r = 0; r < rows; ++r) {
      while (random.one_in(10)) {
        d.valid_i = 0;
        cycle();
      }
      Bits groups = make_bits(8 * P_Group * P_Lanes),
           weights = make_bits(kElement * P_Lanes * P_Pes / P_Share),
           counted = make_bits(kIndexBits * P_Lanes);
      std::vector<int> act(P_Group * P_Lanes);
      for (int i = 0; i < P_Group * P_Lanes; ++i) {
        act[i] = extreme ? -128 : static_cast<int8_t>(random.bits(8));
        put(groups, 8 * i, 8, static_cast<uint8_t>(act[i]));
      }
      std::vector<int> index(P_Lanes);  // of the PEs that share
      for (int l = 0; l < P_Lanes; ++l) put(counted, kIndexBits * l, kIndexBits, random.bits(kIndexBits));
      for (int p = 0; p < P_Pes; ++p) {
        const int proposer = static_cast<int>(random.between(-1, P_Lanes - 1));
        for (int l = 0; l < P_Lanes; ++l) {
          const int at = (p / P_Share * P_Lanes + l) * kElement;
          if (kDense) {
            index[l] = static_cast<int>(get(counted, kIndexBits * l, kIndexBits));
          } else if (p % P_Share == 0) {
            index[l] = static_cast<int>(random.bits(kIndexBits));
            put(weights, at + 8 * P_Share, kIndexBits, index[l]);
          }
          const int weight = max       ? l == proposer
                             : extreme ? -127
                                       : static_cast<int8_t>(random.bits(8));
          const int a = act[l * P_Group + (diagonal ? p % P_Group : index[l])];
          put(weights, at + p % P_Share * 8, 8, static_cast<uint8_t>(weight));
          if (!max) sums[p] += weight * a;
          if (max && weight == 1) sums[p] = std::max<int64_t>(sums[p], a);
        }
      }
      drive(d.index_i, counted);
      d.diag_i = diagonal;
      drive(d.groups_i, groups);
      drive(d.weights_i, weights);
      d.valid_i = 1;
      d.first_i = r == 0;
      d.last_i = r == rows - 1;
      d.max_i = max;
      if (r == rows - 1) due.push_back({bench.cycle + 2 + kTree + (max ? P_MaxRowCycles : 1), max, sums});
      cycle();
      if (max && P_MaxRowCycles == 2) {  // held, flags are not
        d.valid_i = 0;
        d.first_i = d.last_i = d.max_i = random.one_in(2);
        cycle();
      }
    }
  }
  d.valid_i = 0;
  for (int i = 0; i < 10; ++i) cycle();
  BOOST_TEST(finished == 400);
  BOOST_TEST(!d.busy_o);
}
