// SPDX-License-Identifier: Apache-2.0
//
// aap_load_write: the write side of loads: walks the destinations of a load, one beat per cycle, from read data or padding.
// Per plane: pre_fill, then for each row left_fill, cols blocks of data, right_fill, and at the end post_fill. Phases of
// length zero take no cycle. Linear loads are one row of entries.

`default_nettype none
`include "aap_assert.svh"

`define AAP_FIELD(name) desc_data_i[aap_isa_pkg::LOAD_ACT_``name``_LSB % AxiDataWidth +: aap_isa_pkg::LOAD_ACT_``name``_W]
`define AAP_BEAT(name) (take && desc_beat_i == BeatWidth'(aap_isa_pkg::LOAD_ACT_``name``_LSB / AxiDataWidth))

module aap_load_write #(
  parameter  int Group         = 16,
  parameter  int Lanes         = 4,
  parameter  int Pes           = 32,
  parameter  int AxiDataWidth  = 128,
  parameter  int RowBeats      = 12,
  parameter  int TableBeats    = 1,
  parameter  int ParamBeats    = 4,
  parameter  int ActDepth      = 2048,
  parameter  int WeightDepth   = 512,
  parameter  int TableDepth    = 512,
  parameter  int ParamDepth    = 32,
  parameter  int ResidualDepth = 512,
  parameter  int CountWidth    = 12,   // bits of counts; 2^(CountWidth-1) is the deepest buffer
  localparam int BeatBytes     = AxiDataWidth / 8,
  localparam int BeatWidth     = $clog2(512 / AxiDataWidth),
  localparam int BlockBytes    = (Group > BeatBytes) ? Group : BeatBytes,
  localparam int Superbanks    = Lanes * Group / BlockBytes
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,
  input  wire logic                    clear_i,
  input  wire logic                    halt_i,

  input  wire logic                    desc_valid_i,
  output      logic                    desc_ready_o,
  input  wire logic [BeatWidth-1:0]    desc_beat_i,
  input  wire logic [AxiDataWidth-1:0] desc_data_i,

  input  wire logic                    begun_i,       // the request side has begun this descriptor
  output      logic                    begun_take_o,
  output      logic                    post_o,        // finished, posts L2E

  input  wire logic                    r_valid_i,
  output      logic                    r_ready_o,
  input  wire logic [AxiDataWidth-1:0] r_data_i,

  output      logic                    ld_valid_o,
  output      logic [2:0]              ld_buf_o,
  output      logic [15:0]             ld_addr_o,
  output      logic [7:0]              ld_col_o,
  output      logic [Superbanks-1:0]   ld_mask_o,
  output      logic [AxiDataWidth-1:0] ld_data_o,

  output      logic                    idle_o,
  output      logic                    waiting_o,     // for the request side
  output      logic                    running_o,     // data or padding is being written
  output      logic                    err_valid_o,   // LOAD_RANGE
  output      logic [15:0]             err_addr_o
);
  localparam int BlockBeats = BlockBytes / BeatBytes;
  localparam int TilePlanes = Pes / BlockBytes;
  localparam int WrapWidth  = $clog2(Superbanks) + 1;
  localparam int PlaneLog   = $clog2(TilePlanes);
  localparam int TileLog    = $clog2(Pes / BeatBytes);
  localparam int MaxBeats1  = (RowBeats > ParamBeats) ? RowBeats : ParamBeats;
  localparam int MaxBeats2  = (TableBeats > BlockBeats) ? TableBeats : BlockBeats;
  localparam int MaxBeats   = (MaxBeats1 > MaxBeats2) ? MaxBeats1 : MaxBeats2;
  localparam int ColWidth   = (MaxBeats == 1) ? 1 : $clog2(MaxBeats);
  localparam bit [BeatWidth-1:0] LastBeat = BeatWidth'(512 / AxiDataWidth - 1);

  typedef enum logic [2:0] {ST_PARSE, ST_WAIT, ST_PRE, ST_LEFT, ST_DATA, ST_RIGHT, ST_POST} state_e;
  state_e state_q, state_d, row_state, plane_state;

  // descriptor
  logic [2:0]            kind_q;
  logic                  post_q, big;
  logic [CountWidth-1:0] cols_q, rows_q, planes_q, pre_q, post_fill_q, step_q;
  logic [CountWidth-1:0] base_q;       // first word of the plane that begins next
  logic [7:0]            left_q, right_q, pad_q;
  logic [Superbanks-1:0] mask_first_q, mask_q;
  logic [WrapWidth-1:0]  wrap_q;
  // walk
  logic [CountWidth-1:0] count_q;      // block of the phase, from 1
  logic [CountWidth-1:0] row_no_q;     // row of the plane, from 1
  logic [CountWidth-1:0] word_q;
  logic [WrapWidth-1:0]  turn_q;       // plane of the wrap, from 1
  logic [7:0]            plane_no_q;
  logic [ColWidth-1:0]   col_q, col_last;

  logic                  take, start, act, linear, running, fill, fire, block_end, phase_end, plane_end;
  logic                  last_row, last_plane, wrap_end, advance, has_pre, has_post, has_left, has_right, bad, finish;
  logic [CountWidth-1:0] phase_len, limit;
  logic [WrapWidth-1:0]  turn_d;

  assign desc_ready_o = (state_q == ST_PARSE);
  assign take         = desc_valid_i && desc_ready_o;
  assign act          = (kind_q == 3'(aap_isa_pkg::OP_LOAD_ACT));
  assign linear       = kind_q[2];
  assign start        = (state_q == ST_WAIT) && begun_i && !halt_i;
  assign begun_take_o = start;

  assign has_pre      = (pre_q != '0);
  assign has_post     = (post_fill_q != '0);
  assign has_left     = (left_q != 8'd0);
  assign has_right    = (right_q != 8'd0);

  always_comb begin : p_kind
    unique case ({1'b0, kind_q})
      aap_isa_pkg::OP_LOAD_WGT: begin col_last = ColWidth'(RowBeats - 1);   limit = CountWidth'(WeightDepth);   end
      aap_isa_pkg::OP_LOAD_TAB: begin col_last = ColWidth'(TableBeats - 1); limit = CountWidth'(TableDepth);    end
      aap_isa_pkg::OP_LOAD_PAR: begin col_last = ColWidth'(ParamBeats - 1); limit = CountWidth'(ParamDepth);    end
      aap_isa_pkg::OP_LOAD_RES: begin col_last = ColWidth'(BlockBeats - 1); limit = CountWidth'(ResidualDepth); end
      default:                  begin col_last = ColWidth'(BlockBeats - 1); limit = CountWidth'(ActDepth);      end
    endcase
  end

  always_comb begin : p_phase_len
    unique case (state_q)
      ST_PRE:   phase_len = pre_q;
      ST_LEFT:  phase_len = CountWidth'(left_q);
      ST_RIGHT: phase_len = CountWidth'(right_q);
      ST_POST:  phase_len = post_fill_q;
      default:  phase_len = cols_q;
    endcase
  end

  // limit is a power of two: beyond the end is a bit at or above it
  assign bad        = big || (word_q & ~(limit - 1'b1)) != '0;
  assign running    = (state_q != ST_PARSE) && (state_q != ST_WAIT) && !halt_i;
  assign fill       = (state_q != ST_DATA);
  assign r_ready_o  = running && !fill;
  assign fire       = running && !bad && (fill || r_valid_i);
  assign block_end  = fire && col_q == col_last;
  assign phase_end  = block_end && count_q == phase_len;
  assign last_row   = linear || row_no_q == rows_q;
  assign last_plane = linear || planes_q == CountWidth'(1);
  assign wrap_end   = (Superbanks == 1) || turn_q == wrap_q;
  assign turn_d     = (start || wrap_end) ? WrapWidth'(1) : turn_q + 1'b1;
  assign advance    = (start || plane_end) && (Superbanks == 1 || turn_d == wrap_q);

  // The first phases of a plane and of a row.
  always_comb begin : p_first
    row_state = ST_DATA;
    if (has_left) row_state = ST_LEFT;
    plane_state = row_state;
    if (has_pre) plane_state = ST_PRE;
  end

  // The phase that follows: within the row, the next row, the end of the plane, the next plane.
  always_comb begin : p_next
    state_d   = state_q;
    plane_end = 1'b0;
    if (phase_end) begin
      if (state_q == ST_PRE && has_left)                                          state_d = ST_LEFT;
      else if (state_q == ST_PRE || state_q == ST_LEFT)                           state_d = ST_DATA;
      else if (state_q == ST_DATA && has_right)                                   state_d = ST_RIGHT;
      else if (state_q != ST_POST && !last_row)                                   state_d = row_state;
      else if (state_q != ST_POST && has_post)                                    state_d = ST_POST;
      else begin
        plane_end = 1'b1;
        state_d   = plane_state;
        if (last_plane) state_d = ST_PARSE;
      end
    end else if (state_q == ST_WAIT) begin
      if (start) state_d = plane_state;
    end else if (state_q == ST_PARSE) begin
      if (take && desc_beat_i == LastBeat) state_d = ST_WAIT;
    end
  end
  assign finish = plane_end && last_plane;

  always_ff @(posedge clk_i) begin : p_state
    if (!rst_ni || clear_i) begin
      state_q <= ST_PARSE;
      post_o  <= 1'b0;
    end else begin
      state_q <= state_d;
      post_o  <= finish && post_q;
    end
  end

  always_ff @(posedge clk_i) begin : p_walk
    if (start || block_end) col_q <= '0;
    else if (fire)          col_q <= col_q + 1'b1;

    if (start || phase_end) count_q <= CountWidth'(1);
    else if (block_end)     count_q <= count_q + 1'b1;

    if (start || plane_end) row_no_q <= CountWidth'(1);
    else if (phase_end && (state_d == ST_LEFT || state_d == ST_DATA) && (state_q == ST_DATA || state_q == ST_RIGHT))
      row_no_q <= row_no_q + 1'b1;

    if (start || plane_end) word_q <= base_q;
    else if (block_end)     word_q <= word_q + 1'b1;

    if (start || plane_end) turn_q <= turn_d;
    if (start) begin
      mask_q     <= mask_first_q;
      plane_no_q <= 8'd0;
    end else if (plane_end) begin
      mask_q     <= wrap_end ? mask_first_q : Superbanks'({mask_q, mask_q} >> (Superbanks - 1));
      plane_no_q <= plane_no_q + 1'b1;
    end

    if (`AAP_BEAT(PLANES))  planes_q <= CountWidth'(`AAP_FIELD(PLANES));
    else if (plane_end)     planes_q <= planes_q - 1'b1;
    if (`AAP_BEAT(DST))     base_q <= CountWidth'(`AAP_FIELD(DST));
    else if (advance)       base_q <= base_q + step_q;
  end

  // Bits above CountWidth make an ACT or RES load (dst: any load) reach beyond the end in any case.
  logic dst_big_q, fills_big_q, step_big_q;
  always_ff @(posedge clk_i) begin : p_fields
    if (take && desc_beat_i == '0) begin
      kind_q <= 3'(desc_data_i[aap_isa_pkg::HDR_OPCODE_LSB +: aap_isa_pkg::HDR_OPCODE_W]);
      post_q <= desc_data_i[aap_isa_pkg::HDR_POST_LSB + aap_isa_pkg::TOK_L2E];
    end
    if (`AAP_BEAT(COLS)) begin
      cols_q <= CountWidth'(`AAP_FIELD(COLS));
      rows_q <= CountWidth'(`AAP_FIELD(ROWS));
    end
    if (`AAP_BEAT(DST)) dst_big_q <= (`AAP_FIELD(DST) >> CountWidth) != 16'd0;
    // what only ACT has is zero elsewhere
    if (`AAP_BEAT(PRE_FILL)) begin
      pre_q       <= act ? CountWidth'(`AAP_FIELD(PRE_FILL)) : '0;
      post_fill_q <= act ? CountWidth'(`AAP_FIELD(POST_FILL)) : '0;
      fills_big_q <= act && ((`AAP_FIELD(PRE_FILL) | `AAP_FIELD(POST_FILL)) >> CountWidth) != 16'd0;
    end
    if (`AAP_BEAT(LEFT_FILL)) begin
      left_q       <= act ? `AAP_FIELD(LEFT_FILL) : 8'd0;
      right_q      <= act ? `AAP_FIELD(RIGHT_FILL) : 8'd0;
      pad_q        <= `AAP_FIELD(PAD_VALUE);
      mask_first_q[((Superbanks > 8) ? 8 : Superbanks)-1:0] <= ((Superbanks > 8) ? 8 : Superbanks)'(`AAP_FIELD(BANK_MASK));
    end
    if (`AAP_BEAT(PLANE_STEP)) begin
      step_q     <= act ? CountWidth'(`AAP_FIELD(PLANE_STEP)) : '0;
      step_big_q <= act && `AAP_FIELD(PLANE_STEP) > 16'(1 << (CountWidth - 1));  // no wrap-around
      wrap_q     <= WrapWidth'(`AAP_FIELD(WRAP));
    end
  end
  if (Superbanks > 8) begin : gen_mask_high
    always_ff @(posedge clk_i) begin : p_mask_high
      if (`AAP_BEAT(BANK_MASK_HIGH)) mask_first_q[Superbanks-1:8] <= (Superbanks-8)'(`AAP_FIELD(BANK_MASK_HIGH));
    end
  end
  assign big = dst_big_q || fills_big_q || step_big_q;

  assign ld_valid_o = fire;
  assign ld_buf_o   = kind_q - 3'(aap_isa_pkg::OP_LOAD_ACT);
  assign ld_col_o   = 8'(col_q);
  assign ld_mask_o  = mask_q;
  assign ld_data_o  = fill ? {BeatBytes{pad_q}} : r_data_i;

  // residual: beats of a pixel in the order of its planes
  localparam int BlockLog = $clog2(BlockBeats);
  logic [15:0] residual_beat;
  always_comb begin : p_residual
    residual_beat = (16'(word_q) << TileLog) | 16'(col_q);
    if (PlaneLog > 0) residual_beat = residual_beat | ((16'(plane_no_q) & 16'(TilePlanes - 1)) << BlockLog);
  end
  assign ld_addr_o = (kind_q == 3'(aap_isa_pkg::OP_LOAD_RES)) ? residual_beat : 16'(word_q);

  assign idle_o      = (state_q == ST_PARSE) && !post_o;
  assign waiting_o   = (state_q == ST_WAIT);
  assign running_o   = (state_q != ST_PARSE) && (state_q != ST_WAIT);
  assign err_valid_o = running && bad && (fill || r_valid_i);
  assign err_addr_o  = 16'(word_q);

  if (ResidualDepth * (Pes / BeatBytes) > 65536) begin : gen_illegal_residual
    ERROR_aap_load_write_ResidualDepth_beats_must_fit_16_bits u_error ();
  end
endmodule

`undef AAP_FIELD
`undef AAP_BEAT

`default_nettype wire
