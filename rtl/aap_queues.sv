// SPDX-License-Identifier: Apache-2.0
//
// aap_queues: the descriptor queues of all units in one memory with one read port.
//
// The memory is a ring of 4 x QueueDepth descriptors in program order. Every reader (0 load requests, 1 load data,
// 2 exec, 3 store) walks the ring with its own pointer, passes over what is not its own and stops at its next one; a slot is
// free when all four have passed it. So a unit's queue is as deep as the ring allows, no descriptor is copied, and
// and the pointer tells the descriptor's address. The scanner visits the readers in turn; a descriptor that was begun is handed
// out without a gap, except that exec may take the second half later.

`default_nettype none
`include "aap_assert.svh"

module aap_queues #(
  parameter  int AxiDataWidth = 128,
  parameter  int QueueDepth   = 4,    // descriptors per unit, a power of two
  localparam int Beats        = 512 / AxiDataWidth,
  localparam int BeatWidth    = $clog2(Beats),
  localparam int SlotWidth    = $clog2(QueueDepth) + 2
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,
  input  wire logic                    clear_i,

  // fetch: beats of the descriptors from the committed one on
  input  wire logic                    wr_valid_i,
  input  wire logic [SlotWidth-1:0]    wr_slot_i,
  input  wire logic [BeatWidth-1:0]    wr_beat_i,
  input  wire logic [AxiDataWidth-1:0] wr_data_i,
  input  wire logic                    commit_i,        // the next descriptor is whole and correct
  // descriptors are known by the low bits of their number in the program
  output      logic [SlotWidth:0]      commit_o,        // the next to be committed
  input  wire logic [SlotWidth:0]      request_i,       // the next to be requested
  output      logic                    full_o,          // it has no slot yet

  // units
  output      logic [3:0]              desc_valid_o,
  input  wire logic [3:0]              desc_ready_i,
  output      logic [BeatWidth-1:0]    desc_beat_o,
  output      logic [AxiDataWidth-1:0] desc_data_o,
  output      logic [SlotWidth:0]      load_o,          // the descriptor at hand, until one cycle after its last beat
  output      logic [SlotWidth:0]      exec_o,          // the descriptor begun last
  output      logic [SlotWidth:0]      store_o,         // as load_o

  output      logic                    empty_o,         // every unit has passed every descriptor
  output      logic                    quiet_o,         // empty, or the units are not ready for what is there
  output      logic                    moved_o          // a beat was handed out
);
  localparam bit [BeatWidth-1:0] LastBeat = BeatWidth'(Beats - 1);
  localparam bit [BeatWidth-1:0] HalfBeat = BeatWidth'(Beats / 2);

  if (QueueDepth < 2 || QueueDepth != (1 << $clog2(QueueDepth))) begin : gen_illegal_depth
    ERROR_aap_queues_QueueDepth_must_be_a_power_of_two u_error ();
  end

  typedef enum logic [1:0] {ST_PICK, ST_LOOK, ST_GIVE} state_e;
  state_e state_q;

  logic [SlotWidth:0]      commit_q, load_q, data_q, exec_q, begun_q, store_q;
  logic [3:0]              found_q;  // the reader's pointer is at a descriptor of its own
  logic [3:0]              given_q;  // that descriptor has been handed out
  logic                    half_q;   // exec has taken the first half
  logic [1:0]              unit_q;
  logic [BeatWidth-1:0]    beat_q;
  logic [AxiDataWidth-1:0] rdata;

  logic [SlotWidth-1:0]    ptr;
  logic [3:0]              pending, step;
  logic                    want, match, ready, fire, last, release_half, re;
  logic [BeatWidth-1:0]    re_beat;

  always_comb begin : p_pointer
    unique case (unit_q)
      2'd0:    ptr = load_q[SlotWidth-1:0];
      2'd1:    ptr = data_q[SlotWidth-1:0];
      2'd2:    ptr = exec_q[SlotWidth-1:0];
      default: ptr = store_q[SlotWidth-1:0];
    endcase
  end
  assign pending = {store_q != commit_q, exec_q != commit_q, data_q != commit_q, load_q != commit_q};

  localparam bit [SlotWidth:0] Lap = {1'b1, {SlotWidth{1'b0}}};
  assign full_o = (request_i == (load_q ^ Lap)) || (request_i == (data_q ^ Lap)) || (request_i == (exec_q ^ Lap)) ||
                  (request_i == (store_q ^ Lap));

  // Only checked descriptors are here: CHECK 1, loads 2 to 6, EXEC 8, STORE 9.
  always_comb begin : p_match
    unique case (unit_q)
      2'd2:    match = rdata[3] & ~rdata[0];
      2'd3:    match = rdata[3] & rdata[0];
      default: match = ~rdata[3] & (rdata[2] | rdata[1]);
    endcase
  end

  assign ready        = desc_ready_i[unit_q];
  assign want         = pending[unit_q] && !given_q[unit_q] && (ready || !found_q[unit_q]);
  assign last         = (beat_q == LastBeat);
  assign fire         = (state_q == ST_GIVE || (state_q == ST_LOOK && match)) && ready;
  assign release_half = (state_q == ST_GIVE) && unit_q == 2'd2 && beat_q == HalfBeat && !ready;

  always_comb begin : p_valid
    desc_valid_o         = 4'd0;
    desc_valid_o[unit_q] = (state_q == ST_GIVE) || (state_q == ST_LOOK && match);
  end
  assign desc_beat_o = beat_q;
  assign desc_data_o = rdata;
  assign moved_o     = fire;

  // Pointers move past a descriptor that is not the reader's, and past one that was handed out when its turn comes again.
  always_comb begin : p_step
    step         = 4'd0;
    step[unit_q] = (state_q == ST_LOOK && !match) || (state_q == ST_PICK && given_q[unit_q]);
  end

  assign re      = (state_q == ST_PICK) ? want : (fire && !last);
  assign re_beat = (state_q != ST_PICK) ? beat_q + 1'b1 : (unit_q == 2'd2 && half_q) ? HalfBeat : '0;

  aap_ram #(.Width(AxiDataWidth), .Depth(4 * QueueDepth * Beats)) u_ram (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .we_i(wr_valid_i), .waddr_i({wr_slot_i, wr_beat_i}), .wdata_i(wr_data_i),
    .re_i(re), .raddr_i({ptr, re_beat}), .rdata_o(rdata)
  );

  always_ff @(posedge clk_i) begin : p_scan
    if (!rst_ni || clear_i) begin
      state_q <= ST_PICK;
      unit_q  <= 2'd0;
      found_q <= 4'd0;
      given_q <= 4'd0;
      half_q  <= 1'b0;
    end else begin
      unique case (state_q)
        ST_PICK: begin
          if (want && unit_q == 2'd2 && half_q) state_q <= ST_GIVE;
          else if (want)                        state_q <= ST_LOOK;
          else                                  unit_q  <= unit_q + 1'b1;
          if (given_q[unit_q]) begin
            given_q[unit_q] <= 1'b0;
            found_q[unit_q] <= 1'b0;
          end
        end
        ST_LOOK: begin
          if (match) found_q[unit_q] <= 1'b1;
          if (fire) begin
            state_q <= ST_GIVE;
          end else begin
            state_q <= ST_PICK;
            unit_q  <= unit_q + 1'b1;
          end
        end
        default: begin
          if (release_half) begin
            half_q  <= 1'b1;
            state_q <= ST_PICK;
            unit_q  <= unit_q + 1'b1;
          end else if (fire && last) begin
            if (unit_q == 2'd2) half_q <= 1'b0;
            given_q[unit_q] <= 1'b1;
            state_q         <= ST_PICK;
            unit_q          <= unit_q + 1'b1;
          end
        end
      endcase
    end
    if (re) beat_q <= re_beat;
  end

  always_ff @(posedge clk_i) begin : p_pointers
    if (!rst_ni || clear_i) begin
      commit_q <= '0;
      load_q   <= '0;
      data_q   <= '0;
      exec_q   <= '0;
      store_q  <= '0;
    end else begin
      if (commit_i) commit_q <= commit_q + 1'b1;
      if (step[0])  load_q   <= load_q + 1'b1;
      if (step[1])  data_q   <= data_q + 1'b1;
      if (step[2])  exec_q   <= exec_q + 1'b1;
      if (step[3])  store_q  <= store_q + 1'b1;
    end
    if (state_q == ST_LOOK && fire && unit_q == 2'd2) begun_q <= exec_q;
  end

  assign commit_o = commit_q;
  assign load_o   = load_q;
  assign exec_o   = begun_q;
  assign store_o  = store_q;
  assign empty_o  = (pending == 4'd0);
  assign quiet_o  = (state_q == ST_PICK) && (given_q == 4'd0) && ((pending & ~(found_q & ~desc_ready_i)) == 4'd0);

  `AAP_ASSERT(beats_in_one_go, state_q != ST_GIVE || ready || unit_q == 2'd2)
  `AAP_ASSERT(commit_after_request, !commit_i || request_i != commit_q)
endmodule

`default_nettype wire
