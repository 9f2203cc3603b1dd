// SPDX-License-Identifier: Apache-2.0
//
// aap_exec: takes EXEC descriptors and walks rows, columns, steps and k. A row issued in cycle T reads the table (first k
// of a step), adds the offsets in T+1, reads banks and weights in T+2 and is in the array in T+3.
//
// The descriptor's second half (words 8 to 15: bounds and residual constants, kept once) is taken when the previous
// EXEC has left the drain; the first pixel's last row waits for it. Everything behind the last row of a pixel has a fixed
// latency, so one timer from the last row of an EXEC tells when its buffers are read and its outputs written.
//
// With Overlap a beat of the second half that brings what is held already is taken at once, if the drain treats both EXECs alike:
// then the next EXEC's pixels follow those of the previous one through the drain without a gap.

`default_nettype none
`include "aap_assert.svh"

`define AAP_FIELD(name) desc_data_i[aap_isa_pkg::EXEC_``name``_LSB % AxiDataWidth +: aap_isa_pkg::EXEC_``name``_W]
`define AAP_SAME(name, held, width) (beat_q != BeatW'(aap_isa_pkg::EXEC_``name``_LSB / AxiDataWidth) || (width)'(`AAP_FIELD(name)) == held)
`define AAP_BEAT(name) (take && beat_q == BeatW'(aap_isa_pkg::EXEC_``name``_LSB / AxiDataWidth))

module aap_exec #(
  parameter  int Select        = aap_isa_pkg::SELECT_GROUP,
  parameter  int Share         = 1,
  parameter  int Group         = 16,
  parameter  int Lanes         = 4,
  parameter  int AxiDataWidth  = 128,
  parameter  int AddrWidth     = 32,
  parameter  int ActDepth      = 2048,
  parameter  int WeightDepth   = 512,
  parameter  int TableDepth    = 512,
  parameter  int ParamDepth    = 32,
  parameter  int PsumDepth     = 256,  // pixels, as the next two
  parameter  int OutDepth      = 512,
  parameter  int ResidualDepth = 512,
  parameter  int AddMulWidth   = 23,   // as in aap_residual_add
  parameter  int DrainCycles   = 4,    // cycles of the drain per pixel
  parameter  int ReadDelay     = 20,   // from the last row of an EXEC until its parameters have been read,
  parameter  int ResidualDelay = 26,   // its residual operands too,
  parameter  int FinishDelay   = 31,   // and its outputs are written;
  parameter  int ResidualFinishDelay = 31,  // with residual
  parameter  int MaxRowCycles  = 1,    // cycles from a row of a maximum to the next row
  parameter  int ResidualPasses = 1,   // times DrainCycles is what a pixel with residual takes in the drain
  localparam bit Windowed      = (Select >= aap_isa_pkg::SELECT_WINDOW),
  localparam bit Overlap       = !Windowed && (ResidualPasses == 1),
  localparam int IndexW        = $clog2(Group),
  localparam int ActW          = $clog2(ActDepth),
  localparam int WgtW          = $clog2(WeightDepth),
  localparam int TabW          = $clog2(TableDepth),
  localparam int StepW         = ActW + 1 + ((Select == aap_isa_pkg::SELECT_DENSE) ? IndexW : 0),
  localparam int ParW          = $clog2(ParamDepth),
  localparam int PsumW         = $clog2(PsumDepth),
  localparam int OutW          = $clog2(OutDepth),
  localparam int ResW          = $clog2(ResidualDepth)
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,
  input  wire logic                      clear_i,
  input  wire logic                      halt_i,

  // descriptor beats
  input  wire logic                      desc_valid_i,
  output      logic                      desc_ready_o,
  input  wire logic [AxiDataWidth-1:0]   desc_data_i,
  input  wire logic [AddrWidth-1:0]      desc_addr_i,

  // tokens
  input  wire logic [4:0]                tok_avail_i,
  output      logic [4:0]                tok_take_o,
  output      logic [4:0]                tok_post_o,

  // buffers
  output      logic                      tab_re_o,
  output      logic [TabW-1:0]           tab_addr_o,
  input  wire logic [Lanes*StepW-1:0]    tab_rdata_i,
  output      logic                      act_re_o,
  output      logic [Lanes*ActW-1:0]     act_addr_o,
  output      logic                      wgt_re_o,
  output      logic [WgtW-1:0]           wgt_addr_o,

  // WINDOW: weights of an EXEC begin; the array has finished with its window; a PE's rows run out
  output      logic                      wgt_start_o,
  output      logic [WgtW:0]             wgt_base_o,
  input  wire logic                      win_next_i,
  input  wire logic                      wgt_over_i,

  // row (WINDOW: window, held until win_next_i) into the array
  output      logic                      row_valid_o,
  output      logic                      row_first_o,
  output      logic                      row_last_o,
  output      logic                      row_max_o,
  output      logic                      row_diag_o,
  output      logic [IndexW*Lanes-1:0]   row_index_o,  // DENSE: of each lane

  // fields of the drain: the first group is copied at cfg_load_o, the second stays until the drain is empty
  output      logic                      cfg_load_o,
  output      logic                      cfg_next_o,       // bases for the pixels behind those that have come to the drain
  output      logic                      cfg_first_o,
  output      logic                      cfg_last_o,
  output      logic                      cfg_max_o,
  output      logic                      cfg_residual_o,
  output      logic [PsumW:0]            cfg_psum_base_o,
  output      logic [OutW:0]            cfg_out_base_o,
  output      logic [ResW:0]            cfg_res_base_o,
  output      logic [ParW-1:0]           cfg_par_base_o,
  output      logic [7:0]                cfg_zp_o,
  output      logic [7:0]                cfg_lo_o,
  output      logic [7:0]                cfg_hi_o,
  output      logic [7:0]                cfg_add_zp_o,
  output      logic [4:0]                cfg_add_shift_o,
  output      logic [7:0]                cfg_add_lo_o,
  output      logic [7:0]                cfg_add_hi_o,
  output      logic [AddMulWidth-1:0]               cfg_add_ma_o,
  output      logic [AddMulWidth-1:0]               cfg_add_mb_o,
  output      logic [AddMulWidth+8:0]               cfg_add_c_o,
  input  wire logic                      swap_mul_i,       // the drain has add_ma and add_mb change places,
  input  wire logic                      swap_bounds_i,    // and lo, hi and swap_zp_i with their likes of the residual add
  input  wire logic [7:0]                swap_zp_i,
  input  wire logic                      drain_err_i,
  input  wire logic [15:0]               drain_err_addr_i,

  // status
  output      logic                      busy_o,       // a row or a pixel of this unit is on its way
  output      logic                      parsed_o,     // holds part of a descriptor
  output      logic                      flying_o,     // WINDOW: windows have been issued and not used
  output      logic                      err_valid_o,
  output      logic [7:0]                err_code_o,
  output      logic [AddrWidth-1:0]      err_addr_o,
  output      logic                      issue_o,
  output      logic                      stall_load_o,
  output      logic                      stall_store_o,
  output      logic                      stall_requant_o
);
  localparam int Beats = 512 / AxiDataWidth;
  localparam int BeatW = $clog2(Beats);
  localparam int PixelDepth = (OutDepth > PsumDepth) ? OutDepth : PsumDepth;
  localparam int KeepW = $clog2(Group) + 1;
  // A step takes a row of weights at least; WINDOW's PEs may have several steps in a row.
  localparam int CountW = ((Windowed && TabW > WgtW) ? TabW : WgtW) + 1;
  localparam int PixW  = $clog2(PixelDepth) + 1;
  localparam int GapW  = $clog2(ResidualPasses * DrainCycles);
  localparam int TimeW = $clog2(((FinishDelay > ResidualFinishDelay) ? FinishDelay : ResidualFinishDelay) + 1);
  localparam int L2E   = aap_isa_pkg::TOK_L2E;
  localparam int E2L   = aap_isa_pkg::TOK_E2L;
  localparam int E2S   = aap_isa_pkg::TOK_E2S;
  localparam int S2E   = aap_isa_pkg::TOK_S2E;

  if (DrainCycles < 4 || ParamDepth < DrainCycles) begin : gen_illegal_drain
    ERROR_aap_exec_drain_cycles_must_be_4_to_ParamDepth u_error ();
  end
  if (PsumDepth < 2 || OutDepth < 2 || ResidualDepth < 2 || PixelDepth > 32768) begin : gen_illegal_pixels
    ERROR_aap_exec_pixel_depths_must_be_2_to_32768 u_error ();
  end

  localparam bit [1:0] ST_PARSE = 2'd0;
  localparam bit [1:0] ST_WAIT  = 2'd1;
  localparam bit [1:0] ST_RUN   = 2'd2;

  logic [1:0]       state_q;
  logic [BeatW-1:0] beat_q;
  logic             parsed_q;     // the whole descriptor has been taken
  logic             fault_q;
  logic             drain_busy_q;
  logic [TimeW-1:0] timer_q;

  // The stages behind issue hold a row; WINDOW stops them together while the array keeps its window.
  logic v1_q, v2_q, v3_q, hold, flying, leaving;  // leaving: windows of the EXEC before the descriptor's
  assign hold     = Windowed && v3_q && !win_next_i;
  assign flying   = Windowed && (v1_q || v2_q || v3_q);
  assign leaving  = flying && (state_q != ST_RUN);
  assign flying_o = flying;

  // ---- descriptor
  logic take, second_half, last_early, last_beat, same;
  assign second_half  = beat_q[BeatW-1];
  assign last_early   = (beat_q == BeatW'(Beats/2 - 1));
  assign last_beat    = &beat_q;
  assign desc_ready_o = !fault_q && !halt_i && (second_half ? (same || (!drain_busy_q && !leaving)) && !parsed_q
                                                            : state_q == ST_PARSE && !parsed_q && !(Windowed && v1_q));
  assign take         = desc_valid_i && desc_ready_o;

  logic [4:0]       keep_q;
  logic [4:0]       flags_q;   // diagonal, residual, max, last, first
  logic [CountW-1:0] steps_q;
  logic             steps_over_q, pix_over_q, par_over_q;
  logic [WgtW:0]    wgt_base_q;
  logic [TabW:0]    tab_base_q;
  logic [ParW-1:0]  par_base_q;
  logic [PixW-1:0]  cols_q, rows_q;
  logic [ActW:0]    x_step_q, y_step_q;
  logic [1:0]       wait_q, post_q;  // {S2E, L2E} and {E2S, E2L}
  logic [PsumW:0]   psum_base_q;
  logic [OutW:0]    out_base_q;
  logic [ResW:0]    res_base_q;
  logic [7:0]       zp_q, lo_q, hi_q, add_zp_q, add_lo_q, add_hi_q;
  logic [4:0]       add_shift_q;
  logic [AddMulWidth-1:0] add_ma_q, add_mb_q;
  logic [AddMulWidth+8:0] add_c_q;

  always_ff @(posedge clk_i) begin : p_fields
    if (take && beat_q == '0) begin
      wait_q <= {desc_data_i[aap_isa_pkg::HDR_WAIT_LSB + S2E], desc_data_i[aap_isa_pkg::HDR_WAIT_LSB + L2E]};
      post_q <= {desc_data_i[aap_isa_pkg::HDR_POST_LSB + E2S], desc_data_i[aap_isa_pkg::HDR_POST_LSB + E2L]};
    end
    if (`AAP_BEAT(KEEP)) begin
      keep_q       <= `AAP_FIELD(KEEP);
      flags_q      <= {`AAP_FIELD(DIAGONAL), `AAP_FIELD(RESIDUAL), `AAP_FIELD(MAX), `AAP_FIELD(LAST), `AAP_FIELD(FIRST)};
      steps_q      <= CountW'(`AAP_FIELD(STEPS));
      steps_over_q <= |(`AAP_FIELD(STEPS) >> CountW);
    end
    if (`AAP_BEAT(WGT_BASE)) wgt_base_q <= {|(`AAP_FIELD(WGT_BASE) >> WgtW), WgtW'(`AAP_FIELD(WGT_BASE))};
    if (`AAP_BEAT(TAB_BASE)) begin
      tab_base_q <= {|(`AAP_FIELD(TAB_BASE) >> TabW), TabW'(`AAP_FIELD(TAB_BASE))};
      par_base_q <= ParW'(`AAP_FIELD(PAR_BASE));
      par_over_q <= (`AAP_FIELD(PAR_BASE) > 16'(ParamDepth - DrainCycles));
    end
    if (`AAP_BEAT(COLS)) begin
      cols_q     <= PixW'(`AAP_FIELD(COLS));
      rows_q     <= PixW'(`AAP_FIELD(ROWS));
      pix_over_q <= (|(`AAP_FIELD(COLS) >> PixW)) | (|(`AAP_FIELD(ROWS) >> PixW));
    end
    if (`AAP_BEAT(X_STEP)) begin
      x_step_q <= {|(`AAP_FIELD(X_STEP) >> ActW), ActW'(`AAP_FIELD(X_STEP))};
      y_step_q <= {|(`AAP_FIELD(Y_STEP) >> ActW), ActW'(`AAP_FIELD(Y_STEP))};
    end
    if (`AAP_BEAT(PSUM_BASE)) begin
      psum_base_q <= {|(`AAP_FIELD(PSUM_BASE) >> PsumW), PsumW'(`AAP_FIELD(PSUM_BASE))};
      out_base_q  <= {|(`AAP_FIELD(OUT_BASE) >> OutW), OutW'(`AAP_FIELD(OUT_BASE))};
    end
    if (`AAP_BEAT(RES_BASE)) begin
      res_base_q <= {|(`AAP_FIELD(RES_BASE) >> ResW), ResW'(`AAP_FIELD(RES_BASE))};
      zp_q       <= `AAP_FIELD(ZP);
    end
    if (`AAP_BEAT(LO)) begin
      lo_q     <= `AAP_FIELD(LO);
      hi_q     <= `AAP_FIELD(HI);
      add_zp_q <= `AAP_FIELD(ADD_ZP);
    end else if (swap_bounds_i) begin
      lo_q     <= add_lo_q;
      hi_q     <= add_hi_q;
      add_zp_q <= swap_zp_i;
    end
    if (`AAP_BEAT(LO)) add_shift_q <= `AAP_FIELD(ADD_SHIFT);
    if (`AAP_BEAT(ADD_LO)) begin
      add_lo_q <= `AAP_FIELD(ADD_LO);
      add_hi_q <= `AAP_FIELD(ADD_HI);
    end else if (swap_bounds_i) begin
      add_lo_q <= lo_q;
      add_hi_q <= hi_q;
    end
    if (`AAP_BEAT(ADD_MA)) add_ma_q <= AddMulWidth'(`AAP_FIELD(ADD_MA));
    else if (swap_mul_i)   add_ma_q <= add_mb_q;
    if (`AAP_BEAT(ADD_MB)) add_mb_q <= AddMulWidth'(`AAP_FIELD(ADD_MB));
    else if (swap_mul_i)   add_mb_q <= add_ma_q;
    if (`AAP_BEAT(ADD_C)) add_c_q <= (AddMulWidth+9)'(`AAP_FIELD(ADD_C));
  end

  // ---- overlap: a beat that changes nothing for the drain
  // Four pixels at least, so that the bases of the one after next come when this one's are in use.
  if (Overlap) begin : gen_overlap
    logic same_flags_q, same_zp_q, many, past, early, next_q;
    always_ff @(posedge clk_i) begin : p_same
      if (`AAP_BEAT(KEEP)) begin
        same_flags_q <= ({`AAP_FIELD(RESIDUAL), `AAP_FIELD(MAX), `AAP_FIELD(LAST), `AAP_FIELD(FIRST)} == flags_q[3:0]);
      end
      if (`AAP_BEAT(ZP)) same_zp_q <= (`AAP_FIELD(ZP) == zp_q);
    end
    assign many = (|cols_q[PixW-1:2]) || (|rows_q[PixW-1:2]);
    assign same = desc_valid_i && same_flags_q && same_zp_q && many
               && `AAP_SAME(LO, lo_q, 8) && `AAP_SAME(HI, hi_q, 8) && `AAP_SAME(ADD_ZP, add_zp_q, 8)
               && `AAP_SAME(ADD_SHIFT, add_shift_q, 5) && `AAP_SAME(ADD_LO, add_lo_q, 8) && `AAP_SAME(ADD_HI, add_hi_q, 8)
               && `AAP_SAME(ADD_MA, add_ma_q, AddMulWidth) && `AAP_SAME(ADD_MB, add_mb_q, AddMulWidth)
               && `AAP_SAME(ADD_C, add_c_q, AddMulWidth + 9);
    // The drain has the previous EXEC's last pixel: the next one to come is this EXEC's first.
    assign past  = !drain_busy_q || (timer_q <= TimeW'(FinishDelay - ReadDelay + DrainCycles + 1));
    assign early = take && last_beat && drain_busy_q;
    assign cfg_next_o = (early || next_q) && past;
    always_ff @(posedge clk_i) begin : p_next
      if (!rst_ni || clear_i) next_q <= 1'b0;
      else                    next_q <= (early || next_q) && !past;
    end
  end else begin : gen_no_overlap
    assign same       = 1'b0;
    assign cfg_next_o = 1'b0;
  end

  // ---- checks and tokens
  logic keep_bad, mode_bad, length_bad, range_bad, parse_bad, missing_load, missing_store, start;
  assign keep_bad      = (keep_q == '0) || (keep_q > 5'(Windowed ? 1 : Group));
  assign mode_bad      = (Share == 1) && flags_q[4];
  assign length_bad    = (steps_q == '0 && !steps_over_q) || ((cols_q == '0 || rows_q == '0) && !pix_over_q);
  assign range_bad     = steps_over_q || pix_over_q || (par_over_q && flags_q[1]);
  assign parse_bad     = (state_q == ST_WAIT) && (keep_bad || mode_bad || length_bad || range_bad);
  assign missing_load  = wait_q[0] && !tok_avail_i[L2E];
  assign missing_store = wait_q[1] && !tok_avail_i[S2E];
  assign start         = (state_q == ST_WAIT) && !parse_bad && !missing_load && !missing_store && !fault_q && !halt_i && !flying;
  assign wgt_start_o   = start;
  assign wgt_base_o    = wgt_base_q;
  assign stall_load_o  = (state_q == ST_WAIT) && missing_load;
  assign stall_store_o = (state_q == ST_WAIT) && missing_store && !missing_load;

  assign tok_take_o    = (5'({start & wait_q[0]}) << L2E) | (5'({start & wait_q[1]}) << S2E);

  // ---- row issue
  logic [KeepW-1:0] k_q;         // counts from 1
  logic [CountW-1:0] step_q;
  logic [PixW-1:0]  col_q, row_q;
  logic [TabW:0]    tab_q;
  logic             pix_first_q;  // the next row is the first of its pixel
  logic [GapW-1:0]  gap_q;        // cycles until the drain can take another pixel
  logic             k_first, k_last, row_last, col_end, exec_end, held, tab_bad, run, issue, slow, pause_q;
  assign run       = (state_q == ST_RUN) && !fault_q && !halt_i;
  assign k_first   = (k_q == KeepW'(1));
  assign k_last    = (k_q == KeepW'(keep_q));
  assign row_last  = k_last && (step_q == steps_q);
  assign col_end   = (col_q == cols_q);
  assign exec_end  = row_last && col_end && (row_q == rows_q);
  // The timer is the previous EXEC's until its last output is written.
  assign held      = row_last && ((gap_q != '0 && !Windowed) || !parsed_q || (Overlap && exec_end && drain_busy_q));
  assign tab_bad   = run && !pause_q && k_first && (tab_q >= (TabW+1)'(TableDepth));
  assign issue     = run && !held && !tab_bad && !pause_q && !hold;
  assign issue_o   = issue;
  assign stall_requant_o = run && (held || pause_q);
  assign slow      = flags_q[3] && flags_q[1];  // residual, last

  assign tab_re_o   = issue && k_first;
  assign tab_addr_o = tab_q[TabW-1:0];

  always_ff @(posedge clk_i) begin : p_issue
    if (start) begin
      k_q         <= KeepW'(1);
      step_q      <= CountW'(1);
      col_q       <= PixW'(1);
      row_q       <= PixW'(1);
      tab_q       <= tab_base_q;
      pix_first_q <= 1'b1;
    end else if (issue) begin
      k_q         <= k_last ? KeepW'(1) : k_q + 1'b1;
      pix_first_q <= row_last;
      if (row_last) begin
        step_q <= CountW'(1);
        tab_q  <= tab_base_q;
        col_q  <= col_end ? PixW'(1) : col_q + 1'b1;
        if (col_end) row_q <= row_q + 1'b1;
      end else if (k_last) begin
        step_q <= step_q + 1'b1;
        tab_q  <= tab_q + 1'b1;
      end
    end
  end

  // ---- T+1: addresses
  logic                    k_first1_q, first1_q, last1_q, col_end1_q, end1_q;
  logic [ActW:0]           base_q, line_q;  // pixel, and first pixel of the output row; top bit: beyond
  logic [ActW:0]           base_from, base_step, base_sum, base_next;
  logic [Lanes*(ActW+1)-1:0] addr_q;
  always_ff @(posedge clk_i) begin : p_stage1
    if (!hold) begin
      k_first1_q <= k_first;
      first1_q   <= pix_first_q;
      last1_q    <= row_last;
      col_end1_q <= col_end;
      end1_q     <= exec_end;
    end
  end
  assign base_from = col_end1_q ? line_q : base_q;
  assign base_step = col_end1_q ? y_step_q : x_step_q;
  assign base_sum  = {1'b0, base_from[ActW-1:0]} + {1'b0, base_step[ActW-1:0]};
  assign base_next = {base_sum[ActW] | base_from[ActW] | base_step[ActW], base_sum[ActW-1:0]};
  always_ff @(posedge clk_i) begin : p_base
    // A new descriptor's word may come in the cycle after the last row of the previous one.
    if (`AAP_BEAT(ACT_BASE)) begin
      base_q <= {|(`AAP_FIELD(ACT_BASE) >> ActW), ActW'(`AAP_FIELD(ACT_BASE))};
      line_q <= {|(`AAP_FIELD(ACT_BASE) >> ActW), ActW'(`AAP_FIELD(ACT_BASE))};
    end else if (v1_q && last1_q && !hold) begin
      base_q <= base_next;
      if (col_end1_q) line_q <= base_next;
    end
  end
  for (genvar l = 0; l < Lanes; l++) begin : gen_address
    logic [ActW:0] offset, sum;
    assign offset = tab_rdata_i[StepW*l +: ActW+1];
    assign sum    = {1'b0, base_q[ActW-1:0]} + {1'b0, offset[ActW-1:0]};
    always_ff @(posedge clk_i) begin : p_addr
      if (k_first1_q && !hold) begin
        addr_q[(ActW+1)*l +: ActW+1] <= {sum[ActW] | base_q[ActW] | offset[ActW], sum[ActW-1:0]};
      end
    end
    assign act_addr_o[ActW*l +: ActW] = addr_q[(ActW+1)*l +: ActW];
  end

  // ---- T+2: reads
  logic             k_first2_q, first2_q, last2_q, max2_q, diag2_q, end2_q;
  logic [WgtW:0]    wgt_q;
  logic [Lanes-1:0] lane_bad;
  logic             act_bad, wgt_bad, go2;
  for (genvar l = 0; l < Lanes; l++) begin : gen_lane_bad
    assign lane_bad[l] = (addr_q[(ActW+1)*l +: ActW+1] >= (ActW+1)'(ActDepth));
  end
  assign act_bad = v2_q && k_first2_q && (|lane_bad);
  assign wgt_bad = Windowed ? wgt_over_i : v2_q && (wgt_q >= (WgtW+1)'(WeightDepth));
  assign go2     = v2_q && !act_bad && !wgt_bad && !fault_q;
  always_ff @(posedge clk_i) begin : p_stage2
    if (!hold) begin
      k_first2_q <= k_first1_q;
      first2_q   <= first1_q;
      last2_q    <= last1_q;
      max2_q     <= flags_q[2];
      diag2_q    <= flags_q[4];
      end2_q     <= end1_q;
    end
    if (start) wgt_q <= wgt_base_q;
    else if (v2_q) wgt_q <= last2_q ? wgt_base_q : wgt_q + 1'b1;
  end
  assign act_re_o   = go2 && k_first2_q && !hold;
  assign wgt_re_o   = go2;
  assign wgt_addr_o = wgt_q[WgtW-1:0];

  // ---- T+3: row
  logic first3_q, last3_q, max3_q, diag3_q, end3_q;
  always_ff @(posedge clk_i) begin : p_stage3
    if (!hold) begin
      first3_q <= first2_q;
      last3_q  <= last2_q;
      max3_q   <= max2_q;
      diag3_q  <= diag2_q;
      end3_q   <= end2_q;
    end
  end
  assign row_valid_o = v3_q;
  assign row_first_o = first3_q;
  assign row_last_o  = last3_q;
  assign row_max_o   = max3_q;
  assign row_diag_o  = (Share > 1) && diag3_q;

  // DENSE: a lane's index counts from what the table says
  if (Select == aap_isa_pkg::SELECT_DENSE) begin : gen_index
    for (genvar l = 0; l < Lanes; l++) begin : gen_lane
      logic [IndexW-1:0] index2_q, index3_q;
      always_ff @(posedge clk_i) begin : p_index
        if (k_first1_q) index2_q <= tab_rdata_i[StepW*l+ActW+1 +: IndexW];
        else if (v1_q)  index2_q <= index2_q + 1'b1;
        index3_q <= index2_q;
      end
      assign row_index_o[IndexW*l +: IndexW] = index3_q;
    end
  end else begin : gen_no_index
    assign row_index_o = '0;
  end

  // ---- control
  logic [1:0] pend_q;       // tokens that the EXEC in the drain will post: {E2S, E2L}
  logic       pend_res_q;
  logic       read_done, finished, leave;  // leave: the last row of an EXEC goes (WINDOW: its window has been used)
  assign leave     = Windowed ? v3_q && win_next_i && end3_q : issue && exec_end;
  assign read_done = drain_busy_q && (timer_q == (pend_res_q ? TimeW'(ResidualFinishDelay - ResidualDelay) : TimeW'(FinishDelay - ReadDelay)));
  assign finished  = drain_busy_q && (timer_q == '0);

  always_ff @(posedge clk_i) begin : p_control
    if (!rst_ni || clear_i) begin
      state_q      <= ST_PARSE;
      beat_q       <= '0;
      parsed_q     <= 1'b0;
      fault_q      <= 1'b0;
      drain_busy_q <= 1'b0;
      gap_q        <= '0;
      v1_q         <= 1'b0;
      pause_q      <= 1'b0;
      v2_q         <= 1'b0;
      v3_q         <= 1'b0;
    end else begin
      pause_q <= (MaxRowCycles == 2) && issue && flags_q[2];
      if (Windowed && (halt_i || fault_q)) begin
        v1_q <= 1'b0;
        v2_q <= 1'b0;
        v3_q <= 1'b0;
      end else if (!hold) begin
        v1_q <= issue;
        v2_q <= v1_q;
        v3_q <= go2;
      end
      if (err_valid_o) fault_q <= 1'b1;

      if (take) begin
        beat_q <= beat_q + 1'b1;
        if (last_beat) parsed_q <= 1'b1;
        if (last_early) state_q <= ST_WAIT;
      end
      if (start) state_q <= ST_RUN;
      if (gap_q != '0) gap_q <= gap_q - 1'b1;
      if (finished) drain_busy_q <= 1'b0;
      if (issue && row_last) gap_q <= slow ? GapW'(ResidualPasses * DrainCycles - 1) : GapW'(DrainCycles - 1);
      if (issue && exec_end) begin
        state_q  <= ST_PARSE;
        parsed_q <= 1'b0;
      end
      if (leave) drain_busy_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin : p_timer
    // a window is used three cycles after its issue at least
    if (leave) timer_q <= (slow && !Windowed) ? TimeW'(ResidualFinishDelay - 1) : TimeW'(FinishDelay - (Windowed ? 4 : 1));
    else       timer_q <= timer_q - 1'b1;
    if (issue && exec_end) begin
      pend_q     <= post_q;
      pend_res_q <= (ResidualPasses == 1) ? flags_q[3] : slow;
    end
  end

  assign tok_post_o = (5'({read_done & pend_q[0] & ~fault_q}) << E2L)
                    | (5'({finished & pend_q[1] & ~fault_q}) << E2S);

  assign busy_o   = drain_busy_q | v1_q | v2_q | v3_q;
  assign parsed_o = (state_q != ST_PARSE) || (beat_q != '0);

  // ---- drain fields
  assign cfg_load_o      = take && last_beat && !drain_busy_q;
  assign {cfg_residual_o, cfg_max_o, cfg_last_o, cfg_first_o} = flags_q[3:0];
  assign cfg_psum_base_o = psum_base_q;
  assign cfg_out_base_o  = out_base_q;
  assign cfg_res_base_o  = res_base_q;
  assign cfg_par_base_o  = par_base_q;
  assign cfg_zp_o        = zp_q;
  assign cfg_lo_o        = lo_q;
  assign cfg_hi_o        = hi_q;
  assign cfg_add_zp_o    = add_zp_q;
  assign cfg_add_shift_o = add_shift_q;
  assign cfg_add_lo_o    = add_lo_q;
  assign cfg_add_hi_o    = add_hi_q;
  assign cfg_add_ma_o    = add_ma_q;
  assign cfg_add_mb_o    = add_mb_q;
  assign cfg_add_c_o     = add_c_q;

  // ---- faults
  // EXEC_RANGE reports the first entry beyond the buffer.
  assign err_valid_o = !fault_q && (drain_err_i || act_bad || wgt_bad || tab_bad || parse_bad);
  always_comb begin : p_error
    err_code_o = aap_isa_pkg::ERR_EXEC_RANGE;
    err_addr_o = desc_addr_i;
    // the oldest row first
    if (drain_err_i)       err_addr_o = AddrWidth'(drain_err_addr_i);
    else if (act_bad)      err_addr_o = AddrWidth'(ActDepth);
    else if (wgt_bad)      err_addr_o = AddrWidth'(WeightDepth);
    else if (tab_bad)      err_addr_o = AddrWidth'(TableDepth);
    else if (keep_bad)     err_code_o = aap_isa_pkg::ERR_KEEP_RANGE;
    else if (mode_bad)     err_code_o = aap_isa_pkg::ERR_BAD_MODE;
    else if (length_bad)   err_code_o = aap_isa_pkg::ERR_BAD_LENGTH;
    else if (steps_over_q) err_addr_o = AddrWidth'(WeightDepth);
    else if (pix_over_q)   err_addr_o = AddrWidth'(PixelDepth);
    else                   err_addr_o = AddrWidth'(ParamDepth);
  end

  if (!Windowed) begin : gen_no_window
    logic unused_window;
    assign unused_window = ^{win_next_i, wgt_over_i, end3_q};
  end

  `AAP_ASSERT(drain_empty_at_end, !leave || !drain_busy_q)
endmodule

`undef AAP_FIELD
`undef AAP_SAME
`undef AAP_BEAT
`default_nettype wire
