// SPDX-License-Identifier: Apache-2.0
//
// aap_selector: one lane of one PE. Registers the activation that the index names out of the lane's group. With max_i
// it counts from -128 (the sign bit flips): times a weight of 1 the product's low byte is the proposed value, times 0
// it is the least one.

`default_nettype none

module aap_selector #(
  parameter  int Group  = 16,            // activations of a group: 4, 8, 16
  localparam int IndexW = $clog2(Group)
) (
  input  wire logic                clk_i,
  input  wire logic                max_i,
  input  wire logic [8*Group-1:0]  group_i,
  input  wire logic [IndexW-1:0]   index_i,
  output      logic [7:0]          act_o     // one cycle later
);
  if (Group != 4 && Group != 8 && Group != 16) begin : gen_illegal_group
    ERROR_aap_selector_Group_must_be_4_8_or_16 u_error ();
  end

  logic [7:0] act_d, act_q;

  assign act_d = group_i[{index_i, 3'b000} +: 8];

  always_ff @(posedge clk_i) begin : p_act
    act_q <= {act_d[7] ^ max_i, act_d[6:0]};
  end

  assign act_o = act_q;
endmodule

`default_nettype wire
