// SPDX-License-Identifier: Apache-2.0
//
// aap_pe_max2: aap_pe of one lane whose rows of a maximum take two cycles, so that one cell per bit does all: first the
// product meets the accumulator in the adder, whose carry tells whether it is larger, then its complement
// (aap_mul2) is loaded if it is.
//
// Sum: take_i, with load_i for the first row of a pixel. Maximum: a cycle with compare_i, then one with second_i and load_i, and
// take_i if it is the pixel's first. The accumulator keeps the complement of the largest in acc_o[7:0] (values count
// from -128). Above them it holds zeros, and between the two cycles in bit 8 the carry, seen through the operand's own bit 8,
// which is the sign of a byte that is meant unsigned.

`default_nettype none

module aap_pe_max2 #(
  parameter int AccWidth = 32,  // bits of the accumulator, >= 16
  parameter int MulStyle = 0    // 1: iCE40 cells
) (
  input  wire logic                clk_i,
  input  wire logic [15:0]         product_i,
  input  wire logic                take_i,
  input  wire logic                compare_i,
  input  wire logic                second_i,
  input  wire logic                load_i,
  output      logic [AccWidth-1:0] acc_o
);
  if (AccWidth < 16) begin : gen_illegal_acc_width
    ERROR_aap_pe_max2_AccWidth_below_product_width u_error ();
  end

  logic [AccWidth-1:0] operand, acc_d, acc_q;
  logic                larger;

  assign operand = AccWidth'($signed(product_i));

  if (MulStyle == 1) begin : gen_cells
    logic [AccWidth-1:0] carry;
    assign carry[0] = 1'b0;
    for (genvar i = 0; i < AccWidth; i++) begin : gen_bit
      if (i < AccWidth - 1) begin : gen_carry
        SB_CARRY u_carry (.CO(carry[i+1]), .I0(acc_q[i]), .I1(operand[i]), .CI(carry[i]));
      end
      // load ? operand : operand ^ acc ^ carry
      SB_LUT4 #(.LUT_INIT(16'he1b4)) u_lut (
        .O(acc_d[i]), .I0(load_i), .I1(acc_q[i]), .I2(operand[i]), .I3(carry[i])
      );
    end
  end else begin : gen_generic
    assign acc_d = load_i ? operand : acc_q + operand;
  end

  assign larger = acc_q[8] ~^ operand[8];  // the operand is the complement by now
  always_ff @(posedge clk_i) begin : p_acc
    if (take_i || (second_i && larger)) acc_q[7:0] <= acc_d[7:0];
    if (take_i || compare_i || second_i) acc_q[AccWidth-1:8] <= second_i ? '0 : acc_d[AccWidth-1:8];
  end

  assign acc_o = acc_q;
endmodule

`default_nettype wire
