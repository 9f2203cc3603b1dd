// SPDX-License-Identifier: Apache-2.0
//
// aap_array: Pes PEs of Lanes multipliers; Share neighbouring PEs use one selector a lane. Takes one row (the groups of all lanes and a row of weights) per cycle.
// done_o pulses in the cycle in which acc_o holds the accumulators of a finished pixel, Latency cycles after the
// pixel's last row was given; the next row of another pixel may follow immediately.
//
// With MaxRowCycles 2 a row of a maximum is held one more cycle without valid_i (flags need not be), and a maximum's done_o
// comes one cycle later.

`default_nettype none

module aap_array #(
  parameter  int Select   = aap_isa_pkg::SELECT_GROUP,
  parameter  int Share    = 1,
  parameter  int Group    = 16,
  parameter  int Lanes    = 4,
  parameter  int Pes      = 32,
  parameter  int AccWidth = 32,
  parameter  int MaxRowCycles = 1,
  parameter  int MulStyle = 0,
  localparam int IndexW   = $clog2(Group),
  localparam int ElemW    = aap_isa_pkg::element_bits(Select, Share, Group, Lanes, Lanes),
  localparam int RowW     = aap_isa_pkg::row_bits(Select, Share, Group, Lanes, Pes, Lanes)
) (
  input  wire logic                         clk_i,
  input  wire logic                         rst_ni,
  input  wire logic                         clear_i,

  // row, aligned with the data of the buffers
  input  wire logic                         valid_i,
  input  wire logic                         first_i,  // first row of a pixel
  input  wire logic                         last_i,   // last row of a pixel
  input  wire logic                         max_i,    // maximum: weights are 0 or 1, one 1 per PE and row at most
  input  wire logic                         diag_i,   // PE m takes channel m mod Group; Share > 1
  input  wire logic [IndexW*Lanes-1:0]      index_i,  // of each lane; DENSE
  input  wire logic [8*Group*Lanes-1:0]     groups_i,
  input  wire logic [RowW-1:0]              weights_i,  // element pe / Share * Lanes + lane: Share weights, index

  // result
  output      logic                         done_o,
  output      logic                         busy_o,   // a row is on its way
  output      logic [AccWidth*Pes-1:0]      acc_o
);
  localparam int TreeStages = (Lanes == 1) ? 0 : (Lanes == 8) ? 2 : 1;
  localparam int AccStage   = 2 + TreeStages;  // register stages between the row and the accumulators
  localparam int Products   = Lanes * Pes;

  if (Pes < 2 || Pes % 2 != 0) begin : gen_illegal_pes
    ERROR_aap_array_Pes_must_be_even u_error ();
  end
  if (MaxRowCycles != 1 && (MaxRowCycles != 2 || Lanes != 1 || Share != 1)) begin : gen_illegal_max
    ERROR_aap_array_MaxRowCycles_must_be_1_or_with_one_lane_and_Share_1_2 u_error ();
  end
  if (Share < 1 || (Share & (Share - 1)) != 0 || Pes % Share != 0) begin : gen_illegal_share
    ERROR_aap_array_Share_must_be_a_power_of_two_that_divides_Pes u_error ();
  end
  if (Select != aap_isa_pkg::SELECT_GROUP && Select != aap_isa_pkg::SELECT_DENSE) begin : gen_illegal_select
    ERROR_aap_array_Select_must_be_GROUP_or_DENSE u_error ();
  end
  if (Select == aap_isa_pkg::SELECT_DENSE && Share != Pes) begin : gen_illegal_dense
    ERROR_aap_array_Share_must_be_Pes_with_DENSE u_error ();
  end

  // flags beside the data
  logic [AccStage-1:0] valid_q, first_q, last_q, max_q;
  logic                done_q, second, finished, sel_max;
  always_ff @(posedge clk_i) begin : p_valid
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
      done_q  <= 1'b0;
    end else begin
      valid_q <= {valid_q[AccStage-2:0], valid_i};
      done_q  <= finished;
    end
  end
  always_ff @(posedge clk_i) begin : p_flags
    first_q <= {first_q[AccStage-2:0], first_i};
    last_q  <= {last_q[AccStage-2:0], last_i};
    max_q   <= {max_q[AccStage-2:0], max_i};
  end
  assign done_o = done_q;
  assign busy_o = (|valid_q) | done_q | second;

  localparam int Outputs = (Share < Group) ? Share : Group;  // of a selector
  logic [8*Products-1:0]  act, weights;  // product pe * Lanes + lane
  logic [16*Products-1:0] products;

  for (genvar e = 0; e < Products / Share; e++) begin : gen_selector
    logic [8*Outputs-1:0] chosen;
    logic [IndexW-1:0]    index;
    if (Select == aap_isa_pkg::SELECT_DENSE) begin : gen_counted
      assign index = index_i[IndexW*(e % Lanes) +: IndexW];
    end else begin : gen_stored
      assign index = weights_i[ElemW*e + 8*Share +: IndexW];
    end
    aap_selector #(.Group(Group), .Share(Share), .First(e / Lanes * Share % Group), .MulStyle(MulStyle)) u_selector (
      .clk_i(clk_i), .max_i(sel_max), .diag_i(diag_i), .group_i(groups_i[8*Group*(e % Lanes) +: 8*Group]),
      .index_i(index), .act_o(chosen)
    );
    for (genvar i = 0; i < Share; i++) begin : gen_product
      localparam int Product = (e / Lanes * Share + i) * Lanes + e % Lanes;
      assign act[8*Product +: 8]     = chosen[8*(i % Outputs) +: 8];
      assign weights[8*Product +: 8] = weights_i[ElemW*e + 8*i +: 8];
    end
  end

  for (genvar e = 0; e < Products; e = e + 2) begin : gen_mul
    aap_mul2 #(.MulStyle(MulStyle), .Complement(MaxRowCycles - 1)) u_mul2 (
      .clk_i(clk_i), .a0_i(act[8*e +: 8]), .b0_i(weights[8*e +: 8]), .a1_i(act[8*e+8 +: 8]),
      .b1_i(weights[8*e+8 +: 8]), .comp_i(second), .p0_o(products[16*e +: 16]), .p1_o(products[16*e+16 +: 16])
    );
  end

  if (MaxRowCycles == 1) begin : gen_one_cycle
    assign second   = 1'b0;
    assign finished = valid_q[AccStage-1] & last_q[AccStage-1];
    assign sel_max  = max_i;
    for (genvar p = 0; p < Pes; p++) begin : gen_pe
      aap_pe #(.Lanes(Lanes), .AccWidth(AccWidth)) u_pe (
        .clk_i(clk_i), .products_i(products[16*Lanes*p +: 16*Lanes]), .valid_i(valid_q[AccStage-1]),
        .first_i(first_q[AccStage-1]), .max_i(max_q[AccStage-1]), .acc_o(acc_o[AccWidth*p +: AccWidth])
      );
    end
  end else begin : gen_two_cycles
    logic second_q, first2_q, last2_q, take, load, compare;
    always_ff @(posedge clk_i) begin : p_second
      second_q <= rst_ni && !clear_i && compare;
      first2_q <= first_q[AccStage-1];
      last2_q  <= last_q[AccStage-1];
    end
    assign second   = second_q;
    assign finished = second_q ? last2_q : valid_q[AccStage-1] & last_q[AccStage-1] & ~max_q[AccStage-1];
    assign sel_max  = max_i | (valid_q[0] & max_q[0]);
    assign take     = second_q ? first2_q : valid_q[AccStage-1] & ~max_q[AccStage-1];
    assign compare  = valid_q[AccStage-1] & max_q[AccStage-1];
    assign load     = second_q | first_q[AccStage-1];
    for (genvar p = 0; p < Pes; p++) begin : gen_pe
      aap_pe_max2 #(.AccWidth(AccWidth), .MulStyle(MulStyle)) u_pe (
        .clk_i(clk_i), .product_i(products[16*p +: 16]), .take_i(take), .compare_i(compare), .second_i(second_q), .load_i(load),
        .acc_o(acc_o[AccWidth*p +: AccWidth])
      );
    end
  end

  if (Select != aap_isa_pkg::SELECT_DENSE) begin : gen_no_count
    logic unused_index;
    assign unused_index = ^index_i;
  end
endmodule

`default_nettype wire
