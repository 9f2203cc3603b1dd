// SPDX-License-Identifier: Apache-2.0
//
// aap_pe: adder tree over the products of a PE's lanes and the accumulator of its output channel. valid_i, first_i
// and max_i belong to the cycle in which the tree's result arrives, TreeStages after the products.
//
// Sum: the accumulator is loaded with the result of the first row of a pixel and adds the others.
// Maximum: the low byte of the result is a value counted from -128. The accumulator keeps the complement of the largest,
// so that its adder is also the comparator; acc_o[7:0] is that complement, its upper bits mean nothing.

`default_nettype none

module aap_pe #(
  parameter  int Lanes      = 4,   // products added per cycle: 1, 2, 4, 8, 16
  parameter  int AccWidth   = 32,  // bits of the accumulator, >= 16 + log2 Lanes
  localparam int TreeW      = 16 + $clog2(Lanes)
) (
  input  wire logic                clk_i,
  input  wire logic [16*Lanes-1:0] products_i,
  input  wire logic                valid_i,
  input  wire logic                first_i,
  input  wire logic                max_i,
  output      logic [AccWidth-1:0] acc_o
);
  if (Lanes != 1 && Lanes != 2 && Lanes != 4 && Lanes != 8 && Lanes != 16) begin : gen_illegal_lanes
    ERROR_aap_pe_Lanes_must_be_1_2_4_8_or_16 u_error ();
  end
  if (AccWidth < TreeW) begin : gen_illegal_acc_width
    ERROR_aap_pe_AccWidth_below_product_width u_error ();
  end

  logic signed [TreeW-1:0] tree;

  if (Lanes == 1) begin : gen_tree1
    assign tree = $signed(products_i);
  end else if (Lanes == 2) begin : gen_tree2
    logic signed [16:0] sum_q;
    always_ff @(posedge clk_i) begin : p_tree
      sum_q <= 17'($signed(products_i[15:0])) + 17'($signed(products_i[31:16]));
    end
    assign tree = sum_q;
  end else if (Lanes == 4 || Lanes == 8 || Lanes == 16) begin : gen_tree4
    // Four products a register; eight and sixteen lanes add two or four of those in a second stage.
    for (genvar h = 0; h < Lanes / 4; h++) begin : gen_half
      logic signed [17:0] sum_q;
      always_ff @(posedge clk_i) begin : p_tree
        sum_q <= (18'($signed(products_i[64*h +: 16])) + 18'($signed(products_i[64*h+16 +: 16])))
               + (18'($signed(products_i[64*h+32 +: 16])) + 18'($signed(products_i[64*h+48 +: 16])));
      end
    end
    if (Lanes == 4) begin : gen_one
      assign tree = gen_half[0].sum_q;
    end else if (Lanes == 16) begin : gen_four
      logic signed [19:0] sum_q;
      always_ff @(posedge clk_i) begin : p_tree
        sum_q <= (20'(gen_half[0].sum_q) + 20'(gen_half[1].sum_q)) + (20'(gen_half[2].sum_q) + 20'(gen_half[3].sum_q));
      end
      assign tree = sum_q;
    end else begin : gen_two
      logic signed [18:0] sum_q;
      always_ff @(posedge clk_i) begin : p_tree
        sum_q <= 19'(gen_half[0].sum_q) + 19'(gen_half[1].sum_q);
      end
      assign tree = sum_q;
    end
  end

  logic [AccWidth-1:0] extended, operand, sum, next, acc_d, acc_q;
  logic                larger;

  // Bit 8 of a maximum's operand is the sign of a byte that is meant unsigned: cleared.
  assign extended = AccWidth'(tree);
  assign operand  = {extended[AccWidth-1:9], extended[8] & ~max_i, extended[7:0]};
  assign sum      = acc_q + operand;
  assign larger   = ~sum[8];
  assign next     = first_i ? operand : sum;
  assign acc_d    = {next[AccWidth-1:9], max_i ? {1'b1, ~operand[7:0]} : next[8:0]};

  always_ff @(posedge clk_i) begin : p_acc
    if (valid_i && (!max_i || first_i || larger)) acc_q <= acc_d;
  end

  assign acc_o = acc_q;
endmodule

`default_nettype wire
