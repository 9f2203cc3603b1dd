// SPDX-License-Identifier: Apache-2.0
//
// aap_drain: takes the accumulators of a pixel at done_i and carries Requantisers channels per cycle through partial sum,
// requantiser, residual add and output buffer. It never waits; done_i comes at most every DrainCycles cycles. Stage d0 is
// the cycle in which channels leave the drain register; the output word is written in d8, with residual in d12.
//
// With ResidualPasses 3 the requantiser does the residual add too, in two further passes: channels of an EXEC with residual
// leave every third cycle (done_i comes at most every 3 x DrainCycles cycles, and may wait two for its turn), sums take the requantiser in their d2, their
// results in d9 and the residual operands in d10; words are written in d9, with residual in d17.
//
// The fields of an EXEC are copied at cfg_load_i, when nothing is on its way, except those marked static.
// Every memory has its own counter at the stage that uses it: addresses of an EXEC are consecutive.
// An EXEC that differs from the one before in the bases alone may follow it closely (cfg_next_i, before its first pixel and behind
// the other's last): a mark runs ahead of its first channels and each counter takes its base in the cycle before they come.
//
// Block RAMs: board (ECP5 DP16KD) partial sums 15, output 8, residual 8, parameters 14 or LUT RAM; small (iCE40)
// partial sums 2, output 1, residual 2, parameters 3.

`default_nettype none
`include "aap_assert.svh"

module aap_drain #(
  parameter  int Pes           = 32,
  parameter  int Requantisers  = 8,
  parameter  int AccWidth      = 32,
  parameter  int MulWidth      = 24,
  parameter  int AddMulWidth   = 23,   // as in aap_residual_add
  parameter  int AxiDataWidth  = 128,
  parameter  int ParamDepth    = 32,
  parameter  int PsumDepth     = 256,
  parameter  int OutDepth      = 512,
  parameter  int ResidualDepth = 512,
  parameter  int ResidualPasses = 1,  // 1, 3
  parameter  int Overlap       = 0,   // 1: cfg_next_i is used; ResidualPasses is 1
  parameter  int MulStyle      = 0,
  localparam int DrainCycles   = Pes / Requantisers,
  localparam int StepW         = $clog2(DrainCycles),
  localparam int ParW          = $clog2(ParamDepth),
  localparam int PsumW         = $clog2(PsumDepth) + StepW,      // bits of an address
  localparam int OutW          = $clog2(OutDepth) + StepW,
  localparam int ResW          = $clog2(ResidualDepth) + StepW
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,
  input  wire logic                      clear_i,

  // fields; bases in pixels, the top bit says beyond
  input  wire logic                      cfg_load_i,
  input  wire logic                      cfg_next_i,
  input  wire logic                      cfg_first_i,
  input  wire logic                      cfg_last_i,
  input  wire logic                      cfg_max_i,
  input  wire logic                      cfg_residual_i,
  input  wire logic [PsumW-StepW:0]       cfg_psum_base_i,
  input  wire logic [OutW-StepW:0]       cfg_out_base_i,
  input  wire logic [ResW-StepW:0]       cfg_res_base_i,
  input  wire logic [ParW-1:0]           cfg_par_base_i,
  input  wire logic [7:0]                cfg_zp_i,
  input  wire logic [7:0]                cfg_lo_i,         // static from here on
  input  wire logic [7:0]                cfg_hi_i,
  input  wire logic [7:0]                cfg_add_zp_i,
  input  wire logic [4:0]                cfg_add_shift_i,
  input  wire logic [7:0]                cfg_add_lo_i,
  input  wire logic [7:0]                cfg_add_hi_i,
  input  wire logic [AddMulWidth-1:0]               cfg_add_ma_i,
  input  wire logic [AddMulWidth-1:0]               cfg_add_mb_i,
  input  wire logic [AddMulWidth+8:0]               cfg_add_c_i,
  output      logic                      swap_mul_o,       // add_ma and add_mb change places in the next cycle
  output      logic                      swap_bounds_o,    // lo and hi change places with add_lo and add_hi, zp_o with add_zp
  output      logic [7:0]                zp_o,

  // accumulators of a finished pixel
  input  wire logic                      done_i,
  input  wire logic [AccWidth*Pes-1:0]   acc_i,

  // load write port
  input  wire logic                      ld_res_i,
  input  wire logic                      ld_par_i,
  input  wire logic [15:0]               ld_addr_i,
  input  wire logic [7:0]                ld_col_i,
  input  wire logic [AxiDataWidth-1:0]   ld_data_i,

  // output read port, data one cycle later
  input  wire logic                      out_re_i,
  input  wire logic [15:0]               out_raddr_i,
  output      logic [8*Requantisers-1:0] out_rdata_o,

  // status
  output      logic                      busy_o,
  output      logic                      err_o,       // pixel or entry beyond a buffer; it is not written
  output      logic [15:0]               err_addr_o   // the first pixel beyond
);
  localparam int BeatB  = AxiDataWidth / 8;
  localparam int Subs   = BeatB / Requantisers;        // words of Requantisers bytes in a beat
  localparam int SubW   = $clog2(Subs);
  localparam int ResRam = ResidualDepth * Pes / BeatB;
  localparam int SumW   = AccWidth * Requantisers;
  localparam int PlainAt    = (ResidualPasses == 1) ? 8 : 9;    // stage of y
  localparam int OperandAt  = (ResidualPasses == 1) ? 7 : 9;    // of the residual buffer's read
  localparam int ResidualAt = (ResidualPasses == 1) ? 12 : 17;  // of y with residual

  if (Requantisers * DrainCycles != Pes || DrainCycles != (1 << StepW) || DrainCycles < 4) begin : gen_illegal_pes
    ERROR_aap_drain_Pes_must_be_a_power_of_two_and_4_Requantisers u_error ();
  end
  if (Subs < 1 || Subs * Requantisers != BeatB || Pes % BeatB != 0) begin : gen_illegal_beat
    ERROR_aap_drain_a_beat_must_hold_Requantisers_and_fit_Pes u_error ();
  end
  if (PsumW > 16 || OutW > 16 || ResW > 16 || PsumDepth < 2 || OutDepth < 2 || ResidualDepth < 2) begin : gen_illegal_depth
    ERROR_aap_drain_depths_times_drain_cycles_must_be_at_most_65536 u_error ();
  end

  if (ResidualPasses != 1 && ResidualPasses != 3) begin : gen_illegal_passes
    ERROR_aap_drain_ResidualPasses_must_be_1_or_3 u_error ();
  end

  // ---- fields
  logic            first_q, last_q, max_q, residual_q;
  logic [ParW-1:0] par_base_q;
  logic [7:0]      zp_q;
  always_ff @(posedge clk_i) begin : p_fields
    if (cfg_load_i) begin
      first_q    <= cfg_first_i;
      last_q     <= cfg_last_i;
      max_q      <= cfg_max_i;
      residual_q <= cfg_residual_i;
      par_base_q <= cfg_par_base_i;
      zp_q       <= cfg_zp_i;
    end else begin
      if (swap_bounds_o) zp_q <= cfg_add_zp_i;
      if (mark[0]) par_base_q <= next_par;
    end
  end
  assign zp_o = zp_q;

  // ---- d0: drain register
  logic [StepW:0]            left_q;   // cycles that the pixel still takes
  logic [AccWidth*Pes-1:0]   drain_q;
  logic [ResidualAt:1]       v_q, v_d; // v_q[n]: stage dn holds a result
  logic                      v0, turn, slow, psum_bad, res_bad, out_bad, write;
  assign v0   = (left_q != '0) && turn;
  assign slow = (ResidualPasses != 1) && residual_q && last_q;
  if (ResidualPasses == 1) begin : gen_every_cycle
    assign turn = 1'b1;
  end else begin : gen_every_third
    // It runs through all pixels of an EXEC, so that the three passes never meet.
    logic [1:0] phase_q;
    assign turn = (phase_q == 2'd0);
    always_ff @(posedge clk_i) begin : p_phase
      if (!slow || phase_q == 2'd2) phase_q <= 2'd0;
      else                          phase_q <= phase_q + 1'b1;
    end
  end
  always_comb begin : p_stages
    v_d                = {v_q[ResidualAt-1:1], v0 & ~psum_bad};
    v_d[OperandAt+1]   = v_q[OperandAt] & ~res_bad & ((ResidualPasses == 1) || slow);
  end
  always_ff @(posedge clk_i) begin : p_valid
    if (!rst_ni || clear_i) begin
      left_q <= '0;
      v_q    <= '0;
    end else begin
      if (done_i) left_q <= (StepW+1)'(DrainCycles);
      else if (v0) left_q <= left_q - 1'b1;
      v_q <= v_d;
    end
  end
  always_ff @(posedge clk_i) begin : p_drain
    if (done_i) drain_q <= acc_i;
    else if (v0) drain_q <= {drain_q[SumW-1:0], drain_q[AccWidth*Pes-1:SumW]};
  end
  assign busy_o = v0 | (|v_q);

  // ---- bases of the next EXEC; mark[n]: its first channels are in stage dn
  logic                    next_here;
  logic [ResidualAt-1:0]   mark;
  logic [PsumW-StepW:0]    next_psum;
  logic [OutW-StepW:0]     next_out;
  logic [ResW-StepW:0]     next_res;
  logic [ParW-1:0]         next_par;
  if (Overlap != 0) begin : gen_overlap
    logic                  wait_q;  // its first pixel has not come
    logic [ResidualAt-1:0] mark_q;
    logic [PsumW-StepW:0]  next_psum_q;
    logic [OutW-StepW:0]   next_out_q;
    logic [ResW-StepW:0]   next_res_q;
    logic [ParW-1:0]       next_par_q;
    always_ff @(posedge clk_i) begin : p_mark
      if (!rst_ni || clear_i) begin
        wait_q <= 1'b0;
        mark_q <= '0;
      end else begin
        wait_q <= cfg_next_i || (wait_q && !done_i);
        mark_q <= {mark_q[ResidualAt-2:0], next_here};
      end
    end
    always_ff @(posedge clk_i) begin : p_bases
      if (cfg_next_i) begin
        next_psum_q <= cfg_psum_base_i;
        next_out_q  <= cfg_out_base_i;
        next_res_q  <= cfg_res_base_i;
        next_par_q  <= cfg_par_base_i;
      end
    end
    assign next_here = wait_q && done_i;
    assign mark      = mark_q;
    assign next_psum = next_psum_q;
    assign next_out  = next_out_q;
    assign next_res  = next_res_q;
    assign next_par  = next_par_q;
    `AAP_ASSERT(bases_in_use, !cfg_next_i || (!wait_q && mark_q == '0))
  end else begin : gen_no_overlap
    assign next_here = 1'b0;
    assign mark      = '0;
    assign next_psum = '0;
    assign next_out  = '0;
    assign next_res  = '0;
    assign next_par  = '0;
    logic unused_next;
    assign unused_next = cfg_next_i;
  end

  // ---- counters
  logic [PsumW:0]  psum_rd_q, psum_wr_q;
  logic [OutW:0]   out_q;
  logic [ResW:0]   res_q;
  logic [ParW-1:0] par_q;
  logic            pixel_end1_q;
  logic [PsumW:0]  psum_base;
  assign psum_base = {cfg_psum_base_i, StepW'(0)};
  always_ff @(posedge clk_i) begin : p_counters
    pixel_end1_q <= (left_q == (StepW+1)'(1));
    if (cfg_load_i) begin
      psum_rd_q <= psum_base;
      psum_wr_q <= psum_base;
      out_q     <= {cfg_out_base_i, StepW'(0)};
      res_q     <= {cfg_res_base_i, StepW'(0)};
      par_q     <= cfg_par_base_i;
    end else begin
      if (next_here) psum_rd_q <= {next_psum, StepW'(0)};
      else if (v0)   psum_rd_q <= psum_rd_q + 1'b1;
      if (mark[0])     par_q <= next_par;
      else if (v_q[1]) par_q <= pixel_end1_q ? par_base_q : par_q + 1'b1;
      if (mark[1])     psum_wr_q <= {next_psum, StepW'(0)};
      else if (v_q[2]) psum_wr_q <= psum_wr_q + 1'b1;
      if (mark[OperandAt-1])   res_q <= {next_res, StepW'(0)};
      else if (v_q[OperandAt]) res_q <= res_q + 1'b1;
      if (mark[residual_q ? ResidualAt-1 : PlainAt-1]) out_q <= {next_out, StepW'(0)};
      else if (write) out_q <= out_q + 1'b1;
    end
  end

  // ---- d0 read, d1 add, d2 write partial sums
  logic [SumW-1:0] value1_q, sum2_q, psum_rdata;
  assign psum_bad = v0 && !(first_q && last_q) && (psum_rd_q >= (PsumW+1)'(PsumDepth * DrainCycles));
  for (genvar r = 0; r < Requantisers; r++) begin : gen_sum
    logic [AccWidth-1:0] acc;
    assign acc = drain_q[AccWidth*r +: AccWidth];
    always_ff @(posedge clk_i) begin : p_sum
      // A maximum is the complement of a byte that counts from -128.
      value1_q[AccWidth*r +: AccWidth] <= max_q ? AccWidth'($signed({acc[7], ~acc[6:0]})) : acc;
      sum2_q[AccWidth*r +: AccWidth]   <= first_q ? value1_q[AccWidth*r +: AccWidth]
                                        : value1_q[AccWidth*r +: AccWidth] + psum_rdata[AccWidth*r +: AccWidth];
    end
  end
  aap_ram #(.Width(SumW), .Depth(PsumDepth * DrainCycles)) u_psum (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .we_i(v_q[2] && !last_q), .waddr_i(psum_wr_q[PsumW-1:0]), .wdata_i(sum2_q),
    .re_i(v0 && !first_q && !psum_bad), .raddr_i(psum_rd_q[PsumW-1:0]), .rdata_o(psum_rdata)
  );

  // ---- d1: parameters. A channel's 8 bytes are bias, then m | t << 24.
  localparam int HighW = MulWidth + 6;
  logic [AccWidth*Requantisers-1:0] bias;
  logic [HighW*Requantisers-1:0]    scale;  // {t, m} per channel
  logic                             par_re;
  assign par_re = v_q[1] && last_q;
  for (genvar r = 0; r < Requantisers; r++) begin : gen_par
    localparam int BiasBit = 64 * r;
    localparam int ScaleBit = 64 * r + 32;
    localparam int BiasIn = BiasBit % AxiDataWidth;
    localparam int ScaleIn = ScaleBit % AxiDataWidth;
    localparam int BiasCol = BiasBit / AxiDataWidth;
    localparam int ScaleCol = ScaleBit / AxiDataWidth;
    aap_ram_halves #(.LowWidth(AccWidth), .HighWidth(HighW), .Depth(ParamDepth)) u_ram (
      .clk_i(clk_i), .rst_ni(rst_ni),
      .we_low_i(ld_par_i && ld_col_i == 8'(BiasCol)), .we_high_i(ld_par_i && ld_col_i == 8'(ScaleCol)),
      .waddr_i(ld_addr_i[ParW-1:0]), .wdata_low_i(ld_data_i[BiasIn +: AccWidth]),
      .wdata_high_i({ld_data_i[ScaleIn+24 +: 6], ld_data_i[ScaleIn +: MulWidth]}),
      .re_i(par_re), .raddr_i(par_q), .rdata_o({scale[HighW*r +: HighW], bias[AccWidth*r +: AccWidth]})
    );
  end

  // ---- residual operand: d7, or d9 when the requantiser takes it
  logic [AxiDataWidth-1:0] res_rdata;
  logic                    res_re;
  assign res_bad = v_q[OperandAt] && last_q && residual_q && (res_q >= (ResW+1)'(ResidualDepth * DrainCycles));
  assign res_re  = v_q[OperandAt] && last_q && residual_q && !res_bad;
  aap_ram #(.Width(AxiDataWidth), .Depth(ResRam)) u_residual (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .we_i(ld_res_i), .waddr_i(ld_addr_i[ResW-SubW-1:0]), .wdata_i(ld_data_i),
    .re_i(res_re), .raddr_i(res_q[ResW-1:SubW]), .rdata_o(res_rdata)
  );
  logic [8*Requantisers-1:0] residual8;
  if (Subs == 1) begin : gen_whole_beat
    assign residual8 = res_rdata;
  end else begin : gen_part_beat
    logic [SubW-1:0] sub_q;
    always_ff @(posedge clk_i) begin : p_sub
      sub_q <= res_q[SubW-1:0];
    end
    assign residual8 = res_rdata[8*Requantisers*sub_q +: 8*Requantisers];
  end

  // ---- d2 to d8: requantisers; d8 to d12: residual add
  logic [8*Requantisers-1:0] y_plain, y_residual;
  if (ResidualPasses == 1) begin : gen_own_adder
    for (genvar r = 0; r < Requantisers; r++) begin : gen_requant
      aap_requant #(.AccWidth(AccWidth), .MulWidth(MulWidth), .MulStyle(MulStyle)) u_requant (
        .clk_i(clk_i), .sum_i(sum2_q[AccWidth*r +: AccWidth]), .bias_i(bias[AccWidth*r +: AccWidth]),
        .m_i(scale[HighW*r +: MulWidth]), .t_i(scale[HighW*r+MulWidth +: 6]), .zp_i(zp_q), .lo_i(cfg_lo_i),
        .hi_i(cfg_hi_i), .y_o(y_plain[8*r +: 8])
      );
      aap_residual_add #(.AddMulWidth(AddMulWidth), .MulStyle(MulStyle)) u_add (
        .clk_i(clk_i), .a_i(y_plain[8*r +: 8]), .b_i(residual8[8*r +: 8]), .ma_i(cfg_add_ma_i), .mb_i(cfg_add_mb_i),
        .c_i(cfg_add_c_i), .shift_i(cfg_add_shift_i), .zp_i(cfg_add_zp_i), .lo_i(cfg_add_lo_i), .hi_i(cfg_add_hi_i),
        .y_o(y_residual[8*r +: 8])
      );
    end
    assign swap_mul_o    = 1'b0;
    assign swap_bounds_o = 1'b0;
  end else begin : gen_three_passes
    logic second;
    assign second = v_q[9] && slow;
    for (genvar r = 0; r < Requantisers; r++) begin : gen_requant
      aap_requant_add #(.AccWidth(AccWidth), .MulWidth(MulWidth), .AddMulWidth(AddMulWidth), .MulStyle(MulStyle)) u_requant (
        .clk_i(clk_i), .sum_i(sum2_q[AccWidth*r +: AccWidth]), .bias_i(bias[AccWidth*r +: AccWidth]),
        .m_i(scale[HighW*r +: MulWidth]), .t_i(scale[HighW*r+MulWidth +: 6]),
        .second_i({v_q[12:10], second}), .third_i(v_q[13:10]), .residual_i(residual8[8*r +: 8]),
        .mul_i(cfg_add_ma_i), .c_i(cfg_add_c_i), .shift_i(cfg_add_shift_i),
        .zp_i(zp_q), .lo_i(cfg_lo_i), .hi_i(cfg_hi_i), .y_o(y_plain[8*r +: 8])
      );
    end
    assign y_residual    = y_plain;
    // After the second pass has taken ma, and back; while the third's result is clamped, and back.
    assign swap_mul_o    = v_q[10] || v_q[11];
    assign swap_bounds_o = v_q[15] || v_q[16];
    logic unused_add;
    assign unused_add = ^{cfg_add_mb_i, cfg_add_lo_i, cfg_add_hi_i};
  end

  // ---- output
  assign write   = last_q && (residual_q ? v_q[ResidualAt] : v_q[PlainAt]);
  assign out_bad = write && (out_q >= (OutW+1)'(OutDepth * DrainCycles));
  aap_ram #(.Width(8 * Requantisers), .Depth(OutDepth * DrainCycles)) u_out (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .we_i(write && !out_bad), .waddr_i(out_q[OutW-1:0]), .wdata_i(residual_q ? y_residual : y_plain),
    .re_i(out_re_i), .raddr_i(out_raddr_i[OutW-1:0]), .rdata_o(out_rdata_o)
  );

  assign err_o      = psum_bad || res_bad || out_bad;
  assign err_addr_o = (psum_bad ? 16'(PsumDepth) : 16'd0) | (res_bad ? 16'(ResidualDepth) : 16'd0)
                    | (out_bad ? 16'(OutDepth) : 16'd0);

  logic unused_ld;
  assign unused_ld = ^{ld_addr_i, ld_data_i, out_raddr_i};
endmodule

`default_nettype wire
