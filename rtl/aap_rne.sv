// SPDX-License-Identifier: Apache-2.0
//
// aap_rne: y = clamp(rne(value / 2^shift) + zp, lo, hi), rne is round half to even on the exact quotient. Fully pipelined,
// 2 + Split cycles. zp_i, lo_i and hi_i are used in the last stage and stay constant while results are on their way.

`default_nettype none

module aap_rne #(
  parameter int Width  = 56,  // bits of the signed value, >= 10
  parameter int ShiftW = 6,   // bits of the shift, 4..6
  parameter int Split  = 1    // 1: a register between the shift's coarse and fine stages
) (
  input  wire logic              clk_i,
  input  wire logic [Width-1:0]  value_i,
  input  wire logic [ShiftW-1:0] shift_i,
  input  wire logic [7:0]        zp_i,
  input  wire logic [7:0]        lo_i,
  input  wire logic [7:0]        hi_i,
  output      logic [7:0]        y_o
);
  if (Width < 10 || ShiftW < 4 || ShiftW > 6 || Split < 0 || Split > 1) begin : gen_illegal_parameter
    ERROR_aap_rne_parameters_are_illegal u_error ();
  end

  // The value with one bit below the point: after the shift bit 0 is the half, bits 9:1 the quotient. A quotient beyond
  // 9 bits saturates whatever zp is, so each stage drops what can no longer reach bit 9 into `over` and what
  // leaves below into `sticky`.
  localparam int W = Width + 1;
  localparam int Window = 10;

  for (genvar s = ShiftW - 1; s >= 0; s--) begin : gen_stage
    localparam int Amount = 1 << s;
    localparam int Keep = Window + Amount - 1;
    logic [W-1:0] x, moved, y;
    logic [s:0]   shift;
    logic         sign, sticky_in, sticky, over_in, over;
    if (s == ShiftW - 1) begin : gen_first
      assign x         = {value_i, 1'b0};
      assign shift     = shift_i;
      assign sign      = value_i[Width-1];
      assign sticky_in = 1'b0;
      assign over_in   = 1'b0;
    end else if (s == 2 && Split != 0) begin : gen_registered
      always_ff @(posedge clk_i) begin : p_stage
        x         <= gen_stage[s+1].y;
        shift     <= gen_stage[s+1].shift[s:0];
        sign      <= gen_stage[s+1].sign;
        sticky_in <= gen_stage[s+1].sticky;
        over_in   <= gen_stage[s+1].over;
      end
    end else begin : gen_wired
      assign x         = gen_stage[s+1].y;
      assign shift     = gen_stage[s+1].shift[s:0];
      assign sign      = gen_stage[s+1].sign;
      assign sticky_in = gen_stage[s+1].sticky;
      assign over_in   = gen_stage[s+1].over;
    end
    if (Amount >= W) begin : gen_all
      assign moved  = shift[s] ? {W{sign}} : x;
      assign sticky = sticky_in | (shift[s] & (|x));
    end else begin : gen_some
      assign moved  = shift[s] ? {{Amount{sign}}, x[W-1:Amount]} : x;
      assign sticky = sticky_in | (shift[s] & (|x[Amount-1:0]));
    end
    if (W > Keep) begin : gen_narrow
      assign over = over_in | (|(moved[W-1:Keep] ^ {(W-Keep){sign}}));
      assign y    = {{(W-Keep){sign}}, moved[Keep-1:0]};
    end else begin : gen_keep
      assign over = over_in;
      assign y    = moved;
    end
  end

  logic [Window-1:0] x_q;
  logic              sign_q, sticky_q, over_q;
  always_ff @(posedge clk_i) begin : p_shifted
    x_q      <= gen_stage[0].y[Window-1:0];
    sign_q   <= gen_stage[0].sign;
    sticky_q <= gen_stage[0].sticky;
    over_q   <= gen_stage[0].over | (gen_stage[0].y[Window-1] ^ gen_stage[0].sign);
  end

  logic signed [9:0] sum, lo, hi;
  logic              up, unused_carry;
  logic [7:0]        y_q;
  assign up  = x_q[0] & (sticky_q | x_q[1]);
  // One adder: up enters as the carry out of an extra low bit.
  assign {sum, unused_carry} = {x_q[9], x_q[9:1], 1'b1} + {{2{zp_i[7]}}, zp_i, up};
  assign lo  = 10'($signed(lo_i));
  assign hi  = 10'($signed(hi_i));
  always_ff @(posedge clk_i) begin : p_clamp
    if (over_q)        y_q <= sign_q ? lo_i : hi_i;
    else if (sum < lo) y_q <= lo_i;
    else if (sum > hi) y_q <= hi_i;
    else               y_q <= sum[7:0];
  end
  assign y_o = y_q;
endmodule

`default_nettype wire
