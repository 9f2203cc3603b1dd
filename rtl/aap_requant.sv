// SPDX-License-Identifier: Apache-2.0
//
// aap_requant: y = clamp(rne((sum + bias) * m / 2^t) + zp, lo, hi), docs/numerics.md. One result per cycle, 6 cycles
// later. sum + bias must not overflow AccWidth (the compiler proves it). zp_i, lo_i, hi_i belong to the last stage.
//
// ECP5's multipliers are 18 x 18 and few: three of the four partial products take one each, the small fourth is logic.
// MulStyle 1 has none left: the product is made of adders.

`default_nettype none

module aap_requant #(
  parameter int AccWidth = 32,  // 18..34
  parameter int MulWidth = 24,  // 4..24
  parameter int MulStyle = 0
) (
  input  wire logic                clk_i,
  input  wire logic [AccWidth-1:0] sum_i,
  input  wire logic [AccWidth-1:0] bias_i,
  input  wire logic [MulWidth-1:0] m_i,
  input  wire logic [5:0]          t_i,
  input  wire logic [7:0]          zp_i,
  input  wire logic [7:0]          lo_i,
  input  wire logic [7:0]          hi_i,
  output      logic [7:0]          y_o
);
  localparam int ProdW = AccWidth + MulWidth;

  if (AccWidth < 18 || AccWidth > 34 || MulWidth < 4 || MulWidth > 24) begin : gen_illegal_width
    ERROR_aap_requant_widths_are_illegal u_error ();
  end

  // stage 1: bias
  logic signed [AccWidth-1:0] acc_q;
  logic [MulWidth-1:0]        m_q;
  logic [5:0]                 t1_q, t2_q, t3_q;
  always_ff @(posedge clk_i) begin : p_bias
    acc_q <= sum_i + bias_i;
    m_q   <= m_i;
    t1_q  <= t_i;
    t2_q  <= t1_q;
    t3_q  <= t2_q;
  end

  // stages 2 and 3: product
  logic signed [ProdW-1:0] product_d, product_q;
  if (MulStyle == 1) begin : gen_adders
    localparam int Digits = (MulWidth + 3) / 4;
    localparam int PartW  = AccWidth + 4;
    logic [PartW*Digits-1:0] part;
    aap_rows_mul #(.AWidth(AccWidth), .BWidth(MulWidth), .MulStyle(MulStyle)) u_mul (
      .clk_i(clk_i), .a_i(acc_q), .b_i(m_q), .part_o(part)
    );
    // Digits in pairs, then the pairs from the lowest: the low bits of a sum pass by.
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
    assign product_d = gen_sum[Pairs-1].total;
  end else begin : gen_cells
    localparam int MulLow = (MulWidth > 17) ? 17 : MulWidth;
    localparam int HighW  = AccWidth - 17;
    logic signed [17:0]       low;
    logic signed [HighW-1:0]  high;
    logic signed [MulLow:0]   m_low;
    logic signed [35:0]       ll_q;
    logic signed [HighW+MulLow-1:0] hl_q;
    assign low   = {1'b0, acc_q[16:0]};
    assign high  = acc_q[AccWidth-1:17];
    assign m_low = {1'b0, m_q[MulLow-1:0]};
    always_ff @(posedge clk_i) begin : p_low
      ll_q <= 36'(low) * 36'(m_low);
      hl_q <= (HighW+MulLow)'(high) * (HighW+MulLow)'(m_low);
    end
    if (MulWidth > 17) begin : gen_wide
      localparam int MulHigh = MulWidth - 17;
      localparam int Digits  = (MulHigh + 3) / 4;
      localparam int PartW   = HighW + 4;
      logic signed [MulHigh:0]       m_high;
      logic signed [17+MulHigh:0]    lh_q;
      logic [PartW*Digits-1:0]       hh;
      assign m_high = {1'b0, m_q[MulWidth-1:17]};
      always_ff @(posedge clk_i) begin : p_high
        lh_q <= (18+MulHigh)'(low) * (18+MulHigh)'(m_high);
      end
      aap_rows_mul #(.AWidth(HighW), .BWidth(MulHigh)) u_mul (
        .clk_i(clk_i), .a_i(high), .b_i(m_q[MulWidth-1:17]), .part_o(hh)
      );
      logic signed [ProdW-1:0] hh_sum;
      if (Digits == 1) begin : gen_one
        assign hh_sum = ProdW'($signed(hh));
      end else begin : gen_two
        assign hh_sum = ProdW'($signed(hh[0 +: PartW])) + (ProdW'($signed(hh[PartW +: PartW])) <<< 4);
      end
      assign product_d = ProdW'(ll_q) + ((ProdW'(hl_q) + ProdW'(lh_q)) <<< 17) + (hh_sum <<< 34);
    end else begin : gen_narrow
      assign product_d = ProdW'(ll_q) + (ProdW'(hl_q) <<< 17);
    end
  end
  always_ff @(posedge clk_i) begin : p_product
    product_q <= product_d;
  end

  // stages 4 to 6: shift, round, clamp
  aap_rne #(.Width(ProdW), .ShiftW(6), .Split(1)) u_rne (
    .clk_i(clk_i), .value_i(product_q), .shift_i(t3_q), .zp_i(zp_i), .lo_i(lo_i), .hi_i(hi_i), .y_o(y_o)
  );
endmodule

`default_nettype wire
