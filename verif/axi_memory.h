// SPDX-License-Identifier: Apache-2.0
// An AXI4 memory with settable latency, bandwidth, random stalls and faults, that checks the
// protocol of the manager it serves. One instance serves one Dut.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <vector>

#include "verif/dut.h"

namespace aap::verif {

// Without stalls this is the memory of docs/accelerator.md, "Fixed-latency memory".
struct MemoryOptions {
  int read_latency = 20;   // cycles from address to first data
  int write_latency = 20;  // cycles from last data to response
  int cycles_per_beat = 1;  // bandwidth: each channel moves one beat per this many cycles
  bool shared_bandwidth = false;  // reads and writes together move that many
  int stall_percent = 0;   // chance, per channel and cycle, that the memory does not take or give
  uint32_t seed = 1;
};

// A fault on one burst of one direction, counted from 0 over the life of the memory.
struct MemoryFault {
  bool write = false;
  int64_t burst = -1;
  int beat = 0;           // reads: beat of the burst (-1: last)
  uint8_t response = 0;   // 2 SLVERR, 3 DECERR; 0 leaves OKAY
  bool early_last = false, missing_last = false;  // reads
  bool hang = false;      // never answers this burst
};

// What an observer of the bus sees: the handshake of an address, of the last beat of a burst, of a response.
struct BusEvent {
  enum class Kind { kReadAddress, kReadLast, kWriteAddress, kWriteLast, kWriteResponse };
  uint64_t cycle = 0;
  Kind kind = Kind::kReadAddress;
  uint32_t address = 0, beats = 0;  // of the burst
  uint16_t layer = 0;               // ARUSER or AWUSER
};

class AxiMemory {
 public:
  AxiMemory(uint32_t base, size_t size, int beat_bytes, const MemoryOptions& options);

  std::vector<uint8_t> bytes;            // memory from base
  std::vector<uint32_t> write_cycle;     // per beat: cycle of the last write, 0 never written
  std::vector<MemoryFault> faults;
  std::function<void(const BusEvent&)> on_bus;

  uint64_t read_beats() const { return read_beats_; }
  uint64_t write_beats() const { return write_beats_; }
  int64_t read_bursts() const { return read_bursts_; }
  int64_t write_bursts() const { return write_bursts_; }
  bool quiet() const { return reads_.empty() && writes_.empty() && responses_.empty(); }
  // First broken protocol rule, empty when none.
  const std::string& violation() const { return violation_; }

  // Drives dut.in for this cycle (before settle) and takes what happened (after settle).
  void drive(Dut& dut, uint64_t cycle);
  void sample(const Dut& dut, uint64_t cycle);
  void clear_pending();

 private:
  struct Burst {
    uint32_t address = 0;
    int beats = 0, done = 0;
    uint16_t user = 0;
    uint64_t ready_cycle = 0;
    int64_t number = 0;
  };
  bool stalled();
  static BusEvent event_of(BusEvent::Kind kind, const Burst& burst, uint64_t cycle);
  const MemoryFault* fault_of(bool write, int64_t burst) const;
  bool inside(uint32_t address, size_t size) const;
  void complain(const std::string& text);
  void take_address(bool write, uint32_t address, int len, int size, int burst, uint16_t user,
                    uint64_t cycle);
  void take_write_data(const Dut& dut, uint64_t cycle);
  void check_stability(const Dut& dut);

  uint32_t base_;
  int beat_bytes_;
  MemoryOptions options_;
  std::minstd_rand random_;
  std::deque<Burst> reads_, writes_, responses_;
  DutOutputs last_out_;
  DutInputs last_in_;
  uint64_t read_beats_ = 0, write_beats_ = 0;
  int64_t read_bursts_ = 0, write_bursts_ = 0;
  uint64_t next_read_cycle_ = 0, next_write_cycle_ = 0;
  std::string violation_;
};

}  // namespace aap::verif
