// SPDX-License-Identifier: Apache-2.0
// One Verilated accelerator as a shared library, behind an interface that does not depend on its
// configuration. libaap_sim_<config>.so exports aap_dut_create; scripts/build_sim.sh builds it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

namespace aap::verif {

// Inputs of the accelerator, as driven before a rising edge.
struct DutInputs {
  bool rst_n = false;
  // AXI4-Lite
  uint32_t axil_awaddr = 0, axil_wdata = 0, axil_araddr = 0;
  uint8_t axil_wstrb = 0;
  bool axil_awvalid = false, axil_wvalid = false, axil_bready = false, axil_arvalid = false,
       axil_rready = false;
  // AXI4
  bool awready = false, wready = false, bvalid = false, arready = false, rvalid = false,
       rlast = false;
  uint8_t bresp = 0, rresp = 0;
  std::array<uint32_t, 4> rdata{};
};

// Outputs, settled for the inputs above and the registers before the edge.
struct DutOutputs {
  bool irq = false;
  bool axil_awready = false, axil_wready = false, axil_bvalid = false, axil_arready = false,
       axil_rvalid = false;
  uint8_t axil_bresp = 0, axil_rresp = 0;
  uint32_t axil_rdata = 0;
  bool awvalid = false, wvalid = false, wlast = false, bready = false, arvalid = false,
       rready = false;
  uint32_t awaddr = 0, araddr = 0;
  uint8_t awlen = 0, arlen = 0, awsize = 0, arsize = 0, awburst = 0, arburst = 0;
  uint16_t awuser = 0, aruser = 0;
  uint16_t wstrb = 0;
  std::array<uint32_t, 4> wdata{};
};

class Dut {
 public:
  virtual ~Dut() = default;
  DutInputs in;
  DutOutputs out;
  // Applies `in` with the clock low and fills `out`.
  virtual void settle() = 0;
  // The rising edge, with the inputs of the last settle().
  virtual void rise() = 0;
  // Wave file; only in the _trace library. False when it cannot be opened or is not built in.
  virtual bool trace_open(const std::string& path) = 0;
  virtual void trace_enable(bool on) = 0;
  virtual void trace_close() = 0;
  // True once $finish, $fatal or a failing assertion has ended the simulation.
  virtual bool failed() const = 0;
  virtual int axi_data_width() const = 0;
};

// Path of the simulator library that load_dut would load, empty when there is none.
std::string find_dut(const std::string& config_name, bool trace);

// Loads libaap_sim_<config>[_trace].so from $AAP_LIB_DIR, ../lib or lib beside the program, or build/lib.
// `seed` sets the random initial state. Throws InputError saying how to build it when it is absent.
std::unique_ptr<Dut, void (*)(Dut*)> load_dut(const std::string& config_name, bool trace,
                                               uint32_t seed);

}  // namespace aap::verif
