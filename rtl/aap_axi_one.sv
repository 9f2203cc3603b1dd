// SPDX-License-Identifier: Apache-2.0
//
// aap_axi_one: reads and writes with one burst on its way at a time, for memories with one port: does what aap_axi_read and
// aap_axi_write do together, with one address. Fetch goes first, then loads, then stores; a request's bursts are not
// interrupted. A burst ends at the next multiple of MaxBurst beats and is checked against the window in the cycle before
// it is shown; the next is checked in the cycle after its last beat or response. Write data is offered with the address.
// After halt_i a write burst that was shown is finished with its strobes off.

`default_nettype none
`include "aap_assert.svh"

module aap_axi_one #(
  parameter  int AddrWidth    = 32,
  parameter  int AxiDataWidth = 128,
  parameter  int MaxBurst     = 64,   // beats, a power of two
  parameter  int BeatsWidth   = 16,   // bits of a request's length
  localparam int BeatLog      = $clog2(AxiDataWidth / 8)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                       clear_i,
  input  wire logic                       halt_i,          // show no new burst, drop what comes
  input  wire logic [AddrWidth-1:0]       window_base_i,
  input  wire logic [AddrWidth-1:0]       window_limit_i,

  // load: beat address, beats - 1; the layer stays while load_busy_o
  input  wire logic                       load_valid_i,
  output      logic                       load_ready_o,
  input  wire logic [AddrWidth-1:BeatLog] load_addr_i,
  input  wire logic [BeatsWidth-1:0]      load_len_i,
  input  wire logic [15:0]                load_layer_i,
  output      logic                       load_busy_o,     // a request is under way

  // fetch: one descriptor
  input  wire logic                       fetch_valid_i,
  output      logic                       fetch_ready_o,
  input  wire logic [AddrWidth-1:6]       fetch_addr_i,

  // store, as load
  input  wire logic                       req_valid_i,
  output      logic                       req_ready_o,
  input  wire logic [AddrWidth-1:BeatLog] req_addr_i,
  input  wire logic [BeatsWidth-1:0]      req_len_i,
  input  wire logic                       req_post_i,      // post_o when the last response of this request has come
  input  wire logic [15:0]                req_layer_i,
  output      logic                       busy_o,

  // data read; beats with errors are not passed on
  output      logic                       load_rvalid_o,
  input  wire logic                       load_rready_i,   // must not depend on load_rvalid_o
  output      logic                       fetch_rvalid_o,

  // data to write, in the order of the requests; stable while offered
  input  wire logic                       data_valid_i,
  output      logic                       data_ready_o,
  input  wire logic [AxiDataWidth-1:0]    data_i,
  output      logic                       post_o,

  output      logic                       moved_o,         // a beat or a response was taken
  output      logic                       idle_o,          // nothing requested, nothing on its way
  output      logic                       drained_o,       // nothing on its way
  output      logic                       err_valid_o,
  output      logic [7:0]                 err_code_o,
  output      logic [AddrWidth-1:BeatLog] err_addr_o,

  // AXI
  output      logic [AddrWidth-1:0]       m_axi_awaddr,
  output      logic [7:0]                 m_axi_awlen,
  output      logic [15:0]                m_axi_awuser,
  output      logic                       m_axi_awvalid,
  input  wire logic                       m_axi_awready,
  output      logic [AxiDataWidth-1:0]    m_axi_wdata,
  output      logic [AxiDataWidth/8-1:0]  m_axi_wstrb,
  output      logic                       m_axi_wlast,
  output      logic                       m_axi_wvalid,
  input  wire logic                       m_axi_wready,
  input  wire logic [1:0]                 m_axi_bresp,
  input  wire logic                       m_axi_bvalid,
  output      logic                       m_axi_bready,
  output      logic [AddrWidth-1:0]       m_axi_araddr,
  output      logic [7:0]                 m_axi_arlen,
  output      logic [15:0]                m_axi_aruser,
  output      logic                       m_axi_arvalid,
  input  wire logic                       m_axi_arready,
  input  wire logic [1:0]                 m_axi_rresp,
  input  wire logic                       m_axi_rlast,
  input  wire logic                       m_axi_rvalid,
  output      logic                       m_axi_rready
);
  localparam int WordWidth = AddrWidth - BeatLog;
  localparam int LenWidth  = (MaxBurst == 1) ? 1 : $clog2(MaxBurst);
  localparam bit [7:0] LowMask = 8'(MaxBurst - 1);
  localparam int LeftWidth = (BeatsWidth > LenWidth) ? BeatsWidth : LenWidth + 1;
  localparam bit [BeatsWidth-1:0] FetchLen = BeatsWidth'(512 / AxiDataWidth - 1);

  // the request: address of its current burst with an overflow bit, beats - 1 from there (while shown_q: behind it)
  logic                 valid_q, fetch_q, store_q, post_q;
  logic [WordWidth:0]   addr_q;
  logic [LeftWidth-1:0] left_q;
  // the burst on its way
  logic                 shown_q, taken_q, sent_q, held_q, final_q;  // address taken, data sent, beat offered
  logic [LenWidth-1:0]  len_q, beat_q;                              // beats - 1, beats to come

  logic [7:0]           off;
  logic [LeftWidth:0]   diff;
  logic                 accept, final_burst, outside, show, strobes_off, read_beat, write_beat, response, bad, bad_last, done;
  logic [LenWidth-1:0]  len, last_low;
  logic [WordWidth-1:0] last_addr;

  // left - (MaxBurst - off); negative when the burst is the request's last
  assign off         = 8'(addr_q) & LowMask;
  assign diff        = (LeftWidth+1)'(left_q) + (~(LeftWidth+1)'(MaxBurst - 1) | (LeftWidth+1)'(off));
  assign final_burst = diff[LeftWidth];
  assign len         = LenWidth'(final_burst ? 8'(left_q) : ~off & LowMask);
  assign last_low    = LenWidth'(final_burst ? 8'(diff) & LowMask : LowMask);
  always_comb begin : p_last
    last_addr = addr_q[WordWidth-1:0];
    if (MaxBurst > 1) last_addr[LenWidth-1:0] = last_low;
  end
  assign outside = addr_q[WordWidth] || ({addr_q[WordWidth-1:0], {BeatLog{1'b0}}} < window_base_i) ||
                   ({last_addr, {BeatLog{1'b1}}} > window_limit_i);
  assign show    = valid_q && !shown_q && !outside && !halt_i;

  assign accept        = !valid_q && !halt_i && (fetch_valid_i || load_valid_i || req_valid_i);
  assign fetch_ready_o = !valid_q && !halt_i;
  assign load_ready_o  = !valid_q && !halt_i && !fetch_valid_i;
  assign req_ready_o   = !valid_q && !halt_i && !fetch_valid_i && !load_valid_i;
  assign load_busy_o   = valid_q && !fetch_q && !store_q;
  assign busy_o        = valid_q && store_q;

  // addresses
  assign m_axi_araddr  = {addr_q[WordWidth-1:0], {BeatLog{1'b0}}};
  assign m_axi_awaddr  = m_axi_araddr;
  assign m_axi_arlen   = 8'(len_q);
  assign m_axi_awlen   = 8'(len_q);
  assign m_axi_arvalid = shown_q && !taken_q && !store_q;
  assign m_axi_awvalid = shown_q && !taken_q && store_q;
  assign m_axi_aruser  = fetch_q ? 16'hffff : load_layer_i;
  assign m_axi_awuser  = req_layer_i;

  // A burst read ends where the bus or its length says so, whichever is first.
  assign m_axi_rready   = shown_q && !store_q && (halt_i || fetch_q || load_rready_i);
  assign read_beat      = m_axi_rvalid && m_axi_rready;
  assign bad_last       = m_axi_rlast != (beat_q == '0);
  assign load_rvalid_o  = m_axi_rvalid && shown_q && !store_q && !fetch_q && !m_axi_rresp[1] && !bad_last && !halt_i;
  assign fetch_rvalid_o = m_axi_rvalid && shown_q && fetch_q && !m_axi_rresp[1] && !bad_last && !halt_i;

  assign strobes_off    = halt_i && !held_q;
  assign m_axi_wvalid   = shown_q && store_q && !sent_q && (data_valid_i || halt_i);
  assign m_axi_wdata    = data_i;
  assign m_axi_wstrb    = {(AxiDataWidth/8){!strobes_off}};
  assign m_axi_wlast    = (beat_q == '0);
  assign write_beat     = m_axi_wvalid && m_axi_wready;
  assign data_ready_o   = shown_q && store_q && !sent_q && m_axi_wready && !halt_i;
  assign m_axi_bready   = shown_q && store_q;
  assign response       = m_axi_bvalid && m_axi_bready;

  assign bad            = (read_beat && (m_axi_rresp[1] || bad_last)) || (response && m_axi_bresp[1]);
  assign done           = (read_beat && (m_axi_rlast || beat_q == '0)) || response;
  assign post_o         = response && !m_axi_bresp[1] && post_q && final_q && !halt_i;
  assign moved_o        = read_beat || write_beat || response;

  always_ff @(posedge clk_i) begin : p_state
    if (!rst_ni || clear_i) begin
      valid_q <= 1'b0;
      shown_q <= 1'b0;
    end else begin
      // A request whose next burst may not be shown any more is forgotten.
      valid_q <= accept || (valid_q && !(shown_q ? done && final_q : halt_i));
      shown_q <= show || (shown_q && !done);
    end
    taken_q <= shown_q && (taken_q || (store_q ? m_axi_awready : m_axi_arready));
    sent_q  <= shown_q && (sent_q || (write_beat && m_axi_wlast));
    held_q  <= m_axi_wvalid && !m_axi_wready && !strobes_off;
  end

  always_ff @(posedge clk_i) begin : p_request
    if (accept) begin
      fetch_q <= fetch_valid_i;
      store_q <= !fetch_valid_i && !load_valid_i;
      post_q  <= req_post_i;
      addr_q  <= {1'b0, fetch_valid_i ? {fetch_addr_i, {(6-BeatLog){1'b0}}} : load_valid_i ? load_addr_i : req_addr_i};
    end else if (done) begin
      addr_q  <= (addr_q | (WordWidth+1)'(LowMask)) + 1'b1;
    end
    if (accept)    left_q <= LeftWidth'(fetch_valid_i ? FetchLen : load_valid_i ? load_len_i : req_len_i);
    else if (show) left_q <= diff[LeftWidth-1:0];
    if (show) begin
      len_q   <= len;
      final_q <= final_burst;
    end
    if (show)                         beat_q <= len;
    else if (read_beat || write_beat) beat_q <= beat_q - 1'b1;
  end

  assign err_valid_o = bad || (valid_q && !shown_q && outside);
  assign err_addr_o  = addr_q[WordWidth-1:0];
  always_comb begin : p_error
    err_code_o = aap_isa_pkg::ERR_WINDOW;
    if (bad && store_q)              err_code_o = m_axi_bresp[0] ? aap_isa_pkg::ERR_WRITE_DECERR : aap_isa_pkg::ERR_WRITE_SLVERR;
    else if (bad && !m_axi_rresp[1]) err_code_o = aap_isa_pkg::ERR_READ_LAST;
    else if (bad)                    err_code_o = m_axi_rresp[0] ? aap_isa_pkg::ERR_READ_DECERR : aap_isa_pkg::ERR_READ_SLVERR;
  end
  assign drained_o = !shown_q;
  assign idle_o    = !valid_q;

  `AAP_ASSERT(data_when_asked, !m_axi_rvalid || (shown_q && taken_q && !store_q))
  `AAP_ASSERT(response_when_asked, !m_axi_bvalid || (shown_q && taken_q && sent_q && store_q))
  `AAP_ASSERT(within_4k, !shown_q || ((addr_q & (WordWidth+1)'(LowMask)) + (WordWidth+1)'(len_q)) <= (WordWidth+1)'(LowMask))
endmodule

`default_nettype wire
