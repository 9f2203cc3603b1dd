// SPDX-License-Identifier: Apache-2.0
// The inside of libaap_sim_<config>.so: copies pins to and from the Verilated class. Compiled once per
// configuration with AAP_VTOP (class) and AAP_AXI_DATA_WIDTH, and with AAP_TRACE for the wave variant.
#include <verilated.h>
#ifdef AAP_TRACE
#include <verilated_fst_c.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "verif/dut.h"

#define AAP_STRING2(x) #x
#define AAP_STRING(x) AAP_STRING2(x)
#include AAP_STRING(AAP_VTOP.h)

namespace aap::verif {
namespace {

constexpr size_t kDataBytes = AAP_AXI_DATA_WIDTH / 8;

// Ports are IData, QData or VlWide depending on their width; all are little-endian in memory.
template <typename Port>
void set_data(Port& port, const std::array<uint32_t, 4>& value) {
  static_assert(sizeof(Port) >= kDataBytes);
  std::memcpy(&port, value.data(), kDataBytes);
}
template <typename Port>
void get_data(const Port& port, std::array<uint32_t, 4>& value) {
  std::memcpy(value.data(), &port, kDataBytes);
}

class VerilatedDut final : public Dut {
 public:
  explicit VerilatedDut(uint32_t seed) {
    context_.randReset(2);
    context_.randSeed(static_cast<int>(seed & 0x7fffffffU));
    context_.assertOn(true);
    context_.fatalOnError(false);
#ifdef AAP_TRACE
    context_.traceEverOn(true);
#endif
    top_ = std::make_unique<AAP_VTOP>(&context_);
    top_->clk_i = 0;
  }
  ~VerilatedDut() override {
    trace_close();
    top_->final();
  }

  void settle() override {
    top_->clk_i = 0;
    drive();
    top_->eval();
    dump();
    sample();
    context_.timeInc(1);
  }
  void rise() override {
    top_->clk_i = 1;
    top_->eval();
    dump();
    context_.timeInc(1);
  }

  bool trace_open([[maybe_unused]] const std::string& path) override {
#ifdef AAP_TRACE
    trace_ = std::make_unique<VerilatedFstC>();
    top_->trace(trace_.get(), 99);
    trace_->open(path.c_str());
    return trace_->isOpen();
#else
    return false;
#endif
  }
  void trace_enable(bool on) override { tracing_ = on; }
  void trace_close() override {
#ifdef AAP_TRACE
    if (trace_) trace_->close();
    trace_.reset();
#endif
  }
  bool failed() const override { return context_.gotFinish() || context_.gotError(); }
  int axi_data_width() const override { return AAP_AXI_DATA_WIDTH; }

 private:
  void dump() {
#ifdef AAP_TRACE
    if (trace_ && tracing_) trace_->dump(context_.time());
#endif
  }
  void drive() {
    top_->rst_ni = in.rst_n;
    top_->s_axil_awaddr = in.axil_awaddr & 0xfffU;
    top_->s_axil_awvalid = in.axil_awvalid;
    top_->s_axil_wdata = in.axil_wdata;
    top_->s_axil_wstrb = in.axil_wstrb;
    top_->s_axil_wvalid = in.axil_wvalid;
    top_->s_axil_bready = in.axil_bready;
    top_->s_axil_araddr = in.axil_araddr & 0xfffU;
    top_->s_axil_arvalid = in.axil_arvalid;
    top_->s_axil_rready = in.axil_rready;
    top_->m_axi_awready = in.awready;
    top_->m_axi_wready = in.wready;
    top_->m_axi_bvalid = in.bvalid;
    top_->m_axi_bresp = in.bresp;
    top_->m_axi_bid = 0;
    top_->m_axi_arready = in.arready;
    top_->m_axi_rvalid = in.rvalid;
    top_->m_axi_rresp = in.rresp;
    top_->m_axi_rlast = in.rlast;
    top_->m_axi_rid = 0;
    set_data(top_->m_axi_rdata, in.rdata);
  }
  void sample() {
    out.irq = top_->irq_o;
    out.axil_awready = top_->s_axil_awready;
    out.axil_wready = top_->s_axil_wready;
    out.axil_bvalid = top_->s_axil_bvalid;
    out.axil_bresp = top_->s_axil_bresp;
    out.axil_arready = top_->s_axil_arready;
    out.axil_rvalid = top_->s_axil_rvalid;
    out.axil_rresp = top_->s_axil_rresp;
    out.axil_rdata = top_->s_axil_rdata;
    out.awvalid = top_->m_axi_awvalid;
    out.awaddr = top_->m_axi_awaddr;
    out.awlen = top_->m_axi_awlen;
    out.awsize = top_->m_axi_awsize;
    out.awburst = top_->m_axi_awburst;
    out.awuser = top_->m_axi_awuser;
    out.wvalid = top_->m_axi_wvalid;
    out.wlast = top_->m_axi_wlast;
    out.wstrb = top_->m_axi_wstrb;
    out.bready = top_->m_axi_bready;
    out.arvalid = top_->m_axi_arvalid;
    out.araddr = top_->m_axi_araddr;
    out.arlen = top_->m_axi_arlen;
    out.arsize = top_->m_axi_arsize;
    out.arburst = top_->m_axi_arburst;
    out.aruser = top_->m_axi_aruser;
    out.rready = top_->m_axi_rready;
    get_data(top_->m_axi_wdata, out.wdata);
  }

  VerilatedContext context_;
  std::unique_ptr<AAP_VTOP> top_;
#ifdef AAP_TRACE
  std::unique_ptr<VerilatedFstC> trace_;
#endif
  bool tracing_ = true;
};

}  // namespace
}  // namespace aap::verif

extern "C" aap::verif::Dut* aap_dut_create(uint32_t seed) {
  return new aap::verif::VerilatedDut(seed);
}
extern "C" void aap_dut_destroy(aap::verif::Dut* dut) { delete dut; }
