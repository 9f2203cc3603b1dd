// SPDX-License-Identifier: Apache-2.0
//
// aap_store: stores. Row by row, asks for the row's bursts and reads its words from the output buffer, one per cycle, into
// a beat. The next descriptor is taken when the last word was read and all bursts are on the bus; responses may still
// be on their way.

`default_nettype none
`include "aap_assert.svh"

`define AAP_FIELD(name) desc_data_i[aap_isa_pkg::STORE_``name``_LSB % AxiDataWidth +: aap_isa_pkg::STORE_``name``_W]
`define AAP_BEAT(name) (take && desc_beat_i == BeatWidth'(aap_isa_pkg::STORE_``name``_LSB / AxiDataWidth))

module aap_store #(
  parameter  int Group        = 16,
  parameter  int Pes          = 32,
  parameter  int Requantisers = 8,
  parameter  int AxiDataWidth = 128,
  parameter  int AddrWidth    = 32,
  parameter  int OutDepth     = 512,
  parameter  int BeatsWidth   = 14,   // bits of the beats of a request
  localparam int BeatBytes    = AxiDataWidth / 8,
  localparam int BeatLog      = $clog2(BeatBytes),
  localparam int BeatWidth    = $clog2(512 / AxiDataWidth)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                       clear_i,
  input  wire logic                       halt_i,

  // descriptors
  input  wire logic                       desc_valid_i,
  output      logic                       desc_ready_o,
  input  wire logic [BeatWidth-1:0]       desc_beat_i,
  input  wire logic [AxiDataWidth-1:0]    desc_data_i,

  // tokens; S2L is posted by the write side of the bus
  input  wire logic [4:0]                 tok_avail_i,
  output      logic [4:0]                 tok_take_o,
  output      logic [4:0]                 tok_post_o,

  // requests and data
  output      logic                       req_valid_o,
  input  wire logic                       req_ready_i,
  output      logic [AddrWidth-1:BeatLog] req_addr_o,
  output      logic [BeatsWidth-1:0]      req_len_o,
  output      logic                       req_post_o,    // the responses of this request complete S2L
  output      logic [15:0]                req_layer_o,
  input  wire logic                       req_busy_i,
  output      logic                       data_valid_o,
  input  wire logic                       data_ready_i,
  output      logic [AxiDataWidth-1:0]    data_o,

  // output buffer
  output      logic                       out_re_o,
  output      logic [15:0]                out_raddr_o,
  input  wire logic [8*Requantisers-1:0]  out_rdata_i,

  output      logic                       idle_o,        // nothing held; beats may still wait for the bus
  output      logic                       quiet_o,       // idle, or waiting for tokens
  output      logic                       err_valid_o,
  output      logic [7:0]                 err_code_o,
  output      logic [15:0]                err_entry_o    // of STORE_RANGE; other errors are of the descriptor at hand
);
  localparam int BlockBytes = (Group > BeatBytes) ? Group : BeatBytes;
  localparam int BlockBeats = BlockBytes / BeatBytes;
  localparam int BlockWords = BlockBytes / Requantisers;
  localparam int BeatWords  = BeatBytes / Requantisers;
  localparam int TilePlanes = Pes / BlockBytes;
  localparam int PlaneLog   = $clog2(TilePlanes);
  localparam int DrainLog   = $clog2(Pes / Requantisers);
  localparam int WordLog    = $clog2(BlockWords);
  localparam int PackLog    = $clog2(BeatWords);
  localparam int CountWidth = $clog2(OutDepth) + 1;
  localparam int WordWidth  = (WordLog == 0) ? 1 : WordLog;
  localparam int PackWidth  = (PackLog == 0) ? 1 : PackLog;
  localparam bit [BeatWidth-1:0] LastBeat = BeatWidth'(512 / AxiDataWidth - 1);

  typedef enum logic [2:0] {ST_PARSE, ST_CHECK, ST_WAIT, ST_ROW, ST_READ, ST_FINISH} state_e;
  state_e state_q;

  logic                  wait_q, post_s2e_q, post_s2l_q, base_big_q;
  logic [15:0]           layer_q;
  logic [CountWidth-1:0] base_q, pixel_q, left_q;  // left: blocks of the row
  logic [WordWidth-1:0]  word_q;                   // word of the block
  logic [7:0]            plane_no_q;
  logic [PackWidth-1:0]  pack_q;                   // words in the beat
  logic                  fetched_q;                // a word was read and not yet packed
  logic                  full_q;
  logic [AxiDataWidth-1:0] data_q;

  logic                  take, ready_tokens, begin_store, next, last_row, last, bad, bad_length, bad_count, bad_align;
  logic                  high, big, range_bad, room, read, block_end, row_end, pack, asked;
  logic                  read_last_q, read_end_q;  // the row that is read: last of all, of its plane
  logic                  ahead_q;                  // the one after it has been asked for
  logic [CountWidth-1:0] cols, planes;

  assign desc_ready_o = (state_q == ST_PARSE);
  assign take         = desc_valid_i && desc_ready_o;

  aap_walk #(.AddrWidth(AddrWidth), .AxiDataWidth(AxiDataWidth), .CountWidth(CountWidth)) u_walk (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .take_i(take), .desc_beat_i(desc_beat_i), .desc_data_i(desc_data_i),
    .linear_i(1'b0), .start_i(begin_store), .next_i(next),
    .row_addr_o(req_addr_o), .cols_o(cols), .last_row_o(last_row), .last_o(last), .planes_o(planes),
    .bad_length_o(bad_length), .bad_align_o(bad_align), .high_o(high), .big_o(big)
  );

  assign bad_count    = bad_length || 16'(planes) > 16'(TilePlanes);
  assign bad          = bad_count || bad_align || high || big || base_big_q;
  assign ready_tokens = !wait_q || tok_avail_i[aap_isa_pkg::TOK_E2S];
  assign begin_store  = (state_q == ST_WAIT) && ready_tokens && !halt_i;
  // While a row is read the next is asked for, so that its address is on the bus before its data.
  assign req_valid_o  = (state_q == ST_ROW || (state_q == ST_READ && !read_last_q && !ahead_q)) && !halt_i;
  assign asked        = req_valid_o && req_ready_i;
  assign req_len_o    = (BeatsWidth'(cols) << $clog2(BlockBeats)) - 1'b1;
  assign req_post_o   = last && post_s2l_q;
  assign req_layer_o  = layer_q;

  always_comb begin : p_tokens
    tok_take_o                       = 5'd0;
    tok_take_o[aap_isa_pkg::TOK_E2S] = begin_store && wait_q;
    tok_post_o                       = 5'd0;
    tok_post_o[aap_isa_pkg::TOK_S2E] = row_end && read_last_q && post_s2e_q;
  end

  // Reading: a word may be fetched when the one before leaves the read register.
  assign range_bad = (pixel_q >> $clog2(OutDepth)) != '0;
  assign room      = !full_q || data_ready_i;
  assign pack      = fetched_q && room;
  assign read      = (state_q == ST_READ) && !range_bad && !halt_i && (!fetched_q || room);
  assign block_end = read && word_q == WordWidth'(BlockWords - 1);
  assign row_end   = block_end && left_q == CountWidth'(1);
  assign next      = (state_q == ST_ROW && asked) || (row_end && !read_last_q && (ahead_q || asked));

  assign out_re_o  = read;
  always_comb begin : p_address
    out_raddr_o = 16'(pixel_q) << DrainLog;
    if (PlaneLog > 0) out_raddr_o = out_raddr_o | ((16'(plane_no_q) & 16'(TilePlanes - 1)) << WordLog);
    if (WordLog > 0)  out_raddr_o = out_raddr_o | 16'(word_q);
  end

  always_ff @(posedge clk_i) begin : p_state
    if (!rst_ni || clear_i) begin
      state_q <= ST_PARSE;
    end else begin
      unique case (state_q)
        ST_PARSE: if (take && desc_beat_i == LastBeat) state_q <= ST_CHECK;
        ST_CHECK: if (!bad) state_q <= ST_WAIT;
        ST_WAIT:  if (begin_store) state_q <= ST_ROW;
        ST_ROW:   if (asked) state_q <= ST_READ;
        ST_READ:  if (row_end) state_q <= read_last_q ? ST_FINISH : (ahead_q || asked) ? ST_READ : ST_ROW;
        default:  if (!req_busy_i) state_q <= ST_PARSE;  // the layer number is free
      endcase
    end
  end

  always_ff @(posedge clk_i) begin : p_walk
    if (state_q == ST_ROW || block_end) word_q <= '0;
    else if (read)                      word_q <= word_q + 1'b1;

    if (state_q == ST_ROW || row_end) left_q <= cols;
    else if (block_end)               left_q <= left_q - 1'b1;

    if (begin_store || (row_end && read_end_q)) pixel_q <= base_q;
    else if (block_end)                         pixel_q <= pixel_q + 1'b1;

    if (begin_store)                plane_no_q <= 8'd0;
    else if (row_end && read_end_q) plane_no_q <= plane_no_q + 1'b1;

    if (next) begin
      read_last_q <= last;
      read_end_q  <= last_row;
    end
    ahead_q <= (state_q == ST_READ) && !row_end && (ahead_q || asked);
  end

  always_ff @(posedge clk_i) begin : p_fields
    if (take && desc_beat_i == '0) begin
      wait_q     <= desc_data_i[aap_isa_pkg::HDR_WAIT_LSB + aap_isa_pkg::TOK_E2S];
      post_s2e_q <= desc_data_i[aap_isa_pkg::HDR_POST_LSB + aap_isa_pkg::TOK_S2E];
      post_s2l_q <= desc_data_i[aap_isa_pkg::HDR_POST_LSB + aap_isa_pkg::TOK_S2L];
      layer_q    <= desc_data_i[aap_isa_pkg::HDR_LAYER_LSB +: aap_isa_pkg::HDR_LAYER_W];
    end
    if (`AAP_BEAT(OUT_BASE)) begin
      base_q     <= CountWidth'(`AAP_FIELD(OUT_BASE));
      base_big_q <= (`AAP_FIELD(OUT_BASE) >> CountWidth) != 16'd0;
    end
  end

  // Words into beats, the first in the low bytes.
  always_ff @(posedge clk_i) begin : p_flow
    if (!rst_ni || clear_i) begin
      fetched_q <= 1'b0;
      full_q    <= 1'b0;
      pack_q    <= '0;
    end else begin
      fetched_q <= read || (fetched_q && !pack);
      full_q    <= (pack && (PackLog == 0 || pack_q == PackWidth'(BeatWords - 1))) || (full_q && !data_ready_i);
      if (pack && PackLog > 0) pack_q <= pack_q + 1'b1;
    end
    if (pack) data_q <= AxiDataWidth'({out_rdata_i, data_q} >> (8 * Requantisers));
  end
  assign data_valid_o = full_q;
  assign data_o       = data_q;

  assign idle_o  = (state_q == ST_PARSE) && !fetched_q && !full_q;
  assign quiet_o = idle_o || (state_q == ST_WAIT && !ready_tokens && !fetched_q && !full_q);

  always_comb begin : p_error
    err_valid_o = (state_q == ST_CHECK && bad) || (state_q == ST_READ && range_bad && !halt_i);
    err_entry_o = (state_q == ST_READ) ? 16'(pixel_q) : 16'(OutDepth);
    err_code_o  = aap_isa_pkg::ERR_STORE_RANGE;
    if (state_q == ST_READ) err_code_o = aap_isa_pkg::ERR_STORE_RANGE;
    else if (bad_count)     err_code_o = aap_isa_pkg::ERR_BAD_LENGTH;
    else if (bad_align)     err_code_o = aap_isa_pkg::ERR_BAD_ALIGN;
    else if (high)          err_code_o = aap_isa_pkg::ERR_WINDOW;
  end
endmodule

`undef AAP_FIELD
`undef AAP_BEAT

`default_nettype wire
