// SPDX-License-Identifier: Apache-2.0
//
// aap_csr: the AXI4-Lite registers of spec/isa.yaml, status and interrupt. One access at a time; reads and writes do not
// wait for each other. A write is refused with SLVERR when it has no effect: unmapped, read-only, unaligned, partial,
// locked, configuration while busy, or a value that the register cannot hold.

`default_nettype none
`include "aap_assert.svh"

module aap_csr #(
  parameter int        AddrWidth  = 32,
  parameter int        TimerWidth = 32,  // bits of WATCHDOG and DRAIN_LIMIT
  parameter bit [31:0] ConfigHash = 32'd0
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,
  output      logic                 irq_o,

  // AXI4-Lite
  input  wire logic [11:0]          s_axil_awaddr,
  input  wire logic                 s_axil_awvalid,
  output      logic                 s_axil_awready,
  input  wire logic [31:0]          s_axil_wdata,
  input  wire logic [3:0]           s_axil_wstrb,
  input  wire logic                 s_axil_wvalid,
  output      logic                 s_axil_wready,
  output      logic [1:0]           s_axil_bresp,
  output      logic                 s_axil_bvalid,
  input  wire logic                 s_axil_bready,
  input  wire logic [11:0]          s_axil_araddr,
  input  wire logic                 s_axil_arvalid,
  output      logic                 s_axil_arready,
  output      logic [31:0]          s_axil_rdata,
  output      logic [1:0]           s_axil_rresp,
  output      logic                 s_axil_rvalid,
  input  wire logic                 s_axil_rready,

  // job
  output      logic                 start_o,
  output      logic                 abort_o,         // abort or soft reset
  input  wire logic                 busy_i,
  input  wire logic                 hung_i,
  input  wire logic                 done_i,
  input  wire logic                 failed_i,
  input  wire logic                 fault_i,
  input  wire logic [7:0]           fault_code_i,
  input  wire logic [AddrWidth-1:0] fault_addr_i,
  input  wire logic                 fault_desc_i,    // the address is fault_desc_addr_i in the next cycle
  input  wire logic [AddrWidth-1:6] fault_desc_addr_i,

  // configuration
  output      logic [AddrWidth-1:6] program_addr_o,
  output      logic [15:0]          program_len_o,
  output      logic [AddrWidth-1:0] window_base_o,
  output      logic [AddrWidth-1:0] window_limit_o,
  output      logic [TimerWidth-1:0] watchdog_o,
  output      logic [TimerWidth-1:0] drain_limit_o,

  // counters
  input  wire logic [31:0]          cycles_i,
  input  wire logic [31:0]          exec_cycles_i,
  input  wire logic [31:0]          stall_weights_i,
  input  wire logic [31:0]          stall_activations_i,
  input  wire logic [31:0]          stall_output_i,
  input  wire logic [31:0]          stall_requant_i,
  input  wire logic [31:0]          stall_imbalance_i,
  input  wire logic [31:0]          stall_tokens_i,
  input  wire logic [31:0]          stall_empty_i
);
  localparam bit [31:0] Id         = 32'h50414141;
  localparam bit [TimerWidth-1:0] DrainReset = TimerWidth'(32'h0000ffff);

  logic                 wr_q, bvalid_q, wr_bad_q, rd_q, rvalid_q, rd_bad_q;
  logic [31:0]          rdata_q, rdata;
  logic [AddrWidth-1:6] program_addr_q;
  logic [15:0]          program_len_q;
  logic [AddrWidth-1:0] window_base_q, window_limit_q, error_addr_q;
  logic                 lock_q, done_q, error_q, reset_q, desc_q;
  logic [TimerWidth-1:0] watchdog_q, drain_limit_q;
  logic [1:0]           irq_enable_q, irq_status_q;
  logic [7:0]           error_code_q;

  logic                 wr, high, whole, config_ok, wr_ok, rd_ok, control, put;
  logic                 set_error, clear_done, clear_error, latch;

  // A write is taken in the cycle after both its halves were seen; the response comes in the next.
  assign wr             = wr_q;
  assign s_axil_awready = wr_q;
  assign s_axil_wready  = wr_q;
  assign s_axil_bvalid  = bvalid_q;
  assign s_axil_bresp   = {wr_bad_q, 1'b0};
  assign s_axil_arready = rd_q;
  assign s_axil_rvalid  = rvalid_q;
  assign s_axil_rresp   = {rd_bad_q, 1'b0};
  assign s_axil_rdata   = rdata_q;

  assign high      = (64'(s_axil_wdata) >> AddrWidth) != 64'd0;
  assign whole     = (s_axil_wstrb == 4'hf);
  assign config_ok = !busy_i;
  assign control   = wr && whole && s_axil_awaddr == aap_isa_pkg::REG_CONTROL;

  always_comb begin : p_wr_ok
    unique case (s_axil_awaddr)
      aap_isa_pkg::REG_CONTROL:      wr_ok = !hung_i;
      aap_isa_pkg::REG_STATUS, aap_isa_pkg::REG_IRQ_ENABLE, aap_isa_pkg::REG_IRQ_STATUS: wr_ok = 1'b1;
      aap_isa_pkg::REG_PROGRAM_ADDR: wr_ok = config_ok && !high && s_axil_wdata[5:0] == 6'd0;
      aap_isa_pkg::REG_PROGRAM_LEN:  wr_ok = config_ok && s_axil_wdata[31:16] == 16'd0 && s_axil_wdata[15:0] != 16'd0;
      aap_isa_pkg::REG_WINDOW_BASE, aap_isa_pkg::REG_WINDOW_LIMIT: wr_ok = config_ok && !high && !lock_q;
      aap_isa_pkg::REG_WATCHDOG, aap_isa_pkg::REG_DRAIN_LIMIT: wr_ok = config_ok && (64'(s_axil_wdata) >> TimerWidth) == 64'd0;
      aap_isa_pkg::REG_WINDOW_LOCK:  wr_ok = config_ok;
      default:                       wr_ok = 1'b0;
    endcase
  end

  assign start_o = control && s_axil_wdata[0] && wr_ok;
  assign abort_o = control && (s_axil_wdata[1] || s_axil_wdata[2]) && !s_axil_wdata[0] && wr_ok;
  assign put     = wr && whole && wr_ok;

  // A running job that is soft-reset ends without an error, unless the bus hangs; idle, soft reset clears the error.
  assign set_error   = failed_i && (!reset_q || fault_i);
  assign clear_done  = put && s_axil_awaddr == aap_isa_pkg::REG_STATUS && s_axil_wdata[1];
  assign clear_error = (put && s_axil_awaddr == aap_isa_pkg::REG_STATUS && s_axil_wdata[2]) ||
                       (control && s_axil_wdata[2] && !busy_i) || (failed_i && reset_q);

  always_ff @(posedge clk_i) begin : p_bus
    if (!rst_ni) begin
      wr_q     <= 1'b0;
      bvalid_q <= 1'b0;
      rd_q     <= 1'b0;
      rvalid_q <= 1'b0;
    end else begin
      wr_q     <= s_axil_awvalid && s_axil_wvalid && !wr_q && !bvalid_q;
      bvalid_q <= wr || (bvalid_q && !s_axil_bready);
      rd_q     <= s_axil_arvalid && !rd_q && !rvalid_q;
      rvalid_q <= rd_q || (rvalid_q && !s_axil_rready);
    end
    if (wr) wr_bad_q <= !whole || !wr_ok;
    if (rd_q) begin
      rdata_q  <= rdata;
      rd_bad_q <= !rd_ok;
    end
  end

  always_ff @(posedge clk_i) begin : p_registers
    if (!rst_ni) begin
      program_addr_q <= '0;
      program_len_q  <= 16'd1;
      window_base_q  <= '0;
      window_limit_q <= '0;
      lock_q         <= 1'b0;
      watchdog_q     <= '0;
      drain_limit_q  <= DrainReset;
      irq_enable_q   <= 2'd0;
    end else if (put) begin
      if (s_axil_awaddr == aap_isa_pkg::REG_PROGRAM_ADDR) program_addr_q <= s_axil_wdata[AddrWidth-1:6];
      if (s_axil_awaddr == aap_isa_pkg::REG_PROGRAM_LEN)  program_len_q  <= s_axil_wdata[15:0];
      if (s_axil_awaddr == aap_isa_pkg::REG_WINDOW_BASE)  window_base_q  <= s_axil_wdata[AddrWidth-1:0];
      if (s_axil_awaddr == aap_isa_pkg::REG_WINDOW_LIMIT) window_limit_q <= s_axil_wdata[AddrWidth-1:0];
      if (s_axil_awaddr == aap_isa_pkg::REG_WINDOW_LOCK)  lock_q         <= lock_q | s_axil_wdata[0];
      if (s_axil_awaddr == aap_isa_pkg::REG_WATCHDOG)     watchdog_q     <= s_axil_wdata[TimerWidth-1:0];
      if (s_axil_awaddr == aap_isa_pkg::REG_DRAIN_LIMIT)  drain_limit_q  <= s_axil_wdata[TimerWidth-1:0];
      if (s_axil_awaddr == aap_isa_pkg::REG_IRQ_ENABLE)   irq_enable_q   <= s_axil_wdata[1:0];
    end
  end

  always_ff @(posedge clk_i) begin : p_status
    if (!rst_ni) begin
      done_q       <= 1'b0;
      error_q      <= 1'b0;
      reset_q      <= 1'b0;
      desc_q       <= 1'b0;
      irq_status_q <= 2'd0;
      error_code_q <= 8'd0;
      error_addr_q <= '0;
    end else begin
      done_q  <= done_i || (done_q && !clear_done);
      error_q <= set_error || hung_i || (error_q && !clear_error);
      if (control && s_axil_wdata[2] && busy_i) reset_q <= 1'b1;
      else if (!busy_i)                         reset_q <= 1'b0;
      irq_status_q <= {set_error, done_i} |
                      (irq_status_q & ~((put && s_axil_awaddr == aap_isa_pkg::REG_IRQ_STATUS) ? s_axil_wdata[1:0] : 2'd0));
      // The first fault stays, but a hung bus is told in any case.
      desc_q <= latch && fault_desc_i;
      if (latch) begin
        error_code_q <= fault_code_i;
        error_addr_q <= fault_addr_i;
      end else if (desc_q) begin
        error_addr_q <= {fault_desc_addr_i, 6'd0};
      end else if (clear_error && !hung_i) begin
        error_code_q <= 8'd0;
      end
    end
  end
  assign latch = fault_i && (!error_q || fault_code_i == aap_isa_pkg::ERR_BUS_HUNG);
  assign irq_o = |(irq_status_q & irq_enable_q);

  always_comb begin : p_read
    rd_ok = 1'b1;
    rdata = 32'd0;
    unique case (s_axil_araddr)
      aap_isa_pkg::REG_ID:            rdata = Id;
      aap_isa_pkg::REG_VERSION:       rdata = aap_isa_pkg::ISA_VERSION;
      aap_isa_pkg::REG_CONFIG_HASH:   rdata = ConfigHash;
      aap_isa_pkg::REG_CONTROL:       rdata = 32'd0;
      aap_isa_pkg::REG_STATUS:        rdata = {29'd0, error_q, done_q, busy_i};
      aap_isa_pkg::REG_ERROR_CODE:    rdata = {24'd0, error_code_q};
      aap_isa_pkg::REG_ERROR_ADDR:    rdata = 32'(error_addr_q);
      aap_isa_pkg::REG_IRQ_ENABLE:    rdata = {30'd0, irq_enable_q};
      aap_isa_pkg::REG_IRQ_STATUS:    rdata = {30'd0, irq_status_q};
      aap_isa_pkg::REG_PROGRAM_ADDR:  rdata = 32'({program_addr_q, 6'd0});
      aap_isa_pkg::REG_PROGRAM_LEN:   rdata = {16'd0, program_len_q};
      aap_isa_pkg::REG_WINDOW_BASE:   rdata = 32'(window_base_q);
      aap_isa_pkg::REG_WINDOW_LIMIT:  rdata = 32'(window_limit_q);
      aap_isa_pkg::REG_WINDOW_LOCK:   rdata = {31'd0, lock_q};
      aap_isa_pkg::REG_WATCHDOG:      rdata = 32'(watchdog_q);
      aap_isa_pkg::REG_DRAIN_LIMIT:   rdata = 32'(drain_limit_q);
      aap_isa_pkg::REG_CYCLES:        rdata = cycles_i;
      aap_isa_pkg::REG_EXEC_CYCLES:   rdata = exec_cycles_i;
      aap_isa_pkg::REG_STALL_WEIGHTS:     rdata = stall_weights_i;
      aap_isa_pkg::REG_STALL_ACTIVATIONS: rdata = stall_activations_i;
      aap_isa_pkg::REG_STALL_OUTPUT:      rdata = stall_output_i;
      aap_isa_pkg::REG_STALL_REQUANT:     rdata = stall_requant_i;
      aap_isa_pkg::REG_STALL_IMBALANCE:   rdata = stall_imbalance_i;
      aap_isa_pkg::REG_STALL_TOKENS:      rdata = stall_tokens_i;
      aap_isa_pkg::REG_STALL_EMPTY:       rdata = stall_empty_i;
      default:                        rd_ok = 1'b0;
    endcase
  end

  assign program_addr_o = program_addr_q;
  assign program_len_o  = program_len_q;
  assign window_base_o  = window_base_q;
  assign window_limit_o = window_limit_q;
  assign watchdog_o     = watchdog_q;
  assign drain_limit_o  = drain_limit_q;

  `AAP_ASSERT(response_held, !(bvalid_q && wr_q) && !(rvalid_q && rd_q))
endmodule

`default_nettype wire
