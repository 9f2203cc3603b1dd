// SPDX-License-Identifier: Apache-2.0
//
// aap_walk: the memory side of loads and stores: takes address, strides and counts out of a descriptor and steps through the
// rows of all planes. Fields are where LOAD_ACT has them; STORE and the linear loads share those places.

`default_nettype none
`include "aap_assert.svh"

`define AAP_FIELD(name) desc_data_i[aap_isa_pkg::LOAD_ACT_``name``_LSB % AxiDataWidth +: aap_isa_pkg::LOAD_ACT_``name``_W]
`define AAP_BEAT(name) (take_i && desc_beat_i == BeatWidth'(aap_isa_pkg::LOAD_ACT_``name``_LSB / AxiDataWidth))

module aap_walk #(
  parameter  int AddrWidth    = 32,
  parameter  int AxiDataWidth = 128,
  parameter  int CountWidth   = 12,   // bits of cols, rows and planes; larger counts set big_o
  localparam int BeatLog      = $clog2(AxiDataWidth / 8),
  localparam int BeatWidth    = $clog2(512 / AxiDataWidth)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,

  // descriptor beats
  input  wire logic                       take_i,
  input  wire logic [BeatWidth-1:0]       desc_beat_i,
  input  wire logic [AxiDataWidth-1:0]    desc_data_i,

  // the walk: after start_i row_addr_o is the first row; next_i goes to the next
  input  wire logic                       linear_i,     // one row; only cols and the address count
  input  wire logic                       start_i,
  input  wire logic                       next_i,
  output      logic [AddrWidth-1:BeatLog] row_addr_o,
  output      logic [CountWidth-1:0]      cols_o,
  output      logic                       last_row_o,   // of the plane
  output      logic                       last_o,       // of all
  output      logic [CountWidth-1:0]      planes_o,     // planes left

  // what is wrong with the descriptor, valid after its last beat
  output      logic                       bad_length_o, // a count is zero
  output      logic                       bad_align_o,
  output      logic                       high_o,       // address bits above AddrWidth
  output      logic                       big_o         // a count has bits above CountWidth
);
  localparam int WordWidth = AddrWidth - BeatLog;

  logic [WordWidth-1:0]  row_q, plane_q, row_stride_q, plane_stride_q, sum, a, b;
  logic [CountWidth-1:0] cols_q, rows_q, row_no_q, planes_q;
  logic                  addr_low_q, plane_low_q, row_low_q, high_q, cols_zero, rows_zero, planes_zero;
  logic                  cols_big_q, rows_big_q, planes_big_q;
  logic [31:0]           addr_field;

  assign addr_field = `AAP_FIELD(ADDR);

  assign last_row_o = linear_i || row_no_q == rows_q;
  assign last_o     = last_row_o && (linear_i || planes_q == CountWidth'(1));
  assign row_addr_o = row_q;
  assign cols_o     = cols_q;
  assign planes_o   = planes_q;

  // One adder: start plane + 0, next row, next plane.
  assign a   = (start_i || last_row_o) ? plane_q : row_q;
  assign b   = start_i ? '0 : last_row_o ? plane_stride_q : row_stride_q;
  assign sum = a + b;

  always_ff @(posedge clk_i) begin : p_walk
    if (start_i || next_i) row_q <= sum;
    if (`AAP_BEAT(ADDR))             plane_q <= addr_field[AddrWidth-1:BeatLog];
    else if (next_i && last_row_o)   plane_q <= sum;
    if (`AAP_BEAT(PLANES))           planes_q <= CountWidth'(`AAP_FIELD(PLANES));
    else if (next_i && last_row_o)   planes_q <= planes_q - 1'b1;
    if (start_i || (next_i && last_row_o)) row_no_q <= CountWidth'(1);
    else if (next_i)                       row_no_q <= row_no_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin : p_fields
    if (`AAP_BEAT(ADDR)) begin
      addr_low_q <= |addr_field[BeatLog-1:0];
      high_q     <= (64'(addr_field) >> AddrWidth) != 64'd0;
    end
    if (`AAP_BEAT(PLANE_STRIDE)) begin
      plane_stride_q <= WordWidth'(`AAP_FIELD(PLANE_STRIDE) >> BeatLog);
      plane_low_q    <= BeatLog'(`AAP_FIELD(PLANE_STRIDE)) != '0;
    end
    if (`AAP_BEAT(ROW_STRIDE)) begin
      row_stride_q <= WordWidth'(`AAP_FIELD(ROW_STRIDE) >> BeatLog);
      row_low_q    <= BeatLog'(`AAP_FIELD(ROW_STRIDE)) != '0;
    end
    if (`AAP_BEAT(COLS)) begin
      cols_q      <= CountWidth'(`AAP_FIELD(COLS));
      cols_big_q  <= (`AAP_FIELD(COLS) >> CountWidth) != 16'd0;
      rows_q      <= CountWidth'(`AAP_FIELD(ROWS));
      rows_big_q  <= (`AAP_FIELD(ROWS) >> CountWidth) != 16'd0;
    end
    if (`AAP_BEAT(PLANES)) begin
      planes_big_q  <= (`AAP_FIELD(PLANES) >> CountWidth) != 16'd0;
    end
  end

  assign cols_zero    = (cols_q == '0) && !cols_big_q;
  assign rows_zero    = (rows_q == '0) && !rows_big_q;
  assign planes_zero  = (planes_q == '0) && !planes_big_q;
  assign bad_length_o = cols_zero || (!linear_i && (rows_zero || planes_zero));
  assign bad_align_o  = addr_low_q || (!linear_i && (plane_low_q || row_low_q));
  assign high_o       = high_q;
  assign big_o        = cols_big_q || (!linear_i && (rows_big_q || planes_big_q));

  `AAP_ASSERT(one_at_a_time, !(take_i && (start_i || next_i)))

`ifdef SYNTHESIS
  logic unused_rst;
  assign unused_rst = rst_ni;
`endif
endmodule

`undef AAP_FIELD
`undef AAP_BEAT

`default_nettype wire
