// SPDX-License-Identifier: Apache-2.0
//
// aap_window_weights: the weight memory of one PE of WINDOW, its pointer, and the register that holds the row in use. A row
// is Muls elements (weight, index in the window). Padded: every window begins a row; a row says whether it is the last of
// its window and of the pixel. Realigned: elements follow each other without gaps, each says whether it ends its window,
// and a rotator over two rows brings up to Muls elements of one window to the front.
//
// The pointer runs ahead by one row and goes back to base after the last row of a pixel, so a PE never waits for its own
// memory. The row stays, used once (fresh_o), until next_i says that every PE has finished with the window.

`default_nettype none
`include "aap_assert.svh"

module aap_window_weights #(
  parameter  int Realign      = 0,    // 0 padded, 1 realigned
  parameter  int Muls         = 4,    // 1, 2, 4, 8, 16
  parameter  int Window       = 16,   // activations to choose from
  parameter  int AxiDataWidth = 128,
  parameter  int WeightDepth  = 256,
  parameter  int Lsb          = 0,    // first bit of the PE in a weight row of all PEs
  localparam int IndexW       = $clog2(Window),
  localparam int ElemW        = 8 + IndexW + Realign,
  localparam int RowW         = Muls * ElemW + 2 - Realign,
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

  // an EXEC begins: its first row
  input  wire logic                    start_i,
  input  wire logic [WgtW:0]           base_i,

  input  wire logic                    work_i,     // a window is there
  input  wire logic                    next_i,     // and all PEs have finished with it
  output      logic [8*Muls-1:0]       weights_o,
  output      logic [IndexW*Muls-1:0]  index_o,
  output      logic                    fresh_o,    // the row has not been used
  output      logic                    last_o,     // it is the last one of the window
  output      logic                    over_o      // reads beyond the memory
);
  localparam int FirstCol = Lsb / AxiDataWidth;
  localparam int LastCol  = (Lsb + RowW - 1) / AxiDataWidth;

  if (Realign != 0 && Realign != 1) begin : gen_illegal_realign
    ERROR_aap_window_weights_Realign_must_be_0_or_1 u_error ();
  end

  logic            re, advance, shift, pixel_end, row_last, ready_q, have_q, fresh_q, last_q;
  logic [WgtW:0]   base_q, pointer_q, addr;
  logic [RowW-1:0] row;
  logic [8*Muls-1:0]      weights_d, weights_q;
  logic [IndexW*Muls-1:0] index_d, index_q;

  // ---- memory: a part per beat that the PE's bits lie in
  for (genvar c = FirstCol; c <= LastCol; c++) begin : gen_part
    localparam int Lo = (c == FirstCol) ? Lsb : c * AxiDataWidth;
    localparam int Hi = (c == LastCol) ? Lsb + RowW : (c + 1) * AxiDataWidth;
    aap_ram #(.Width(Hi - Lo), .Depth(WeightDepth)) u_ram (
      .clk_i(clk_i), .rst_ni(rst_ni),
      .we_i(ld_wgt_i && ld_col_i == 8'(c)), .waddr_i(ld_addr_i[WgtW-1:0]),
      .wdata_i(ld_data_i[Lo - c * AxiDataWidth +: Hi - Lo]),
      .re_i(re), .raddr_i(addr[WgtW-1:0]), .rdata_o(row[Lo - Lsb +: Hi - Lo])
    );
  end

  assign advance = ready_q && (!have_q || (work_i && (!last_q || next_i)));
  assign addr    = start_i ? base_i : pixel_end ? base_q : pointer_q;
  assign re      = (start_i || (advance && shift)) && !addr[WgtW];
  assign over_o  = (start_i || (advance && shift)) && addr[WgtW];

  always_ff @(posedge clk_i) begin : p_control
    if (!rst_ni || clear_i) begin
      ready_q <= 1'b0;
      have_q  <= 1'b0;
      fresh_q <= 1'b0;
    end else if (start_i) begin
      ready_q <= 1'b1;
      have_q  <= 1'b0;
      fresh_q <= 1'b0;
    end else if (advance) begin
      have_q  <= 1'b1;
      fresh_q <= 1'b1;
    end else if (work_i) begin
      fresh_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin : p_row
    if (start_i) base_q <= base_i;
    if (re) pointer_q <= addr + 1'b1;
    if (advance) begin
      weights_q <= weights_d;
      index_q   <= index_d;
      last_q    <= row_last;
    end
  end

  if (Realign == 0) begin : gen_padded
    assign shift     = 1'b1;
    assign pixel_end = row[RowW-1];
    assign row_last  = row[RowW-2] | row[RowW-1];
    for (genvar i = 0; i < Muls; i++) begin : gen_element
      assign weights_d[8*i +: 8]         = row[ElemW*i +: 8];
      assign index_d[IndexW*i +: IndexW] = row[ElemW*i + 8 +: IndexW];
    end
  end else begin : gen_realigned
    // offset_q counts in `kept`; Muls: that row is used up and the one behind it begins
    localparam int OffW = $clog2(Muls) + 1;
    logic [Muls*ElemW-1:0]   kept_q;
    logic [2*Muls*ElemW-1:0] both, front;
    logic [2*Muls-1:0]       marks;
    logic [Muls-1:0]         ends, ended;  // this element ends the window; one before it did
    logic [OffW-1:0]         offset_q, taken;
    logic [OffW:0]           offset;
    logic                    kept_end_q, used_up, none_left;
    assign both      = {row[Muls*ElemW-1:0], kept_q};
    assign pixel_end = row[RowW-1];
    assign used_up   = (offset_q == OffW'(Muls));

    always_comb begin : p_rotate
      front = both;
      for (int b = 0; b < OffW; b = b + 1) begin
        if (offset_q[b]) front = front >> (ElemW << b);
      end
    end
    for (genvar i = 0; i < 2 * Muls; i++) begin : gen_mark
      assign marks[i] = both[ElemW*i + ElemW - 1];
    end
    for (genvar i = 0; i < Muls; i++) begin : gen_element
      assign ends[i]                     = front[ElemW*i + ElemW - 1];
      assign weights_d[8*i +: 8]         = front[ElemW*i +: 8] & {8{~ended[i]}};
      assign index_d[IndexW*i +: IndexW] = front[ElemW*i + 8 +: IndexW];
    end
    always_comb begin : p_taken
      taken = OffW'(1);
      ended = '0;
      for (int i = 1; i < Muls; i = i + 1) begin
        ended[i] = ended[i-1] | ends[i-1];
        taken    = taken + OffW'(!ended[i]);
      end
    end
    assign offset = {1'b0, offset_q} + {1'b0, taken};
    assign shift  = (offset > (OffW+1)'(Muls));
    // the last row of the pixel has no element left
    assign none_left = shift ? pixel_end && (marks >> offset) == '0
                             : kept_end_q && (marks[Muls-1:0] >> offset) == '0;
    // a row without any end of a window would never end
    assign row_last  = (|ends) | (used_up ? pixel_end && marks[2*Muls-1:Muls] == '0
                                              : kept_end_q && (marks[Muls-1:0] >> offset_q) == '0);

    always_ff @(posedge clk_i) begin : p_offset
      if (start_i) begin
        offset_q <= OffW'(Muls);
      end else if (advance) begin
        if (none_left)  offset_q <= OffW'(Muls);
        else if (shift) offset_q <= OffW'(offset - (OffW+1)'(Muls));
        else            offset_q <= OffW'(offset);
        if (shift) begin
          kept_q     <= row[Muls*ElemW-1:0];
          kept_end_q <= pixel_end;
        end
      end
    end
  end

  assign weights_o = weights_q;
  assign index_o   = index_q;
  assign fresh_o   = fresh_q;
  assign last_o    = have_q && last_q;

  logic unused_ld;
  assign unused_ld = ^{ld_addr_i, ld_data_i};
  `AAP_ASSERT(start_when_idle, !(start_i && work_i))
endmodule

`default_nettype wire
