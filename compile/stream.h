// SPDX-License-Identifier: Apache-2.0
// The three instruction queues with what each instruction depends on, and a rough clock that tells
// good tilings from bad ones and in which order the descriptors are fetched. Internal.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "compile/buffers.h"
#include "compile/gen/isa.h"
#include "compile/ops.h"
#include "spec/config.h"

namespace aap::compiler {

enum Unit { kLoad = 0, kExec = 1, kStore = 2 };
enum Buffer { kActBuffer, kWgtBuffer, kTabBuffer, kParBuffer, kResBuffer, kOutBuffer, kBuffers };

// Where a descriptor's address comes from; absolute addresses exist only at the end.
struct Address {
  enum Kind { kNone, kData, kMap } kind = kNone;
  int storage = -1;
  uint64_t offset = 0;  // bytes from the data section or from the storage
};

struct Instr {
  isa::Descriptor descriptor;
  Address address;
  int layer = 0;
  std::array<int, 3> need{-1, -1, -1};  // latest instruction of each unit that must have finished
  double start = 0;                     // rough clock
  int64_t array_cycles = 0;             // EXEC
};

// A part of a feature map.
struct MapRange {
  int storage = -1;
  int64_t plane0 = 0, plane1 = 0, y0 = 0, y1 = 0, x0 = 0, x1 = 0;
};

class Stream {
 public:
  Stream(const Config& config, const std::vector<Storage>& storages);

  // Everything but the queues; saved before a trial and restored after it.
  struct State {
    std::array<BufferCache, kBuffers> buffers;
    double request_free = 0, load_free = 0, exec_free = 0, store_free = 0;
    int64_t read_beats = 0;
  };
  struct Mark {
    State state;
    std::array<size_t, 3> sizes;
    std::vector<size_t> writes;
  };
  Mark mark() const;
  void rewind(const Mark& mark);

  // Of an image. The fewer tokens a layer may post, the coarser its stores are waited for.
  void begin_layer(int most_tokens);

  int next(Unit unit) const { return static_cast<int>(queues_[unit].size()); }
  // `work`: bus or array cycles. Sets `start`, returns the index in the unit's queue.
  int add_load(Instr instr, int64_t work);
  int add_exec(Instr instr, int64_t pixels, int64_t pixel_cycles);
  int add_store(Instr instr, int64_t work, const MapRange& written);

  // Latest store that wrote part of the range (rounded up so that a layer posts few tokens), or -1.
  int last_store(const MapRange& range) const;

  // Rough time at which the range of a feature map is in memory.
  double written_by(const MapRange& range) const;

  double now() const { return std::max(state_.exec_free, state_.store_free); }
  BufferCache& buffer(Buffer b) { return state_.buffers[b]; }
  const std::vector<Instr>& queue(Unit unit) const { return queues_[unit]; }
  std::array<std::vector<Instr>, 3>& queues() { return queues_; }

 private:
  struct Written {
    MapRange range;
    int store;
  };

  const Config& config_;
  State state_;
  std::array<std::vector<Instr>, 3> queues_;
  std::vector<double> exec_read_, exec_done_, load_done_, store_read_, store_done_;
  std::vector<std::vector<Written>> writes_;  // by storage
  std::vector<int> layer_begin_;              // first store of each layer begun so far
  int most_tokens_ = 1;
};

// Gives every instruction its wait and post masks from `need`. One token per pair of instructions,
// taken in order: see tokens.cpp. Throws InputError when a counter could overflow.
void assign_tokens(std::array<std::vector<Instr>, 3>& queues);

// Program order: by start time; every instruction comes after those it needs.
std::vector<std::pair<Unit, int>> program_order(const std::array<std::vector<Instr>, 3>& queues);

}  // namespace aap::compiler
