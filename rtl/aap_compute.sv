// SPDX-License-Identifier: Apache-2.0
//
// aap_compute: the execute unit: EXEC descriptors in, output buffer out. Buffers are filled through the load port, whose
// ranges the loader has checked.

`default_nettype none

module aap_compute #(
  parameter  int Select        = aap_isa_pkg::SELECT_GROUP,
  parameter  int Share         = 1,
  parameter  int Group         = 16,
  parameter  int Lanes         = 4,
  parameter  int Muls          = Lanes,
  parameter  int Pes           = 32,
  parameter  int Requantisers  = 8,
  parameter  int AccWidth      = 32,
  parameter  int MulWidth      = 24,
  parameter  int AddMulWidth   = 23,
  parameter  int AxiDataWidth  = 128,
  parameter  int AddrWidth     = 32,
  parameter  int ActDepth      = 2048,
  parameter  int WeightDepth   = 512,
  parameter  int TableDepth    = 512,
  parameter  int ParamDepth    = 32,
  parameter  int PsumDepth     = 256,
  parameter  int OutDepth      = 512,
  parameter  int ResidualDepth = 512,
  parameter  int PerfCounters  = 1,
  parameter  int ResidualPasses = 1,   // 1, 3
  parameter  int MaxRowCycles  = 1,    // 1, with one lane 2
  parameter  int MulStyle      = 0,    // 0 generic, 1 iCE40 SB_MAC16
  localparam int BlockBytes    = (8 * Group > AxiDataWidth) ? Group : AxiDataWidth / 8,
  localparam int Superbanks    = Lanes * Group / BlockBytes
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,

  // descriptors, beats in order; desc_addr_i is the address of the one at the head
  input  wire logic                      desc_valid_i,
  output      logic                      desc_ready_o,
  input  wire logic [AxiDataWidth-1:0]   desc_data_i,
  input  wire logic [AddrWidth-1:0]      desc_addr_i,

  // tokens, one-cycle pulses
  input  wire logic [4:0]                tok_avail_i,
  output      logic [4:0]                tok_take_o,
  output      logic [4:0]                tok_post_o,

  // faults and state
  input  wire logic                      halt_i,       // issue nothing, take nothing
  input  wire logic                      clear_i,      // one cycle: forget everything but the buffers
  output      logic                      idle_o,       // nothing held (or halted) and nothing on its way
  output      logic                      flying_o,     // WINDOW: windows are in the array or on their way to it
  output      logic                      err_valid_o,
  output      logic [7:0]                err_code_o,
  output      logic [AddrWidth-1:0]      err_addr_o,

  // load write port: ld_buf_i 0 ACT, 1 RES, 2 WGT, 3 TAB, 4 PAR; ld_addr_i entry (RES: beat), ld_col_i beat in the entry
  input  wire logic                      ld_valid_i,
  input  wire logic [2:0]                ld_buf_i,
  input  wire logic [15:0]               ld_addr_i,
  input  wire logic [7:0]                ld_col_i,
  input  wire logic [Superbanks-1:0]     ld_mask_i,
  input  wire logic [AxiDataWidth-1:0]   ld_data_i,

  // output read port: word pixel * DrainCycles + j, data one cycle later
  input  wire logic                      out_re_i,
  input  wire logic [15:0]               out_raddr_i,
  output      logic [8*Requantisers-1:0] out_rdata_o,

  // counters
  output      logic                      issue_o,          // a row was issued
  output      logic                      stall_load_o,     // the head waits for L2E
  output      logic                      stall_store_o,    // the head waits for S2E only
  output      logic                      stall_requant_o,  // a row waits for the drain
  output      logic                      stall_imbalance_o // WINDOW: some PEs wait for others
);
  localparam int DrainCycles = Pes / Requantisers;
  localparam bit Windowed    = (Select >= aap_isa_pkg::SELECT_WINDOW);
  localparam int TreeStages  = (Muls == 1) ? 0 : (Muls >= 8) ? 2 : 1;
  // From the issue of a pixel's last row to d0 of its first channels: buffers 3, selector and product 2, accumulator 1,
  // drain register 1; a maximum takes two cycles a row.
  localparam int RowDelay    = 7 + TreeStages + (MaxRowCycles - 1);
  localparam int FinishDelay = RowDelay + DrainCycles + ((ResidualPasses == 1) ? 12 : 9);
  localparam int ResidualDelay = RowDelay + ((ResidualPasses == 1) ? DrainCycles + 7 : 3 * DrainCycles + 9);
  localparam int ResidualFinishDelay = (ResidualPasses == 1) ? FinishDelay : RowDelay + 3 * DrainCycles + 17;
  localparam int ActW        = $clog2(ActDepth);
  localparam int WgtW        = $clog2(WeightDepth);
  localparam int TabW        = $clog2(TableDepth);
  localparam int ParW        = $clog2(ParamDepth);
  localparam int RowW        = Windowed ? 1 : aap_isa_pkg::row_bits(Select, Share, Group, Lanes, Pes, Lanes);
  localparam int IndexW      = $clog2(Group);
  localparam int StepW       = ActW + 1 + ((Select == aap_isa_pkg::SELECT_DENSE) ? IndexW : 0);

  logic                      tab_re, act_re, wgt_re;
  logic [TabW-1:0]           tab_addr;
  logic [Lanes*StepW-1:0]    tab_rdata;
  logic [Lanes*ActW-1:0]     act_addr;
  logic [8*Group*Lanes-1:0]  act_rdata;
  logic [WgtW-1:0]           wgt_addr;
  logic [RowW-1:0]           wgt_rdata;
  logic                      row_valid, row_first, row_last, row_max, row_diag;
  logic [IndexW*Lanes-1:0]   row_index;
  logic                      cfg_load, cfg_next, cfg_first, cfg_last, cfg_max, cfg_residual;
  logic [$clog2(PsumDepth):0] cfg_psum_base;
  logic [$clog2(OutDepth):0]  cfg_out_base;
  logic [$clog2(ResidualDepth):0] cfg_res_base;
  logic [ParW-1:0]           cfg_par_base;
  logic [7:0]                cfg_zp, cfg_lo, cfg_hi, cfg_add_zp, cfg_add_lo, cfg_add_hi;
  logic [4:0]                cfg_add_shift;
  logic [AddMulWidth-1:0]    cfg_add_ma, cfg_add_mb;
  logic [AddMulWidth+8:0]    cfg_add_c;
  logic                      swap_mul, swap_bounds;
  logic [7:0]                swap_zp;
  logic                      drain_err, exec_busy, exec_parsed, array_busy, drain_busy, done;
  logic [15:0]               drain_err_addr;
  logic [AccWidth*Pes-1:0]   acc;
  logic                      faulted_q;
  logic                      row_issue, issue, stall_load, stall_store, row_held, stall_requant, stall_imbalance;
  logic                      wgt_start, wgt_over, win_next;
  logic [WgtW:0]             wgt_base;

  aap_exec #(
    .Select(Select), .Share(Share), .Group(Group), .Lanes(Lanes), .AxiDataWidth(AxiDataWidth), .AddrWidth(AddrWidth), .ActDepth(ActDepth),
    .WeightDepth(WeightDepth), .TableDepth(TableDepth), .ParamDepth(ParamDepth), .PsumDepth(PsumDepth),
    .OutDepth(OutDepth), .ResidualDepth(ResidualDepth),
    .AddMulWidth(AddMulWidth), .DrainCycles(DrainCycles), .ReadDelay(RowDelay + DrainCycles + 1), .ResidualDelay(ResidualDelay),
    .FinishDelay(FinishDelay), .ResidualFinishDelay(ResidualFinishDelay), .ResidualPasses(ResidualPasses), .MaxRowCycles(MaxRowCycles)
  ) u_exec (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i), .halt_i(halt_i),
    .desc_valid_i(desc_valid_i), .desc_ready_o(desc_ready_o), .desc_data_i(desc_data_i), .desc_addr_i(desc_addr_i),
    .tok_avail_i(tok_avail_i), .tok_take_o(tok_take_o), .tok_post_o(tok_post_o),
    .tab_re_o(tab_re), .tab_addr_o(tab_addr), .tab_rdata_i(tab_rdata),
    .act_re_o(act_re), .act_addr_o(act_addr), .wgt_re_o(wgt_re), .wgt_addr_o(wgt_addr),
    .wgt_start_o(wgt_start), .wgt_base_o(wgt_base), .win_next_i(win_next), .wgt_over_i(wgt_over),
    .row_valid_o(row_valid), .row_first_o(row_first), .row_last_o(row_last), .row_max_o(row_max),
    .row_diag_o(row_diag), .row_index_o(row_index),
    .cfg_load_o(cfg_load), .cfg_next_o(cfg_next), .cfg_first_o(cfg_first), .cfg_last_o(cfg_last), .cfg_max_o(cfg_max),
    .cfg_residual_o(cfg_residual), .cfg_psum_base_o(cfg_psum_base), .cfg_out_base_o(cfg_out_base),
    .cfg_res_base_o(cfg_res_base), .cfg_par_base_o(cfg_par_base), .cfg_zp_o(cfg_zp), .cfg_lo_o(cfg_lo),
    .cfg_hi_o(cfg_hi), .cfg_add_zp_o(cfg_add_zp), .cfg_add_shift_o(cfg_add_shift), .cfg_add_lo_o(cfg_add_lo),
    .cfg_add_hi_o(cfg_add_hi), .cfg_add_ma_o(cfg_add_ma), .cfg_add_mb_o(cfg_add_mb), .cfg_add_c_o(cfg_add_c),
    .swap_mul_i(swap_mul), .swap_bounds_i(swap_bounds), .swap_zp_i(swap_zp),
    .drain_err_i(drain_err), .drain_err_addr_i(drain_err_addr),
    .busy_o(exec_busy), .parsed_o(exec_parsed), .flying_o(flying_o),
    .err_valid_o(err_valid_o), .err_code_o(err_code_o), .err_addr_o(err_addr_o),
    .issue_o(row_issue), .stall_load_o(stall_load), .stall_store_o(stall_store), .stall_requant_o(row_held)
  );

  aap_buffers #(
    .Select(Select), .Share(Share), .Group(Group), .Lanes(Lanes), .Pes(Pes), .AxiDataWidth(AxiDataWidth), .ActDepth(ActDepth),
    .WeightDepth(WeightDepth), .TableDepth(TableDepth)
  ) u_buffers (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .ld_act_i(ld_valid_i && ld_buf_i == 3'd0), .ld_wgt_i(ld_valid_i && ld_buf_i == 3'd2),
    .ld_tab_i(ld_valid_i && ld_buf_i == 3'd3), .ld_addr_i(ld_addr_i), .ld_col_i(ld_col_i), .ld_mask_i(ld_mask_i),
    .ld_data_i(ld_data_i),
    .tab_re_i(tab_re), .tab_addr_i(tab_addr), .tab_rdata_o(tab_rdata),
    .act_re_i(act_re), .act_addr_i(act_addr), .act_rdata_o(act_rdata),
    .wgt_re_i(wgt_re), .wgt_addr_i(wgt_addr), .wgt_rdata_o(wgt_rdata)
  );

  if (Windowed) begin : gen_window
    logic working, drain_wait;
    aap_window_array #(
      .Realign(Select - aap_isa_pkg::SELECT_WINDOW), .Group(Group), .Lanes(Lanes), .Pes(Pes), .Muls(Muls),
      .AccWidth(AccWidth), .AxiDataWidth(AxiDataWidth), .WeightDepth(WeightDepth), .DrainCycles(DrainCycles),
      .MulStyle(MulStyle)
    ) u_array (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i),
      .ld_wgt_i(ld_valid_i && ld_buf_i == 3'd2), .ld_addr_i(ld_addr_i), .ld_col_i(ld_col_i), .ld_data_i(ld_data_i),
      .start_i(wgt_start), .base_i(wgt_base), .over_o(wgt_over),
      .valid_i(row_valid), .first_i(row_first), .last_i(row_last), .max_i(row_max), .groups_i(act_rdata), .next_o(win_next),
      .done_o(done), .busy_o(array_busy), .acc_o(acc),
      .working_o(working), .imbalance_o(stall_imbalance), .drain_wait_o(drain_wait)
    );
    assign issue         = working;
    assign stall_requant = drain_wait || (row_held && !row_valid);
    logic unused_row;
    assign unused_row = ^{row_issue, row_diag, row_index, wgt_rdata};
  end else begin : gen_array
    aap_array #(
      .Select(Select), .Share(Share),
      .Group(Group), .Lanes(Lanes), .Pes(Pes), .AccWidth(AccWidth), .MaxRowCycles(MaxRowCycles), .MulStyle(MulStyle)
    ) u_array (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i),
      .valid_i(row_valid), .first_i(row_first), .last_i(row_last), .max_i(row_max),
      .diag_i(row_diag), .index_i(row_index),
      .groups_i(act_rdata), .weights_i(wgt_rdata), .done_o(done), .busy_o(array_busy), .acc_o(acc)
    );
    assign issue           = row_issue;
    assign stall_requant   = row_held;
    assign stall_imbalance = 1'b0;
    assign win_next        = 1'b0;
    assign wgt_over        = 1'b0;
    logic unused_window;
    assign unused_window = ^{wgt_start, wgt_base};
  end

  aap_drain #(
    .Pes(Pes), .Requantisers(Requantisers), .AccWidth(AccWidth), .MulWidth(MulWidth), .AddMulWidth(AddMulWidth), .AxiDataWidth(AxiDataWidth),
    .ParamDepth(ParamDepth), .PsumDepth(PsumDepth), .OutDepth(OutDepth), .ResidualDepth(ResidualDepth),
    .ResidualPasses(ResidualPasses), .Overlap((!Windowed && ResidualPasses == 1) ? 1 : 0), .MulStyle(MulStyle)
  ) u_drain (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i),
    .cfg_load_i(cfg_load), .cfg_next_i(cfg_next), .cfg_first_i(cfg_first), .cfg_last_i(cfg_last), .cfg_max_i(cfg_max),
    .cfg_residual_i(cfg_residual), .cfg_psum_base_i(cfg_psum_base), .cfg_out_base_i(cfg_out_base),
    .cfg_res_base_i(cfg_res_base), .cfg_par_base_i(cfg_par_base), .cfg_zp_i(cfg_zp), .cfg_lo_i(cfg_lo),
    .cfg_hi_i(cfg_hi), .cfg_add_zp_i(cfg_add_zp), .cfg_add_shift_i(cfg_add_shift), .cfg_add_lo_i(cfg_add_lo),
    .cfg_add_hi_i(cfg_add_hi), .cfg_add_ma_i(cfg_add_ma), .cfg_add_mb_i(cfg_add_mb), .cfg_add_c_i(cfg_add_c),
    .swap_mul_o(swap_mul), .swap_bounds_o(swap_bounds), .zp_o(swap_zp),
    .done_i(done), .acc_i(acc),
    .ld_res_i(ld_valid_i && ld_buf_i == 3'd1), .ld_par_i(ld_valid_i && ld_buf_i == 3'd4), .ld_addr_i(ld_addr_i),
    .ld_col_i(ld_col_i), .ld_data_i(ld_data_i),
    .out_re_i(out_re_i), .out_raddr_i(out_raddr_i), .out_rdata_o(out_rdata_o),
    .busy_o(drain_busy), .err_o(drain_err), .err_addr_o(drain_err_addr)
  );

  always_ff @(posedge clk_i) begin : p_faulted
    if (!rst_ni || clear_i) faulted_q <= 1'b0;
    else if (err_valid_o) faulted_q <= 1'b1;
  end
  assign idle_o = (!exec_parsed || halt_i || faulted_q) && !exec_busy && !array_busy && !drain_busy;

  assign issue_o         = (PerfCounters != 0) && issue;
  assign stall_load_o    = (PerfCounters != 0) && stall_load;
  assign stall_store_o   = (PerfCounters != 0) && stall_store;
  assign stall_requant_o = (PerfCounters != 0) && stall_requant;
  assign stall_imbalance_o = (PerfCounters != 0) && stall_imbalance;
endmodule

`default_nettype wire
