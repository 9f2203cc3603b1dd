// SPDX-License-Identifier: Apache-2.0
//
// aap_ram_halves: aap_ram whose entry is written in two parts at different times.

`default_nettype none
`include "aap_assert.svh"

module aap_ram_halves #(
  parameter  int LowWidth  = 8,   // bits of the low part
  parameter  int HighWidth = 8,   // bits of the high part
  parameter  int Depth     = 16,  // entries, >= 2
  localparam int Width     = LowWidth + HighWidth,
  localparam int AddrW     = $clog2(Depth)
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,  // assertions only

  // write port
  input  wire logic                 we_low_i,
  input  wire logic                 we_high_i,
  input  wire logic [AddrW-1:0]     waddr_i,
  input  wire logic [LowWidth-1:0]  wdata_low_i,
  input  wire logic [HighWidth-1:0] wdata_high_i,

  // read port
  input  wire logic                 re_i,
  input  wire logic [AddrW-1:0]     raddr_i,
  output      logic [Width-1:0]     rdata_o
);
  (* no_rw_check *) logic [Width-1:0] mem [0:Depth-1];

  always_ff @(posedge clk_i) begin : p_write
    if (we_low_i) mem[waddr_i][LowWidth-1:0] <= wdata_low_i;
    if (we_high_i) mem[waddr_i][Width-1:LowWidth] <= wdata_high_i;
  end

  always_ff @(posedge clk_i) begin : p_read
    if (re_i) rdata_o <= mem[raddr_i];
  end

  `AAP_ASSERT(no_collision, !((we_low_i || we_high_i) && re_i && waddr_i == raddr_i))
  `AAP_ASSERT(write_in_range, !(we_low_i || we_high_i) || int'(waddr_i) < Depth)
  `AAP_ASSERT(read_in_range, !re_i || int'(raddr_i) < Depth)

`ifdef SYNTHESIS
  logic unused_rst;
  assign unused_rst = rst_ni;
`endif
endmodule

`default_nettype wire
