// SPDX-License-Identifier: Apache-2.0
//
// aap_buffers: activation banks, weights and gather table. Memories that a beat writes only in part are built of one RAM
// per part. Offsets are kept in as many bits as an activation address has and one that says "beyond"; DENSE keeps
// the lane's first index above them.
//
// Block RAMs: board (ECP5 DP16KD) weights 48, activations 60, table 2; small (iCE40) weights 11, activations 8, table 1.

`default_nettype none

module aap_buffers #(
  parameter  int Select       = aap_isa_pkg::SELECT_GROUP,
  parameter  int Share        = 1,
  parameter  int Group        = 16,
  parameter  int Lanes        = 4,
  parameter  int Pes          = 32,
  parameter  int AxiDataWidth = 128,
  parameter  int ActDepth     = 2048,
  parameter  int WeightDepth  = 512,
  parameter  int TableDepth   = 512,
  localparam int BeatBytes    = AxiDataWidth / 8,
  localparam int BlockBytes   = (Group > BeatBytes) ? Group : BeatBytes,
  localparam int BlockGroups  = BlockBytes / Group,     // neighbouring banks that one block fills
  localparam int Superbanks   = Lanes / BlockGroups,
  localparam bit Windowed     = (Select >= aap_isa_pkg::SELECT_WINDOW),  // weights are in the PEs
  localparam int RowW         = Windowed ? 1 : aap_isa_pkg::row_bits(Select, Share, Group, Lanes, Pes, Lanes),
  localparam int ActW         = $clog2(ActDepth),
  localparam int WgtW         = $clog2(WeightDepth),
  localparam int TabW         = $clog2(TableDepth),
  localparam int IndexW       = (Select == aap_isa_pkg::SELECT_DENSE) ? $clog2(Group) : 0,
  localparam int StepW        = ActW + 1 + IndexW      // bits of a lane in a table entry
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,

  // load write port
  input  wire logic                      ld_act_i,
  input  wire logic                      ld_wgt_i,
  input  wire logic                      ld_tab_i,
  input  wire logic [15:0]               ld_addr_i,
  input  wire logic [7:0]                ld_col_i,
  input  wire logic [Superbanks-1:0]     ld_mask_i,
  input  wire logic [AxiDataWidth-1:0]   ld_data_i,

  // read ports, data one cycle later and held
  input  wire logic                      tab_re_i,
  input  wire logic [TabW-1:0]           tab_addr_i,
  output      logic [Lanes*StepW-1:0]    tab_rdata_o,
  input  wire logic                      act_re_i,
  input  wire logic [Lanes*ActW-1:0]     act_addr_i,
  output      logic [8*Group*Lanes-1:0]  act_rdata_o,
  input  wire logic                      wgt_re_i,
  input  wire logic [WgtW-1:0]           wgt_addr_i,
  output      logic [RowW-1:0]           wgt_rdata_o
);
  if (AxiDataWidth != 32 && AxiDataWidth != 64 && AxiDataWidth != 128) begin : gen_illegal_axi
    ERROR_aap_buffers_AxiDataWidth_must_be_32_64_or_128 u_error ();
  end
  if (Lanes % BlockGroups != 0) begin : gen_illegal_lanes
    ERROR_aap_buffers_a_block_must_fit_the_lanes u_error ();
  end
  if (ActDepth < 2 || ActDepth > 32768 || WeightDepth < 2 || WeightDepth > 32768 || TableDepth < 2 ||
      TableDepth > 32768) begin : gen_illegal_depth
    ERROR_aap_buffers_depths_must_be_2_to_32768 u_error ();
  end
  if (ActW > 16 - IndexW) begin : gen_illegal_act_depth
    ERROR_aap_buffers_ActDepth_must_leave_the_index_its_bits u_error ();
  end

  // activation banks: a column per beat of a block, bank l takes group l % BlockGroups of the block
  localparam int ActCols = BlockBytes / BeatBytes;
  localparam int ActColW = (ActCols > 1) ? AxiDataWidth : 8 * Group;
  for (genvar l = 0; l < Lanes; l++) begin : gen_bank
    for (genvar c = 0; c < ActCols; c++) begin : gen_col
      aap_ram #(.Width(ActColW), .Depth(ActDepth)) u_ram (
        .clk_i(clk_i), .rst_ni(rst_ni),
        .we_i(ld_act_i && ld_mask_i[l / BlockGroups] && (ActCols == 1 || ld_col_i == 8'(c))),
        .waddr_i(ld_addr_i[ActW-1:0]), .wdata_i(ld_data_i[8*Group*(l % BlockGroups) +: ActColW]),
        .re_i(act_re_i), .raddr_i(act_addr_i[ActW*l +: ActW]),
        .rdata_o(act_rdata_o[8*Group*l + ActColW*c +: ActColW])
      );
    end
  end

  // weights: a column per beat of a row, the last one as wide as what is left
  if (Windowed) begin : gen_no_weights
    logic unused_wgt;
    assign unused_wgt  = ^{ld_wgt_i, wgt_re_i, wgt_addr_i};
    assign wgt_rdata_o = 1'b0;
  end else begin : gen_weights
    localparam int RowBeats = (RowW + AxiDataWidth - 1) / AxiDataWidth;
    for (genvar c = 0; c < RowBeats; c++) begin : gen_wgt
      localparam int ColW = (c == RowBeats - 1) ? RowW - c * AxiDataWidth : AxiDataWidth;
      aap_ram #(.Width(ColW), .Depth(WeightDepth)) u_ram (
        .clk_i(clk_i), .rst_ni(rst_ni),
        .we_i(ld_wgt_i && (RowBeats == 1 || ld_col_i == 8'(c))),
        .waddr_i(ld_addr_i[WgtW-1:0]), .wdata_i(ld_data_i[ColW-1:0]),
        .re_i(wgt_re_i), .raddr_i(wgt_addr_i), .rdata_o(wgt_rdata_o[AxiDataWidth*c +: ColW])
      );
    end
  end

  // table: a column per beat of a step
  localparam int BeatLanes = (Lanes < BeatBytes / 2) ? Lanes : BeatBytes / 2;
  localparam int TabBeats  = Lanes / BeatLanes;
  for (genvar c = 0; c < TabBeats; c++) begin : gen_tab
    logic [BeatLanes*StepW-1:0] wdata;
    for (genvar i = 0; i < BeatLanes; i++) begin : gen_offset
      logic [15-IndexW:0] offset;
      assign offset = ld_data_i[16*i +: 16-IndexW];
      assign wdata[StepW*i +: ActW+1] = {|(offset >> ActW), offset[ActW-1:0]};
      if (IndexW > 0) begin : gen_index
        assign wdata[StepW*i+ActW+1 +: IndexW] = ld_data_i[16*i+16-IndexW +: IndexW];
      end
    end
    aap_ram #(.Width(BeatLanes*StepW), .Depth(TableDepth)) u_ram (
      .clk_i(clk_i), .rst_ni(rst_ni),
      .we_i(ld_tab_i && (TabBeats == 1 || ld_col_i == 8'(c))),
      .waddr_i(ld_addr_i[TabW-1:0]), .wdata_i(wdata),
      .re_i(tab_re_i), .raddr_i(tab_addr_i),
      .rdata_o(tab_rdata_o[BeatLanes*StepW*c +: BeatLanes*StepW])
    );
  end

  logic unused_ld;
  assign unused_ld = ^{ld_addr_i, ld_col_i, ld_data_i};
endmodule

`default_nettype wire
