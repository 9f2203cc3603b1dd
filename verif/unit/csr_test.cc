// SPDX-License-Identifier: Apache-2.0
// aap_csr: every register, refused accesses, status and interrupt, random pauses on the bus.
#define BOOST_TEST_MODULE csr
#include <boost/test/unit_test.hpp>

#include DUT_HEADER
#include "compile/gen/isa.h"
#include "verif/unit/bench.h"

using namespace aap;
using namespace aap::bench;

namespace {

struct Csr : Clocked<DUT> {
  Csr() {
    auto& d = *dut;
    d.rst_ni = 0;
    d.s_axil_awvalid = d.s_axil_wvalid = d.s_axil_bready = d.s_axil_arvalid = d.s_axil_rready = 0;
    d.s_axil_wstrb = 15;
    d.busy_i = d.hung_i = d.done_i = d.failed_i = d.fault_i = d.fault_desc_i = 0;
    d.fault_code_i = 0;
    d.fault_addr_i = 0;
    d.fault_desc_addr_i = 0;
    d.cycles_i = 100, d.exec_cycles_i = 101, d.stall_weights_i = 102, d.stall_activations_i = 103;
    d.stall_output_i = 104, d.stall_requant_i = 105, d.stall_imbalance_i = 106, d.stall_tokens_i = 107, d.stall_empty_i = 108;
    edge();
    d.rst_ni = 1;
  }
  // Response; start_o and abort_o seen are counted.
  int write(uint32_t offset, uint32_t value, int strobes = 15) {
    auto& d = *dut;
    bool address = false, data = false;
    d.s_axil_awaddr = offset;
    d.s_axil_wdata = value;
    d.s_axil_wstrb = strobes;
    for (int i = 0; i < 100; ++i) {
      if (!address) d.s_axil_awvalid = d.s_axil_awvalid || random.one_in(2);
      if (!data) d.s_axil_wvalid = d.s_axil_wvalid || random.one_in(2);
      d.s_axil_bready = random.one_in(2);
      settle();
      starts += d.start_o;
      aborts += d.abort_o;
      const bool aw = d.s_axil_awvalid && d.s_axil_awready, w = d.s_axil_wvalid && d.s_axil_wready;
      const bool b = d.s_axil_bvalid && d.s_axil_bready;
      const int response = d.s_axil_bresp;
      edge();
      if (aw) d.s_axil_awvalid = 0, address = true;
      if (w) d.s_axil_wvalid = 0, data = true;
      if (b) {
        BOOST_REQUIRE(address && data);
        d.s_axil_bready = 0;
        return response;
      }
    }
    BOOST_FAIL("write not answered");
    return -1;
  }
  uint32_t read(uint32_t offset, int* response = nullptr) {
    auto& d = *dut;
    d.s_axil_araddr = offset;
    d.s_axil_arvalid = 1;
    for (int i = 0; i < 100; ++i) {
      d.s_axil_rready = random.one_in(2);
      settle();
      const bool ar = d.s_axil_arvalid && d.s_axil_arready, r = d.s_axil_rvalid && d.s_axil_rready;
      const uint32_t data = d.s_axil_rdata;
      if (r && response != nullptr) *response = d.s_axil_rresp;
      edge();
      if (ar) d.s_axil_arvalid = 0;
      if (r) {
        d.s_axil_rready = 0;
        return data;
      }
    }
    BOOST_FAIL("read not answered");
    return 0;
  }
  void fault(int code, uint32_t address) {
    dut->fault_i = 1;
    dut->fault_code_i = code;
    dut->fault_addr_i = address;
    edge();
    dut->fault_i = 0;
  }
  void pulse(CData& port) {
    port = 1;
    edge();
    port = 0;
  }
  Random random;
  int starts = 0, aborts = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(registers_hold_what_is_written) {
  Csr c;
  BOOST_TEST(c.read(isa::reg::kId) == 0x50414141U);
  BOOST_TEST(c.read(isa::reg::kVersion) == isa::kVersion);
  BOOST_TEST(c.read(isa::reg::kConfigHash) == 0x12345678U);
  for (int i = 0; i < 50; ++i) {
    const auto program = static_cast<uint32_t>(c.random.bits(P_AddrWidth - 6) << 6);
    const auto length = static_cast<uint32_t>(c.random.between(1, 65535));
    const auto base = static_cast<uint32_t>(c.random.bits(P_AddrWidth)), limit = static_cast<uint32_t>(c.random.bits(P_AddrWidth));
    const auto watchdog = static_cast<uint32_t>(c.random.bits(P_TimerWidth)), drain = static_cast<uint32_t>(c.random.bits(P_TimerWidth));
    BOOST_TEST(c.write(isa::reg::kProgramAddr, program) == 0);
    BOOST_TEST(c.write(isa::reg::kProgramLen, length) == 0);
    BOOST_TEST(c.write(isa::reg::kWindowBase, base) == 0);
    BOOST_TEST(c.write(isa::reg::kWindowLimit, limit) == 0);
    BOOST_TEST(c.write(isa::reg::kWatchdog, watchdog) == 0);
    BOOST_TEST(c.write(isa::reg::kDrainLimit, drain) == 0);
    BOOST_TEST(c.write(isa::reg::kIrqEnable, i & 3) == 0);
    BOOST_TEST(c.read(isa::reg::kProgramAddr) == program);
    BOOST_TEST(c.read(isa::reg::kProgramLen) == length);
    BOOST_TEST(c.read(isa::reg::kWindowBase) == base);
    BOOST_TEST(c.read(isa::reg::kWindowLimit) == limit);
    BOOST_TEST(c.read(isa::reg::kWatchdog) == watchdog);
    BOOST_TEST(c.read(isa::reg::kDrainLimit) == drain);
    BOOST_TEST(c.read(isa::reg::kIrqEnable) == static_cast<uint32_t>(i & 3));
    BOOST_TEST(c.dut->window_base_o == base);
    BOOST_TEST(c.dut->window_limit_o == limit);
    BOOST_TEST(c.dut->program_addr_o == program >> 6);
  }
  for (uint32_t i = 0; i < 9; ++i) {
    const uint32_t offset = isa::reg::kCycles + 4 * i;
    BOOST_TEST(c.read(offset) == 100 + i);
  }
}

BOOST_AUTO_TEST_CASE(refused_accesses_have_no_effect) {
  Csr c;
  int response = 0;
  for (uint32_t offset = 0; offset < 4096; ++offset) {
    const bool known = offset % 4 == 0 && offset <= isa::reg::kStallEmpty;
    c.read(offset, &response);
    BOOST_REQUIRE_EQUAL(response, known ? 0 : 2);
    const bool writable = known && offset >= isa::reg::kControl && offset <= isa::reg::kDrainLimit &&
                          offset != isa::reg::kErrorCode && offset != isa::reg::kErrorAddr;
    if (!writable) BOOST_REQUIRE_EQUAL(c.write(offset, 64), 2);
  }
  BOOST_TEST(c.write(isa::reg::kProgramAddr, 0x1000) == 0);
  for (int strobes = 0; strobes < 15; ++strobes) BOOST_TEST(c.write(isa::reg::kProgramAddr, 0x40, strobes) == 2);
  BOOST_TEST(c.write(isa::reg::kProgramAddr, 0x41) == 2);
  BOOST_TEST(c.write(isa::reg::kProgramLen, 0) == 2);
  BOOST_TEST(c.write(isa::reg::kProgramLen, 65536) == 2);
  if (P_AddrWidth < 32) BOOST_TEST(c.write(isa::reg::kWindowBase, 0x80000000U) == 2);
  if (P_TimerWidth < 32) BOOST_TEST(c.write(isa::reg::kWatchdog, 0x80000000U) == 2);
  c.dut->busy_i = 1;
  for (const uint32_t offset : {isa::reg::kProgramAddr, isa::reg::kProgramLen, isa::reg::kWindowBase, isa::reg::kWindowLimit,
                                isa::reg::kWindowLock, isa::reg::kWatchdog, isa::reg::kDrainLimit}) {
    BOOST_TEST(c.write(offset, 64) == 2);
  }
  c.dut->busy_i = 0;
  BOOST_TEST(c.read(isa::reg::kProgramAddr) == 0x1000U);
  BOOST_TEST(c.read(isa::reg::kWindowLock) == 0U);
  BOOST_TEST(c.write(isa::reg::kWindowLock, 1) == 0);
  BOOST_TEST(c.write(isa::reg::kWindowLock, 0) == 0);
  BOOST_TEST(c.read(isa::reg::kWindowLock) == 1U);
  BOOST_TEST(c.write(isa::reg::kWindowBase, 64) == 2);
  BOOST_TEST(c.write(isa::reg::kWindowLimit, 64) == 2);
  BOOST_TEST(c.starts == 0);
}

BOOST_AUTO_TEST_CASE(commands) {
  Csr c;
  BOOST_TEST(c.write(isa::reg::kControl, 1) == 0);
  BOOST_TEST(c.starts == 1);
  BOOST_TEST(c.write(isa::reg::kControl, 1, 1) == 2);
  BOOST_TEST(c.starts == 1);
  BOOST_TEST(c.write(isa::reg::kControl, 2) == 0);
  BOOST_TEST(c.write(isa::reg::kControl, 4) == 0);
  BOOST_TEST(c.aborts == 2);
  c.dut->hung_i = 1;
  BOOST_TEST(c.write(isa::reg::kControl, 1) == 2);
  BOOST_TEST(c.starts == 1);
}

BOOST_AUTO_TEST_CASE(first_fault_stays_until_cleared) {
  Csr c;
  c.write(isa::reg::kIrqEnable, 2);
  c.dut->busy_i = 1;
  c.fault(8, 0x1230);
  BOOST_TEST(c.read(isa::reg::kErrorCode) == 8U);
  BOOST_TEST(c.read(isa::reg::kErrorAddr) == 0x1230U);
  BOOST_TEST(!c.dut->irq_o);
  c.pulse(c.dut->failed_i);
  c.dut->busy_i = 0;
  c.settle();
  BOOST_TEST(c.dut->irq_o);
  BOOST_TEST(c.read(isa::reg::kStatus) == 4U);
  c.fault(9, 0x99);
  BOOST_TEST(c.read(isa::reg::kErrorCode) == 8U);
  c.write(isa::reg::kIrqStatus, 1);
  BOOST_TEST(c.dut->irq_o);
  c.write(isa::reg::kIrqStatus, 2);
  BOOST_TEST(!c.dut->irq_o);
  c.write(isa::reg::kStatus, 4);
  BOOST_TEST(c.read(isa::reg::kStatus) == 0U);
  BOOST_TEST(c.read(isa::reg::kErrorCode) == 0U);
  // A descriptor's address comes a cycle later.
  c.dut->fault_desc_i = 1;
  c.dut->fault_desc_addr_i = 0x77;
  c.fault(2, 0);
  c.dut->fault_desc_i = 0;
  c.edge();
  c.dut->fault_desc_addr_i = 0;
  BOOST_TEST(c.read(isa::reg::kErrorAddr) == 0x77U << 6);
}

BOOST_AUTO_TEST_CASE(done_soft_reset_and_hung) {
  Csr c;
  c.write(isa::reg::kIrqEnable, 3);
  c.pulse(c.dut->done_i);
  BOOST_TEST(c.read(isa::reg::kStatus) == 2U);
  BOOST_TEST(c.dut->irq_o);
  c.write(isa::reg::kIrqStatus, 1);
  c.write(isa::reg::kStatus, 2);
  BOOST_TEST(c.read(isa::reg::kStatus) == 0U);
  // Soft reset of a running job: no error is left.
  c.dut->busy_i = 1;
  c.write(isa::reg::kControl, 4);
  c.fault(22, 12);
  c.pulse(c.dut->failed_i);
  c.dut->busy_i = 0;
  BOOST_TEST(c.read(isa::reg::kStatus) == 0U);
  BOOST_TEST(c.read(isa::reg::kErrorCode) == 0U);
  BOOST_TEST(!c.dut->irq_o);
  // BUS_HUNG replaces the first code and cannot be cleared.
  c.dut->busy_i = 1;
  c.fault(20, 0);
  c.dut->failed_i = 1;
  c.fault(23, 0);
  c.dut->failed_i = 0;
  c.dut->busy_i = 0;
  c.dut->hung_i = 1;
  c.write(isa::reg::kStatus, 4);
  BOOST_TEST(c.read(isa::reg::kStatus) == 4U);
  BOOST_TEST(c.read(isa::reg::kErrorCode) == 23U);
  BOOST_TEST(c.dut->irq_o);
}
