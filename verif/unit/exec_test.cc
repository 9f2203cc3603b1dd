// SPDX-License-Identifier: Apache-2.0
// aap_exec: the addresses it reads, in order, against the loops of docs/accelerator.md; spacing of
// pixels; stalls.
#define BOOST_TEST_MODULE exec
#include <boost/test/unit_test.hpp>
#include <deque>

#include DUT_HEADER
#include "verif/unit/bench.h"

using namespace aap::bench;

#ifndef P_MaxRowCycles
#define P_MaxRowCycles 1
#endif

namespace {
constexpr int kBeatWords = P_AxiDataWidth / 32, kActBits = 8, kDrain = P_DrainCycles;
static_assert(P_ActDepth == 1 << kActBits);

struct Row {
  std::vector<int> act;  // a word per lane
  int wgt;
  bool first, last, max, diagonal;
  std::vector<int> index;  // DENSE: of each lane
};
constexpr bool kDense = P_Select == 1;
constexpr int kIndexBits = P_Group == 16 ? 4 : P_Group == 8 ? 3 : 2,
              kStepBits = kActBits + 1 + (kDense ? kIndexBits : 0);
}  // namespace

BOOST_AUTO_TEST_CASE(walks_rows_columns_steps_and_k) {
  Random random;
  Clocked<DUT> bench;
  auto& d = *bench.dut;
  d.rst_ni = 0;
  d.clear_i = d.halt_i = d.desc_valid_i = d.drain_err_i = 0;
  d.tok_avail_i = 0;
  for (int i = 0; i < 3; ++i) bench.edge();
  d.rst_ni = 1;

  std::vector<std::vector<int>> table(P_TableDepth, std::vector<int>(P_Lanes));
  for (auto& step : table) {
    for (auto& offset : step) offset = static_cast<int>(random.between(0, 99));
  }
  std::vector<std::vector<int>> first_index(P_TableDepth, std::vector<int>(P_Lanes));
  for (auto& step : first_index) {
    for (auto& index : step) index = static_cast<int>(random.bits(kIndexBits));
  }
  std::vector<Bits> queue;
  std::deque<Row> wanted;
  for (int n = 0; n < 40; ++n) {
    const int keep = static_cast<int>(random.between(1, P_Group)),
              steps = static_cast<int>(random.between(1, 5));
    const int cols = static_cast<int>(random.between(1, 4)),
              rows = static_cast<int>(random.between(1, 3));
    const int x = static_cast<int>(random.between(0, 20)),
              y = static_cast<int>(random.between(0, 40));
    const int base = static_cast<int>(random.between(0, 15)), max = random.one_in(2);
    const int diagonal = P_Share > 1 && random.one_in(2);
    const int wgt = static_cast<int>(random.between(0, P_WeightDepth - keep * steps));
    const int tab = static_cast<int>(random.between(0, P_TableDepth - steps));
    Bits v(16, 0);
    v[0] = 8u | 1u << 4 | 3u << 10;
    v[1] = keep | 3u << 8 | max << 10 | diagonal << 12 | static_cast<uint32_t>(steps) << 16;
    v[2] = base | static_cast<uint32_t>(wgt) << 16;
    v[3] = tab;
    v[4] = cols | static_cast<uint32_t>(rows) << 16;
    v[5] = x | static_cast<uint32_t>(y) << 16;
    queue.push_back(v);
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < cols; ++c) {
        for (int s = 0; s < steps; ++s) {
          for (int k = 0; k < keep; ++k) {
            Row row{{},
                    wgt + s * keep + k,
                    s == 0 && k == 0,
                    s == steps - 1 && k == keep - 1,
                    max != 0,
                    diagonal != 0,
                    {}};
            for (int l = 0; l < P_Lanes; ++l) {
              row.act.push_back(base + r * y + c * x + table[tab + s][l]);
              row.index.push_back((first_index[tab + s][l] + k) % P_Group);
            }
            wanted.push_back(row);
          }
        }
      }
    }
  }

  const std::size_t rows = wanted.size();
  std::size_t head = 0, seen = 0;
  int beat = 0, posted = 0, waited = 0;
  int64_t last_of_pixel = -1000, last_max = -1000;
  std::vector<int> bank_word(P_Lanes, -1);
  int wgt_row = -1;
  Bits tab_data = make_bits(P_Lanes * kStepBits);
  while (seen < rows || posted < 2 * 40) {
    BOOST_REQUIRE_LT(bench.cycle, 100000);
    d.desc_valid_i = head < queue.size();
    if (head < queue.size()) drive(d.desc_data_i, queue[head], beat * kBeatWords);
    d.tok_avail_i = random.one_in(5) ? 1 : 0;
    drive(d.tab_rdata_i, tab_data);
    bench.settle();
    BOOST_REQUIRE_EQUAL(int{d.err_valid_o}, 0);
    waited += d.stall_load_o && !d.tok_avail_i;
    posted += (d.tok_post_o >> 1 & 1) + (d.tok_post_o >> 2 & 1);
    // The row that reaches the array was read in the previous cycle.
    if (d.row_valid_o) {
      const Row& w = wanted[seen];
      BOOST_REQUIRE_EQUAL(wgt_row, w.wgt);
      BOOST_REQUIRE(bank_word == w.act);
      BOOST_REQUIRE_EQUAL(bool{d.row_first_o}, w.first);
      BOOST_REQUIRE_EQUAL(bool{d.row_last_o}, w.last);
      BOOST_REQUIRE_EQUAL(bool{d.row_max_o}, w.max);
      BOOST_REQUIRE_GE(bench.cycle - last_max, P_MaxRowCycles);
      if (w.max) last_max = bench.cycle;
      BOOST_REQUIRE_EQUAL(bool{d.row_diag_o}, w.diagonal);
      if (kDense) {
        const Bits index = sample(d.row_index_o);
        for (int l = 0; l < P_Lanes; ++l)
          BOOST_REQUIRE_EQUAL(static_cast<int>(get(index, kIndexBits * l, kIndexBits)), w.index[l]);
      }
      if (w.last) {
        BOOST_REQUIRE_GE(bench.cycle - last_of_pixel, kDrain);
        last_of_pixel = bench.cycle;
      }
      ++seen;
    }
    if (d.wgt_re_o) wgt_row = d.wgt_addr_o;
    if (d.act_re_o) {
      const Bits a = sample(d.act_addr_o);
      for (int l = 0; l < P_Lanes; ++l)
        bank_word[l] = static_cast<int>(get(a, kActBits * l, kActBits));
    }
    const bool read = d.tab_re_o;
    const int step = d.tab_addr_o;
    if (d.desc_valid_i && d.desc_ready_o && ++beat == 512 / P_AxiDataWidth) {
      beat = 0;
      ++head;
    }
    bench.edge();
    if (read) {
      for (int l = 0; l < P_Lanes; ++l) {
        put(tab_data, kStepBits * l, kActBits + 1, table[step][l]);
        if (kDense) put(tab_data, kStepBits * l + kActBits + 1, kIndexBits, first_index[step][l]);
      }
    }
  }
  BOOST_TEST(seen == rows);
  BOOST_TEST(posted == 80);
  BOOST_TEST(waited > 40);
  bench.settle();
  BOOST_TEST(!d.parsed_o);
}
