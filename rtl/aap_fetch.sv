// SPDX-License-Identifier: Apache-2.0
//
// aap_fetch: requests the program descriptor by descriptor, as far ahead as the queue memory has slots, writes the beats
// there as they come, and commits a descriptor to the units one cycle after its last beat when it is correct. After a fault
// its adder gives the address of the descriptor at fault.

`default_nettype none
`include "aap_assert.svh"

module aap_fetch #(
  parameter  int        AxiDataWidth = 128,
  parameter  int        AddrWidth    = 32,
  parameter  int        SlotWidth    = 4,      // log2 of the slots of the queue memory
  parameter  bit [31:0] ConfigHash   = 32'd0,
  localparam int        Beats        = 512 / AxiDataWidth,
  localparam int        BeatWidth    = $clog2(Beats)
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,
  input  wire logic                    clear_i,         // forget everything
  input  wire logic                    halt_i,          // request nothing, commit nothing
  input  wire logic [AddrWidth-1:6]    program_addr_i,
  input  wire logic [15:0]             program_len_i,

  // read requests of one descriptor each
  output      logic                    req_valid_o,
  input  wire logic                    req_ready_i,
  output      logic [AddrWidth-1:6]    req_addr_o,

  // read data, taken whenever it comes
  input  wire logic                    r_valid_i,
  input  wire logic [AxiDataWidth-1:0] r_data_i,

  // queue memory
  output      logic [SlotWidth-1:0]    wr_slot_o,
  output      logic [BeatWidth-1:0]    wr_beat_o,
  output      logic                    commit_o,
  input  wire logic [SlotWidth:0]      committing_i,    // low bits of the number of the descriptor that arrives or is checked
  output      logic [SlotWidth:0]      request_o,       // of the next to be requested
  input  wire logic                    full_i,

  // while halt_i: address of a descriptor by the low bits of its number
  input  wire logic [SlotWidth:0]      fault_i,
  output      logic [AddrWidth-1:6]    fault_addr_o,

  output      logic                    end_o,           // END was reached
  output      logic                    err_valid_o,     // the descriptor at committing_i
  output      logic [7:0]              err_code_o
);
  localparam int HashBeat    = aap_isa_pkg::CHECK_CONFIG_HASH_LSB / AxiDataWidth;
  localparam int HashLsb     = aap_isa_pkg::CHECK_CONFIG_HASH_LSB % AxiDataWidth;
  localparam int VersionBeat = aap_isa_pkg::CHECK_VERSION_LSB / AxiDataWidth;
  localparam int NumberWidth = (AddrWidth - 6 < 16) ? AddrWidth - 6 : 16;  // no program is longer than the memory
  localparam int VersionLsb  = aap_isa_pkg::CHECK_VERSION_LSB % AxiDataWidth;

  logic [15:0]             count_q;      // descriptors requested
  logic [SlotWidth-1:0]    slot_q;       // slot of the descriptor that arrives
  logic [BeatWidth-1:0]    beat_q;
  logic [31:0]             sum_q;
  logic                    check_q;      // a whole descriptor waits for its verdict
  logic                    first_q;      // it is the program's first
  logic                    end_q;
  logic [3:0]              opcode_q;
  logic                    bad_token_q, hash_bad_q, version_bad_q;

  logic [31:0]             fold;
  logic                    all, last_one, known, bad;
  logic [NumberWidth-1:0]  number;

  assign all          = (count_q == program_len_i);
  assign req_valid_o  = !all && !full_i && !halt_i && !clear_i;
  assign request_o    = count_q[SlotWidth:0];
  assign wr_slot_o    = slot_q;
  assign wr_beat_o    = beat_q;
  assign end_o        = end_q;

  // The descriptor at fault is one of the last few requested.
  always_comb begin : p_number
    number = count_q[NumberWidth-1:0];
    if (halt_i) begin
      number[SlotWidth:0] = fault_i;
      if (fault_i > count_q[SlotWidth:0])
        number[NumberWidth-1:SlotWidth+1] = count_q[NumberWidth-1:SlotWidth+1] - 1'b1;
    end
  end
  assign req_addr_o   = program_addr_i + (AddrWidth-6)'(number);
  assign fault_addr_o = req_addr_o;

  always_comb begin : p_fold
    fold = (beat_q == '0) ? 32'd0 : sum_q;
    for (int w = 0; w < AxiDataWidth / 32; w = w + 1) fold = fold ^ r_data_i[32*w +: 32];
  end

  // Masks of the tokens that each opcode's unit does not own; CHECK and END own none.
  logic [4:0] wait_field, post_field, wait_mask, post_mask;
  assign wait_field = r_data_i[aap_isa_pkg::HDR_WAIT_LSB +: aap_isa_pkg::HDR_WAIT_W];
  assign post_field = r_data_i[aap_isa_pkg::HDR_POST_LSB +: aap_isa_pkg::HDR_POST_W];
  always_comb begin : p_masks
    wait_mask = 5'd0;
    post_mask = 5'd0;
    unique case (r_data_i[aap_isa_pkg::HDR_OPCODE_LSB +: aap_isa_pkg::HDR_OPCODE_W])
      aap_isa_pkg::OP_LOAD_ACT, aap_isa_pkg::OP_LOAD_RES, aap_isa_pkg::OP_LOAD_WGT, aap_isa_pkg::OP_LOAD_TAB,
      aap_isa_pkg::OP_LOAD_PAR: begin
        wait_mask = aap_isa_pkg::LOAD_WAIT_MASK;
        post_mask = aap_isa_pkg::LOAD_POST_MASK;
      end
      aap_isa_pkg::OP_EXEC: begin
        wait_mask = aap_isa_pkg::EXEC_WAIT_MASK;
        post_mask = aap_isa_pkg::EXEC_POST_MASK;
      end
      aap_isa_pkg::OP_STORE: begin
        wait_mask = aap_isa_pkg::STORE_WAIT_MASK;
        post_mask = aap_isa_pkg::STORE_POST_MASK;
      end
      default: ;
    endcase
  end

  always_comb begin : p_known
    unique case (opcode_q)
      aap_isa_pkg::OP_CHECK, aap_isa_pkg::OP_LOAD_ACT, aap_isa_pkg::OP_LOAD_RES, aap_isa_pkg::OP_LOAD_WGT,
      aap_isa_pkg::OP_LOAD_TAB, aap_isa_pkg::OP_LOAD_PAR, aap_isa_pkg::OP_EXEC, aap_isa_pkg::OP_STORE,
      aap_isa_pkg::OP_END: known = 1'b1;
      default: known = 1'b0;
    endcase
  end

  // The descriptor under check is the program's last: all are requested, and the one after it would be the next.
  assign last_one = all && (request_o == committing_i + 1'b1);

  always_comb begin : p_verdict
    bad        = 1'b1;
    err_code_o = aap_isa_pkg::ERR_BAD_CHECK;
    if (sum_q != aap_isa_pkg::CHECK_CONSTANT)                               err_code_o = aap_isa_pkg::ERR_BAD_CHECK;
    else if (first_q && opcode_q != aap_isa_pkg::OP_CHECK)                  err_code_o = aap_isa_pkg::ERR_CONFIG_MISMATCH;
    else if (!known)                                                        err_code_o = aap_isa_pkg::ERR_BAD_OPCODE;
    else if (bad_token_q)                                                   err_code_o = aap_isa_pkg::ERR_BAD_TOKEN;
    else if (opcode_q == aap_isa_pkg::OP_CHECK && (hash_bad_q || version_bad_q)) err_code_o = aap_isa_pkg::ERR_CONFIG_MISMATCH;
    else if ((opcode_q == aap_isa_pkg::OP_END) != last_one)                 err_code_o = aap_isa_pkg::ERR_PROGRAM_END;
    else                                                                    bad = 1'b0;
  end
  assign err_valid_o = check_q && bad && !halt_i;
  assign commit_o    = check_q && !bad && !halt_i && opcode_q != aap_isa_pkg::OP_END;

  always_ff @(posedge clk_i) begin : p_request
    if (!rst_ni || clear_i)              count_q <= 16'd0;
    else if (req_valid_o && req_ready_i) count_q <= count_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin : p_arrive
    if (!rst_ni || clear_i) begin
      slot_q  <= '0;
      beat_q  <= '0;
      check_q <= 1'b0;
      first_q <= 1'b1;
      end_q   <= 1'b0;
    end else begin
      check_q <= r_valid_i && (beat_q == BeatWidth'(Beats - 1));
      if (check_q) first_q <= 1'b0;
      if (check_q && !bad && !halt_i && opcode_q == aap_isa_pkg::OP_END) end_q <= 1'b1;
      if (r_valid_i) begin
        beat_q <= beat_q + 1'b1;
        if (beat_q == BeatWidth'(Beats - 1)) slot_q <= slot_q + 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin : p_capture
    if (r_valid_i) begin
      sum_q <= fold;
      if (beat_q == '0) begin
        opcode_q    <= r_data_i[aap_isa_pkg::HDR_OPCODE_LSB +: aap_isa_pkg::HDR_OPCODE_W];
        bad_token_q <= ((wait_field & ~wait_mask) | (post_field & ~post_mask)) != 5'd0;
      end
      if (beat_q == BeatWidth'(HashBeat))    hash_bad_q    <= r_data_i[HashLsb +: 32] != ConfigHash;
      if (beat_q == BeatWidth'(VersionBeat)) version_bad_q <= r_data_i[VersionLsb +: 32] != aap_isa_pkg::ISA_VERSION;
    end
  end

  `AAP_ASSERT(nothing_after_the_last, !r_valid_i || clear_i || !end_q)
endmodule

`default_nettype wire
