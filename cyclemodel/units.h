// SPDX-License-Identifier: Apache-2.0
// The units of docs/accelerator.md as the state that they keep from cycle to cycle. Clocked (clocked.h) reads all of it, works out
// what happens in a cycle, then calls edge() of each.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cyclemodel/bus.h"
#include "cyclemodel/descriptor.h"
#include "cyclemodel/fixed_memory.h"
#include "cyclemodel/scheduler.h"
#include "cyclemodel/windows.h"
#include "spec/config.h"

namespace aap::cyclemodel {

// The side of loads that waits for tokens and asks for rows.
struct LoadRequests {
  enum class State { kTake, kCheck, kWait, kRequest, kFinish } state = State::kTake;
  static constexpr uint32_t kMostAhead = 3;
  Running running;
  uint64_t run = 0, runs = 0, run_bytes = 0;  // rows
  uint32_t ahead = 0;  // loads begun here that the write side has not taken up
};

// The side that writes data and padding into buffers, a beat per cycle.
struct LoadWrites {
  enum class State { kTake, kWait, kPre, kLeft, kData, kRight, kPost } state = State::kTake;
  Command command;     // taken last
  Running running;     // the one whose words are written
  uint64_t left = 0;   // beats of the phase
  uint64_t run = 0, runs = 0;
  uint64_t block_beats = 1, run_beats = 0;
  bool post = false;   // ended in the last cycle: L2E

  bool writing() const { return state != State::kTake && state != State::kWait; }
  bool wants_data() const { return state == State::kData; }
  bool fills() const { return writing() && !wants_data(); }
  void begin(const Config& config);
  // A beat of this phase is written; true with the last of the load.
  bool beat();

 private:
  void enter(State next, uint64_t blocks) {
    state = next;
    left = blocks * block_beats;
  }
  void enter_row();
  bool end_of_plane();
};

struct ExecUnit {
  explicit ExecUnit(const Config& config);
  enum class State { kTake, kWait, kRun } state = State::kTake;
  Running running;             // its descriptor
  uint32_t beats_taken = 0;
  bool whole = false;          // the second half is here
  uint64_t whole_from = 0;     // since this cycle
  uint64_t first_row = 0;      // cycle of its first row
  uint64_t last_row = kNever;  // and of its last, known when it is whole
  uint64_t next_last_row = 0;  // earliest last row of a pixel
  // The EXEC in the drain, and the cycles in which it posts.
  bool draining = false;
  Running drained;
  uint64_t read_at = 0, finished_at = 0;
  // WINDOW
  std::vector<WindowCycles> windows;  // of its descriptor
  WindowPlan window_plan;             // of the EXEC whose windows are in the array
  bool flying = false;                // all of them are issued, not all used; `drained` is theirs

  bool idle() const { return state == State::kTake && beats_taken == 0 && !draining && !flying; }
  // A beat, or a half, can be taken.
  bool ready(uint32_t descriptor_beats, uint64_t now) const {
    if (beats_taken >= descriptor_beats / 2) return !draining && !whole && !flying;
    return state == State::kTake && !whole && (!flying || now >= window_plan.half_from);
  }
  // A beat of the second half that brings what the EXEC in the drain has brought, of an EXEC that differs from it in its bases
  // alone: it is taken at once.
  bool unchanged(uint32_t beat, uint32_t descriptor_beats) const;
  void take(const Command& command, uint64_t now, uint32_t descriptor_beats);
  void start(uint64_t now);
  // Its last row was issued in cycle `now`. WINDOW: its last window.
  void end(uint64_t now);
  // WINDOW: its last window has been used in cycle `now`.
  void leave(uint64_t now);
  // WINDOW: of cycles [from, until) those in which windows that are flying are used (or, `drain`, wait for the drain).
  uint64_t flying_cycles(uint64_t from, uint64_t until, bool drain) const;
  uint64_t rows() const { return uint64_t{running.command.steps} * running.command.keep; }
  uint64_t row_cycles() const { return running.command.max ? max_row_cycles_ : 1; }

 private:
  void plan();
  // The drain begins as behind a row issued in cycle `now`.
  void drain_from(uint64_t now);
  // The residual add goes through the requantisers, and the drain takes this one's pixels more slowly.
  bool slow(const Running& r) const { return passes_ != 1 && r.command.residual && r.command.last; }
  uint64_t pixel_drain(const Running& r) const { return slow(r) ? passes_ * drain_cycles_ : drain_cycles_; }
  bool windowed_;
  uint64_t tree_, drain_cycles_, passes_, max_row_cycles_;
};

struct StoreUnit {
  explicit StoreUnit(const Config& config)
      : block_words(static_cast<uint64_t>(config.block_bytes() / config.requantisers)),
        beat_words(static_cast<uint32_t>(config.beat_bytes() / config.requantisers)) {}
  enum class State { kTake, kCheck, kWait, kRow, kRead, kFinish } state = State::kTake;
  Running running;
  uint64_t run = 0, runs = 0;   // rows read
  uint64_t asked = 0;           // rows that the write side has taken
  uint64_t words_left = 0;      // of the row
  uint64_t block_words;         // words of `requantisers` bytes in a block,
  uint32_t beat_words;          // in a beat
  bool fetched = false;         // a word was read and is not yet in the beat
  bool full = false;            // a beat is offered
  uint32_t packed = 0;          // words in the beat

  bool idle() const { return state == State::kTake && !fetched && !full; }
  bool room(bool data_taken) const { return !full || data_taken; }
  // A row is offered to the write side: the one that is read next, while it is or before.
  bool asks() const { return state == State::kRow || (state == State::kRead && asked == run + 1 && asked < runs); }
  bool reads(bool data_taken) const { return state == State::kRead && (!fetched || room(data_taken)); }
  // The edge of reading and packing.
  void flow(bool data_taken) {
    const bool read = reads(data_taken), pack = fetched && room(data_taken);
    bool filled = false;
    if (pack && ++packed == beat_words) {
      packed = 0;
      filled = true;
    }
    full = filled || (full && !data_taken);
    fetched = read || (fetched && !pack);
    if (read) --words_left;
  }
};

}  // namespace aap::cyclemodel
