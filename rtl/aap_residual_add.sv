// SPDX-License-Identifier: Apache-2.0
//
// aap_residual_add: y = clamp(rne(((a + 128) * ma + (b + 128) * mb + c) / 2^shift) + zp, lo, hi), docs/numerics.md. One result
// per cycle, 4 cycles later. Everything but a and b stays constant while results are on their way. c is
// -((za + 128) * ma + (zb + 128) * mb) and fits AddMulWidth + 9 bits
// signed; ma + mb is below 2^AddMulWidth.

`default_nettype none

module aap_residual_add #(
  parameter int AddMulWidth = 23,  // bits of ma + mb
  parameter int MulStyle = 0  // as in aap_cond_add
) (
  input  wire logic        clk_i,
  input  wire logic [7:0]  a_i,
  input  wire logic [7:0]  b_i,
  input  wire logic [AddMulWidth-1:0] ma_i,
  input  wire logic [AddMulWidth-1:0] mb_i,
  input  wire logic [AddMulWidth+8:0] c_i,
  input  wire logic [4:0]  shift_i,
  input  wire logic [7:0]  zp_i,
  input  wire logic [7:0]  lo_i,
  input  wire logic [7:0]  hi_i,
  output      logic [7:0]  y_o
);
  localparam int SumW = AddMulWidth + 9;   // a sum of products of 255 and a sign
  localparam int PartW = AddMulWidth + 5;  // signed multiplier by a digit of four bits

  logic [2*PartW-1:0]     pa, pb;
  logic [PartW-1:0]       low, high;  // wide enough for two parts, as ma + mb has AddMulWidth bits
  logic [SumW-1:0]        low_ext, low_c;
  logic [SumW-5:0]        sum_high;
  logic signed [SumW-1:0] sum_q;

  aap_rows_mul #(.AWidth(AddMulWidth+1), .BWidth(8), .MulStyle(MulStyle)) u_mul_a (
    .clk_i(clk_i), .a_i({1'b0, ma_i}), .b_i({~a_i[7], a_i[6:0]}), .part_o(pa)
  );
  aap_rows_mul #(.AWidth(AddMulWidth+1), .BWidth(8), .MulStyle(MulStyle)) u_mul_b (
    .clk_i(clk_i), .a_i({1'b0, mb_i}), .b_i({~b_i[7], b_i[6:0]}), .part_o(pb)
  );
  // Two-operand adders: a longer sum becomes compressors, which cost twice the cells.
  assign low_ext = SumW'($signed(low));
  aap_cond_add #(.Width(PartW), .MulStyle(MulStyle)) u_low (
    .en_i(1'b1), .x_i(pa[0 +: PartW]), .a_i(pb[0 +: PartW]), .y_o(low)
  );
  aap_cond_add #(.Width(PartW), .MulStyle(MulStyle)) u_high (
    .en_i(1'b1), .x_i(pa[PartW +: PartW]), .a_i(pb[PartW +: PartW]), .y_o(high)
  );
  aap_cond_add #(.Width(SumW), .MulStyle(MulStyle)) u_low_c (
    .en_i(1'b1), .x_i(c_i), .a_i(low_ext), .y_o(low_c)
  );
  aap_cond_add #(.Width(SumW-4), .MulStyle(MulStyle)) u_sum (
    .en_i(1'b1), .x_i(low_c[SumW-1:4]), .a_i(high), .y_o(sum_high)
  );
  always_ff @(posedge clk_i) begin : p_sum
    sum_q <= {sum_high, low_c[3:0]};
  end

  aap_rne #(.Width(SumW), .ShiftW(5), .Split(0)) u_rne (
    .clk_i(clk_i), .value_i(sum_q), .shift_i(shift_i), .zp_i(zp_i), .lo_i(lo_i), .hi_i(hi_i), .y_o(y_o)
  );
endmodule

`default_nettype wire
