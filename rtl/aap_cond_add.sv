// SPDX-License-Identifier: Apache-2.0
//
// aap_cond_add: y = en ? x + a : x. One iCE40 cell per bit: its LUT sees both summands, the carry and en;
// synthesis finds that for some bits only, so MulStyle 1 instantiates the cells.

`default_nettype none

module aap_cond_add #(
  parameter int Width    = 8,
  parameter int MulStyle = 0  // 0 generic, 1 iCE40 cells
) (
  input  wire logic             en_i,
  input  wire logic [Width-1:0] x_i,
  input  wire logic [Width-1:0] a_i,
  output      logic [Width-1:0] y_o
);
  if (MulStyle == 1) begin : gen_cells
    logic [Width-1:0] carry;
    assign carry[0] = 1'b0;
    for (genvar i = 0; i < Width; i++) begin : gen_bit
      if (i < Width - 1) begin : gen_carry
        SB_CARRY u_carry (.CO(carry[i+1]), .I0(x_i[i]), .I1(a_i[i]), .CI(carry[i]));
      end
      SB_LUT4 #(.LUT_INIT(16'hc66c)) u_lut (
        .O(y_o[i]), .I0(en_i), .I1(x_i[i]), .I2(a_i[i]), .I3(carry[i])
      );
    end
  end else begin : gen_generic
    assign y_o = en_i ? x_i + a_i : x_i;
  end
endmodule

`default_nettype wire
