// SPDX-License-Identifier: Apache-2.0
//
// aap_burst: splits linear requests into AXI INCR bursts and checks each against the window before it is shown.
//
// A burst ends at the next address that is a multiple of MaxBurst beats, so it never crosses 4 KiB and neither subtraction
// nor minimum is needed: the address of every burst but the first has zero low bits. A burst is computed in one cycle
// and checked in the next, then shown as soon as grant_i says that its consumer has room; shown_o is high in the one cycle
// before valid_o rises. valid_o then stays until ready_i.

`default_nettype none
`include "aap_assert.svh"

module aap_burst #(
  parameter  int AddrWidth    = 32,
  parameter  int AxiDataWidth = 128,
  parameter  int MaxBurst     = 64,   // beats, a power of two
  parameter  int BeatsWidth   = 16,   // bits of a request's length
  parameter  int TagWidth     = 1,    // bits that travel with a request
  localparam int BeatLog      = $clog2(AxiDataWidth / 8)
) (
  input  wire logic                         clk_i,
  input  wire logic                         rst_ni,
  input  wire logic                         clear_i,
  input  wire logic [AddrWidth-1:0]         window_base_i,
  input  wire logic [AddrWidth-1:0]         window_limit_i,

  // requests: beat address and beats - 1
  input  wire logic                         req_valid_i,
  output      logic                         req_ready_o,
  input  wire logic [AddrWidth-1:BeatLog]   req_addr_i,
  input  wire logic [BeatsWidth-1:0]        req_len_i,
  input  wire logic [TagWidth-1:0]          req_tag_i,

  // bursts
  input  wire logic                         grant_i,
  output      logic                         shown_o,
  output      logic                         valid_o,
  input  wire logic                         ready_i,
  output      logic [AddrWidth-1:BeatLog]   addr_o,
  output      logic [7:0]                   len_o,
  output      logic [TagWidth-1:0]          tag_o,
  output      logic                         last_o,    // last burst of its request

  output      logic                         busy_o,    // requests not yet all accepted as bursts
  output      logic                         busy0_o,   // the same, of requests with bit 0 of the tag 0
  output      logic                         err_o      // the burst at addr_o is outside the window
);
  localparam int WordWidth = AddrWidth - BeatLog;
  localparam int LenWidth  = (MaxBurst == 1) ? 1 : $clog2(MaxBurst);
  localparam bit [7:0] LowMask = 8'(MaxBurst - 1);
  localparam int LeftWidth = (BeatsWidth > LenWidth) ? BeatsWidth : LenWidth + 1;

  // request being split; bit WordWidth of the address is the overflow past the address space
  logic                 s_valid_q;
  logic [WordWidth:0]   s_addr_q;
  logic [LeftWidth-1:0] s_left_q;
  logic [TagWidth-1:0]  s_tag_q;
  // burst being checked or shown
  logic                 a_valid_q, a_ok_q, a_over_q, a_last_q;
  logic [WordWidth-1:0] a_addr_q;
  logic [LenWidth-1:0]  a_len_q, a_end_q;  // length - 1; low bits of the last beat's address
  logic [TagWidth-1:0]  a_tag_q;

  logic [7:0]           off;
  logic [LeftWidth:0]   diff;
  logic                 final_burst, advance, accept, bad;
  logic [LenWidth-1:0]  len, last_low;
  logic [WordWidth-1:0] a_end;

  // left - (MaxBurst - off); negative when the burst is the request's last
  assign off         = 8'(s_addr_q) & LowMask;
  assign diff        = (LeftWidth+1)'(s_left_q) + (~(LeftWidth+1)'(MaxBurst - 1) | (LeftWidth+1)'(off));
  assign final_burst = diff[LeftWidth];
  assign len         = LenWidth'(final_burst ? 8'(s_left_q) : ~off & LowMask);
  assign last_low    = LenWidth'(final_burst ? 8'(diff) & LowMask : LowMask);

  assign advance     = s_valid_q && (!a_valid_q || (valid_o && ready_i));
  assign req_ready_o = !s_valid_q || (advance && final_burst);
  assign accept      = req_valid_i && req_ready_o;

  always_comb begin : p_end
    a_end = a_addr_q;
    if (MaxBurst > 1) a_end[LenWidth-1:0] = a_end_q;
  end
  assign bad     = a_over_q || ({a_addr_q, {BeatLog{1'b0}}} < window_base_i) || ({a_end, {BeatLog{1'b1}}} > window_limit_i);
  assign shown_o = a_valid_q && !a_ok_q && !bad && grant_i && !clear_i;
  assign err_o   = a_valid_q && !a_ok_q && bad;
  assign valid_o = a_ok_q;
  assign addr_o  = a_addr_q;
  assign len_o   = 8'(a_len_q);
  assign tag_o   = a_tag_q;
  assign last_o  = a_last_q;
  assign busy_o  = s_valid_q || a_valid_q;
  assign busy0_o = (s_valid_q && !s_tag_q[0]) || (a_valid_q && !a_tag_q[0]);

  always_ff @(posedge clk_i) begin : p_state
    if (!rst_ni || clear_i) begin
      s_valid_q <= 1'b0;
      a_valid_q <= 1'b0;
      a_ok_q    <= 1'b0;
    end else begin
      s_valid_q <= accept || (s_valid_q && !(advance && final_burst));
      a_valid_q <= advance || (a_valid_q && !(valid_o && ready_i));
      a_ok_q    <= shown_o || (a_ok_q && !ready_i);
    end
  end

  always_ff @(posedge clk_i) begin : p_data
    if (accept) begin
      s_addr_q <= {1'b0, req_addr_i};
      s_left_q <= LeftWidth'(req_len_i);
      s_tag_q  <= req_tag_i;
    end else if (advance) begin
      s_addr_q <= (s_addr_q | (WordWidth+1)'(LowMask)) + 1'b1;
      s_left_q <= diff[LeftWidth-1:0];
    end
    if (advance) begin
      a_addr_q <= s_addr_q[WordWidth-1:0];
      a_over_q <= s_addr_q[WordWidth];
      a_len_q  <= len;
      a_end_q  <= last_low;
      a_tag_q  <= s_tag_q;
      a_last_q <= final_burst;
    end
  end

  `AAP_ASSERT(within_4k, !valid_o || ((a_addr_q & WordWidth'(LowMask)) + WordWidth'(len_o)) <= WordWidth'(LowMask))
endmodule

`default_nettype wire
