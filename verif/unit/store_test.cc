// SPDX-License-Identifier: Apache-2.0
// aap_store: requests and beats against docs/accelerator.md in plain loops, tokens, malformed descriptors, rate.
#define BOOST_TEST_MODULE store
#include <boost/test/unit_test.hpp>

#include <deque>

#include DUT_HEADER
#include "compile/gen/isa.h"
#include "verif/unit/bench.h"

using namespace aap;
using namespace aap::bench;
namespace f = aap::isa::store;

namespace {

constexpr int kBeat = P_AxiDataWidth / 8, kWords = P_AxiDataWidth / 32, kDescriptorBeats = 512 / P_AxiDataWidth;
constexpr int kBlock = P_Group > kBeat ? P_Group : kBeat, kTilePlanes = P_Pes / kBlock, kDrain = P_Pes / P_Requantisers;

struct Ask {
  uint64_t address, beats;
  bool post;
};

// The byte that pixel, channel of the output buffer holds.
uint8_t byte_at(int pixel, int channel) { return static_cast<uint8_t>(pixel * 31 + channel * 7 + pixel / 8 + (channel >> 3)); }

struct Storer : Clocked<DUT> {
  Storer() {
    auto& d = *dut;
    d.rst_ni = 0;
    d.clear_i = d.halt_i = d.desc_valid_i = d.tok_avail_i = d.req_ready_i = d.req_busy_i = d.data_ready_i = 0;
    edge();
    edge();
    d.rst_ni = 1;
  }
  void add(const isa::Descriptor& d) {
    chain.push_back(d);
    const uint64_t space = uint64_t{1} << P_AddrWidth;
    const int cols = d.get(f::kCols), rows = d.get(f::kRows), planes = d.get(f::kPlanes), base = d.get(f::kOutBase);
    for (int p = 0; p < planes; ++p) {
      for (int r = 0; r < rows; ++r) {
        asks.push_back({(d.get(f::kAddr) + uint64_t{d.get(f::kPlaneStride)} * p + uint64_t{d.get(f::kRowStride)} * r) % space,
                        static_cast<uint64_t>(cols) * (kBlock / kBeat),
                        p + 1 == planes && r + 1 == rows && (d.words[0] >> (9 + isa::kTokS2L) & 1) != 0});
        for (int c = 0; c < cols; ++c) {
          for (int b = 0; b < kBlock; ++b) bytes.push_back(byte_at(base + r * cols + c, p * kBlock + b));
        }
      }
    }
    wanted_posts += d.words[0] >> (9 + isa::kTokS2E) & 1;
    wanted_takes += d.words[0] >> (4 + isa::kTokE2S) & 1;
  }
  void cycle_once(int stalls) {
    auto& d = *dut;
    auto go = [&] { return stalls == 0 || random.one_in(stalls); };
    settle();
    const bool give = given < chain.size() && (beat > 0 || (d.desc_ready_o && go()));
    d.desc_valid_i = give;
    if (give) {
      d.desc_beat_i = beat;
      const auto& w = chain[given].words;
      drive(d.desc_data_i, Bits(w.begin() + beat * kWords, w.begin() + (beat + 1) * kWords));
    }
    d.tok_avail_i = go() ? 31 : random.bits(5);
    d.req_ready_i = go();
    d.data_ready_i = go();
    Bits word = make_bits(64);
    if (read_now) {
      for (int i = 0; i < P_Requantisers; ++i) put(word, 8 * i, 8, byte_at(read_at / kDrain, read_at % kDrain * P_Requantisers + i));
      drive(d.out_rdata_i, word);  // and it stays until the next read
    }
    settle();
    BOOST_REQUIRE((d.tok_take_o & ~d.tok_avail_i) == 0);
    takes += d.tok_take_o >> isa::kTokE2S & 1;
    if (d.tok_post_o >> isa::kTokS2E & 1) ++posts;
    read_now = d.out_re_o;
    read_at = d.out_raddr_o;
    if (read_now && !expect_error) BOOST_REQUIRE(read_at < P_OutDepth * kDrain);
    if (d.req_valid_o && d.req_ready_i && !expect_error) {
      BOOST_REQUIRE(asked < asks.size());
      BOOST_REQUIRE_EQUAL(uint64_t{d.req_addr_o} * kBeat, asks[asked].address);
      BOOST_REQUIRE_EQUAL(uint64_t{d.req_len_o} + 1, asks[asked].beats);
      BOOST_REQUIRE_EQUAL(bool{d.req_post_o != 0}, asks[asked].post);
      ++asked;
    }
    if (d.data_valid_o && d.data_ready_i) {
      ++beats;
      if (!expect_error) {
        const Bits got = sample(d.data_o);
        for (int i = 0; i < kBeat; ++i) {
          BOOST_REQUIRE(!bytes.empty());
          BOOST_REQUIRE_EQUAL(get(got, 8 * i, 8), uint64_t{bytes.front()});
          bytes.pop_front();
        }
      }
    }
    if (d.err_valid_o && error == isa::Error::kNone) {
      error = static_cast<isa::Error>(d.err_code_o);
      entry = d.err_entry_o;
    }
    edge();
    if (give && ++beat == kDescriptorBeats) beat = 0, ++given;
  }

  Random random;
  std::vector<isa::Descriptor> chain;
  std::vector<Ask> asks;
  std::deque<uint8_t> bytes;
  size_t given = 0, asked = 0;
  int beat = 0, read_at = 0, takes = 0, entry = 0, beats = 0;
  uint32_t posts = 0, wanted_posts = 0, wanted_takes = 0;
  bool read_now = false, expect_error = false;
  isa::Error error = isa::Error::kNone;
};

isa::Descriptor random_store(Random& random) {
  isa::Descriptor d(isa::Opcode::kStore);
  const auto cols = static_cast<uint64_t>(random.between(1, 6)), rows = static_cast<uint64_t>(random.between(1, 4));
  d.set(f::kAddr, random.bits(P_AddrWidth) / kBeat * kBeat);
  d.set(f::kPlaneStride, random.bits(32) / kBeat * kBeat);
  d.set(f::kRowStride, random.bits(32) / kBeat * kBeat);
  d.set(f::kCols, cols);
  d.set(f::kRows, rows);
  d.set(f::kPlanes, static_cast<uint64_t>(random.between(1, kTilePlanes)));
  d.set(f::kOutBase, static_cast<uint64_t>(random.between(0, P_OutDepth - static_cast<int>(cols * rows))));
  d.words[0] |= static_cast<uint32_t>(random.bits(5) & 0x04) << 4 | static_cast<uint32_t>(random.bits(5) & 0x18) << 9;
  return d;
}

void refuse(isa::Descriptor d, isa::Field field, uint64_t value, isa::Error code, int entry = -1) {
  d.set(field, value);
  Storer s;
  s.expect_error = true;
  s.chain.push_back(d);
  for (int i = 0; i < 50000 && s.error == isa::Error::kNone; ++i) s.cycle_once(0);
  BOOST_TEST((s.error == code));
  if (entry >= 0) BOOST_TEST(s.entry == entry);
}

}  // namespace

BOOST_AUTO_TEST_CASE(chains_of_random_stores) {
  for (const int stalls : {0, 2, 5}) {
    Random random(seed() + static_cast<uint64_t>(stalls));
    Storer s;
    for (int i = 0; i < 100; ++i) s.add(random_store(random));
    for (int i = 0; i < 400000 && !(s.given == s.chain.size() && s.dut->idle_o); ++i) s.cycle_once(stalls);
    BOOST_TEST((s.error == isa::Error::kNone));
    BOOST_TEST(s.asked == s.asks.size());
    BOOST_TEST(s.bytes.empty());
    BOOST_TEST(s.posts == s.wanted_posts);
    BOOST_TEST(static_cast<uint32_t>(s.takes) == s.wanted_takes);
  }
}

BOOST_AUTO_TEST_CASE(a_word_every_cycle) {
  Storer s;
  isa::Descriptor d(isa::Opcode::kStore);
  d.set(f::kCols, 30);
  d.set(f::kRows, 1);
  d.set(f::kPlanes, kTilePlanes);
  s.add(d);
  int cycles = 0;
  for (; cycles < 5000 && !s.bytes.empty(); ++cycles) s.cycle_once(0);
  BOOST_TEST(cycles <= 30 * kDrain + kDescriptorBeats + kTilePlanes + 8);
}

BOOST_AUTO_TEST_CASE(malformed_stores) {
  using isa::Error;
  Random random;
  isa::Descriptor good = random_store(random);
  good.set(f::kCols, 3);
  good.set(f::kRows, 2);
  good.set(f::kPlanes, 1);
  good.set(f::kOutBase, 1);
  refuse(good, f::kCols, 0, Error::kBadLength);
  refuse(good, f::kRows, 0, Error::kBadLength);
  refuse(good, f::kPlanes, 0, Error::kBadLength);
  refuse(good, f::kPlanes, kTilePlanes + 1, Error::kBadLength);
  refuse(good, f::kAddr, 0x1001, Error::kBadAlign);
  refuse(good, f::kRowStride, 0x1002, Error::kBadAlign);
  refuse(good, f::kPlaneStride, 0x1001, Error::kBadAlign);
  refuse(good, f::kOutBase, 65535, Error::kStoreRange);
  refuse(good, f::kOutBase, P_OutDepth, Error::kStoreRange, P_OutDepth);
  refuse(good, f::kOutBase, P_OutDepth - 5, Error::kStoreRange, P_OutDepth);
  refuse(good, f::kCols, 65535, Error::kStoreRange);
  refuse(good, f::kRows, P_OutDepth, Error::kStoreRange);
  if (P_AddrWidth < 32) refuse(good, f::kAddr, uint64_t{1} << P_AddrWidth, Error::kWindow);
}
