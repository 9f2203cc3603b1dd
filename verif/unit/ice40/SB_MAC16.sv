// SPDX-License-Identifier: Apache-2.0
// Simulation model of the iCE40 cell as aap_mul2 uses it: two signed 8 x 8 products, B and the products registered, and
// with output select 0 the adders behind them.
// Any other setting is refused.
/* verilator lint_off UNUSED */
module SB_MAC16 #(
  parameter bit NEG_TRIGGER = 0, A_REG = 0, B_REG = 0, C_REG = 0, D_REG = 0, TOP_8x8_MULT_REG = 0, BOT_8x8_MULT_REG = 0,
  parameter bit PIPELINE_16x16_MULT_REG1 = 0, PIPELINE_16x16_MULT_REG2 = 0,
  parameter bit [1:0] TOPOUTPUT_SELECT = 0, TOPADDSUB_LOWERINPUT = 0, TOPADDSUB_CARRYSELECT = 0,
  parameter bit [1:0] BOTOUTPUT_SELECT = 0, BOTADDSUB_LOWERINPUT = 0, BOTADDSUB_CARRYSELECT = 0,
  parameter bit TOPADDSUB_UPPERINPUT = 0, BOTADDSUB_UPPERINPUT = 0, MODE_8x8 = 0, A_SIGNED = 0, B_SIGNED = 0
) (
  input CLK, CE, AHOLD, BHOLD, CHOLD, DHOLD, IRSTTOP, IRSTBOT, ORSTTOP, ORSTBOT, OLOADTOP, OLOADBOT, ADDSUBTOP, ADDSUBBOT,
  input OHOLDTOP, OHOLDBOT, CI, ACCUMCI, SIGNEXTIN,
  input [15:0] A, B, C, D,
  output [31:0] O, output CO, ACCUMCO, SIGNEXTOUT
);
  if (!B_REG || A_REG || !TOP_8x8_MULT_REG || !BOT_8x8_MULT_REG || TOPOUTPUT_SELECT != BOTOUTPUT_SELECT ||
      (TOPOUTPUT_SELECT != 2 && (TOPOUTPUT_SELECT != 0 || TOPADDSUB_LOWERINPUT != 1 || BOTADDSUB_LOWERINPUT != 1 ||
        !TOPADDSUB_UPPERINPUT || !BOTADDSUB_UPPERINPUT || TOPADDSUB_CARRYSELECT != 2 || BOTADDSUB_CARRYSELECT != 3 ||
        C_REG || D_REG)) || !A_SIGNED || !B_SIGNED || NEG_TRIGGER) begin : gen_other
    ERROR_SB_MAC16_setting_is_not_modelled u_error ();
  end
  reg [15:0] b_q;
  reg [31:0] p_q;
  wire [15:0] xw, yz;
  wire lco, co_unused;
  always @(posedge CLK) begin
    b_q <= B;
    p_q <= {16'($signed(A[15:8])) * 16'($signed(b_q[15:8])), 16'($signed(A[7:0])) * 16'($signed(b_q[7:0]))};
  end
  assign {lco, yz} = {1'b0, p_q[15:0]} + {1'b0, D ^ {16{ADDSUBBOT}}} + 17'(CI);
  assign {co_unused, xw} = {1'b0, p_q[31:16]} + {1'b0, C ^ {16{ADDSUBTOP}}} + 17'(lco);
  assign O = (TOPOUTPUT_SELECT == 2) ? p_q : {xw ^ {16{ADDSUBTOP}}, yz ^ {16{ADDSUBBOT}}};
  assign CO = 0;
  assign ACCUMCO = 0;
  assign SIGNEXTOUT = 0;
endmodule
