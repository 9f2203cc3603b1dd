// SPDX-License-Identifier: Apache-2.0
// aap_control: ways in which a job ends, order of faults, watchdog, deadlock, draining, counters.
#define BOOST_TEST_MODULE control
#include <boost/test/unit_test.hpp>

#include DUT_HEADER
#include "compile/gen/isa.h"
#include "verif/unit/bench.h"

using namespace aap;
using namespace aap::bench;

namespace {

struct Control : Clocked<DUT> {
  Control() {
    auto& d = *dut;
    d.rst_ni = 0;
    d.start_i = d.abort_i = d.end_i = d.empty_i = d.idle_i = d.quiet_i = 0;
    d.drained_i = 1;
    d.progress_i = 1;
    d.tokens_left_i = d.err_valid_i = d.overflow_i = d.err_desc_i = 0;
    d.err_code_i = 0;
    d.err_addr_i = 0;
    d.issue_i = d.stall_load_i = d.stall_store_i = d.stall_requant_i = d.stall_imbalance_i = d.loading_i = d.ld_weights_i = 0;
    d.watchdog_i = 0;
    d.drain_limit_i = 50;
    edge();
    edge();
    d.rst_ni = 1;
    edge();
    BOOST_TEST(!d.busy_o);
    BOOST_TEST(d.clear_o);
  }
  void start() {
    dut->start_i = 1;
    edge();
    dut->start_i = 0;
    settle();
    BOOST_TEST(dut->busy_o);
    BOOST_TEST(!dut->clear_o);
    BOOST_TEST(!dut->halt_o);
  }
  // Cycles until the job's first fault, at most `limit`; its code is kept.
  int until_fault(int limit) {
    for (int i = 0; i < limit; ++i) {
      settle();
      if (dut->fault_o) {
        code = static_cast<isa::Error>(dut->fault_code_o);
        address = dut->fault_addr_o;
        edge();
        return i;
      }
      edge();
    }
    return limit;
  }
  isa::Error code = isa::Error::kNone;
  uint32_t address = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_job_ends_when_everything_is_idle) {
  Control c;
  auto& d = *c.dut;
  c.start();
  for (int i = 0; i < 100; ++i) c.edge();
  d.end_i = d.empty_i = d.quiet_i = 1;
  for (int i = 0; i < 10; ++i) c.edge();
  BOOST_TEST(d.busy_o);  // quiet is not idle
  d.idle_i = 1;
  c.settle();
  int cycles = 0;
  for (; cycles < 20 && !d.done_o; ++cycles) c.edge();
  BOOST_TEST(d.done_o);
  BOOST_TEST(!d.failed_o);
  c.edge();
  BOOST_TEST(!d.busy_o);
  BOOST_TEST(d.cycles_o == 110U + static_cast<uint32_t>(cycles) + 1);
}

BOOST_AUTO_TEST_CASE(tokens_left_at_the_end) {
  Control c;
  auto& d = *c.dut;
  c.start();
  d.end_i = d.empty_i = d.quiet_i = d.idle_i = d.tokens_left_i = 1;
  BOOST_TEST(c.until_fault(20) < 20);
  BOOST_TEST((c.code == isa::Error::kBadToken));
}

BOOST_AUTO_TEST_CASE(every_fault_halts_drains_and_clears) {
  for (int kind = 0; kind < 4; ++kind) {
    Control c;
    auto& d = *c.dut;
    c.start();
    d.drained_i = 0;
    (kind == 0 ? d.err_valid_i : kind == 1 ? d.overflow_i : kind == 2 ? d.start_i : d.abort_i) = 1;
    d.err_code_i = 14;
    d.err_addr_i = 0xabc0;
    BOOST_TEST(c.until_fault(3) == 0);
    const isa::Error codes[] = {isa::Error::kReadDecerr, isa::Error::kTokenOverflow, isa::Error::kStartBusy, isa::Error::kAborted};
    BOOST_TEST((c.code == codes[kind]));
    if (kind == 0) BOOST_TEST(c.address == 0xabc0U);
    // A second fault while draining is not told.
    d.err_code_i = 3;
    for (int i = 0; i < 20; ++i) {
      BOOST_TEST(d.halt_o);
      BOOST_TEST(d.busy_o);
      BOOST_TEST(!d.fault_o);
      c.edge();
    }
    d.err_valid_i = d.overflow_i = d.start_i = d.abort_i = 0;
    d.drained_i = 1;
    c.settle();
    BOOST_TEST(d.failed_o);
    c.edge();
    BOOST_TEST(!d.busy_o);
    BOOST_TEST(d.clear_o);
    BOOST_TEST(!d.hung_o);
    c.start();
  }
}

BOOST_AUTO_TEST_CASE(watchdog_counts_cycles_without_progress) {
  Control c;
  auto& d = *c.dut;
  d.watchdog_i = 40;
  c.start();
  for (int i = 0; i < 200; ++i) {
    d.progress_i = i % 30 == 0;
    c.settle();
    BOOST_REQUIRE(!d.fault_o);
    c.edge();
  }
  d.progress_i = 1;
  c.edge();
  d.progress_i = 0;
  BOOST_TEST(c.until_fault(100) == 40);
  BOOST_TEST((c.code == isa::Error::kWatchdog));
}

BOOST_AUTO_TEST_CASE(watchdog_zero_is_off) {
  Control c;
  c.start();
  c.dut->progress_i = 0;
  BOOST_TEST(c.until_fault(3000) == 3000);
}

BOOST_AUTO_TEST_CASE(deadlock_needs_lasting_quiet) {
  Control c;
  auto& d = *c.dut;
  c.start();
  for (int i = 0; i < 2000; ++i) {
    d.quiet_i = i % 200 != 0;
    c.settle();
    BOOST_REQUIRE(!d.fault_o);
    c.edge();
  }
  d.quiet_i = 1;
  BOOST_TEST(c.until_fault(400) < 300);
  BOOST_TEST((c.code == isa::Error::kTokenDeadlock));
}

BOOST_AUTO_TEST_CASE(a_bus_that_never_drains_hangs_for_good) {
  Control c;
  auto& d = *c.dut;
  c.start();
  d.drained_i = 0;
  d.abort_i = 1;
  BOOST_TEST(c.until_fault(3) == 0);
  d.abort_i = 0;
  BOOST_TEST(c.until_fault(200) == 50);
  BOOST_TEST((c.code == isa::Error::kBusHung));
  BOOST_TEST(d.hung_o);
  BOOST_TEST(!d.busy_o);
  d.drained_i = 1;
  d.start_i = 1;
  for (int i = 0; i < 50; ++i) c.edge();
  BOOST_TEST(d.hung_o);
  BOOST_TEST(!d.busy_o);
  d.start_i = 0;
  d.rst_ni = 0;
  c.edge();
  d.rst_ni = 1;
  c.edge();
  BOOST_TEST(!d.hung_o);
}

BOOST_AUTO_TEST_CASE(every_cycle_is_counted_once) {
  Random random;
  Control c;
  auto& d = *c.dut;
  c.start();
  uint32_t want[8] = {};
  for (uint32_t i = 0; i < 500; ++i) {
    // rows, weights, activations, tokens, output, requantiser, empty, imbalance (which goes before waiting for tokens)
    const int kind = static_cast<int>(random.between(0, 7));
    d.issue_i = kind == 0;
    d.stall_load_i = (kind >= 1 && kind <= 3) || (kind == 7 && random.one_in(2));
    d.loading_i = kind == 1 || kind == 2 || (kind != 3 && random.one_in(2));
    d.ld_weights_i = kind == 1 || (kind != 2 && random.one_in(2));
    d.stall_store_i = kind == 4;
    d.stall_requant_i = kind == 5;
    d.stall_imbalance_i = kind == 7;
    ++want[kind];
    c.edge();
    const uint32_t have[] = {d.exec_cycles_o, d.stall_weights_o, d.stall_activations_o, d.stall_tokens_o,
                             d.stall_output_o, d.stall_requant_o, d.stall_empty_o, d.stall_imbalance_o};
    for (int k = 0; k < 8; ++k) BOOST_REQUIRE_EQUAL(have[k], want[k]);
    BOOST_REQUIRE_EQUAL(d.cycles_o, i + 1);
  }
}
