// SPDX-License-Identifier: Apache-2.0
//
// aap_selector: one lane of one PE. Picks the activation that the weight's index names out of the lane's group and
// registers the two operands of the multiplier. With max_i the operands become (activation + 128 modulo 256)
// and the weight's bit 0, so that the product's low byte is the proposed value counted from -128, and 0 when the lane
// proposes nothing.

`default_nettype none

module aap_selector #(
  parameter  int Group  = 16,            // activations of a group: 4, 8, 16
  localparam int IndexW = $clog2(Group)
) (
  input  wire logic                clk_i,
  input  wire logic                max_i,
  input  wire logic [8*Group-1:0]  group_i,
  input  wire logic [IndexW+7:0]   weight_i,  // {index, int8 weight}
  output      logic [7:0]          act_o,     // one cycle later
  output      logic [7:0]          wgt_o
);
  if (Group != 4 && Group != 8 && Group != 16) begin : gen_illegal_group
    ERROR_aap_selector_Group_must_be_4_8_or_16 u_error ();
  end

  logic [7:0] act_d, act_q;
  logic [7:0] wgt_q;

  assign act_d = group_i[{weight_i[8 +: IndexW], 3'b000} +: 8];

  always_ff @(posedge clk_i) begin : p_operands
    act_q <= {act_d[7] ^ max_i, act_d[6:0]};
    wgt_q <= {weight_i[7:1] & {7{~max_i}}, weight_i[0]};
  end

  assign act_o = act_q;
  assign wgt_o = wgt_q;
endmodule

`default_nettype wire
