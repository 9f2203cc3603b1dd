// SPDX-License-Identifier: Apache-2.0
//
// aap_selector: one lane of the Share PEs that take the same channel of its group. Registers the activation that the index
// names. With diag_i PE m takes channel m of the group instead: output i, of the PEs with m mod Group = First + i, is
// channel First + i. With max_i an activation counts from -128 (the sign bit flips): times a weight of 1 the product's
// low byte is the proposed value, times 0 it is the least one.
//
// MulStyle 1 with 8 activations: four iCE40 cells a bit in a chain, where synthesis takes five in a tree. The first cell picks
// one of two or hands the lowest index bit on, each of the others keeps what it gets or lets it pick one of its own two.

`default_nettype none

module aap_selector #(
  parameter  int Group   = 16,  // activations to choose from: a power of two, 4 to 256
  parameter  int Share   = 1,   // PEs of this selector, a power of two
  parameter  int First   = 0,   // number of the first of them, mod Group
  parameter  int MulStyle = 0,  // 1: iCE40 cells
  localparam int IndexW  = $clog2(Group),
  localparam int Outputs = (Share < Group) ? Share : Group
) (
  input  wire logic                 clk_i,
  input  wire logic                 max_i,
  input  wire logic                 diag_i,    // Share > 1
  input  wire logic [8*Group-1:0]   group_i,
  input  wire logic [IndexW-1:0]    index_i,
  output      logic [8*Outputs-1:0] act_o      // one cycle later; PE m takes output m mod Outputs
);
  if (Group < 4 || Group > 256 || (Group & (Group - 1)) != 0) begin : gen_illegal_group
    ERROR_aap_selector_Group_must_be_a_power_of_two_4_to_256 u_error ();
  end
  if (Share < 1 || (Share & (Share - 1)) != 0 || First + Outputs > Group) begin : gen_illegal_share
    ERROR_aap_selector_Share_must_be_a_power_of_two_and_First_its_multiple u_error ();
  end

  logic [7:0]           chosen;
  logic [8*Outputs-1:0] act_q;

  if (Group == 8 && MulStyle == 1) begin : gen_chain
    logic [3:0] here;  // whose two they are
    assign here = {index_i[2] & index_i[1], index_i[2] & ~index_i[1], ~index_i[2] & index_i[1], index_i[2] | index_i[1]};
    for (genvar b = 0; b < 8; b++) begin : gen_bit
      logic [3:0] x;
      SB_LUT4 #(.LUT_INIT(16'hf0ca)) u_first (.O(x[0]), .I0(group_i[b]), .I1(group_i[8+b]), .I2(index_i[0]), .I3(here[0]));
      for (genvar p = 1; p < 4; p++) begin : gen_next
        SB_LUT4 #(.LUT_INIT(16'he4aa)) u_next (
          .O(x[p]), .I0(x[p-1]), .I1(group_i[16*p+b]), .I2(group_i[16*p+8+b]), .I3(here[p])
        );
      end
      assign chosen[b] = x[3];
    end
  end else begin : gen_generic
    assign chosen = group_i[{index_i, 3'b000} +: 8];
  end

  for (genvar i = 0; i < Outputs; i++) begin : gen_output
    logic [7:0] act_d;
    if (Share == 1) begin : gen_own
      assign act_d = chosen;
    end else begin : gen_shared
      assign act_d = diag_i ? group_i[8*(First+i) +: 8] : chosen;
    end
    always_ff @(posedge clk_i) begin : p_act
      act_q[8*i +: 8] <= {act_d[7] ^ max_i, act_d[6:0]};
    end
  end

  assign act_o = act_q;

  if (Share == 1) begin : gen_no_diagonal
    logic unused_diag;
    assign unused_diag = diag_i;
  end
endmodule

`default_nettype wire
