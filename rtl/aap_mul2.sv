// SPDX-License-Identifier: Apache-2.0
//
// aap_mul2: two signed 8 x 8 multipliers, products registered; b is registered too and comes a cycle before a. Style 0
// leaves the cells to synthesis; style 1 is one iCE40 SB_MAC16 in dual 8 x 8 mode, which synthesis does not infer. With
// Complement the products are complemented behind the register while comp_i: the SB_MAC16's adders do that for nothing.

`default_nettype none

module aap_mul2 #(
  parameter int MulStyle   = 0,  // 0 generic, 1 SB_MAC16
  parameter int Complement = 0
) (
  input  wire logic        clk_i,
  input  wire logic [7:0]  a0_i,
  input  wire logic [7:0]  b0_i,
  input  wire logic [7:0]  a1_i,
  input  wire logic [7:0]  b1_i,
  input  wire logic        comp_i,
  output      logic [15:0] p0_o,
  output      logic [15:0] p1_o
);
  if (MulStyle != 0 && MulStyle != 1) begin : gen_illegal_style
    ERROR_aap_mul2_MulStyle_must_be_0_or_1 u_error ();
  end

  if (MulStyle == 1) begin : gen_mac16
    // Complement: x + ~0 + 1 carries into the upper half, and the complement of that is taken.
    localparam bit [1:0] Output = (Complement != 0) ? 2'b00 : 2'b10;
    logic comp, unused_co, unused_accumco, unused_signextout;
    assign comp = (Complement != 0) && comp_i;
    SB_MAC16 #(
      .NEG_TRIGGER(1'b0), .A_REG(1'b0), .B_REG(1'b1), .C_REG(1'b0), .D_REG(1'b0),
      .TOP_8x8_MULT_REG(1'b1), .BOT_8x8_MULT_REG(1'b1),
      .PIPELINE_16x16_MULT_REG1(1'b0), .PIPELINE_16x16_MULT_REG2(1'b0),
      .TOPOUTPUT_SELECT(Output), .TOPADDSUB_LOWERINPUT(2'b01), .TOPADDSUB_UPPERINPUT(1'b1),
      .TOPADDSUB_CARRYSELECT(2'b10), .BOTOUTPUT_SELECT(Output), .BOTADDSUB_LOWERINPUT(2'b01),
      .BOTADDSUB_UPPERINPUT(1'b1), .BOTADDSUB_CARRYSELECT(2'b11), .MODE_8x8(1'b1),
      .A_SIGNED(1'b1), .B_SIGNED(1'b1)
    ) u_mac16 (
      .CLK(clk_i), .CE(1'b1), .C(16'h0), .A({a1_i, a0_i}), .B({b1_i, b0_i}), .D(16'h0),
      .AHOLD(1'b0), .BHOLD(1'b0), .CHOLD(1'b0), .DHOLD(1'b0), .IRSTTOP(1'b0), .IRSTBOT(1'b0),
      .ORSTTOP(1'b0), .ORSTBOT(1'b0), .OLOADTOP(1'b0), .OLOADBOT(1'b0), .ADDSUBTOP(comp), .ADDSUBBOT(comp),
      .OHOLDTOP(1'b0), .OHOLDBOT(1'b0), .CI(comp), .ACCUMCI(1'b0), .SIGNEXTIN(1'b0),
      .O({p1_o, p0_o}), .CO(unused_co), .ACCUMCO(unused_accumco), .SIGNEXTOUT(unused_signextout)
    );
  end else begin : gen_generic
    logic signed [7:0]  b0_q, b1_q;
    logic signed [15:0] p0_q, p1_q;
    always_ff @(posedge clk_i) begin : p_mul
      b0_q <= b0_i;
      b1_q <= b1_i;
      p0_q <= $signed(a0_i) * b0_q;
      p1_q <= $signed(a1_i) * b1_q;
    end
    logic comp;
    assign comp = (Complement != 0) && comp_i;
    assign p0_o = p0_q ^ {16{comp}};
    assign p1_o = p1_q ^ {16{comp}};
  end
endmodule

`default_nettype wire
