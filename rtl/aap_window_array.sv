// SPDX-License-Identifier: Apache-2.0
//
// aap_window_array: WINDOW's PEs with their weight memories. Each PE adds rows of up to Muls products, whose activations
// it chooses from the whole window, until it has had its last row of the window; the window goes when all PEs are
// there (next_o). The last window of a pixel also waits until DrainCycles have gone by since that of the pixel before.
// done_o pulses as in aap_array: in the cycle in which acc_o holds a finished pixel, Latency cycles after its next_o.

`default_nettype none
`include "aap_assert.svh"

module aap_window_array #(
  parameter  int Realign      = 0,
  parameter  int Group        = 16,
  parameter  int Lanes        = 1,    // groups in a window
  parameter  int Pes          = 16,
  parameter  int Muls         = 4,    // multipliers of a PE
  parameter  int AccWidth     = 32,
  parameter  int AxiDataWidth = 128,
  parameter  int WeightDepth  = 256,
  parameter  int DrainCycles  = 4,
  parameter  int MulStyle     = 0,
  localparam int Window       = Group * Lanes,
  localparam int WgtW         = $clog2(WeightDepth)
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,
  input  wire logic                    clear_i,

  // load write port
  input  wire logic                    ld_wgt_i,
  input  wire logic [15:0]             ld_addr_i,
  input  wire logic [7:0]              ld_col_i,
  input  wire logic [AxiDataWidth-1:0] ld_data_i,

  // an EXEC begins; no window is there
  input  wire logic                    start_i,
  input  wire logic [WgtW:0]           base_i,
  output      logic                    over_o,    // a PE's rows run out of its memory

  // window, held until next_o
  input  wire logic                    valid_i,
  input  wire logic                    first_i,   // of the pixel
  input  wire logic                    last_i,    // of the pixel
  input  wire logic                    max_i,
  input  wire logic [8*Window-1:0]     groups_i,
  output      logic                    next_o,

  // result
  output      logic                    done_o,
  output      logic                    busy_o,
  output      logic [AccWidth*Pes-1:0] acc_o,

  // counters: every PE works; some wait for others; all wait for the drain
  output      logic                    working_o,
  output      logic                    imbalance_o,
  output      logic                    drain_wait_o
);
  localparam int IndexW     = $clog2(Window);
  localparam int TreeStages = (Muls == 1) ? 0 : (Muls >= 8) ? 2 : 1;
  localparam int AccStage   = 2 + TreeStages;
  localparam int Products   = Muls * Pes;
  localparam int RowW       = aap_isa_pkg::element_bits(aap_isa_pkg::SELECT_WINDOW + Realign, 1, Group, Lanes, Muls);
  localparam int GapW       = $clog2(DrainCycles);

  if (Pes < 2 || Pes % 2 != 0) begin : gen_illegal_pes
    ERROR_aap_window_array_Pes_must_be_even u_error ();
  end
  if (Muls != 1 && Muls != 2 && Muls != 4 && Muls != 8 && Muls != 16) begin : gen_illegal_muls
    ERROR_aap_window_array_Muls_must_be_1_2_4_8_or_16 u_error ();
  end
  if (Window < 4 || Window > 256 || (Window & (Window - 1)) != 0) begin : gen_illegal_window
    ERROR_aap_window_array_Group_times_Lanes_must_be_a_power_of_two_up_to_256 u_error ();
  end

  logic [Pes-1:0]             fresh, last, over;
  logic [8*Products-1:0]      act, weights;  // product pe * Muls + multiplier
  logic [IndexW*Products-1:0] index;
  logic [16*Products-1:0]     products;
  logic                       work, begin_q;
  logic [GapW-1:0]            gap_q;

  // A window begins when every PE has its first row, which is at once.
  assign work   = valid_i && (!begin_q || (&fresh));
  assign next_o = work && (&last) && !(last_i && gap_q != '0);
  assign over_o = |over;

  assign working_o    = work && (&fresh);
  assign imbalance_o  = work && (|fresh) && !(&fresh);
  assign drain_wait_o = work && !(|fresh);

  always_ff @(posedge clk_i) begin : p_window
    if (!rst_ni || clear_i) begin
      begin_q <= 1'b1;
      gap_q   <= '0;
    end else begin
      if (next_o) begin_q <= 1'b1;
      else if (work) begin_q <= 1'b0;
      if (next_o && last_i) gap_q <= GapW'(DrainCycles - 1);
      else if (gap_q != '0) gap_q <= gap_q - 1'b1;
    end
  end

  // flags beside the data
  logic [AccStage-1:0]     first_q, max_q, done_q;
  logic [AccStage*Pes-1:0] valid_q;
  logic                    finished_q;
  always_ff @(posedge clk_i) begin : p_valid
    if (!rst_ni || clear_i) begin
      valid_q    <= '0;
      done_q     <= '0;
      finished_q <= 1'b0;
    end else begin
      valid_q    <= {valid_q[(AccStage-1)*Pes-1:0], fresh & {Pes{work}}};
      done_q     <= {done_q[AccStage-2:0], next_o & last_i};
      finished_q <= done_q[AccStage-1];
    end
  end
  always_ff @(posedge clk_i) begin : p_flags
    first_q <= {first_q[AccStage-2:0], first_i & begin_q};
    max_q   <= {max_q[AccStage-2:0], max_i};
  end
  assign done_o = finished_q;
  assign busy_o = (|valid_q) | (|done_q) | finished_q;

  for (genvar p = 0; p < Pes; p++) begin : gen_pe
    aap_window_weights #(
      .Realign(Realign), .Muls(Muls), .Window(Window), .AxiDataWidth(AxiDataWidth), .WeightDepth(WeightDepth), .Lsb(RowW * p)
    ) u_weights (
      .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i),
      .ld_wgt_i(ld_wgt_i), .ld_addr_i(ld_addr_i), .ld_col_i(ld_col_i), .ld_data_i(ld_data_i),
      .start_i(start_i), .base_i(base_i), .work_i(work), .next_i(next_o),
      .weights_o(weights[8*Muls*p +: 8*Muls]), .index_o(index[IndexW*Muls*p +: IndexW*Muls]),
      .fresh_o(fresh[p]), .last_o(last[p]), .over_o(over[p])
    );
    for (genvar t = 0; t < Muls; t++) begin : gen_selector
      localparam int Product = Muls * p + t;
      aap_selector #(.Group(Window)) u_selector (
        .clk_i(clk_i), .max_i(max_i), .diag_i(1'b0), .group_i(groups_i), .index_i(index[IndexW*Product +: IndexW]),
        .act_o(act[8*Product +: 8])
      );
    end
    aap_pe #(.Lanes(Muls), .AccWidth(AccWidth)) u_pe (
      .clk_i(clk_i), .products_i(products[16*Muls*p +: 16*Muls]), .valid_i(valid_q[(AccStage-1)*Pes+p]),
      .first_i(first_q[AccStage-1]), .max_i(max_q[AccStage-1]), .acc_o(acc_o[AccWidth*p +: AccWidth])
    );
  end

  for (genvar e = 0; e < Products; e = e + 2) begin : gen_mul
    aap_mul2 #(.MulStyle(MulStyle)) u_mul2 (
      .clk_i(clk_i), .a0_i(act[8*e +: 8]), .b0_i(weights[8*e +: 8]), .a1_i(act[8*e+8 +: 8]),
      .b1_i(weights[8*e+8 +: 8]), .comp_i(1'b0), .p0_o(products[16*e +: 16]), .p1_o(products[16*e+16 +: 16])
    );
  end

  `AAP_ASSERT(rows_are_ready, !(valid_i && begin_q) || (&fresh))
endmodule

`default_nettype wire
