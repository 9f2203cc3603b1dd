// SPDX-License-Identifier: Apache-2.0
//
// aap_tokens: the five token counters, 0..255. A token posted in one cycle is available in the next.

`default_nettype none
`include "aap_assert.svh"

module aap_tokens (
  input  wire logic       clk_i,
  input  wire logic       rst_ni,
  input  wire logic       clear_i,

  input  wire logic [4:0] post_i,
  input  wire logic [4:0] take_i,
  output      logic [4:0] avail_o,
  output      logic       overflow_o  // a token was posted to a full counter, a cycle ago
);
  logic [4:0] over;
  assign overflow_o = |over;

  for (genvar t = 0; t < 5; t = t + 1) begin : gen_token
    logic [7:0] count_q;
    logic       up, down, up_q;
    assign up         = post_i[t] & ~take_i[t];
    assign down       = take_i[t] & ~post_i[t];
    assign avail_o[t] = (count_q != 8'd0);
    assign over[t]    = up_q & ~avail_o[t];  // wrapped

    always_ff @(posedge clk_i) begin : p_count
      if (!rst_ni || clear_i) count_q <= 8'd0;
      else if (up || down)    count_q <= count_q + {{7{down}}, 1'b1};
      up_q <= rst_ni && !clear_i && up;
    end

    `AAP_ASSERT(take_only_available, clear_i || !take_i[t] || avail_o[t])
  end
endmodule

`default_nettype wire
