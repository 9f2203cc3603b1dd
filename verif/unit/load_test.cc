// SPDX-License-Identifier: Apache-2.0
// aap_load: requests and buffer writes against docs/accelerator.md in plain loops; chains of loads with random stalls,
// tokens, and descriptors that must be refused.
#define BOOST_TEST_MODULE load
#include <boost/test/unit_test.hpp>

#include <array>
#include <deque>
#include <functional>

#include DUT_HEADER
#include "compile/gen/isa.h"
#include "verif/unit/bench.h"

using namespace aap;
using namespace aap::bench;
namespace f = aap::isa::load_act;

namespace {

constexpr int kBeat = P_AxiDataWidth / 8, kWords = P_AxiDataWidth / 32, kDescriptorBeats = 512 / P_AxiDataWidth;
constexpr int kBlock = P_Group > kBeat ? P_Group : kBeat, kBlockBeats = kBlock / kBeat;
constexpr int kSuperbanks = P_Lanes * P_Group / kBlock, kTilePlanes = P_Pes / kBlock;
constexpr int kIndexBits = P_Group == 16 ? 4 : P_Group == 8 ? 3 : 2;
constexpr int up(int a, int b) { return (a + b - 1) / b; }
constexpr int kRowBeats = up(P_Lanes * P_Pes * (8 + kIndexBits), P_AxiDataWidth);

struct Kind {
  isa::Opcode op;
  int buffer, depth, beats;
};
const std::array<Kind, 5> kKinds{{{isa::Opcode::kLoadAct, 0, P_ActDepth, kBlockBeats},
                                  {isa::Opcode::kLoadRes, 1, P_ResidualDepth, kBlockBeats},
                                  {isa::Opcode::kLoadWgt, 2, P_WeightDepth, kRowBeats},
                                  {isa::Opcode::kLoadTab, 3, P_TableDepth, up(2 * P_Lanes, kBeat)},
                                  {isa::Opcode::kLoadPar, 4, P_ParamDepth, up(8 * P_Requantisers, kBeat)}}};

struct Write {
  int buffer, address, column, mask;
  bool fill;
  int pad;
};
struct Ask {
  uint64_t address, beats;
};

const Kind& kind_of(const isa::Descriptor& d) {
  for (const Kind& k : kKinds) {
    if (k.op == d.opcode()) return k;
  }
  std::abort();
}

// What docs/accelerator.md says of one descriptor.
void model(const isa::Descriptor& d, std::vector<Ask>& asks, std::vector<Write>& writes) {
  const Kind& k = kind_of(d);
  const uint64_t space = uint64_t{1} << P_AddrWidth;
  if (k.buffer >= 2) {
    const auto entries = static_cast<int>(d.get(f::kCols));
    asks.push_back({d.get(f::kAddr) % space, static_cast<uint64_t>(entries) * k.beats});
    for (int e = 0; e < entries; ++e) {
      for (int b = 0; b < k.beats; ++b) writes.push_back({k.buffer, static_cast<int>(d.get(f::kDst)) + e, b, -1, false, 0});
    }
    return;
  }
  const bool act = k.buffer == 0;
  const int cols = d.get(f::kCols), rows = d.get(f::kRows), planes = d.get(f::kPlanes);
  for (int p = 0; p < planes; ++p) {
    int n = 0;
    int mask = static_cast<int>(d.get(f::kBankMask));
    const int wrap = act ? static_cast<int>(d.get(f::kWrap)) : 1;
    for (int i = 0; i < p % wrap; ++i) mask = (mask << 1 | mask >> (kSuperbanks - 1)) & ((1 << kSuperbanks) - 1);
    auto block = [&](bool fill) {
      for (int b = 0; b < kBlockBeats; ++b) {
        const int word = static_cast<int>(d.get(f::kDst)) + n;
        if (act) {
          const int at = word + p / wrap * static_cast<int>(d.get(f::kPlaneStep));
          writes.push_back({0, at, b, mask, fill, static_cast<int>(d.get(f::kPadValue))});
        } else {
          writes.push_back({1, word * (P_Pes / kBeat) + p * kBlockBeats + b, -1, -1, false, 0});
        }
      }
      ++n;
    };
    auto fills = [&](isa::Field field) {
      for (uint32_t i = 0; act && i < d.get(field); ++i) block(true);
    };
    fills(f::kPreFill);
    for (int r = 0; r < rows; ++r) {
      fills(f::kLeftFill);
      asks.push_back({(d.get(f::kAddr) + uint64_t{d.get(f::kPlaneStride)} * p + uint64_t{d.get(f::kRowStride)} * r) % space,
                      static_cast<uint64_t>(cols) * kBlockBeats});
      for (int c = 0; c < cols; ++c) block(false);
      fills(f::kRightFill);
    }
    fills(f::kPostFill);
  }
}

isa::Descriptor random_load(Random& random) {
  for (;;) {
    const Kind& k = kKinds[random.one_in(2) ? 0 : random.between(0, 4)];
    isa::Descriptor d(k.op);
    auto some = [&](int hi) { return static_cast<uint64_t>(random.between(0, hi)); };
    d.set(f::kAddr, random.bits(P_AddrWidth) / kBeat * kBeat);
    if (k.buffer >= 2) {
      d.set(f::kCols, 1 + some(std::min(k.depth - 1, 12)));
      d.set(f::kDst, some(k.depth - 1));
      // fields that a linear load does not have
      for (size_t w = 6; w < 15; ++w) d.words[w] = static_cast<uint32_t>(random.bits(32));
      if (d.get(f::kCols) + d.get(f::kDst) > static_cast<uint64_t>(k.depth)) continue;
    } else {
      d.set(f::kPlaneStride, random.bits(32) / kBeat * kBeat);
      d.set(f::kRowStride, random.bits(32) / kBeat * kBeat);
      d.set(f::kCols, 1 + some(random.one_in(2) ? 2 : 9));
      d.set(f::kRows, 1 + some(3));
      d.set(f::kPlanes, 1 + some(k.buffer == 0 ? 7 : kTilePlanes - 1));
      d.set(f::kDst, some(k.depth - 1));
      if (k.buffer == 0) {
        for (const isa::Field field : {f::kPreFill, f::kPostFill, f::kLeftFill, f::kRightFill}) {
          if (random.one_in(2)) d.set(field, some(3));
        }
        d.set(f::kPadValue, random.bits(8));
        d.set(f::kBankMask, random.bits(kSuperbanks));
        d.set(f::kPlaneStep, some(40));
        d.set(f::kWrap, 1 + some(kSuperbanks - 1));
      }
      std::vector<Ask> asks;
      std::vector<Write> writes;
      model(d, asks, writes);
      bool fits = true;
      const int limit = k.buffer == 0 ? k.depth : k.depth * (P_Pes / kBeat);
      for (const Write& w : writes) fits = fits && w.address < limit;
      if (!fits) continue;
    }
    d.set(isa::header::kLayer, random.bits(16));
    d.words[0] |= static_cast<uint32_t>(random.bits(5) & 0x12) << 4 | static_cast<uint32_t>(random.bits(1)) << 9;
    return d;
  }
}

Bits pattern(uint64_t i) {
  Bits v(static_cast<size_t>(kWords));
  for (size_t w = 0; w < v.size(); ++w) v[w] = static_cast<uint32_t>((i + 1) * 2654435761U + w * 40503U);
  return v;
}

struct Loader : Clocked<DUT> {
  Loader() {
    auto& d = *dut;
    d.rst_ni = 0;
    d.clear_i = d.halt_i = d.desc_valid_i = d.tok_avail_i = d.req_ready_i = d.req_busy_i = d.r_valid_i = 0;
    edge();
    edge();
    d.rst_ni = 1;
  }
  // Hands out descriptors as aap_queues does, one reader at a time; answers requests; checks every write.
  void cycle_once(int stalls) {
    auto& d = *dut;
    auto go = [&] { return stalls == 0 || random.one_in(stalls); };
    settle();
    if (giving < 0) {
      for (int r = 0; r < 2; ++r) {
        if (given[r] < chain.size() && (d.desc_ready_o >> r & 1) && go()) giving = r;
      }
    }
    d.desc_valid_i = 0;
    if (giving >= 0) {
      d.desc_valid_i = 1 << giving;
      d.desc_beat_i = beat;
      const auto& w = chain[given[giving]].words;
      drive(d.desc_data_i, Bits(w.begin() + beat * kWords, w.begin() + (beat + 1) * kWords));
    }
    d.tok_avail_i = go() ? 31 : random.bits(5);
    d.req_ready_i = go();
    d.r_valid_i = granted > received && go();
    if (d.r_valid_i) drive(d.r_data_i, pattern(received));
    settle();
    taken_tokens |= d.tok_take_o;
    BOOST_REQUIRE((d.tok_take_o & ~d.tok_avail_i) == 0);
    posts += d.tok_post_o & 1;
    if (d.req_valid_o && d.req_ready_i) {
      granted += uint64_t{d.req_len_o} + 1;
      if (!expect_error) {
        BOOST_REQUIRE(asked < asks.size());
        BOOST_REQUIRE_EQUAL(uint64_t{d.req_addr_o} * kBeat, asks[asked].address);
        BOOST_REQUIRE_EQUAL(uint64_t{d.req_len_o} + 1, asks[asked].beats);
      }
      ++asked;
    }
    if (d.ld_valid_o) {
      ++writes_done;
      if (!expect_error) {
        BOOST_REQUIRE(!writes.empty());
        const Write& w = writes.front();
        BOOST_REQUIRE_EQUAL(int{d.ld_buf_o}, w.buffer);
        BOOST_REQUIRE_EQUAL(int{d.ld_addr_o}, w.address);
        if (w.column >= 0) BOOST_REQUIRE_EQUAL(int{d.ld_col_o}, w.column);
        if (w.mask >= 0) BOOST_REQUIRE_EQUAL(int{d.ld_mask_o}, w.mask);
        Bits want = pattern(received);
        if (w.fill) want.assign(want.size(), static_cast<uint32_t>(w.pad) * 0x01010101U);
        BOOST_REQUIRE(sample(d.ld_data_o) == want);
        BOOST_REQUIRE_EQUAL(w.fill, !(d.r_valid_i && d.r_ready_o));
        writes.pop_front();
      }
    }
    if (d.r_valid_i && d.r_ready_o) ++received;
    if (d.err_valid_o && error == isa::Error::kNone) {
      error = static_cast<isa::Error>(d.err_code_o);
      entry = d.err_entry_o;
    }
    const bool given_beat = giving >= 0;
    edge();
    if (given_beat && ++beat == kDescriptorBeats) {
      beat = 0;
      ++given[giving];
      giving = -1;
    }
  }
  void add(const isa::Descriptor& d) {
    chain.push_back(d);
    std::vector<Write> w;
    model(d, asks, w);
    writes.insert(writes.end(), w.begin(), w.end());
    wanted_posts += static_cast<int>(d.words[0] >> 9 & 1);
  }

  Random random;
  std::vector<isa::Descriptor> chain;
  std::vector<Ask> asks;
  std::deque<Write> writes;
  std::array<size_t, 2> given{};
  int giving = -1, beat = 0, posts = 0, wanted_posts = 0, taken_tokens = 0, entry = 0, writes_done = 0;
  size_t asked = 0;
  uint64_t granted = 0, received = 0;
  bool expect_error = false;
  isa::Error error = isa::Error::kNone;
};

void refuse(const isa::Descriptor& d, isa::Error code, int entry = -1) {
  Loader l;
  l.expect_error = true;
  l.chain.push_back(d);
  for (int i = 0; i < 100000 && l.error == isa::Error::kNone; ++i) l.cycle_once(0);
  BOOST_TEST((l.error == code));
  if (entry >= 0) BOOST_TEST(l.entry == entry);
}

// A legal load of each kind, to be spoilt.
isa::Descriptor plain(isa::Opcode op) {
  isa::Descriptor d(op);
  d.set(f::kAddr, 0x1000);
  d.set(f::kCols, 4);
  if (op == isa::Opcode::kLoadAct || op == isa::Opcode::kLoadRes) {
    d.set(f::kPlaneStride, 0x400);
    d.set(f::kRowStride, 0x100);
    d.set(f::kRows, 2);
    d.set(f::kPlanes, 1);
    d.set(f::kWrap, op == isa::Opcode::kLoadAct ? 1 : 0);
  }
  return d;
}

}  // namespace

BOOST_AUTO_TEST_CASE(chains_of_random_loads) {
  for (const int stalls : {0, 2, 5}) {
    Random random(seed() + static_cast<uint64_t>(stalls));
    Loader l;
    for (int i = 0; i < 120; ++i) l.add(random_load(random));
    for (int i = 0; i < 600000 && !(l.given[0] == l.chain.size() && l.given[1] == l.chain.size() && l.dut->idle_o && l.giving < 0); ++i) l.cycle_once(stalls);
    for (int i = 0; i < 4; ++i) l.cycle_once(stalls);
    BOOST_TEST((l.error == isa::Error::kNone));
    BOOST_TEST(l.asked == l.asks.size());
    BOOST_TEST(l.writes.empty());
    BOOST_TEST(l.received == l.granted);
    BOOST_TEST(l.posts == l.wanted_posts);
  }
}

BOOST_AUTO_TEST_CASE(malformed_loads) {
  using isa::Error;
  for (const Kind& k : kKinds) {
    auto with = [&](isa::Field field, uint64_t value) {
      isa::Descriptor d = plain(k.op);
      d.set(field, value);
      return d;
    };
    refuse(with(f::kCols, 0), Error::kBadLength);
    refuse(with(f::kAddr, 0x1001), Error::kBadAlign);
    refuse(with(f::kDst, 65535), Error::kLoadRange);
    refuse(with(f::kDst, static_cast<uint64_t>(k.depth)), Error::kLoadRange, k.depth);
    refuse(with(f::kDst, static_cast<uint64_t>(k.depth) - 3), Error::kLoadRange, k.depth);
    refuse(with(f::kCols, 65535), Error::kLoadRange);
    if (P_AddrWidth < 32) refuse(with(f::kAddr, uint64_t{1} << P_AddrWidth), Error::kWindow);
    if (k.buffer >= 2) {
      refuse(with(f::kCols, static_cast<uint64_t>(k.depth) + 1), Error::kLoadRange);
      continue;
    }
    refuse(with(f::kRows, 0), Error::kBadLength);
    refuse(with(f::kPlanes, 0), Error::kBadLength);
    refuse(with(f::kRowStride, 0x101), Error::kBadAlign);
    refuse(with(f::kPlaneStride, 0x102), Error::kBadAlign);
    refuse(with(f::kRows, 65535), Error::kLoadRange);
    if (k.buffer == 1) {
      refuse(with(f::kPlanes, kTilePlanes + 1), Error::kBadLength);
    } else {
      refuse(with(f::kWrap, 0), Error::kBadLength);
      refuse(with(f::kWrap, kSuperbanks + 1), Error::kBadLength);
      refuse(with(f::kPreFill, 65535), Error::kLoadRange);
      refuse(with(f::kPostFill, static_cast<uint64_t>(k.depth)), Error::kLoadRange, k.depth);
      isa::Descriptor d = with(f::kPlanes, 3);
      d.set(f::kPlaneStep, 65535);
      refuse(d, Error::kLoadRange);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_write_after_halt) {
  Random random;
  for (int run = 0; run < 30; ++run) {
    Loader l;
    for (int i = 0; i < 10; ++i) l.add(random_load(random));
    const int at = static_cast<int>(random.between(1, 400));
    for (int i = 0; i < at; ++i) l.cycle_once(2);
    l.dut->halt_i = 1;
    const int writes = l.writes_done;
    const size_t asked = l.asked;
    for (int i = 0; i < 50; ++i) l.cycle_once(0);
    BOOST_TEST(l.writes_done == writes);
    BOOST_TEST(l.asked == asked);
    l.dut->clear_i = 1;
    l.edge();
    l.settle();
    BOOST_TEST(l.dut->idle_o);
  }
}

BOOST_AUTO_TEST_CASE(data_streams_through_short_rows) {
  // Rows of seven blocks without fills: a beat every cycle but the set-up.
  Loader l;
  isa::Descriptor d = plain(isa::Opcode::kLoadAct);
  d.set(f::kCols, 7);
  d.set(f::kRows, 8);
  l.add(d);
  int cycles = 0;
  for (; cycles < 2000 && !l.writes.empty(); ++cycles) l.cycle_once(0);
  BOOST_TEST(cycles <= 56 * kBlockBeats + 2 * kDescriptorBeats + 12);
}
