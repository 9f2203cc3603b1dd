// SPDX-License-Identifier: Apache-2.0
//
// aap_rows_mul: signed by small multiplication without multiplier cells. The multiplier b is cut into digits of four bits;
// part_o holds a * digit for every digit, one cycle later: a * b = sum of part[g] * 16^g. A row of a digit is one adder
// whose result is taken or passed by, one cell per bit on iCE40.

`default_nettype none

module aap_rows_mul #(
  parameter  int AWidth  = 24,  // bits of the signed multiplicand
  parameter  int BWidth  = 16,  // bits of the multiplier, unsigned
  parameter  int MulStyle = 0,  // as in aap_cond_add
  localparam int Digits  = (BWidth + 3) / 4,
  localparam int PartW   = AWidth + 4
) (
  input  wire logic                    clk_i,
  input  wire logic [AWidth-1:0]       a_i,
  input  wire logic [BWidth-1:0]       b_i,
  output      logic [PartW*Digits-1:0] part_o
);
  if (AWidth < 2 || BWidth < 1) begin : gen_illegal_width
    ERROR_aap_rows_mul_widths_are_illegal u_error ();
  end

  logic [4*Digits-1:0] b;
  assign b = (4*Digits)'(b_i);

  for (genvar g = 0; g < Digits; g++) begin : gen_digit
    // hiN: the product of the digit's low N + 1 bits, without its N lowest bits.
    logic [AWidth-1:0] row0;
    logic [AWidth:0]   a, hi1, hi2, hi3;
    assign a    = (AWidth+1)'($signed(a_i));
    assign row0 = a_i & {AWidth{b[4*g]}};
    aap_cond_add #(.Width(AWidth+1), .MulStyle(MulStyle)) u_row1 (
      .en_i(b[4*g+1]), .x_i((AWidth+1)'($signed(row0[AWidth-1:1]))), .a_i(a), .y_o(hi1)
    );
    aap_cond_add #(.Width(AWidth+1), .MulStyle(MulStyle)) u_row2 (
      .en_i(b[4*g+2]), .x_i((AWidth+1)'($signed(hi1[AWidth:1]))), .a_i(a), .y_o(hi2)
    );
    aap_cond_add #(.Width(AWidth+1), .MulStyle(MulStyle)) u_row3 (
      .en_i(b[4*g+3]), .x_i((AWidth+1)'($signed(hi2[AWidth:1]))), .a_i(a), .y_o(hi3)
    );
    logic [PartW-1:0] part_q;
    always_ff @(posedge clk_i) begin : p_part
      part_q <= {hi3, hi2[0], hi1[0], row0[0]};
    end
    assign part_o[PartW*g +: PartW] = part_q;
  end
endmodule

`default_nettype wire
