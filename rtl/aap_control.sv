// SPDX-License-Identifier: Apache-2.0
//
// aap_control: the state of a job: idle, running, draining after a fault, hung. Latches the first fault, halts the units,
// waits for the bus, clears; watchdog, deadlock, end of the job; the counters.

`default_nettype none
`include "aap_assert.svh"

module aap_control #(
  parameter int AddrWidth    = 32,
  parameter int TimerWidth   = 32,  // bits of watchdog and drain limit
  parameter int PerfCounters = 1
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,

  // commands and limits
  input  wire logic                 start_i,
  input  wire logic                 abort_i,
  input  wire logic [TimerWidth-1:0] watchdog_i,
  input  wire logic [TimerWidth-1:0] drain_limit_i,

  // job
  output      logic                 busy_o,
  output      logic                 hung_o,
  output      logic                 clear_o,         // units, queues and tokens forget everything; high while idle
  output      logic                 halt_o,          // begin nothing
  output      logic                 done_o,          // pulse: the job ended well
  output      logic                 failed_o,        // pulse: it ended with a fault
  output      logic                 fault_o,         // pulse: code and address of the job's first fault
  output      logic [7:0]           fault_code_o,
  output      logic [AddrWidth-1:0] fault_addr_o,
  output      logic                 fault_desc_o,    // the address is that of a descriptor, known a cycle later

  // units
  input  wire logic                 end_i,           // fetch has reached END
  input  wire logic                 empty_i,         // no descriptor left
  input  wire logic                 idle_i,          // every unit and both bus sides
  input  wire logic                 quiet_i,         // every unit is idle or waits for tokens, nothing on the bus
  input  wire logic                 drained_i,       // nothing on the bus
  input  wire logic                 progress_i,
  input  wire logic                 tokens_left_i,
  input  wire logic                 err_valid_i,     // of a unit or the bus
  input  wire logic [7:0]           err_code_i,
  input  wire logic [AddrWidth-1:0] err_addr_i,
  input  wire logic                 err_desc_i,
  input  wire logic                 overflow_i,      // of a token counter

  // counters
  input  wire logic                 issue_i,
  input  wire logic                 stall_load_i,    // execute waits for a load token,
  input  wire logic                 stall_store_i,   // for a store token only
  input  wire logic                 stall_requant_i,
  input  wire logic                 stall_imbalance_i,
  input  wire logic                 loading_i,       // a load has begun and not ended
  input  wire logic                 ld_weights_i,    // the write side of loads is at weights, tables or parameters
  output      logic [31:0]          cycles_o,
  output      logic [31:0]          exec_cycles_o,
  output      logic [31:0]          stall_weights_o,
  output      logic [31:0]          stall_activations_o,
  output      logic [31:0]          stall_output_o,
  output      logic [31:0]          stall_requant_o,
  output      logic [31:0]          stall_imbalance_o,
  output      logic [31:0]          stall_tokens_o,
  output      logic [31:0]          stall_empty_o
);
  // Longer than any drain of the array, so that a token on its way is not taken for a deadlock.
  localparam bit [7:0] QuietLimit = 8'd255;
  localparam bit [7:0] EndLimit   = 8'd3;

  typedef enum logic [1:0] {ST_IDLE, ST_RUN, ST_DRAIN, ST_HUNG} state_e;
  state_e state_q;

  logic [TimerWidth-1:0] timer_q;
  logic [31:0]           cycles_q;
  logic [7:0]            quiet_q;
  logic                  watch_q;
  logic        running, ending, timeout, timed_out, deadlock, leftover, fault, command;

  assign running   = (state_q == ST_RUN);
  assign busy_o    = running || state_q == ST_DRAIN;
  assign hung_o    = (state_q == ST_HUNG);
  assign clear_o   = (state_q == ST_IDLE);
  assign halt_o    = (state_q == ST_DRAIN) || hung_o;

  assign timed_out = (timer_q == (halt_o ? drain_limit_i : watchdog_i));
  assign timeout   = watch_q && timed_out;
  assign ending    = end_i && empty_i && idle_i && quiet_q >= EndLimit;
  assign leftover  = ending && tokens_left_i;
  assign deadlock  = (quiet_q == QuietLimit) && !ending;
  assign command   = start_i || abort_i;
  assign fault     = running && (err_valid_i || overflow_i || command || timeout || deadlock || leftover);

  assign fault_o   = fault || (state_q == ST_DRAIN && timed_out && !drained_i);
  assign done_o    = running && ending && !fault;
  assign failed_o  = state_q == ST_DRAIN && (drained_i || timed_out);

  always_comb begin : p_fault
    fault_addr_o = err_valid_i ? err_addr_i : AddrWidth'(aap_isa_pkg::REG_CONTROL);
    fault_desc_o = 1'b0;
    if (!running) begin
      fault_code_o = aap_isa_pkg::ERR_BUS_HUNG;
    end else if (err_valid_i) begin
      fault_code_o = err_code_i;
      fault_desc_o = err_desc_i;
    end else if (overflow_i) begin
      fault_code_o = aap_isa_pkg::ERR_TOKEN_OVERFLOW;
    end else if (command) begin
      fault_code_o = start_i ? aap_isa_pkg::ERR_START_BUSY : aap_isa_pkg::ERR_ABORTED;
    end else if (leftover) begin
      fault_code_o = aap_isa_pkg::ERR_BAD_TOKEN;
      fault_desc_o = 1'b1;
    end else if (timeout) begin
      fault_code_o = aap_isa_pkg::ERR_WATCHDOG;
    end else begin
      fault_code_o = aap_isa_pkg::ERR_TOKEN_DEADLOCK;
    end
  end

  always_ff @(posedge clk_i) begin : p_state
    if (!rst_ni) begin
      state_q <= ST_IDLE;
    end else begin
      unique case (state_q)
        ST_IDLE:  if (start_i) state_q <= ST_RUN;
        ST_RUN:   if (fault) state_q <= ST_DRAIN; else if (ending) state_q <= ST_IDLE;
        ST_DRAIN: if (drained_i) state_q <= ST_IDLE; else if (timed_out) state_q <= ST_HUNG;
        default:  state_q <= ST_HUNG;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin : p_timers
    watch_q <= (watchdog_i != '0);
    if (!halt_o && (progress_i || !running || fault)) timer_q <= '0;
    else                                              timer_q <= timer_q + 1'b1;

    if (!running || !quiet_i) quiet_q <= 8'd0;
    else                      quiet_q <= quiet_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin : p_cycles
    if (!rst_ni || (clear_o && start_i)) cycles_q <= 32'd0;
    else if (busy_o)                     cycles_q <= cycles_q + 1'b1;
  end
  assign cycles_o = cycles_q;

  if (PerfCounters != 0) begin : gen_perf
    logic [31:0] exec_q, weights_q, activations_q, output_q, requant_q, imbalance_q, tokens_q, empty_q;
    always_ff @(posedge clk_i) begin : p_count
      if (!rst_ni || (clear_o && start_i)) begin
        exec_q        <= 32'd0;
        weights_q     <= 32'd0;
        activations_q <= 32'd0;
        output_q      <= 32'd0;
        requant_q     <= 32'd0;
        imbalance_q   <= 32'd0;
        tokens_q      <= 32'd0;
        empty_q       <= 32'd0;
      end else if (busy_o) begin
        if (issue_i)                           exec_q        <= exec_q + 1'b1;
        else if (stall_imbalance_i)            imbalance_q   <= imbalance_q + 1'b1;
        else if (stall_load_i && !loading_i)   tokens_q      <= tokens_q + 1'b1;
        else if (stall_load_i && ld_weights_i) weights_q     <= weights_q + 1'b1;
        else if (stall_load_i)                 activations_q <= activations_q + 1'b1;
        else if (stall_store_i)                output_q      <= output_q + 1'b1;
        else if (stall_requant_i)              requant_q     <= requant_q + 1'b1;
        else                                   empty_q       <= empty_q + 1'b1;
      end
    end
    assign exec_cycles_o       = exec_q;
    assign stall_weights_o     = weights_q;
    assign stall_activations_o = activations_q;
    assign stall_output_o      = output_q;
    assign stall_requant_o     = requant_q;
    assign stall_imbalance_o   = imbalance_q;
    assign stall_tokens_o      = tokens_q;
    assign stall_empty_o       = empty_q;
  end else begin : gen_no_perf
    logic unused_perf;
    assign unused_perf         = &{issue_i, stall_load_i, stall_store_i, stall_requant_i, stall_imbalance_i, loading_i,
                                   ld_weights_i};
    assign exec_cycles_o       = 32'd0;
    assign stall_weights_o     = 32'd0;
    assign stall_activations_o = 32'd0;
    assign stall_output_o      = 32'd0;
    assign stall_requant_o     = 32'd0;
    assign stall_imbalance_o   = 32'd0;
    assign stall_tokens_o      = 32'd0;
    assign stall_empty_o       = 32'd0;
  end
endmodule

`default_nettype wire
