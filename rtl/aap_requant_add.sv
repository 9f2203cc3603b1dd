// SPDX-License-Identifier: Apache-2.0
//
// aap_requant_add: aap_requant that is also the residual add: y = clamp(rne((sum + bias) * m / 2^t) + zp, lo, hi), and in two
// further passes through the same product clamp(rne(((y + 128) * ma + (residual + 128) * mb + c) / 2^shift) + zp, lo, hi).
// Every cycle takes the inputs of one pass, and y_o is its result 7 cycles later:
//   neither tag  sum_i, bias_i, m_i, t_i
//   second_i[0]  y_o of this cycle; mul_i is ma one cycle later; what comes out means nothing
//   third_i[0]   residual_i; mul_i is mb one cycle later
// Bit n of a tag is bit 0 n cycles ago. zp_i, lo_i and hi_i belong to the last stage.

`default_nettype none

module aap_requant_add #(
  parameter int AccWidth = 32,  // 18..34
  parameter int MulWidth = 24,  // 8..24
  parameter int AddMulWidth = 23,  // bits of ma + mb, below AccWidth
  parameter int MulStyle = 0    // 1: iCE40 cells
) (
  input  wire logic                clk_i,
  input  wire logic [AccWidth-1:0] sum_i,
  input  wire logic [AccWidth-1:0] bias_i,
  input  wire logic [MulWidth-1:0] m_i,
  input  wire logic [5:0]          t_i,
  input  wire logic [3:0]          second_i,
  input  wire logic [3:0]          third_i,
  input  wire logic [7:0]          residual_i,
  input  wire logic [AddMulWidth-1:0] mul_i,
  input  wire logic [AddMulWidth+8:0] c_i,
  input  wire logic [4:0]          shift_i,
  input  wire logic [7:0]          zp_i,
  input  wire logic [7:0]          lo_i,
  input  wire logic [7:0]          hi_i,
  output      logic [7:0]          y_o
);
  localparam int ProdW  = AccWidth + MulWidth;
  localparam int Digits = (MulWidth + 3) / 4;
  localparam int PartW  = AccWidth + 4;
  // A value below 2^31 shifted by 32 or more rounds to zero.
  localparam bit Short  = (ProdW <= 32);
  localparam int ShiftW = Short ? 5 : 6;

  if (AccWidth < 18 || AddMulWidth >= AccWidth || AccWidth > 34 || MulWidth < 8 || MulWidth > 24) begin : gen_illegal_width
    ERROR_aap_requant_add_widths_are_illegal u_error ();
  end

  // stage 1: bias; the multiplier, unsigned
  logic signed [AccWidth-1:0] acc_q, a;
  logic [MulWidth-1:0]        m_q;
  logic [5:0]                 t1_q, t2_q, t3_q;
  logic [ShiftW-1:0]          t4_q;
  logic [7:0]                 operand;
  assign operand = second_i[0] ? y_o : residual_i;
  always_ff @(posedge clk_i) begin : p_bias
    acc_q <= sum_i + bias_i;
    m_q   <= (second_i[0] || third_i[0]) ? MulWidth'({~operand[7], operand[6:0]}) : m_i;
    t1_q  <= t_i;
    t2_q  <= t1_q;
    t3_q  <= t2_q;
    t4_q  <= third_i[3] ? ShiftW'(shift_i) : t3_q[ShiftW-1:0];
  end
  assign a = (second_i[1] || third_i[1]) ? AccWidth'({1'b0, mul_i}) : acc_q;

  // stages 2 and 3: product, digits in pairs, then the pairs from the lowest
  logic [PartW*Digits-1:0] part;
  logic [ProdW-1:0]        product_q, addend, value_q;
  aap_rows_mul #(.AWidth(AccWidth), .BWidth(MulWidth), .MulStyle(MulStyle)) u_mul (
    .clk_i(clk_i), .a_i(a), .b_i(m_q), .part_o(part)
  );
  localparam int Pairs = (Digits + 1) / 2;
  for (genvar g = 0; g < Pairs; g++) begin : gen_sum
    logic signed [PartW+3:0] pair;
    logic signed [ProdW-1:0] total;
    if (2 * g + 1 < Digits) begin : gen_pair
      logic [PartW-1:0] high;
      assign high = PartW'($signed(part[PartW*2*g+4 +: PartW-4])) + part[PartW*(2*g+1) +: PartW];
      assign pair = {high, part[PartW*2*g +: 4]};
    end else begin : gen_single
      assign pair = (PartW+4)'($signed(part[PartW*2*g +: PartW]));
    end
    if (g == 0) begin : gen_first
      assign total = ProdW'(pair);
    end else begin : gen_next
      logic [ProdW-8*g-1:0] high;
      assign high  = gen_sum[g-1].total[ProdW-1:8*g] + (ProdW-8*g)'(pair);
      assign total = {high, gen_sum[g-1].total[8*g-1:0]};
    end
  end

  // stage 4: the second pass adds c, the third what the second gave
  assign addend = second_i[3] ? ProdW'($signed(c_i)) : third_i[3] ? value_q : '0;
  always_ff @(posedge clk_i) begin : p_value
    product_q <= gen_sum[Pairs-1].total;
    value_q   <= product_q + addend;
    if (Short && t3_q[5] && !second_i[3] && !third_i[3]) value_q <= '0;
  end

  // stages 5 to 7: shift, round, clamp
  aap_rne #(.Width(ProdW), .ShiftW(ShiftW), .Split(1)) u_rne (
    .clk_i(clk_i), .value_i(value_q), .shift_i(t4_q), .zp_i(zp_i), .lo_i(lo_i), .hi_i(hi_i), .y_o(y_o)
  );

  logic unused_tags;
  assign unused_tags = second_i[2] ^ third_i[2];
endmodule

`default_nettype wire
