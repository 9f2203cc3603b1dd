// SPDX-License-Identifier: Apache-2.0
// Runs a program file as docs/accelerator.md describes the hardware: what it computes, bit for bit,
// and how many cycles that takes. Shares no code with the RTL harness, golden or the compiler's
// packing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compile/gen/isa.h"
#include "compile/program.h"
#include "spec/config.h"
#include "spec/cycle_counts.h"

namespace aap {

// What an observer of the bus sees: the handshake of an address, of the last beat of a burst, of a response.
struct BusEvent {
  enum class Kind { kReadAddress, kReadLast, kWriteAddress, kWriteLast, kWriteResponse };
  uint64_t cycle = 0;  // 0 is the first that CYCLES counts
  Kind kind = Kind::kReadAddress;
  uint32_t address = 0, beats = 0;  // of the burst
  uint32_t layer = 0;               // 0xffff: descriptors
};

struct ModelOptions {
  bool timing = true;             // false: results only, in token order, cycles are 0
  bool values = true;             // false: cycles only; buffers, memory and hazards are left alone
  int read_latency = 20;          // cycles from an address to its first data beat
  int write_latency = 20;         // cycles from a burst's last data beat to its response
  int cycles_per_beat = 1;        // each channel moves one beat per this many cycles
  bool shared_bandwidth = false;  // reads and writes together move that many
  bool every_cycle = false;       // pass no stretch of cycles in one go; slower, the same result
  // Rows that EXECs may issue in all; more is refused, for it would take hours: VGG16 at 4 of 16 on
  // 128 multipliers has 2^25.
  uint64_t most_rows = uint64_t{1} << 32;
  bool record_writes = false;     // fill ModelResult::writes
  // Called for each event on the bus, in the order of cycles.
  std::function<void(const BusEvent&)> on_bus;
  uint64_t describe_cycle = ~uint64_t{0};  // fill ModelResult::description in this cycle
  // Called now and then: cycle, descriptors taken by units, descriptors in the program.
  std::function<void(uint64_t, uint32_t, uint32_t)> progress;
};

// Cycle counts of one layer; index in ModelResult::layers = layer number of the descriptors.
struct LayerCycles {
  bool used = false;         // a descriptor of this layer ran
  uint64_t first_cycle = 0;  // first descriptor begun by a unit
  uint64_t last_cycle = 0;   // last unit finished, write responses included
  uint64_t written = 0;      // cycles until its last write response, that cycle included; 0: it wrote nothing
  CycleCounts counts;        // stall_empty is of no layer
  uint64_t read_bytes = 0, write_bytes = 0;  // on the bus, without descriptor fetches
};

// One write burst: where to look when a value in memory is wrong.
struct WriteEvent {
  uint64_t cycle = 0;  // of the last data beat
  uint32_t address = 0, bytes = 0;
  uint32_t layer = 0, descriptor = 0;
};

struct ModelResult {
  uint64_t cycles = 0;  // the register CYCLES; to the fault if there was one
  std::vector<LayerCycles> layers;
  CycleCounts counts;   // as the registers; add up to cycles
  uint64_t read_bytes = 0, write_bytes = 0, fetch_bytes = 0;
  isa::Error error = isa::Error::kNone;
  uint32_t error_address = 0;  // as docs/isa.md says for the code
  std::string error_text;      // the fault in one line; "" without one
  // What the hardware does not see but no correct program does: races between units that tokens
  // do not order, entries read that nothing wrote, overflowing sums, tokens left at the end.
  // One line each naming descriptor numbers, the first 16 of hazard_count.
  std::vector<std::string> hazards;
  uint64_t hazard_count = 0;
  std::vector<WriteEvent> writes;
  std::string description;  // what each unit is at in options.describe_cycle

  bool ok() const { return error == isa::Error::kNone && hazard_count == 0; }
};

// Sizes `memory` to program.memory_size, clears it and copies the image to its beginning.
// Throws InputError when the image does not fit, and beyond 1 GiB.
void load_image(const Program& program, std::vector<uint8_t>& memory);

// memory: program.memory_size bytes that begin at address program.base, image and input in place
// (load_image, place_tensor); outputs are written there. The window is exactly that memory. Faults
// and hazards are in the result; throws InputError only for arguments that disagree and beyond
// ModelOptions::most_rows.
ModelResult run_model(const Program& program, const Config& config, std::vector<uint8_t>& memory,
                      const ModelOptions& options = {});

}  // namespace aap
