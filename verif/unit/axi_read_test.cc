// SPDX-License-Identifier: Apache-2.0
// aap_axi_read: bursts cover the requests exactly, respect MaxBurst, 4 KiB and the window; data goes to its requester in
// order; errors are told with the burst's address; after halt nothing new is shown and the rest is swallowed. Also of
// aap_axi_one, which has the same ports and those of aap_axi_write.
#define BOOST_TEST_MODULE axi_read
#include <boost/test/unit_test.hpp>

#include <deque>

#include DUT_HEADER
#include "compile/gen/isa.h"
#include "verif/unit/bench.h"

using namespace aap;
using namespace aap::bench;

#ifdef P_Outstanding
#define OUTSTANDING P_Outstanding
#else
#define OUTSTANDING 1
#endif

namespace {

constexpr uint64_t kBeat = P_AxiDataWidth / 8;
constexpr uint64_t kFetchBeats = 64 / kBeat;

struct Burst {
  uint64_t address, beats;
  bool fetch;
};
struct Request {
  uint64_t address, beats;
  bool fetch;
};
struct Fault {
  int64_t burst = -1;
  uint64_t beat = 0;   // counted from the end when from_end
  bool from_end = false;
  int response = 0;
  bool early = false, missing = false;
};

struct Reader : Clocked<DUT> {
  Reader() {
    auto& d = *dut;
    d.rst_ni = 0;
    d.clear_i = d.halt_i = d.load_valid_i = d.fetch_valid_i = d.load_rready_i = 0;
    d.m_axi_arready = d.m_axi_rvalid = d.m_axi_rlast = d.m_axi_rresp = 0;
#ifndef P_Outstanding
    d.req_valid_i = d.data_valid_i = d.m_axi_awready = d.m_axi_wready = d.m_axi_bvalid = 0;
#endif
    d.window_base_i = 0;
    d.window_limit_i = P_AddrWidth == 32 ? 0xffffffffU : (1U << (P_AddrWidth % 32)) - 1;
    d.load_layer_i = 0x1234;
    edge();
    edge();
    d.rst_ni = 1;
  }

  // One cycle; requests and bursts move between the lists.
  void cycle_once(int stalls) {
    auto& d = *dut;
    auto go = [&] { return stalls == 0 || random.one_in(stalls); };
    d.fetch_valid_i = !fetches.empty() && (d.fetch_valid_i || go());
    if (d.fetch_valid_i) d.fetch_addr_i = static_cast<IData>(fetches.front().address >> 6);
    d.load_valid_i = !loads.empty() && (d.load_valid_i || go());
    if (d.load_valid_i) {
      d.load_addr_i = static_cast<IData>(loads.front().address / kBeat);
      d.load_len_i = static_cast<SData>(loads.front().beats - 1);
    }
    d.load_rready_i = go();
    d.m_axi_arready = go();
    if (!(d.m_axi_rvalid && !taken)) {
      d.m_axi_rvalid = 0;
      if (!flying.empty() && go()) {
        const Burst& b = flying.front();
        d.m_axi_rvalid = 1;
        d.m_axi_rlast = done + 1 == b.beats;
        d.m_axi_rresp = 0;
        if (number == fault.burst) {
          const uint64_t at = fault.from_end ? b.beats - 1 : std::min(fault.beat, b.beats - 1);
          if (done == at) d.m_axi_rresp = fault.response;
          if (fault.early && done + 2 == b.beats) d.m_axi_rlast = 1;
          if (fault.missing && done + 1 == b.beats) d.m_axi_rlast = 0;
        }
      }
    }
    settle();
    BOOST_REQUIRE(!held || (d.m_axi_arvalid && d.m_axi_araddr == last_address && d.m_axi_arlen == last_len));
    held = d.m_axi_arvalid && !d.m_axi_arready;
    last_address = d.m_axi_araddr;
    last_len = d.m_axi_arlen;
    const bool ar = d.m_axi_arvalid && d.m_axi_arready, r = d.m_axi_rvalid && d.m_axi_rready;
    const bool load = d.load_valid_i && d.load_ready_o, fetch = d.fetch_valid_i && d.fetch_ready_o;
    BOOST_REQUIRE(!(load && fetch));
    if (load) asked.push_back(loads.front()), loads.pop_front();
    if (fetch) asked.push_back(fetches.front()), fetches.pop_front();
    if (d.err_valid_o && error == isa::Error::kNone) {
      error = static_cast<isa::Error>(d.err_code_o);
      error_address = uint64_t{d.err_addr_o} * kBeat;
    }
    if (r) {
      const bool bad = d.err_valid_o && error != isa::Error::kWindow;
      if (!bad && !d.halt_i) {
        BOOST_REQUIRE_EQUAL(int{d.fetch_rvalid_o}, int{flying.front().fetch});
        BOOST_REQUIRE_EQUAL(int{d.load_rvalid_o}, int{!flying.front().fetch});
        if (!flying.front().fetch) BOOST_REQUIRE(d.load_rready_i);
        ++passed;
      } else {
        BOOST_REQUIRE(!d.fetch_rvalid_o && !d.load_rvalid_o);
      }
    }
    if (ar) {
      const Burst b{d.m_axi_araddr, d.m_axi_arlen + 1U, d.m_axi_aruser == 0xffff};
      if (!b.fetch) BOOST_REQUIRE_EQUAL(int{d.m_axi_aruser}, 0x1234);
      BOOST_REQUIRE(b.beats <= P_MaxBurst);
      BOOST_REQUIRE(b.address % kBeat == 0);
      BOOST_REQUIRE_EQUAL(b.address >> 12, (b.address + b.beats * kBeat - 1) >> 12);
      BOOST_REQUIRE(b.address >= d.window_base_i && b.address + b.beats * kBeat - 1 <= d.window_limit_i);
      bursts.push_back(b);
    }
    taken = r;
    const bool last = d.m_axi_rlast;
    edge();
    if (load) d.load_valid_i = 0;
    if (fetch) d.fetch_valid_i = 0;
    if (ar) flying.push_back(bursts.back());
    BOOST_REQUIRE(flying.size() <= OUTSTANDING);
    if (r && (++done == flying.front().beats || last)) {
      done = 0;
      ++number;
      flying.pop_front();
    }
  }
  // The requests that were accepted, in order, are covered by the bursts without gap or overlap.
  void check_cover() const {
    size_t b = 0;
    for (const Request& q : asked) {
      uint64_t at = q.address, left = q.beats;
      while (left != 0) {
        BOOST_REQUIRE(b < bursts.size());
        BOOST_REQUIRE_EQUAL(bursts[b].address, at);
        BOOST_REQUIRE_EQUAL(bursts[b].fetch, q.fetch);
        BOOST_REQUIRE(bursts[b].beats <= left);
        at += bursts[b].beats * kBeat;
        left -= bursts[b].beats;
        ++b;
      }
    }
    BOOST_TEST(b == bursts.size());
  }
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      const uint64_t longest = uint64_t{1} << (P_BeatsWidth - (P_BeatsWidth > 10 ? 3 : 2));
      const uint64_t beats = random.one_in(3) ? static_cast<uint64_t>(random.between(1, static_cast<int64_t>(longest)))
                                              : static_cast<uint64_t>(random.between(1, 9));
      const uint64_t top = (uint64_t{1} << P_AddrWidth) - beats * kBeat;
      loads.push_back({random.bits(62) % (top / kBeat) * kBeat, beats, false});
    }
    for (int i = 0; i < count; ++i) fetches.push_back({random.bits(P_AddrWidth - 6) << 6, kFetchBeats, true});
  }
  uint64_t total() const {
    uint64_t beats = 0;
    for (const Request& q : asked) beats += q.beats;
    return beats;
  }

  Random random;
  std::deque<Request> loads, fetches;
  std::vector<Request> asked;
  std::vector<Burst> bursts;
  std::deque<Burst> flying;
  uint64_t done = 0, passed = 0, last_address = 0;
  int64_t number = 0;
  int last_len = 0;
  bool held = false, taken = true;
  Fault fault;
  isa::Error error = isa::Error::kNone;
  uint64_t error_address = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(bursts_cover_requests_and_data_comes_in_order) {
  for (const int stalls : {0, 2, 6}) {
    Reader r;
    r.fill(40);
    for (int i = 0; i < 400000 && !(r.loads.empty() && r.fetches.empty() && r.dut->idle_o && r.flying.empty()); ++i) r.cycle_once(stalls);
    BOOST_TEST((r.error == isa::Error::kNone));
    BOOST_TEST(r.asked.size() == 80U);
    r.check_cover();
    BOOST_TEST(r.passed == r.total());
  }
}

BOOST_AUTO_TEST_CASE(long_requests_stream_without_gaps) {
  if (P_MaxBurst < 16) return;
  // One burst at a time pays a request, a check and an address cycle each.
  const int per_burst = OUTSTANDING == 1 ? 3 : 0;
  Reader r;
  r.loads.push_back({0x1000 + 3 * kBeat, 500, false});
  int cycles = 0;
  for (; cycles < 2000 && r.passed < 500; ++cycles) r.cycle_once(0);
  BOOST_TEST(cycles <= 500 + 10 + per_burst * static_cast<int>(500 / P_MaxBurst + 1));
}

BOOST_AUTO_TEST_CASE(errors_on_every_beat_then_the_rest_is_swallowed) {
  for (const int response : {2, 3}) {
    for (const int where : {0, 1, 2}) {
      for (const int64_t burst : {0, 2, 5}) {
        Reader r;
        r.fill(10);
        r.fault.burst = burst;
        r.fault.beat = static_cast<uint64_t>(where);
        r.fault.from_end = where == 2;
        r.fault.response = response;
        int i = 0;
        for (; i < 100000 && r.error == isa::Error::kNone; ++i) r.cycle_once(2);
        BOOST_TEST((r.error == (response == 2 ? isa::Error::kReadSlverr : isa::Error::kReadDecerr)));
        BOOST_TEST(r.error_address == r.bursts[static_cast<size_t>(burst)].address);
        r.dut->halt_i = 1;
        const size_t shown = r.bursts.size();
        for (i = 0; i < 20000 && !r.dut->drained_o; ++i) r.cycle_once(2);
        BOOST_TEST(r.dut->drained_o);
        BOOST_TEST(r.flying.empty());
        BOOST_TEST(r.bursts.size() <= shown + 2);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(last_early_or_missing) {
  for (const bool early : {false, true}) {
    if (early && P_MaxBurst == 1) continue;
    Reader r;
    r.loads.push_back({0x2000, 60, false});
    r.fault.burst = 0;
    r.fault.beat = 1000;
    (early ? r.fault.early : r.fault.missing) = true;
    for (int i = 0; i < 1000 && r.error == isa::Error::kNone; ++i) r.cycle_once(0);
    BOOST_TEST((r.error == isa::Error::kReadLast));
    BOOST_TEST(r.error_address == 0x2000U);
  }
}

BOOST_AUTO_TEST_CASE(window) {
  struct Case {
    uint64_t base, limit, address, beats, bad;  // bad: address of the refused burst, 1 when none
  };
  const uint64_t n = P_MaxBurst, end = uint64_t{1} << P_AddrWidth;
  const Case cases[] = {
      {0x1000, 0x1fff, 0x1000, 4, 1},
      {0x1000, 0x1fff, 0x1000 - kBeat, 1, 0x1000 - kBeat},
      {0x1000, 0x1fff, 0x2000 - kBeat, 1, 1},
      {0x1000, 0x1fff, 0x2000, 1, 0x2000},
      {0x1000, 0x1fff, 0x2000 - kBeat * n, n + 1, 0x2000},
      {0x1001, 0x1fff, 0x1000, 1, 0x1000},
      {0x1000, 0x1fff - 1, 0x2000 - kBeat, 1, 0x2000 - kBeat},
      {0, end - 1, end - kBeat, 1, 1},
      {0, end - 1, end - kBeat, 2, 0},  // wraps past the address space
  };
  for (const Case& c : cases) {
    Reader r;
    r.dut->window_base_i = static_cast<IData>(c.base);
    r.dut->window_limit_i = static_cast<IData>(c.limit);
    r.loads.push_back({c.address, c.beats, false});
    for (int i = 0; i < 2000 && r.error == isa::Error::kNone && !(r.loads.empty() && r.dut->idle_o); ++i) r.cycle_once(0);
    BOOST_TEST((r.error == (c.bad == 1 ? isa::Error::kNone : isa::Error::kWindow)));
    if (c.bad != 1) BOOST_TEST(r.error_address == c.bad);
  }
}
