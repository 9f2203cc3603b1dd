// SPDX-License-Identifier: Apache-2.0
//
// aap_axi_write: write bursts. The data of a burst is offered from the cycle in which its address is; the next burst may be
// shown when the last data beat of the one before was taken. After halt_i the burst that was shown is finished with
// its strobes off, and responses are awaited.

`default_nettype none
`include "aap_assert.svh"

module aap_axi_write #(
  parameter  int AddrWidth    = 32,
  parameter  int AxiDataWidth = 128,
  parameter  int MaxBurst     = 64,   // beats
  parameter  int Outstanding  = 8,    // bursts without response, a power of two
  parameter  int BeatsWidth   = 16,   // bits of a request's length
  localparam int BeatLog      = $clog2(AxiDataWidth / 8)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                       clear_i,
  input  wire logic                       halt_i,
  input  wire logic [AddrWidth-1:0]       window_base_i,
  input  wire logic [AddrWidth-1:0]       window_limit_i,

  // requests: beat address, beats - 1; the layer stays while busy_o
  input  wire logic                       req_valid_i,
  output      logic                       req_ready_o,
  input  wire logic [AddrWidth-1:BeatLog] req_addr_i,
  input  wire logic [BeatsWidth-1:0]      req_len_i,
  input  wire logic                       req_post_i,      // post_o when the last response of this request has come
  input  wire logic [15:0]                req_layer_i,
  output      logic                       busy_o,          // a request's bursts are not all on the bus

  // data beats in the order of the requests; stable while offered
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
  output      logic                       m_axi_bready
);
  localparam int WordWidth = AddrWidth - BeatLog;
  localparam int LenWidth  = (MaxBurst == 1) ? 1 : $clog2(MaxBurst);

  logic                       shown, burst_last, burst_busy, burst_err, tag, unused_busy0;
  logic [AddrWidth-1:BeatLog] burst_addr;
  logic [7:0]                 burst_len;
  logic                       tags_ready, tags_valid, head_post, pop, bad;
  logic [WordWidth:0]         tags_data;
  logic [WordWidth-1:0]       head_addr;
  logic                       job_q;     // a burst's data is due
  logic [LenWidth-1:0]        left_q;    // beats after this one
  logic                       held_q;    // a beat with strobes was offered and not yet taken
  logic                       off, beat;

  aap_burst #(
    .AddrWidth(AddrWidth), .AxiDataWidth(AxiDataWidth), .MaxBurst(MaxBurst), .BeatsWidth(BeatsWidth), .TagWidth(1)
  ) u_burst (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .window_base_i(window_base_i), .window_limit_i(window_limit_i),
    .req_valid_i(req_valid_i && !halt_i), .req_ready_o(req_ready_o),
    .req_addr_i(req_addr_i), .req_len_i(req_len_i), .req_tag_i(req_post_i),
    .grant_i(tags_ready && !halt_i && (!job_q || (beat && m_axi_wlast))), .shown_o(shown),
    .valid_o(m_axi_awvalid), .ready_i(m_axi_awready),
    .addr_o(burst_addr), .len_o(burst_len), .tag_o(tag), .last_o(burst_last), .busy_o(burst_busy),
    .busy0_o(unused_busy0), .err_o(burst_err)
  );
  assign m_axi_awaddr = {burst_addr, {BeatLog{1'b0}}};
  assign m_axi_awlen  = burst_len;
  assign m_axi_awuser = req_layer_i;

  aap_fifo #(.Width(WordWidth + 1), .Depth(Outstanding)) u_tags (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .wr_valid_i(shown), .wr_ready_o(tags_ready), .wr_data_i({tag && burst_last, burst_addr}),
    .rd_valid_o(tags_valid), .rd_ready_i(pop), .rd_data_o(tags_data)
  );
  assign {head_post, head_addr} = tags_data;

  assign off          = halt_i && !held_q;
  assign m_axi_wvalid = job_q && (data_valid_i || halt_i);
  assign m_axi_wdata  = data_i;
  assign m_axi_wstrb  = {(AxiDataWidth/8){!off}};
  assign m_axi_wlast  = (left_q == '0);
  assign beat         = m_axi_wvalid && m_axi_wready;
  assign data_ready_o = job_q && m_axi_wready && !halt_i;

  always_ff @(posedge clk_i) begin : p_data
    if (!rst_ni || clear_i) begin
      job_q  <= 1'b0;
      held_q <= 1'b0;
    end else begin
      job_q  <= shown || (job_q && !(beat && m_axi_wlast));
      held_q <= m_axi_wvalid && !m_axi_wready && !off;
    end
    if (shown)     left_q <= LenWidth'(burst_len);
    else if (beat) left_q <= left_q - 1'b1;
  end

  assign m_axi_bready = tags_valid;
  assign pop          = m_axi_bvalid && tags_valid;
  assign bad          = pop && m_axi_bresp[1];
  assign post_o       = pop && !bad && head_post && !halt_i;
  assign moved_o      = beat || pop;

  assign err_valid_o  = bad || burst_err;
  assign err_addr_o   = bad ? head_addr : burst_addr;
  assign err_code_o   = !bad ? aap_isa_pkg::ERR_WINDOW :
                        m_axi_bresp[0] ? aap_isa_pkg::ERR_WRITE_DECERR : aap_isa_pkg::ERR_WRITE_SLVERR;

  assign busy_o       = burst_busy;
  assign drained_o    = !tags_valid && !job_q;
  assign idle_o       = drained_o && !burst_busy;

  `AAP_ASSERT(response_when_asked, !m_axi_bvalid || tags_valid)
endmodule

`default_nettype wire
