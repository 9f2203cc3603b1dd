// SPDX-License-Identifier: Apache-2.0
//
// aap_ram: memory with one write and one synchronous read port on one clock. rdata_o is the entry that was read
// in the latest cycle with re_i; it holds its value between reads. Reading the address that is being written
// gives an undefined value; correct programs never do (asserted).

`default_nettype none
`include "aap_assert.svh"

module aap_ram #(
  parameter  int Width = 8,   // bits of an entry, >= 1
  parameter  int Depth = 16,  // entries, >= 2
  localparam int AddrW = $clog2(Depth)
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,  // assertions only

  // write port
  input  wire logic             we_i,
  input  wire logic [AddrW-1:0] waddr_i,
  input  wire logic [Width-1:0] wdata_i,

  // read port
  input  wire logic             re_i,
  input  wire logic [AddrW-1:0] raddr_i,
  output      logic [Width-1:0] rdata_o
);
  if (Width < 1) begin : gen_illegal_width
    ERROR_aap_ram_Width_must_be_at_least_1 u_error ();
  end
  if (Depth < 2) begin : gen_illegal_depth
    ERROR_aap_ram_Depth_must_be_at_least_2 u_error ();
  end

  (* no_rw_check *) logic [Width-1:0] mem [0:Depth-1];

  always_ff @(posedge clk_i) begin : p_write
    if (we_i) mem[waddr_i] <= wdata_i;
  end

  always_ff @(posedge clk_i) begin : p_read
    if (re_i) rdata_o <= mem[raddr_i];
  end

  `AAP_ASSERT(no_collision, !(we_i && re_i && waddr_i == raddr_i))
  `AAP_ASSERT(write_in_range, !we_i || int'(waddr_i) < Depth)
  `AAP_ASSERT(read_in_range, !re_i || int'(raddr_i) < Depth)

`ifdef SYNTHESIS
  logic unused_rst;
  assign unused_rst = rst_ni;
`endif
endmodule

`default_nettype wire
