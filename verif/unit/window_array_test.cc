// SPDX-License-Identifier: Apache-2.0
// aap_window_array: random weights per PE and window, rows padded or realigned, against plain sums; a window takes the
// cycles of its slowest PE; pixels are DrainCycles apart; rows that run out are reported.
#define BOOST_TEST_MODULE window_array
#include <boost/test/unit_test.hpp>
#include <deque>

#include DUT_HEADER
#include "verif/unit/bench.h"
#include "verif/unit/numerics_model.h"

using namespace aap::bench;

namespace {

constexpr int kWindow = P_Group * P_Lanes, kMuls = P_Muls, kPes = P_Pes, kDepth = P_WeightDepth;
constexpr bool kRealign = P_Realign == 1;
constexpr int log2_of(int n) { return n == 1 ? 0 : 1 + log2_of(n / 2); }
constexpr int kIndexBits = log2_of(kWindow), kElement = 8 + kIndexBits + (kRealign ? 1 : 0),
              kPeBits = kMuls * kElement + (kRealign ? 1 : 2);
constexpr int kTree = kMuls == 1 ? 0 : kMuls >= 8 ? 2 : 1, kLatency = 3 + kTree, kDrain = P_DrainCycles;

struct Weight {
  int value, index;
};
// [pe][window]
using Lists = std::vector<std::vector<std::vector<Weight>>>;

struct Rows {
  std::vector<Bits> rows;
  void element(int pe, int at, const Weight& w) {
    const int bit = pe * kPeBits + at % kMuls * kElement;
    put(rows[at / kMuls], bit, 8, static_cast<uint8_t>(w.value));
    put(rows[at / kMuls], bit + 8, kIndexBits, w.index);
  }
};

// docs/accelerator.md, "WINDOW": the longest PE gives the number of rows.
Rows pack(const Lists& lists) {
  Rows result;
  result.rows.assign(kDepth, make_bits((kPes * kPeBits + P_AxiDataWidth - 1) / P_AxiDataWidth * P_AxiDataWidth));
  int used = 0;
  for (int pe = 0; pe < kPes; ++pe) {
    int at = 0;
    for (std::size_t w = 0; w < lists[pe].size(); ++w) {
      const int count = std::max<int>(1, lists[pe][w].size());
      for (std::size_t i = 0; i < lists[pe][w].size(); ++i) result.element(pe, at + i, lists[pe][w][i]);
      const int last = at + count - 1;
      if (kRealign) {
        put(result.rows[last / kMuls], pe * kPeBits + last % kMuls * kElement + kElement - 1, 1, 1);
        at = last + 1;
      } else {
        put(result.rows[last / kMuls], pe * kPeBits + kMuls * kElement, 1, 1);
        at = (last / kMuls + 1) * kMuls;
      }
      if (w + 1 == lists[pe].size()) put(result.rows[last / kMuls], pe * kPeBits + kPeBits - 1, 1, 1);
      used = std::max(used, last / kMuls + 1);
    }
  }
  result.rows.resize(used);
  return result;
}

class Bench : public Clocked<DUT> {
 public:
  Bench() {
    auto& d = *dut;
    d.rst_ni = 0;
    d.clear_i = d.ld_wgt_i = d.start_i = d.valid_i = 0;
    for (int i = 0; i < 3; ++i) edge();
    d.rst_ni = 1;
  }
  void load(const Rows& rows, int base) {
    auto& d = *dut;
    for (std::size_t r = 0; r < rows.rows.size(); ++r) {
      for (int beat = 0; beat < static_cast<int>(rows.rows[r].size()) * 32 / P_AxiDataWidth; ++beat) {
        d.ld_wgt_i = 1;
        d.ld_addr_i = base + static_cast<int>(r);
        d.ld_col_i = beat;
        drive(d.ld_data_i, rows.rows[r], beat * P_AxiDataWidth / 32);
        edge();
      }
    }
    d.ld_wgt_i = 0;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(windows_match_plain_sums) {
  Random random;
  Bench bench;
  auto& d = *bench.dut;
  int compared = 0;
  for (int exec = 0; exec < 60; ++exec) {
    const bool max = random.one_in(4), few = random.one_in(3);
    const int windows = static_cast<int>(random.between(1, 6)), pixels = static_cast<int>(random.between(1, 5));
    Lists lists(kPes, std::vector<std::vector<Weight>>(windows));
    std::vector<int64_t> slowest(windows, 1), working(windows, 1000000);
    for (int w = 0; w < windows; ++w) {
      for (int pe = 0; pe < kPes; ++pe) {
        const int most = max ? 1 : few ? 2 : std::min(kWindow, 4 * kMuls + 1);
        const int count = static_cast<int>(random.between(0, most));
        for (int i = 0; i < count; ++i) {
          lists[pe][w].push_back({max ? 1 : static_cast<int8_t>(random.bits(8)),
                                  static_cast<int>(random.bits(kIndexBits))});
        }
        const int64_t rows = std::max(1, (count + kMuls - 1) / kMuls);
        slowest[w] = std::max(slowest[w], rows);
        working[w] = std::min(working[w], rows);
      }
    }
    const Rows rows = pack(lists);
    if (static_cast<int>(rows.rows.size()) > kDepth / 2) continue;
    const int base = static_cast<int>(random.between(0, kDepth - static_cast<int>(rows.rows.size())));
    bench.load(rows, base);
    d.start_i = 1;
    d.base_i = base;
    bench.edge();
    d.start_i = 0;
    for (int i = static_cast<int>(random.between(2, 4)); i > 0; --i) bench.edge();

    struct Pixel {
      int64_t cycle;
      std::vector<int64_t> sums;
    };
    std::deque<Pixel> due;
    int64_t last_pixel = -1000;
    const auto check = [&] {
      BOOST_REQUIRE_EQUAL(bool(d.done_o), !due.empty() && due.front().cycle == bench.cycle);
      if (!d.done_o) return;
      const Bits acc = sample(d.acc_o);
      for (int pe = 0; pe < kPes; ++pe) {
        int64_t got = wrap(static_cast<int64_t>(get(acc, pe * P_AccWidth, P_AccWidth)), P_AccWidth);
        if (max) got = static_cast<int64_t>(~static_cast<uint64_t>(got) & 0xff) - 128;
        BOOST_REQUIRE_EQUAL(got, due.front().sums[pe]);
        ++compared;
      }
      due.pop_front();
    };
    for (int pixel = 0; pixel < pixels; ++pixel) {
      std::vector<int64_t> sums(kPes, max ? -128 : 0);
      for (int w = 0; w < windows; ++w) {
        while (random.one_in(6)) {
          d.valid_i = 0;
          bench.settle();
          check();
          bench.edge();
        }
        Bits groups = make_bits(8 * kWindow);
        for (int i = 0; i < kWindow; ++i) put(groups, 8 * i, 8, random.bits(8));
        for (int pe = 0; pe < kPes; ++pe) {
          for (const Weight& x : lists[pe][w]) {
            const int a = static_cast<int8_t>(get(groups, 8 * x.index, 8));
            sums[pe] = max ? std::max<int64_t>(sums[pe], a) : sums[pe] + x.value * a;
          }
        }
        drive(d.groups_i, groups);
        d.valid_i = 1;
        d.first_i = w == 0;
        d.last_i = w == windows - 1;
        d.max_i = max;
        int64_t cycles = 0, works = 0, waits = 0, drains = 0;
        for (bool next = false; !next;) {
          bench.settle();
          check();
          next = d.next_o;
          ++cycles;
          works += d.working_o;
          waits += d.imbalance_o;
          drains += d.drain_wait_o;
          if (next && d.last_i) {
            BOOST_REQUIRE_GE(bench.cycle - last_pixel, kDrain);
            last_pixel = bench.cycle;
            due.push_back({bench.cycle + kLatency, sums});
          }
          BOOST_REQUIRE_LT(cycles, 1000);
          bench.edge();
        }
        BOOST_REQUIRE_EQUAL(works, working[w]);
        BOOST_REQUIRE_EQUAL(works + waits, slowest[w]);
        BOOST_REQUIRE_EQUAL(cycles, slowest[w] + drains);
        BOOST_REQUIRE(drains == 0 || w == windows - 1);
      }
    }
    d.valid_i = 0;
    for (int i = 0; i < kLatency + 2; ++i) {
      bench.settle();
      check();
      bench.edge();
    }
    BOOST_REQUIRE(due.empty());
    BOOST_REQUIRE(!d.busy_o);
  }
  BOOST_TEST(compared > 100 * P_Pes);
}

BOOST_AUTO_TEST_CASE(rows_that_run_out_are_reported) {
  Bench bench;
  auto& d = *bench.dut;
  Rows none;  // no window ever ends
  none.rows.assign(2, make_bits((kPes * kPeBits + P_AxiDataWidth - 1) / P_AxiDataWidth * P_AxiDataWidth));
  bench.load(none, kDepth - 2);
  d.start_i = 1;
  d.base_i = kDepth - 2;
  bench.edge();
  d.start_i = 0;
  int over = 0;
  for (int i = 0; i < 10; ++i) {
    d.valid_i = i >= 4;
    bench.settle();
    over += d.over_o;
    BOOST_REQUIRE(!d.next_o);
    bench.edge();
  }
  BOOST_TEST(over > 0);
  // A later EXEC works.
  d.valid_i = 0;
  d.clear_i = 1;
  bench.edge();
  d.clear_i = 0;
  Lists one(kPes, {{{3, 1}}});
  bench.load(pack(one), 0);
  d.start_i = 1;
  d.base_i = 0;
  bench.edge();
  d.start_i = 0;
  for (int i = 0; i < 3; ++i) bench.edge();
  d.valid_i = d.first_i = d.last_i = 1;
  bench.settle();
  BOOST_TEST(bool(d.next_o));
}
