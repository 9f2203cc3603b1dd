// SPDX-License-Identifier: Apache-2.0
//
// aap_residual_add: y = clamp(rne((a * ma + b * mb + c) / 2^shift) + zp, lo, hi), docs/numerics.md. One result per cycle,
// 4 cycles later. Everything but a and b stays constant while results are on their way.

`default_nettype none

module aap_residual_add (
  input  wire logic        clk_i,
  input  wire logic [7:0]  a_i,
  input  wire logic [7:0]  b_i,
  input  wire logic [15:0] ma_i,
  input  wire logic [15:0] mb_i,
  input  wire logic [31:0] c_i,
  input  wire logic [4:0]  shift_i,
  input  wire logic [7:0]  zp_i,
  input  wire logic [7:0]  lo_i,
  input  wire logic [7:0]  hi_i,
  output      logic [7:0]  y_o
);
  localparam int SumW = 33;   // c and two products of 24 bits
  localparam int PartW = 21;  // 17-bit signed multiplier by a digit of four bits

  logic [2*PartW-1:0]     pa, pb;
  logic signed [PartW:0]  low, high;
  logic signed [SumW-1:0] sum_q;

  aap_rows_mul #(.AWidth(17), .BWidth(8), .BSigned(1)) u_mul_a (
    .clk_i(clk_i), .a_i({1'b0, ma_i}), .b_i(a_i), .part_o(pa)
  );
  aap_rows_mul #(.AWidth(17), .BWidth(8), .BSigned(1)) u_mul_b (
    .clk_i(clk_i), .a_i({1'b0, mb_i}), .b_i(b_i), .part_o(pb)
  );
  assign low  = (PartW+1)'($signed(pa[0 +: PartW])) + (PartW+1)'($signed(pb[0 +: PartW]));
  assign high = (PartW+1)'($signed(pa[PartW +: PartW])) + (PartW+1)'($signed(pb[PartW +: PartW]));
  always_ff @(posedge clk_i) begin : p_sum
    sum_q <= SumW'($signed(c_i)) + SumW'(low) + (SumW'(high) <<< 4);
  end

  aap_rne #(.Width(SumW), .ShiftW(5), .Split(0)) u_rne (
    .clk_i(clk_i), .value_i(sum_q), .shift_i(shift_i), .zp_i(zp_i), .lo_i(lo_i), .hi_i(hi_i), .y_o(y_o)
  );
endmodule

`default_nettype wire
