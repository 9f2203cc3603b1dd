// SPDX-License-Identifier: Apache-2.0
//
// aap_small_pins: the small accelerator with five pins, for place and route. Inputs come from a scan register, whose data bits
// both buses share, and outputs are folded into one pin, so nothing can be trimmed away and the few pins of an UP5K suffice.

`default_nettype none

module aap_small_pins (
  input  wire logic clk_i,
  input  wire logic rst_ni,
  input  wire logic scan_i,
  output      logic scan_o,
  output      logic irq_o
);
  localparam int InBits = 65;
  logic [InBits-1:0] in_q;
  always_ff @(posedge clk_i) in_q <= {in_q[InBits-2:0], scan_i};

  logic        awready, wready, bvalid, arready, rvalid;
  logic [1:0]  bresp, rresp;
  logic [31:0] rdata;
  logic        m_awvalid, m_wvalid, m_wlast, m_bready, m_arvalid, m_rready, m_awid, m_arid;
  logic [18:0] m_awaddr, m_araddr;
  logic [7:0]  m_awlen, m_arlen;
  logic [2:0]  m_awsize, m_arsize;
  logic [1:0]  m_awburst, m_arburst;
  logic [15:0] m_awuser, m_aruser;
  logic [31:0] m_wdata;
  logic [3:0]  m_wstrb;

  aap_small #(.MulStyle(1)) u_small (
    .clk_i(clk_i), .rst_ni(rst_ni), .irq_o(irq_o),
    .s_axil_awaddr(in_q[11:0]), .s_axil_awvalid(in_q[12]), .s_axil_awready(awready),
    .s_axil_wdata(in_q[44:13]), .s_axil_wstrb(in_q[48:45]), .s_axil_wvalid(in_q[49]),
    .s_axil_wready(wready), .s_axil_bresp(bresp), .s_axil_bvalid(bvalid), .s_axil_bready(in_q[50]),
    .s_axil_araddr(in_q[11:0]), .s_axil_arvalid(in_q[51]), .s_axil_arready(arready),
    .s_axil_rdata(rdata), .s_axil_rresp(rresp), .s_axil_rvalid(rvalid), .s_axil_rready(in_q[52]),
    .m_axi_awaddr(m_awaddr), .m_axi_awlen(m_awlen), .m_axi_awsize(m_awsize),
    .m_axi_awburst(m_awburst), .m_axi_awid(m_awid), .m_axi_awuser(m_awuser),
    .m_axi_awvalid(m_awvalid), .m_axi_awready(in_q[53]),
    .m_axi_wdata(m_wdata), .m_axi_wstrb(m_wstrb), .m_axi_wlast(m_wlast), .m_axi_wvalid(m_wvalid),
    .m_axi_wready(in_q[54]), .m_axi_bresp(in_q[56:55]), .m_axi_bid(in_q[57]),
    .m_axi_bvalid(in_q[58]), .m_axi_bready(m_bready),
    .m_axi_araddr(m_araddr), .m_axi_arlen(m_arlen), .m_axi_arsize(m_arsize),
    .m_axi_arburst(m_arburst), .m_axi_arid(m_arid), .m_axi_aruser(m_aruser),
    .m_axi_arvalid(m_arvalid), .m_axi_arready(in_q[59]),
    .m_axi_rdata(in_q[44:13]), .m_axi_rresp(in_q[61:60]), .m_axi_rlast(in_q[62]),
    .m_axi_rid(in_q[63]), .m_axi_rvalid(in_q[64]), .m_axi_rready(m_rready)
  );

  // Two parities, since both channels' addresses are the same wires and would cancel out in one.
  always_ff @(posedge clk_i) begin : p_fold
    scan_o <= ^{awready, wready, bresp, bvalid, arready, rdata, rresp, rvalid, m_awaddr, m_awlen, m_awsize, m_awburst, m_awid,
                m_awuser, m_awvalid, m_wdata, m_wstrb, m_wlast, m_wvalid, m_bready} |
              ^{m_araddr, m_arlen, m_arsize, m_arburst, m_arid, m_aruser, m_arvalid, m_rready};
  end
endmodule

`default_nettype wire
