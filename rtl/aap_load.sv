// SPDX-License-Identifier: Apache-2.0
//
// aap_load: loads. The request side takes a descriptor, checks it, waits for its tokens and asks for its rows; the write
// side (aap_load_write) reads the same descriptor a second time from the queue memory and places data and padding. The
// request side may be up to three descriptors ahead.

`default_nettype none
`include "aap_assert.svh"

`define AAP_FIELD(name) desc_data_i[aap_isa_pkg::LOAD_ACT_``name``_LSB % AxiDataWidth +: aap_isa_pkg::LOAD_ACT_``name``_W]
`define AAP_HEAD(name) desc_data_i[aap_isa_pkg::HDR_``name``_LSB % AxiDataWidth +: aap_isa_pkg::HDR_``name``_W]
`define AAP_BEAT(name) (take && desc_beat_i == BeatWidth'(aap_isa_pkg::LOAD_ACT_``name``_LSB / AxiDataWidth))

module aap_load #(
  parameter  int Select        = aap_isa_pkg::SELECT_GROUP,
  parameter  int Share         = 1,
  parameter  int Group         = 16,
  parameter  int Lanes         = 4,
  parameter  int Muls          = Lanes,
  parameter  int Pes           = 32,
  parameter  int Requantisers  = 8,
  parameter  int AxiDataWidth  = 128,
  parameter  int AddrWidth     = 32,
  parameter  int ActDepth      = 2048,
  parameter  int WeightDepth   = 512,
  parameter  int TableDepth    = 512,
  parameter  int ParamDepth    = 32,
  parameter  int ResidualDepth = 512,
  parameter  int BeatsWidth    = 14,   // bits of the beats of a request
  localparam int BeatBytes     = AxiDataWidth / 8,
  localparam int BeatLog       = $clog2(BeatBytes),
  localparam int BeatWidth     = $clog2(512 / AxiDataWidth),
  localparam int BlockBytes    = (Group > BeatBytes) ? Group : BeatBytes,
  localparam int Superbanks    = Lanes * Group / BlockBytes
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                       clear_i,
  input  wire logic                       halt_i,

  // descriptors: bit 0 request side, bit 1 write side
  input  wire logic [1:0]                 desc_valid_i,
  output      logic [1:0]                 desc_ready_o,
  input  wire logic [BeatWidth-1:0]       desc_beat_i,
  input  wire logic [AxiDataWidth-1:0]    desc_data_i,

  // tokens
  input  wire logic [4:0]                 tok_avail_i,
  output      logic [4:0]                 tok_take_o,
  output      logic [4:0]                 tok_post_o,

  // requests and data
  output      logic                       req_valid_o,
  input  wire logic                       req_ready_i,
  output      logic [AddrWidth-1:BeatLog] req_addr_o,
  output      logic [BeatsWidth-1:0]      req_len_o,
  output      logic [15:0]                req_layer_o,
  input  wire logic                       req_busy_i,
  input  wire logic                       r_valid_i,
  output      logic                       r_ready_o,
  input  wire logic [AxiDataWidth-1:0]    r_data_i,

  // buffers
  output      logic                       ld_valid_o,
  output      logic [2:0]                 ld_buf_o,
  output      logic [15:0]                ld_addr_o,
  output      logic [7:0]                 ld_col_o,
  output      logic [Superbanks-1:0]      ld_mask_o,
  output      logic [AxiDataWidth-1:0]    ld_data_o,

  output      logic                       idle_o,
  output      logic                       quiet_o,       // idle, or waiting for tokens
  output      logic                       loading_o,     // a load has its tokens and is not at its end
  output      logic                       err_valid_o,
  output      logic [7:0]                 err_code_o,
  output      logic [15:0]                err_entry_o    // of LOAD_RANGE; other errors are of the descriptor at hand
);
  localparam int BlockBeats = BlockBytes / BeatBytes;
  localparam int RowBits    = aap_isa_pkg::row_bits(Select, Share, Group, Lanes, Pes, Muls);
  localparam int RowBeats   = (RowBits + AxiDataWidth - 1) / AxiDataWidth;
  localparam int TableBeats = (2 * Lanes + BeatBytes - 1) / BeatBytes;
  localparam int ParamBeats = (8 * Requantisers + BeatBytes - 1) / BeatBytes;
  localparam int TilePlanes = Pes / BlockBytes;
  localparam int Depth1     = (ActDepth > ResidualDepth) ? ActDepth : ResidualDepth;
  localparam int Depth2     = (WeightDepth > TableDepth) ? WeightDepth : TableDepth;
  localparam int Depth3     = (Depth2 > ParamDepth) ? Depth2 : ParamDepth;
  localparam int MaxDepth   = (Depth1 > Depth3) ? Depth1 : Depth3;
  localparam int CountWidth = ($clog2(MaxDepth) < 7) ? 8 : $clog2(MaxDepth) + 1;  // the 8-bit fills fit
  localparam bit [BeatWidth-1:0] LastBeat = BeatWidth'(512 / AxiDataWidth - 1);

  // value times a constant, as shifts and adds
  function automatic logic [BeatsWidth-1:0] times(input logic [CountWidth-1:0] value, input int factor);
    logic [BeatsWidth-1:0] sum;
    sum = '0;
    for (int i = 0; i < 10; i = i + 1) begin
      if (((factor >> i) & 1) != 0) sum = sum + (BeatsWidth'(value) << i);
    end
    times = sum;
  endfunction

  typedef enum logic [2:0] {ST_PARSE, ST_CHECK, ST_WAIT, ST_REQUEST, ST_FINISH} state_e;
  state_e state_q;

  logic [2:0]            kind_q;     // opcode
  logic                  wait_e2l_q, wait_s2l_q;
  logic [15:0]           layer_q;
  logic                  wrap_bad_q;
  logic [BeatsWidth-1:0] len_q;
  logic [1:0]            ahead_q;    // begun here, not yet taken up by the write side

  logic                  take, linear, ready_tokens, begin_load, next, last_row, last, credit_take;
  logic                  bad_length, bad_align, high, big, bad, bad_count;
  logic [CountWidth-1:0] cols, planes;
  logic [15:0]           entry_limit;
  logic [BeatsWidth-1:0] beats;

  assign desc_ready_o[0] = (state_q == ST_PARSE);
  assign take            = desc_valid_i[0] && desc_ready_o[0];
  assign linear          = kind_q[2];

  aap_walk #(.AddrWidth(AddrWidth), .AxiDataWidth(AxiDataWidth), .CountWidth(CountWidth)) u_walk (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .take_i(take), .desc_beat_i(desc_beat_i), .desc_data_i(desc_data_i),
    .linear_i(linear), .start_i(begin_load), .next_i(next),
    .row_addr_o(req_addr_o), .cols_o(cols), .last_row_o(last_row), .last_o(last), .planes_o(planes),
    .bad_length_o(bad_length), .bad_align_o(bad_align), .high_o(high), .big_o(big)
  );

  always_comb begin : p_kind
    unique case ({1'b0, kind_q})
      aap_isa_pkg::OP_LOAD_WGT: begin beats = times(cols, RowBeats);   entry_limit = 16'(WeightDepth); end
      aap_isa_pkg::OP_LOAD_TAB: begin beats = times(cols, TableBeats); entry_limit = 16'(TableDepth);  end
      aap_isa_pkg::OP_LOAD_PAR: begin beats = times(cols, ParamBeats); entry_limit = 16'(ParamDepth);  end
      default:                  begin beats = times(cols, BlockBeats); entry_limit = 16'(MaxDepth);    end
    endcase
  end

  // ACT: wrap is 1..Superbanks; RES: planes are those of a tile
  assign bad_count = bad_length || (kind_q == 3'(aap_isa_pkg::OP_LOAD_ACT) && wrap_bad_q) ||
                     (kind_q == 3'(aap_isa_pkg::OP_LOAD_RES) && 16'(planes) > 16'(TilePlanes));
  assign bad       = bad_count || bad_align || high || big || 16'(cols) > entry_limit;

  assign ready_tokens = (!wait_e2l_q || tok_avail_i[aap_isa_pkg::TOK_E2L]) &&
                        (!wait_s2l_q || tok_avail_i[aap_isa_pkg::TOK_S2L]);
  assign begin_load   = (state_q == ST_WAIT) && ready_tokens && ahead_q != 2'd3 && !halt_i;
  assign req_valid_o  = (state_q == ST_REQUEST) && !halt_i;
  assign req_len_o    = len_q;
  assign req_layer_o  = layer_q;
  assign next         = req_valid_o && req_ready_i;

  always_comb begin : p_tokens
    tok_take_o                       = 5'd0;
    tok_take_o[aap_isa_pkg::TOK_E2L] = begin_load && wait_e2l_q;
    tok_take_o[aap_isa_pkg::TOK_S2L] = begin_load && wait_s2l_q;
  end

  always_ff @(posedge clk_i) begin : p_state
    if (!rst_ni || clear_i) begin
      state_q <= ST_PARSE;
      ahead_q <= 2'd0;
    end else begin
      unique case (state_q)
        ST_PARSE:   if (take && desc_beat_i == LastBeat) state_q <= ST_CHECK;
        ST_CHECK:   if (!bad) state_q <= ST_WAIT;
        ST_WAIT:    if (begin_load) state_q <= ST_REQUEST;
        ST_REQUEST: if (next && last) state_q <= ST_FINISH;
        default:    if (!req_busy_i) state_q <= ST_PARSE;  // the layer number is free
      endcase
      if (begin_load != credit_take) ahead_q <= begin_load ? ahead_q + 1'b1 : ahead_q - 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin : p_fields
    if (take && desc_beat_i == '0) begin
      kind_q     <= 3'(`AAP_HEAD(OPCODE));
      wait_e2l_q <= desc_data_i[aap_isa_pkg::HDR_WAIT_LSB + aap_isa_pkg::TOK_E2L];
      wait_s2l_q <= desc_data_i[aap_isa_pkg::HDR_WAIT_LSB + aap_isa_pkg::TOK_S2L];
      layer_q    <= `AAP_HEAD(LAYER);
    end
    if (`AAP_BEAT(WRAP)) wrap_bad_q <= `AAP_FIELD(WRAP) == 8'd0 || `AAP_FIELD(WRAP) > 8'(Superbanks);
    if (state_q == ST_CHECK) len_q <= beats - 1'b1;
  end

  // write side
  logic        wr_idle, wr_waiting, wr_running, wr_err, last_row_unused;
  logic [15:0] wr_err_addr;
  aap_load_write #(
    .Group(Group), .Lanes(Lanes), .Pes(Pes), .AxiDataWidth(AxiDataWidth), .RowBeats(RowBeats), .TableBeats(TableBeats),
    .ParamBeats(ParamBeats), .ActDepth(ActDepth), .WeightDepth(WeightDepth), .TableDepth(TableDepth),
    .ParamDepth(ParamDepth), .ResidualDepth(ResidualDepth), .CountWidth(CountWidth)
  ) u_write (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .halt_i(halt_i),
    .desc_valid_i(desc_valid_i[1]), .desc_ready_o(desc_ready_o[1]), .desc_beat_i(desc_beat_i), .desc_data_i(desc_data_i),
    .begun_i(ahead_q != 2'd0), .begun_take_o(credit_take), .post_o(tok_post_o[aap_isa_pkg::TOK_L2E]),
    .r_valid_i(r_valid_i), .r_ready_o(r_ready_o), .r_data_i(r_data_i),
    .ld_valid_o(ld_valid_o), .ld_buf_o(ld_buf_o), .ld_addr_o(ld_addr_o), .ld_col_o(ld_col_o), .ld_mask_o(ld_mask_o),
    .ld_data_o(ld_data_o),
    .idle_o(wr_idle), .waiting_o(wr_waiting), .running_o(wr_running), .err_valid_o(wr_err), .err_addr_o(wr_err_addr)
  );
  assign tok_post_o[4:1]  = 4'd0;
  assign last_row_unused  = last_row;

  assign idle_o  = (state_q == ST_PARSE) && wr_idle && ahead_q == 2'd0;
  assign quiet_o = (state_q == ST_PARSE || (state_q == ST_WAIT && !ready_tokens)) && ahead_q == 2'd0 &&
                   (wr_idle || wr_waiting);
  assign loading_o = ahead_q != 2'd0 || wr_running;

  always_comb begin : p_error
    err_valid_o = wr_err || (state_q == ST_CHECK && bad);
    err_entry_o = wr_err ? wr_err_addr : entry_limit;
    err_code_o  = aap_isa_pkg::ERR_LOAD_RANGE;
    if (wr_err)         err_code_o = aap_isa_pkg::ERR_LOAD_RANGE;
    else if (bad_count) err_code_o = aap_isa_pkg::ERR_BAD_LENGTH;
    else if (bad_align) err_code_o = aap_isa_pkg::ERR_BAD_ALIGN;
    else if (high)      err_code_o = aap_isa_pkg::ERR_WINDOW;
  end

  `AAP_ASSERT(ahead_in_range, !(begin_load && ahead_q == 2'd3) && !(credit_take && ahead_q == 2'd0))
endmodule

`undef AAP_FIELD
`undef AAP_HEAD
`undef AAP_BEAT

`default_nettype wire
