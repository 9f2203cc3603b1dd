// SPDX-License-Identifier: Apache-2.0
// Descriptors as the units see them, and the checks of the fetch unit.
#pragma once

#include <cstdint>

#include "compile/gen/isa.h"
#include "spec/config.h"

namespace aap::cyclemodel {

struct Fault {
  isa::Error code = isa::Error::kNone;
  uint32_t address = 0;
  explicit operator bool() const { return code != isa::Error::kNone; }
};

enum class Unit { kLoad = 0, kExec = 1, kStore = 2, kFetch = 3 };
constexpr int kUnits = 3;  // with queues

inline const char* unit_name(Unit unit) {
  switch (unit) {
    case Unit::kLoad:
      return "load";
    case Unit::kExec:
      return "exec";
    case Unit::kStore:
      return "store";
    case Unit::kFetch:
      return "fetch";
  }
  return "unknown";
}

// A descriptor with its place in the program. All fields are decoded; those that the opcode lacks
// are meaningless.
struct Command {
  uint32_t number = 0;   // index in the program
  uint32_t address = 0;  // of the descriptor
  isa::Opcode opcode = isa::Opcode::kEnd;
  Unit unit = Unit::kFetch;
  uint32_t wait = 0, post = 0, layer = 0;
  uint64_t queued_at = 0;  // cycle from which the unit may have it; of the timed run
  // loads and STORE (dst is out_base of STORE)
  uint32_t addr = 0, plane_stride = 0, row_stride = 0, cols = 0, rows = 0, dst = 0, planes = 0;
  uint32_t pre_fill = 0, post_fill = 0, left_fill = 0, right_fill = 0, bank_mask = 0;
  uint32_t plane_step = 0, wrap = 0;
  int8_t pad_value = 0;
  uint32_t entries = 0;  // linear loads
  // EXEC, with cols and rows
  uint32_t keep = 0, steps = 0, act_base = 0, wgt_base = 0, tab_base = 0, par_base = 0;
  uint32_t x_step = 0, y_step = 0, psum_base = 0, out_base = 0, res_base = 0;
  bool first = false, last = false, max = false, residual = false, diagonal = false;
  int zp = 0, lo = 0, hi = 0, add_zp = 0, add_lo = 0, add_hi = 0;
  uint32_t add_shift = 0, add_ma = 0, add_mb = 0;
  int32_t add_c = 0;

  bool walks_planes() const {
    return opcode == isa::Opcode::kLoadAct || opcode == isa::Opcode::kLoadRes ||
           opcode == isa::Opcode::kStore;
  }
  uint64_t pixels() const { return uint64_t{rows} * cols; }
};

// Reads 64 little-endian bytes.
isa::Descriptor read_descriptor(const uint8_t* bytes);

// What the fetch unit refuses in descriptor `number`, the rules of the program's order included.
Fault check_descriptor(const isa::Descriptor& descriptor, uint32_t number, uint32_t count,
                       uint32_t address, const Config& config);

Command decode(const isa::Descriptor& descriptor, uint32_t number, uint32_t address);

// Bytes of one contiguous run of the command (a row, or all entries) and the number of runs.
uint64_t run_bytes(const Command& command, const Config& config);
uint64_t run_count(const Command& command);
uint32_t run_address(const Command& command, uint64_t run);

// Bytes of the burst at `address` with `left` bytes to go.
uint32_t burst_bytes(uint32_t address, uint64_t left, const Config& config);

}  // namespace aap::cyclemodel
