// SPDX-License-Identifier: Apache-2.0
// aap_axi_write: bursts cover the requests, data in order with the right WLAST, responses post, errors are told, and after
// halt the burst that was shown ends with its strobes off. Also of aap_axi_one.
#define BOOST_TEST_MODULE axi_write
#include <boost/test/unit_test.hpp>

#include <deque>

#include DUT_HEADER
#include "compile/gen/isa.h"
#include "verif/unit/bench.h"

using namespace aap;
using namespace aap::bench;

namespace {

constexpr uint64_t kBeat = P_AxiDataWidth / 8;
constexpr int kAll = (1 << kBeat) - 1;

struct Request {
  uint64_t address, beats;
  bool post;
};
struct Burst {
  uint64_t address, beats;
};

struct Writer : Clocked<DUT> {
  Writer() {
    auto& d = *dut;
    d.rst_ni = 0;
    d.clear_i = d.halt_i = d.req_valid_i = d.data_valid_i = 0;
    d.m_axi_awready = d.m_axi_wready = d.m_axi_bvalid = d.m_axi_bresp = 0;
#ifndef P_Outstanding  // aap_axi_one
    d.load_valid_i = d.fetch_valid_i = d.load_rready_i = d.m_axi_arready = d.m_axi_rvalid = 0;
#endif
    d.window_base_i = 0;
    d.window_limit_i = P_AddrWidth == 32 ? 0xffffffffU : (1U << (P_AddrWidth % 32)) - 1;
    d.req_layer_i = 7;
    edge();
    edge();
    d.rst_ni = 1;
  }
  void cycle_once(int stalls) {
    auto& d = *dut;
    auto go = [&] { return stalls == 0 || random.one_in(stalls); };
    if (!d.halt_i) {
      d.req_valid_i = !requests.empty() && (d.req_valid_i || go());
      if (d.req_valid_i) {
        d.req_addr_i = static_cast<IData>(requests.front().address / kBeat);
        d.req_len_i = static_cast<SData>(requests.front().beats - 1);
        d.req_post_i = requests.front().post;
      }
      if (!d.data_valid_i && supplied < supply_limit && go()) {
        d.data_valid_i = 1;
        drive(d.data_i, pattern(supplied++));
      }
    }
    d.m_axi_awready = go();
    d.m_axi_wready = go();
    d.m_axi_bvalid = complete > answered && answered < static_cast<int64_t>(bursts.size()) && go();
    d.m_axi_bresp = answered == bad_burst ? response : 0;
    settle();
    // What was offered stays.
    BOOST_REQUIRE(!aw_held || (d.m_axi_awvalid && d.m_axi_awaddr == last_address));
    BOOST_REQUIRE(!w_held || (d.m_axi_wvalid && d.m_axi_wlast == last_last && d.m_axi_wstrb == last_strobes));
    aw_held = d.m_axi_awvalid && !d.m_axi_awready;
    w_held = d.m_axi_wvalid && !d.m_axi_wready;
    last_address = d.m_axi_awaddr;
    last_last = d.m_axi_wlast;
    last_strobes = d.m_axi_wstrb;
    if (d.err_valid_o && error == isa::Error::kNone) {
      error = static_cast<isa::Error>(d.err_code_o);
      error_address = uint64_t{d.err_addr_o} * kBeat;
    }
    if (d.m_axi_awvalid && d.m_axi_awready) {
      const Burst b{d.m_axi_awaddr, d.m_axi_awlen + 1U};
      BOOST_REQUIRE(b.beats <= P_MaxBurst);
      BOOST_REQUIRE_EQUAL(b.address >> 12, (b.address + b.beats * kBeat - 1) >> 12);
      BOOST_REQUIRE_EQUAL(int{d.m_axi_awuser}, 7);
      bursts.push_back(b);
    }
    if (d.m_axi_wvalid && d.m_axi_wready) {
      if (d.m_axi_wstrb == kAll) {
        BOOST_REQUIRE(sample(d.m_axi_wdata) == pattern(written));
        ++written;
      } else {
        BOOST_REQUIRE(d.m_axi_wstrb == 0 && d.halt_i);
      }
      beats_of_burst.back()++;
      if (d.m_axi_wlast) {
        beats_of_burst.push_back(0);
        ++complete;
      }
    }
    const bool accepted = d.req_valid_i && d.req_ready_o && !d.halt_i, data = d.data_valid_i && d.data_ready_o;
    if (d.m_axi_bvalid && d.m_axi_bready) ++answered;
    posts += d.post_o;
    edge();
    if (accepted) asked.push_back(requests.front()), requests.pop_front(), d.req_valid_i = 0;
    if (data) d.data_valid_i = 0;
  }
  static Bits pattern(uint64_t i) {
    Bits v = make_bits(std::max(P_AxiDataWidth, 64));
    for (size_t w = 0; w < v.size(); ++w) v[w] = static_cast<uint32_t>((i + 1) * 2654435761U + w);
    v.resize(P_AxiDataWidth / 32);
    return v;
  }
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      const auto beats = static_cast<uint64_t>(random.between(1, random.one_in(3) ? 200 : 8));
      const uint64_t top = ((uint64_t{1} << P_AddrWidth) - beats * kBeat) / kBeat;
      requests.push_back({random.bits(62) % top * kBeat, beats, random.one_in(2)});
      supply_limit += beats;
    }
  }

  Random random;
  std::deque<Request> requests;
  std::vector<Request> asked;
  std::vector<Burst> bursts;
  std::vector<uint64_t> beats_of_burst{0};
  uint64_t supplied = 0, supply_limit = 0, written = 0, last_address = 0;
  int64_t complete = 0, answered = 0, bad_burst = -1;
  int response = 0, posts = 0, last_last = 0, last_strobes = 0;
  bool aw_held = false, w_held = false;
  isa::Error error = isa::Error::kNone;
  uint64_t error_address = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(data_and_responses) {
  for (const int stalls : {0, 2, 5}) {
    Writer w;
    w.fill(60);
    for (int i = 0; i < 200000 && !(w.requests.empty() && w.dut->idle_o); ++i) w.cycle_once(stalls);
    BOOST_TEST((w.error == isa::Error::kNone));
    BOOST_TEST(w.asked.size() == 60U);
    BOOST_TEST(w.written == w.supply_limit);
    size_t b = 0;
    int posts = 0;
    for (const Request& q : w.asked) {
      posts += q.post;
      uint64_t at = q.address, left = q.beats;
      while (left != 0) {
        BOOST_REQUIRE(b < w.bursts.size());
        BOOST_REQUIRE_EQUAL(w.bursts[b].address, at);
        BOOST_REQUIRE_EQUAL(w.bursts[b].beats, w.beats_of_burst[b]);
        BOOST_REQUIRE(w.bursts[b].beats <= left);
        at += w.bursts[b].beats * kBeat;
        left -= w.bursts[b].beats;
        ++b;
      }
    }
    BOOST_TEST(b == w.bursts.size());
    BOOST_TEST(w.posts == posts);
  }
}

BOOST_AUTO_TEST_CASE(error_responses) {
  for (const int response : {2, 3}) {
    for (const int64_t burst : {0, 3}) {
      Writer w;
      w.fill(20);
      w.bad_burst = burst;
      w.response = response;
      for (int i = 0; i < 20000 && w.error == isa::Error::kNone; ++i) w.cycle_once(2);
      BOOST_TEST((w.error == (response == 2 ? isa::Error::kWriteSlverr : isa::Error::kWriteDecerr)));
      BOOST_TEST(w.error_address == w.bursts[static_cast<size_t>(burst)].address);
    }
  }
}

BOOST_AUTO_TEST_CASE(halt_at_any_time_finishes_what_was_shown) {
  Random random;
  for (int run = 0; run < 150; ++run) {
    Writer w;
    w.fill(20);
    const int at = static_cast<int>(random.between(1, 300));
    for (int i = 0; i < at; ++i) w.cycle_once(3);
    w.dut->halt_i = 1;
    const uint64_t written = w.written;
    for (int i = 0; i < 5000 && !w.dut->drained_o; ++i) w.cycle_once(3);
    BOOST_TEST(w.dut->drained_o);
    BOOST_TEST(w.written <= written + 1);  // one beat had been offered
    BOOST_REQUIRE_EQUAL(static_cast<size_t>(w.complete), w.bursts.size());
    for (size_t b = 0; b < w.bursts.size(); ++b) BOOST_REQUIRE_EQUAL(w.bursts[b].beats, w.beats_of_burst[b]);
    BOOST_TEST(w.answered == w.complete);
  }
}

BOOST_AUTO_TEST_CASE(window) {
  Writer w;
  w.dut->window_base_i = 0x1000;
  w.dut->window_limit_i = 0x1fff;
  w.requests.push_back({0x2000 - P_MaxBurst * kBeat, P_MaxBurst + 1, true});
  w.supply_limit = P_MaxBurst + 1;
  for (int i = 0; i < 2000 && w.error == isa::Error::kNone; ++i) w.cycle_once(0);
  BOOST_TEST((w.error == isa::Error::kWindow));
  BOOST_TEST(w.error_address == 0x2000U);
  BOOST_TEST(w.bursts.size() == 1U);
}
