// SPDX-License-Identifier: Apache-2.0
// Drives one Dut: clock, reset, registers, memory, jobs. What a driver on a board would do.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compile/gen/isa.h"
#include "spec/config.h"
#include "spec/cycle_counts.h"
#include "verif/axi_memory.h"
#include "verif/dut.h"

namespace aap::verif {

struct TraceOptions {
  std::string path;              // .fst, empty: no trace; a .gtkw view is written beside it
  uint64_t first_cycle = 0;
  uint64_t last_cycle = ~uint64_t{0};
};

struct SessionOptions {
  uint32_t seed = 1;             // random initial state and random stalls
  MemoryOptions memory;
  TraceOptions trace;
};

struct JobResult {
  bool done = false;             // STATUS.done
  isa::Error error = isa::Error::kNone;
  uint32_t error_address = 0;
  bool irq = false;
  uint32_t cycles = 0;           // CYCLES register
  CycleCounts counts;            // its counters, all 0 with perf_counters 0
  uint64_t start_cycle = 0, end_cycle = 0;  // of the simulation; start: the first that CYCLES counts
  // Cycles from start (the first that CYCLES counts) to each layer's last write response, that cycle included.
  std::map<uint16_t, uint64_t> layer_end;
};

class Session {
 public:
  // Memory of `size` bytes from `base`. Resets the accelerator.
  Session(const Config& config, uint32_t base, size_t size, const SessionOptions& options);
  ~Session();

  AxiMemory& memory() { return memory_; }
  uint64_t cycle() const { return cycle_; }

  void step(int cycles = 1);
  void reset(int cycles = 5);
  // AXI4-Lite; the response (0 OKAY, 2 SLVERR) goes to *response, or a non-OKAY one throws when it
  // is null. A bus that does not answer in 1000 cycles throws.
  void write_register(uint32_t offset, uint32_t value, uint8_t* response = nullptr);
  uint32_t read_register(uint32_t offset, uint8_t* response = nullptr);

  // Sets program and window, starts, waits for the interrupt and reads the result.
  // `cycle_limit`: throws when the job does not end by then.
  JobResult run_job(uint32_t program_address, uint32_t descriptors, uint32_t window_base,
                    uint32_t window_limit, uint64_t cycle_limit);
  // The parts of run_job, for tests that interfere.
  void start_job(uint32_t program_address, uint32_t descriptors, uint32_t window_base,
                 uint32_t window_limit);
  JobResult finish_job(uint64_t cycle_limit);

  uint32_t watchdog = 1000000, drain_limit = 100000;
  // Events on the bus while a job runs; cycle 0 is the first that CYCLES counts.
  std::function<void(const BusEvent&)> on_bus;

 private:
  void check_health();
  Config config_;
  SessionOptions options_;
  std::unique_ptr<Dut, void (*)(Dut*)> dut_;
  AxiMemory memory_;
  uint64_t cycle_ = 0;
  uint64_t write_taken_ = 0;  // cycle of the last register write's handshake
  bool tracing_ = false;
  JobResult job_;
};

// What a job did on the bus. Attach before the job, once per job.
class BusRecord {
 public:
  void attach(Session& session) {
    events_.clear();
    session.on_bus = [this](const BusEvent& event) { events_.push_back(event); };
  }
  const std::vector<BusEvent>& events() const { return events_; }

 private:
  std::vector<BusEvent> events_;
};

}  // namespace aap::verif
