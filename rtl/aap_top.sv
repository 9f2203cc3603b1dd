// SPDX-License-Identifier: Apache-2.0
//
// aap_top: the accelerator: registers and control, fetch and queues, load, compute, store, bus. rtl/gen/ has a wrapper with
// the parameters of each configuration.

`default_nettype none
`include "aap_assert.svh"

module aap_top #(
  parameter  int        Select        = aap_isa_pkg::SELECT_GROUP,
  parameter  int        Share         = 1,    // PEs per selector, a power of two; DENSE: Pes
  parameter  int        Group         = 16,   // channels per group: 4, 8, 16
  parameter  int        Lanes         = 4,    // 1, 2, 4, 8
  parameter  int        Muls          = Lanes, // multipliers of a PE; other than Lanes with WINDOW only
  parameter  int        Pes           = 32,   // 16, 32, 64
  parameter  int        Requantisers  = 8,    // 1, 2, 4, 8, at most Pes / 4 and AxiDataWidth / 8
  parameter  int        AccWidth      = 32,   // bits, 20..32
  parameter  int        MulWidth      = 24,   // bits, 8..24
  parameter  int        AddMulWidth   = 23,   // bits of both multipliers of a residual add together, 16..23
  parameter  int        ResidualPasses = 1,   // 1, or 3: the residual add goes through the requantisers
  parameter  int        MaxRowCycles  = 1,    // cycles per row of a maximum, 1 or 2
  parameter  int        AxiDataWidth  = 128,  // 32, 64, 128
  parameter  int        AddrWidth     = 32,   // 16..32
  parameter  int        ActDepth      = 2048, // depths are powers of two
  parameter  int        WeightDepth   = 512,
  parameter  int        TableDepth    = 512,
  parameter  int        ParamDepth    = 32,
  parameter  int        PsumDepth     = 256,
  parameter  int        OutDepth      = 512,
  parameter  int        ResidualDepth = 512,
  parameter  int        QueueDepth    = 4,    // descriptors per unit
  parameter  int        MaxBurst      = 64,   // beats
  parameter  int        Outstanding   = 8,    // bursts in flight in each direction; 1: one in all
  parameter  int        PerfCounters  = 1,    // 0 leaves out EXEC_CYCLES and STALL_*
  parameter  int        MulStyle      = 0,    // 1: iCE40 SB_MAC16
  parameter  bit [31:0] ConfigHash    = 32'd0
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,
  output      logic                      irq_o,

  // AXI4-Lite registers
  input  wire logic [11:0]               s_axil_awaddr,
  input  wire logic                      s_axil_awvalid,
  output      logic                      s_axil_awready,
  input  wire logic [31:0]               s_axil_wdata,
  input  wire logic [3:0]                s_axil_wstrb,
  input  wire logic                      s_axil_wvalid,
  output      logic                      s_axil_wready,
  output      logic [1:0]                s_axil_bresp,
  output      logic                      s_axil_bvalid,
  input  wire logic                      s_axil_bready,
  input  wire logic [11:0]               s_axil_araddr,
  input  wire logic                      s_axil_arvalid,
  output      logic                      s_axil_arready,
  output      logic [31:0]               s_axil_rdata,
  output      logic [1:0]                s_axil_rresp,
  output      logic                      s_axil_rvalid,
  input  wire logic                      s_axil_rready,

  // AXI4 memory
  output      logic [AddrWidth-1:0]      m_axi_awaddr,
  output      logic [7:0]                m_axi_awlen,
  output      logic [2:0]                m_axi_awsize,
  output      logic [1:0]                m_axi_awburst,
  output      logic                      m_axi_awid,
  output      logic [15:0]               m_axi_awuser,
  output      logic                      m_axi_awvalid,
  input  wire logic                      m_axi_awready,
  output      logic [AxiDataWidth-1:0]   m_axi_wdata,
  output      logic [AxiDataWidth/8-1:0] m_axi_wstrb,
  output      logic                      m_axi_wlast,
  output      logic                      m_axi_wvalid,
  input  wire logic                      m_axi_wready,
  input  wire logic [1:0]                m_axi_bresp,
  input  wire logic                      m_axi_bid,
  input  wire logic                      m_axi_bvalid,
  output      logic                      m_axi_bready,
  output      logic [AddrWidth-1:0]      m_axi_araddr,
  output      logic [7:0]                m_axi_arlen,
  output      logic [2:0]                m_axi_arsize,
  output      logic [1:0]                m_axi_arburst,
  output      logic                      m_axi_arid,
  output      logic [15:0]               m_axi_aruser,
  output      logic                      m_axi_arvalid,
  input  wire logic                      m_axi_arready,
  input  wire logic [AxiDataWidth-1:0]   m_axi_rdata,
  input  wire logic [1:0]                m_axi_rresp,
  input  wire logic                      m_axi_rlast,
  input  wire logic                      m_axi_rid,
  input  wire logic                      m_axi_rvalid,
  output      logic                      m_axi_rready
);
  localparam int BeatBytes  = AxiDataWidth / 8;
  localparam int BeatLog    = $clog2(BeatBytes);
  localparam int BlockBytes = (Group > BeatBytes) ? Group : BeatBytes;
  localparam int Superbanks = (Lanes * Group < BlockBytes) ? 1 : Lanes * Group / BlockBytes;
  localparam int BeatWidth  = $clog2(512 / AxiDataWidth);
  localparam int SlotWidth  = $clog2(QueueDepth) + 2;
  // The longest requests, in beats, that pass the range checks
  localparam int RowBits    = aap_isa_pkg::row_bits(Select, Share, Group, Lanes, Pes, Muls);
  localparam int RowBeats   = (RowBits + AxiDataWidth - 1) / AxiDataWidth;
  localparam int Depth1     = (ActDepth > ResidualDepth) ? ActDepth : ResidualDepth;
  localparam int Depth2     = (WeightDepth > TableDepth) ? WeightDepth : TableDepth;
  localparam int Depth3     = (Depth2 > ParamDepth) ? Depth2 : ParamDepth;
  localparam int MaxDepth   = (Depth1 > Depth3) ? Depth1 : Depth3;
  localparam int Length1    = MaxDepth * (BlockBytes / BeatBytes);
  localparam int Length2    = WeightDepth * RowBeats;
  localparam int Length3    = TableDepth * ((2 * Lanes + BeatBytes - 1) / BeatBytes);
  localparam int Length4    = ParamDepth * ((8 * Requantisers + BeatBytes - 1) / BeatBytes);
  localparam int Length5    = (Length1 > Length2) ? Length1 : Length2;
  localparam int Length6    = (Length3 > Length4) ? Length3 : Length4;
  localparam int LoadWidth  = $clog2(((Length5 > Length6) ? Length5 : Length6) + 1);
  localparam int StoreWidth = $clog2(2 * OutDepth * (BlockBytes / BeatBytes));
  localparam int TimerWidth = (PerfCounters != 0) ? 32 : 20;  // WATCHDOG and DRAIN_LIMIT

  localparam bit Windowed   = (Select >= aap_isa_pkg::SELECT_WINDOW);
  if (Select < aap_isa_pkg::SELECT_GROUP || Select > aap_isa_pkg::SELECT_REALIGN) begin : gen_illegal_select
    ERROR_aap_top_Select_must_be_GROUP_DENSE_WINDOW_or_REALIGN u_error ();
  end
  if (Share < 1 || Share > Pes || (Share & (Share - 1)) != 0) begin : gen_illegal_share
    ERROR_aap_top_Share_must_be_a_power_of_two_up_to_Pes u_error ();
  end
  if ((Select == aap_isa_pkg::SELECT_DENSE && Share != Pes) || (Windowed && Share != 1)) begin : gen_illegal_select_share
    ERROR_aap_top_Share_must_be_Pes_with_DENSE_and_1_with_WINDOW u_error ();
  end
  if (!Windowed && Muls != Lanes) begin : gen_illegal_muls
    ERROR_aap_top_Muls_must_be_Lanes_without_WINDOW u_error ();
  end
  if (Windowed && (ResidualPasses != 1 || MaxRowCycles != 1)) begin : gen_illegal_window
    ERROR_aap_top_ResidualPasses_and_MaxRowCycles_must_be_1_with_WINDOW u_error ();
  end
  if (Group != 4 && Group != 8 && Group != 16) begin : gen_illegal_group
    ERROR_aap_top_Group_must_be_4_8_or_16 u_error ();
  end
  if (Lanes != 1 && Lanes != 2 && Lanes != 4 && Lanes != 8 && !(Windowed && Lanes == 16)) begin : gen_illegal_lanes
    ERROR_aap_top_Lanes_must_be_1_2_4_or_8_with_WINDOW_also_16 u_error ();
  end
  if (Pes != 16 && Pes != 32 && Pes != 64) begin : gen_illegal_pes
    ERROR_aap_top_Pes_must_be_16_32_or_64 u_error ();
  end
  if ((Requantisers != 1 && Requantisers != 2 && Requantisers != 4 && Requantisers != 8) ||
      4 * Requantisers > Pes || Requantisers > BeatBytes) begin : gen_illegal_requantisers
    ERROR_aap_top_Requantisers_must_be_1_2_4_or_8_and_at_most_Pes_over_4_and_the_bytes_of_a_beat u_error ();
  end
  if (AxiDataWidth != 32 && AxiDataWidth != 64 && AxiDataWidth != 128) begin : gen_illegal_data_width
    ERROR_aap_top_AxiDataWidth_must_be_32_64_or_128 u_error ();
  end
  if (AddrWidth < 16 || AddrWidth > 32) begin : gen_illegal_addr_width
    ERROR_aap_top_AddrWidth_must_be_16_to_32 u_error ();
  end
  if (Lanes * Group % BlockBytes != 0 || Pes % BlockBytes != 0) begin : gen_illegal_block
    ERROR_aap_top_a_block_must_divide_Lanes_times_Group_and_Pes u_error ();
  end
  if (MaxBurst < 1 || MaxBurst > 256 || MaxBurst != (1 << $clog2(MaxBurst)) || MaxBurst * BeatBytes > 4096) begin : gen_illegal_burst
    ERROR_aap_top_MaxBurst_must_be_a_power_of_two_up_to_256_and_4_KiB u_error ();
  end
  if (Outstanding < 1 || Outstanding != (1 << $clog2(Outstanding))) begin : gen_illegal_outstanding
    ERROR_aap_top_Outstanding_must_be_a_power_of_two u_error ();
  end

  // job
  logic                    start, abort, busy, hung, clear, halt, done, failed, fault;
  logic [7:0]              fault_code;
  logic [AddrWidth-1:0]    fault_addr;
  logic [AddrWidth-1:6]    program_addr, fault_desc_addr;
  logic [15:0]             program_len;
  logic [AddrWidth-1:0]    window_base, window_limit;
  logic [TimerWidth-1:0]   watchdog, drain_limit;
  logic [31:0]             cycles, exec_cycles, count_weights, count_activations, count_output, count_requant, count_tokens,
                           count_empty;
  logic [31:0]             count_imbalance;
  logic                    issue, stall_load, stall_store, stall_requant, stall_imbalance;

  // fetch and queues
  logic                    fetch_req_valid, fetch_req_ready, fetch_rvalid, commit, full, end_seen;
  logic [AddrWidth-1:6]    fetch_req_addr;
  logic [SlotWidth-1:0]    wr_slot;
  logic [SlotWidth:0]      request, committing, load_at, exec_at, store_at, fault_at_d, fault_at_q;
  logic [BeatWidth-1:0]    wr_beat, desc_beat;
  logic [3:0]              desc_valid, desc_ready;
  logic [AxiDataWidth-1:0] desc_data;
  logic                    queues_empty, queues_quiet, desc_moved;

  // tokens
  logic [4:0]              tok_avail, load_take, load_post, exec_take, exec_post, store_take, store_post;
  logic [4:0]              written_post;
  logic                    overflow;

  // load
  logic                      load_req_valid, load_req_ready, load_req_busy, load_rvalid, load_rready;
  logic [AddrWidth-1:BeatLog] load_req_addr;
  logic [LoadWidth-1:0]      load_req_len;
  logic [15:0]               load_layer;
  logic                      ld_valid;
  logic [2:0]                ld_buf;
  logic [15:0]               ld_addr;
  logic [7:0]                ld_col;
  logic [Superbanks-1:0]     ld_mask;
  logic [AxiDataWidth-1:0]   ld_data;
  logic                      load_idle, load_quiet, loading;

  // store
  logic                      store_req_valid, store_req_ready, store_req_post, store_req_busy, data_valid, data_ready;
  logic [AddrWidth-1:BeatLog] store_req_addr;
  logic [StoreWidth-1:0]     store_req_len;
  logic [15:0]               store_layer;
  logic [AxiDataWidth-1:0]   store_data;
  logic                      out_re;
  logic [15:0]               out_raddr;
  logic [8*Requantisers-1:0] out_rdata;
  logic                      store_idle, store_quiet;

  logic                      exec_idle, exec_flying, read_idle, read_drained, read_moved, write_idle, write_drained, write_moved;

  // errors
  logic                       fetch_err, load_err, exec_err, store_err, read_err, write_err, err_valid;
  logic [7:0]                 fetch_code, load_code, exec_code, store_code, read_code, write_code, err_code;
  logic [15:0]                load_entry, store_entry;
  logic [AddrWidth-1:0]       exec_entry, err_addr;
  logic                       err_desc, fault_desc;
  logic [AddrWidth-1:BeatLog] read_err_addr, write_err_addr;

  aap_csr #(.AddrWidth(AddrWidth), .TimerWidth(TimerWidth), .ConfigHash(ConfigHash)) u_csr (
    .clk_i(clk_i), .rst_ni(rst_ni), .irq_o(irq_o),
    .s_axil_awaddr(s_axil_awaddr), .s_axil_awvalid(s_axil_awvalid), .s_axil_awready(s_axil_awready),
    .s_axil_wdata(s_axil_wdata), .s_axil_wstrb(s_axil_wstrb), .s_axil_wvalid(s_axil_wvalid),
    .s_axil_wready(s_axil_wready), .s_axil_bresp(s_axil_bresp), .s_axil_bvalid(s_axil_bvalid),
    .s_axil_bready(s_axil_bready), .s_axil_araddr(s_axil_araddr), .s_axil_arvalid(s_axil_arvalid),
    .s_axil_arready(s_axil_arready), .s_axil_rdata(s_axil_rdata), .s_axil_rresp(s_axil_rresp),
    .s_axil_rvalid(s_axil_rvalid), .s_axil_rready(s_axil_rready),
    .start_o(start), .abort_o(abort), .busy_i(busy), .hung_i(hung), .done_i(done), .failed_i(failed),
    .fault_i(fault), .fault_code_i(fault_code), .fault_addr_i(fault_addr), .fault_desc_i(fault_desc),
    .fault_desc_addr_i(fault_desc_addr),
    .program_addr_o(program_addr), .program_len_o(program_len), .window_base_o(window_base),
    .window_limit_o(window_limit), .watchdog_o(watchdog), .drain_limit_o(drain_limit),
    .cycles_i(cycles), .exec_cycles_i(exec_cycles), .stall_weights_i(count_weights),
    .stall_activations_i(count_activations), .stall_output_i(count_output), .stall_requant_i(count_requant),
    .stall_imbalance_i(count_imbalance), .stall_tokens_i(count_tokens), .stall_empty_i(count_empty)
  );

  aap_control #(.AddrWidth(AddrWidth), .TimerWidth(TimerWidth), .PerfCounters(PerfCounters)) u_control (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .start_i(start), .abort_i(abort), .watchdog_i(watchdog), .drain_limit_i(drain_limit),
    .busy_o(busy), .hung_o(hung), .clear_o(clear), .halt_o(halt), .done_o(done), .failed_o(failed),
    .fault_o(fault), .fault_code_o(fault_code), .fault_addr_o(fault_addr), .fault_desc_o(fault_desc),
    .end_i(end_seen), .empty_i(queues_empty),
    .idle_i(load_idle && exec_idle && store_idle && read_idle && write_idle),
    .quiet_i(load_quiet && (exec_idle || ((stall_load || stall_store) && !exec_flying)) && store_quiet && queues_quiet && read_idle && write_idle),
    .drained_i(read_drained && write_drained),
    .progress_i(desc_moved || read_moved || write_moved || ld_valid || issue),
    .tokens_left_i(|tok_avail), .err_valid_i(err_valid), .err_code_i(err_code), .err_addr_i(err_addr), .err_desc_i(err_desc),
    .overflow_i(overflow),
    .issue_i(issue), .stall_load_i(stall_load), .stall_store_i(stall_store), .stall_requant_i(stall_requant),
    .stall_imbalance_i(stall_imbalance), .loading_i(loading), .ld_weights_i(|ld_buf[2:1]),
    .cycles_o(cycles), .exec_cycles_o(exec_cycles), .stall_weights_o(count_weights),
    .stall_activations_o(count_activations), .stall_output_o(count_output), .stall_requant_o(count_requant),
    .stall_imbalance_o(count_imbalance), .stall_tokens_o(count_tokens), .stall_empty_o(count_empty)
  );

  // Simultaneous errors: the bus first, then in the order of the units. Units' errors are of an entry (LOAD_RANGE,
  // EXEC_RANGE, STORE_RANGE) or of a descriptor, whose address fetch computes in the next cycle.
  assign err_valid = read_err || write_err || fetch_err || load_err || exec_err || store_err;
  assign err_desc  = !read_err && !write_err && err_code != aap_isa_pkg::ERR_LOAD_RANGE &&
                     err_code != aap_isa_pkg::ERR_EXEC_RANGE && err_code != aap_isa_pkg::ERR_STORE_RANGE;
  always_comb begin : p_error
    if (read_err)       err_code = read_code;
    else if (write_err) err_code = write_code;
    else if (fetch_err) err_code = fetch_code;
    else if (load_err)  err_code = load_code;
    else if (exec_err)  err_code = exec_code;
    else                err_code = store_code;

    if (read_err)       err_addr = {read_err_addr, {BeatLog{1'b0}}};
    else if (write_err) err_addr = {write_err_addr, {BeatLog{1'b0}}};
    else if (load_err)  err_addr = AddrWidth'(load_entry);
    else if (exec_err)  err_addr = exec_entry;
    else                err_addr = AddrWidth'(store_entry);

    if (load_err && !fetch_err)                   fault_at_d = load_at;
    else if (exec_err && !fetch_err)              fault_at_d = exec_at;
    else if (store_err && !fetch_err)             fault_at_d = store_at;
    else                                          fault_at_d = committing;
  end
  always_ff @(posedge clk_i) begin : p_fault_at
    if (!halt) fault_at_q <= fault_at_d;
  end

  aap_fetch #(.AxiDataWidth(AxiDataWidth), .AddrWidth(AddrWidth), .SlotWidth(SlotWidth), .ConfigHash(ConfigHash)) u_fetch (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear), .halt_i(halt),
    .program_addr_i(program_addr), .program_len_i(program_len),
    .req_valid_o(fetch_req_valid), .req_ready_i(fetch_req_ready), .req_addr_o(fetch_req_addr),
    .r_valid_i(fetch_rvalid), .r_data_i(m_axi_rdata),
    .wr_slot_o(wr_slot), .wr_beat_o(wr_beat), .commit_o(commit), .committing_i(committing),
    .request_o(request), .full_i(full), .fault_i(fault_at_q), .fault_addr_o(fault_desc_addr),
    .end_o(end_seen), .err_valid_o(fetch_err), .err_code_o(fetch_code)
  );

  aap_queues #(.AxiDataWidth(AxiDataWidth), .QueueDepth(QueueDepth)) u_queues (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear),
    .wr_valid_i(fetch_rvalid), .wr_slot_i(wr_slot), .wr_beat_i(wr_beat), .wr_data_i(m_axi_rdata),
    .commit_i(commit), .commit_o(committing), .request_i(request), .full_o(full),
    .desc_valid_o(desc_valid), .desc_ready_i(desc_ready), .desc_beat_o(desc_beat), .desc_data_o(desc_data),
    .load_o(load_at), .exec_o(exec_at), .store_o(store_at),
    .empty_o(queues_empty), .quiet_o(queues_quiet), .moved_o(desc_moved)
  );

  aap_tokens u_tokens (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear),
    .post_i(load_post | exec_post | store_post | written_post), .take_i(load_take | exec_take | store_take),
    .avail_o(tok_avail), .overflow_o(overflow)
  );

  aap_load #(
    .Select(Select), .Share(Share), .Group(Group), .Lanes(Lanes), .Muls(Muls), .Pes(Pes), .Requantisers(Requantisers), .AxiDataWidth(AxiDataWidth),
    .AddrWidth(AddrWidth), .ActDepth(ActDepth), .WeightDepth(WeightDepth), .TableDepth(TableDepth),
    .ParamDepth(ParamDepth), .ResidualDepth(ResidualDepth), .BeatsWidth(LoadWidth)
  ) u_load (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear), .halt_i(halt),
    .desc_valid_i(desc_valid[1:0]), .desc_ready_o(desc_ready[1:0]), .desc_beat_i(desc_beat), .desc_data_i(desc_data),
    .tok_avail_i(tok_avail), .tok_take_o(load_take), .tok_post_o(load_post),
    .req_valid_o(load_req_valid), .req_ready_i(load_req_ready), .req_addr_o(load_req_addr),
    .req_len_o(load_req_len), .req_layer_o(load_layer), .req_busy_i(load_req_busy),
    .r_valid_i(load_rvalid), .r_ready_o(load_rready), .r_data_i(m_axi_rdata),
    .ld_valid_o(ld_valid), .ld_buf_o(ld_buf), .ld_addr_o(ld_addr), .ld_col_o(ld_col), .ld_mask_o(ld_mask),
    .ld_data_o(ld_data),
    .idle_o(load_idle), .quiet_o(load_quiet), .loading_o(loading),
    .err_valid_o(load_err), .err_code_o(load_code), .err_entry_o(load_entry)
  );

  // Deadlock detection needs its stall signals in any case.
  aap_compute #(
    .Select(Select), .Share(Share),
    .Group(Group), .Lanes(Lanes), .Muls(Muls), .Pes(Pes), .Requantisers(Requantisers), .AccWidth(AccWidth), .MulWidth(MulWidth),
    .AddMulWidth(AddMulWidth),
    .AxiDataWidth(AxiDataWidth), .AddrWidth(AddrWidth), .ActDepth(ActDepth), .WeightDepth(WeightDepth),
    .TableDepth(TableDepth), .ParamDepth(ParamDepth), .PsumDepth(PsumDepth), .OutDepth(OutDepth),
    .ResidualDepth(ResidualDepth), .PerfCounters(1), .ResidualPasses(ResidualPasses), .MaxRowCycles(MaxRowCycles), .MulStyle(MulStyle)
  ) u_compute (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .desc_valid_i(desc_valid[2]), .desc_ready_o(desc_ready[2]), .desc_data_i(desc_data), .desc_addr_i({AddrWidth{1'b0}}),
    .tok_avail_i(tok_avail), .tok_take_o(exec_take), .tok_post_o(exec_post),
    .halt_i(halt), .clear_i(clear), .idle_o(exec_idle), .flying_o(exec_flying),
    .err_valid_o(exec_err), .err_code_o(exec_code), .err_addr_o(exec_entry),
    .ld_valid_i(ld_valid), .ld_buf_i(ld_buf), .ld_addr_i(ld_addr), .ld_col_i(ld_col), .ld_mask_i(ld_mask),
    .ld_data_i(ld_data),
    .out_re_i(out_re), .out_raddr_i(out_raddr), .out_rdata_o(out_rdata),
    .issue_o(issue), .stall_load_o(stall_load), .stall_store_o(stall_store), .stall_requant_o(stall_requant),
    .stall_imbalance_o(stall_imbalance)
  );

  aap_store #(
    .Group(Group), .Pes(Pes), .Requantisers(Requantisers), .AxiDataWidth(AxiDataWidth), .AddrWidth(AddrWidth),
    .OutDepth(OutDepth), .BeatsWidth(StoreWidth)
  ) u_store (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear), .halt_i(halt),
    .desc_valid_i(desc_valid[3]), .desc_ready_o(desc_ready[3]), .desc_beat_i(desc_beat), .desc_data_i(desc_data),
    .tok_avail_i(tok_avail), .tok_take_o(store_take), .tok_post_o(store_post),
    .req_valid_o(store_req_valid), .req_ready_i(store_req_ready), .req_addr_o(store_req_addr),
    .req_len_o(store_req_len), .req_post_o(store_req_post), .req_layer_o(store_layer), .req_busy_i(store_req_busy),
    .data_valid_o(data_valid), .data_ready_i(data_ready), .data_o(store_data),
    .out_re_o(out_re), .out_raddr_o(out_raddr), .out_rdata_i(out_rdata),
    .idle_o(store_idle), .quiet_o(store_quiet),
    .err_valid_o(store_err), .err_code_o(store_code), .err_entry_o(store_entry)
  );

  logic write_post;
  if (Outstanding == 1) begin : gen_one
    localparam int BusWidth = (LoadWidth > StoreWidth) ? LoadWidth : StoreWidth;
    aap_axi_one #(.AddrWidth(AddrWidth), .AxiDataWidth(AxiDataWidth), .MaxBurst(MaxBurst), .BeatsWidth(BusWidth)) u_bus (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear), .halt_i(halt),
      .window_base_i(window_base), .window_limit_i(window_limit),
      .load_valid_i(load_req_valid), .load_ready_o(load_req_ready), .load_addr_i(load_req_addr),
      .load_len_i(BusWidth'(load_req_len)), .load_layer_i(load_layer), .load_busy_o(load_req_busy),
      .fetch_valid_i(fetch_req_valid), .fetch_ready_o(fetch_req_ready), .fetch_addr_i(fetch_req_addr),
      .req_valid_i(store_req_valid), .req_ready_o(store_req_ready), .req_addr_i(store_req_addr),
      .req_len_i(BusWidth'(store_req_len)), .req_post_i(store_req_post), .req_layer_i(store_layer), .busy_o(store_req_busy),
      .load_rvalid_o(load_rvalid), .load_rready_i(load_rready), .fetch_rvalid_o(fetch_rvalid),
      .data_valid_i(data_valid), .data_ready_o(data_ready), .data_i(store_data), .post_o(write_post),
      .moved_o(read_moved), .idle_o(read_idle), .drained_o(read_drained),
      .err_valid_o(read_err), .err_code_o(read_code), .err_addr_o(read_err_addr),
      .m_axi_awaddr(m_axi_awaddr), .m_axi_awlen(m_axi_awlen), .m_axi_awuser(m_axi_awuser),
      .m_axi_awvalid(m_axi_awvalid), .m_axi_awready(m_axi_awready),
      .m_axi_wdata(m_axi_wdata), .m_axi_wstrb(m_axi_wstrb), .m_axi_wlast(m_axi_wlast), .m_axi_wvalid(m_axi_wvalid),
      .m_axi_wready(m_axi_wready), .m_axi_bresp(m_axi_bresp), .m_axi_bvalid(m_axi_bvalid), .m_axi_bready(m_axi_bready),
      .m_axi_araddr(m_axi_araddr), .m_axi_arlen(m_axi_arlen), .m_axi_aruser(m_axi_aruser),
      .m_axi_arvalid(m_axi_arvalid), .m_axi_arready(m_axi_arready), .m_axi_rresp(m_axi_rresp),
      .m_axi_rlast(m_axi_rlast), .m_axi_rvalid(m_axi_rvalid), .m_axi_rready(m_axi_rready)
    );
    assign write_moved    = 1'b0;
    assign write_idle     = 1'b1;
    assign write_drained  = 1'b1;
    assign write_err      = 1'b0;
    assign write_code     = 8'd0;
    assign write_err_addr = '0;
  end else begin : gen_many
    aap_axi_read #(
      .AddrWidth(AddrWidth), .AxiDataWidth(AxiDataWidth), .MaxBurst(MaxBurst), .Outstanding(Outstanding), .BeatsWidth(LoadWidth)
    ) u_read (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear), .halt_i(halt),
      .window_base_i(window_base), .window_limit_i(window_limit),
      .load_valid_i(load_req_valid), .load_ready_o(load_req_ready), .load_addr_i(load_req_addr),
      .load_len_i(load_req_len), .load_layer_i(load_layer), .load_busy_o(load_req_busy),
      .fetch_valid_i(fetch_req_valid), .fetch_ready_o(fetch_req_ready), .fetch_addr_i(fetch_req_addr),
      .load_rvalid_o(load_rvalid), .load_rready_i(load_rready), .fetch_rvalid_o(fetch_rvalid), .moved_o(read_moved),
      .idle_o(read_idle), .drained_o(read_drained),
      .err_valid_o(read_err), .err_code_o(read_code), .err_addr_o(read_err_addr),
      .m_axi_araddr(m_axi_araddr), .m_axi_arlen(m_axi_arlen), .m_axi_aruser(m_axi_aruser),
      .m_axi_arvalid(m_axi_arvalid), .m_axi_arready(m_axi_arready), .m_axi_rresp(m_axi_rresp),
      .m_axi_rlast(m_axi_rlast), .m_axi_rvalid(m_axi_rvalid), .m_axi_rready(m_axi_rready)
    );

    aap_axi_write #(
      .AddrWidth(AddrWidth), .AxiDataWidth(AxiDataWidth), .MaxBurst(MaxBurst), .Outstanding(Outstanding), .BeatsWidth(StoreWidth)
    ) u_write (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear), .halt_i(halt),
      .window_base_i(window_base), .window_limit_i(window_limit),
      .req_valid_i(store_req_valid), .req_ready_o(store_req_ready), .req_addr_i(store_req_addr),
      .req_len_i(store_req_len), .req_post_i(store_req_post), .req_layer_i(store_layer), .busy_o(store_req_busy),
      .data_valid_i(data_valid), .data_ready_o(data_ready), .data_i(store_data),
      .post_o(write_post), .moved_o(write_moved), .idle_o(write_idle), .drained_o(write_drained),
      .err_valid_o(write_err), .err_code_o(write_code), .err_addr_o(write_err_addr),
      .m_axi_awaddr(m_axi_awaddr), .m_axi_awlen(m_axi_awlen), .m_axi_awuser(m_axi_awuser),
      .m_axi_awvalid(m_axi_awvalid), .m_axi_awready(m_axi_awready), .m_axi_wdata(m_axi_wdata),
      .m_axi_wstrb(m_axi_wstrb), .m_axi_wlast(m_axi_wlast), .m_axi_wvalid(m_axi_wvalid),
      .m_axi_wready(m_axi_wready), .m_axi_bresp(m_axi_bresp), .m_axi_bvalid(m_axi_bvalid), .m_axi_bready(m_axi_bready)
    );
  end
  always_comb begin : p_written
    written_post                       = 5'd0;
    written_post[aap_isa_pkg::TOK_S2L] = write_post;
  end

  assign m_axi_awsize  = 3'(BeatLog);
  assign m_axi_arsize  = 3'(BeatLog);
  assign m_axi_awburst = 2'b01;
  assign m_axi_arburst = 2'b01;
  assign m_axi_awid    = 1'b0;
  assign m_axi_arid    = 1'b0;

  // One ID is in use; what comes back carries it.
  `AAP_ASSERT(response_id, !(m_axi_bvalid && m_axi_bid) && !(m_axi_rvalid && m_axi_rid))

  // Shown addresses and data stay until they are taken.
  logic ar_held_q, aw_held_q, w_held_q, w_last_q;
  logic [AddrWidth-1:0] ar_addr_q, aw_addr_q;
  always_ff @(posedge clk_i) begin : p_stability
    ar_held_q <= rst_ni && m_axi_arvalid && !m_axi_arready;
    aw_held_q <= rst_ni && m_axi_awvalid && !m_axi_awready;
    w_held_q  <= rst_ni && m_axi_wvalid && !m_axi_wready;
    w_last_q  <= m_axi_wlast;
    ar_addr_q <= m_axi_araddr;
    aw_addr_q <= m_axi_awaddr;
  end
  `AAP_ASSERT(ar_stable, !ar_held_q || (m_axi_arvalid && m_axi_araddr == ar_addr_q))
  `AAP_ASSERT(aw_stable, !aw_held_q || (m_axi_awvalid && m_axi_awaddr == aw_addr_q))
  `AAP_ASSERT(w_stable, !w_held_q || (m_axi_wvalid && m_axi_wlast == w_last_q))

`ifdef SYNTHESIS
  logic unused_id;
  assign unused_id = m_axi_bid ^ m_axi_rid;
`endif
endmodule

`default_nettype wire
