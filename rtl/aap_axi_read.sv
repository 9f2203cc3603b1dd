// SPDX-License-Identifier: Apache-2.0
//
// aap_axi_read: read bursts for load and fetch. Fetch goes first. Responses come in order; a FIFO of the bursts on their
// way says whose beat it is and at which address its burst began.

`default_nettype none
`include "aap_assert.svh"

module aap_axi_read #(
  parameter  int AddrWidth    = 32,
  parameter  int AxiDataWidth = 128,
  parameter  int MaxBurst     = 64,   // beats
  parameter  int Outstanding  = 8,    // bursts, a power of two
  parameter  int BeatsWidth   = 16,   // bits of a load request's length
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
  output      logic                       load_busy_o,     // a request's bursts are not all on the bus

  // fetch: one descriptor
  input  wire logic                       fetch_valid_i,
  output      logic                       fetch_ready_o,
  input  wire logic [AddrWidth-1:6]       fetch_addr_i,

  // data; beats with errors are not passed on
  output      logic                       load_rvalid_o,
  input  wire logic                       load_rready_i,   // must not depend on load_rvalid_o
  output      logic                       fetch_rvalid_o,
  output      logic                       moved_o,         // a beat was taken

  output      logic                       idle_o,          // nothing requested, nothing on its way
  output      logic                       drained_o,       // nothing on its way
  output      logic                       err_valid_o,
  output      logic [7:0]                 err_code_o,
  output      logic [AddrWidth-1:BeatLog] err_addr_o,

  // AXI
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
  localparam bit [BeatsWidth-1:0] FetchLen = BeatsWidth'(512 / AxiDataWidth - 1);

  logic                       req_ready, shown, burst_busy, burst_err, tag, unused_last;
  logic [AddrWidth-1:BeatLog] burst_addr;
  logic [7:0]                 burst_len;
  logic                       tags_ready, tags_valid, pop;
  logic [WordWidth+LenWidth:0] tags_data;
  logic                       head_fetch, beat_last, beat, bad_last, bad;
  logic [LenWidth-1:0]        head_len, beat_q;
  logic [WordWidth-1:0]       head_addr;

  // tag 1: fetch
  aap_burst #(
    .AddrWidth(AddrWidth), .AxiDataWidth(AxiDataWidth), .MaxBurst(MaxBurst), .BeatsWidth(BeatsWidth), .TagWidth(1)
  ) u_burst (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .window_base_i(window_base_i), .window_limit_i(window_limit_i),
    .req_valid_i((load_valid_i || fetch_valid_i) && !halt_i), .req_ready_o(req_ready),
    .req_addr_i(fetch_valid_i ? {fetch_addr_i, {(6-BeatLog){1'b0}}} : load_addr_i),
    .req_len_i(fetch_valid_i ? FetchLen : load_len_i), .req_tag_i(fetch_valid_i),
    .grant_i(tags_ready && !halt_i), .shown_o(shown), .valid_o(m_axi_arvalid), .ready_i(m_axi_arready),
    .addr_o(burst_addr), .len_o(burst_len), .tag_o(tag), .last_o(unused_last), .busy_o(burst_busy),
    .busy0_o(load_busy_o), .err_o(burst_err)
  );
  assign fetch_ready_o = req_ready && !halt_i;
  assign load_ready_o  = req_ready && !fetch_valid_i && !halt_i;
  assign m_axi_araddr  = {burst_addr, {BeatLog{1'b0}}};
  assign m_axi_arlen   = burst_len;
  assign m_axi_aruser  = tag ? 16'hffff : load_layer_i;

  aap_fifo #(.Width(WordWidth + LenWidth + 1), .Depth(Outstanding)) u_tags (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .wr_valid_i(shown), .wr_ready_o(tags_ready), .wr_data_i({tag, burst_len[LenWidth-1:0], burst_addr}),
    .rd_valid_o(tags_valid), .rd_ready_i(pop), .rd_data_o(tags_data)
  );
  assign {head_fetch, head_len, head_addr} = tags_data;

  // A burst ends where the bus or its length says so, whichever is first.
  assign m_axi_rready   = tags_valid && (halt_i || head_fetch || load_rready_i);
  assign beat           = m_axi_rvalid && m_axi_rready;
  assign beat_last      = (beat_q == head_len);
  assign bad_last       = m_axi_rlast != beat_last;
  assign bad            = m_axi_rresp[1] || bad_last;
  assign pop            = beat && (m_axi_rlast || beat_last);
  assign load_rvalid_o  = m_axi_rvalid && tags_valid && !head_fetch && !bad && !halt_i;
  assign fetch_rvalid_o = m_axi_rvalid && tags_valid && head_fetch && !bad && !halt_i;
  assign moved_o        = beat;

  always_ff @(posedge clk_i) begin : p_beat
    if (!rst_ni || clear_i) beat_q <= '0;
    else if (beat)          beat_q <= pop ? '0 : beat_q + 1'b1;
  end

  always_comb begin : p_error
    err_valid_o = (beat && bad) || burst_err;
    err_addr_o  = (beat && bad) ? head_addr : burst_addr;
    if (!(beat && bad))       err_code_o = aap_isa_pkg::ERR_WINDOW;
    else if (!m_axi_rresp[1]) err_code_o = aap_isa_pkg::ERR_READ_LAST;
    else if (m_axi_rresp[0])  err_code_o = aap_isa_pkg::ERR_READ_DECERR;
    else                      err_code_o = aap_isa_pkg::ERR_READ_SLVERR;
  end

  assign drained_o = !tags_valid;
  assign idle_o    = !tags_valid && !burst_busy;

  `AAP_ASSERT(data_when_asked, !m_axi_rvalid || tags_valid)
endmodule

`default_nettype wire
