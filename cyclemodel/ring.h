// SPDX-License-Identifier: Apache-2.0
// The descriptor ring of docs/accelerator.md, "Queues and tokens", with its four readers and the scanner that hands descriptors
// to them beat by beat.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cyclemodel/descriptor.h"
#include "spec/config.h"

namespace aap::cyclemodel {

// Readers of the ring; loads have two.
enum class Reader { kLoadRequests = 0, kLoadWrites = 1, kExec = 2, kStore = 3 };
constexpr size_t kReaders = 4;

class Ring {
 public:
  explicit Ring(const Config& config)
      : beats_(isa::kDescriptorBytes / static_cast<uint32_t>(config.beat_bytes())),
        slots_(static_cast<size_t>(4 * config.queue_depth)), commands_(slots_) {}

  uint32_t beats() const { return beats_; }
  // No slot for descriptor `number` yet.
  bool full(uint32_t number) const {
    for (const uint32_t at : at_) {
      if (number - at == slots_) return true;
    }
    return false;
  }
  // The next descriptor is whole and correct; readers see it in the next cycle.
  void commit(const Command& command) {
    commands_[committed_ % slots_] = command;
    ++committed_;
  }
  bool empty() const {
    for (const uint32_t at : at_) {
      if (at != committed_) return false;
    }
    return true;
  }
  // `ready`: which readers take a beat, in this cycle.
  struct Beat {
    bool given = false;
    Reader reader = Reader::kStore;
    uint32_t beat = 0;
    const Command* command = nullptr;
  };
  Beat beat(const std::array<bool, kReaders>& ready) const {
    if (state_ == State::kPick || !ready[turn_]) return {};
    if (state_ == State::kLook && !matches()) return {};
    return {true, static_cast<Reader>(turn_), beat_, &commands_[at_[turn_] % slots_]};
  }
  // It has a beat for that reader, whether ready or not.
  bool offers(Reader reader) const { return state_ == State::kGive && turn_ == static_cast<size_t>(reader); }
  uint32_t offered() const { return beat_; }
  // The edge after a cycle in which `ready` held and `given` was handed out; `committed` as it was before this cycle's commit.
  void edge(const std::array<bool, kReaders>& ready, bool given, uint32_t committed);
  uint32_t committed() const { return committed_; }
  // Nothing but the turn changes until a reader becomes ready or a descriptor is committed.
  bool still(const std::array<bool, kReaders>& ready) const {
    if (state_ != State::kPick) return false;
    for (size_t r = 0; r < kReaders; ++r) {
      if (given_[r] || (at_[r] != committed_ && (ready[r] || !found_[r]))) return false;
    }
    return true;
  }
  void skip(uint64_t cycles) { turn_ = (turn_ + cycles) % kReaders; }

 private:
  enum class State { kPick, kLook, kGive };
  bool matches() const {
    const Unit unit = commands_[at_[turn_] % slots_].unit;
    switch (static_cast<Reader>(turn_)) {
      case Reader::kExec: return unit == Unit::kExec;
      case Reader::kStore: return unit == Unit::kStore;
      default: return unit == Unit::kLoad;
    }
  }
  void next_turn() {
    state_ = State::kPick;
    turn_ = (turn_ + 1) % kReaders;
  }

  uint32_t beats_;
  size_t slots_;
  std::vector<Command> commands_;
  uint32_t committed_ = 0;
  std::array<uint32_t, kReaders> at_{};    // descriptor that each reader is at
  std::array<bool, kReaders> found_{};     // it is the reader's own
  std::array<bool, kReaders> given_{};     // and was handed out
  bool half_ = false;                      // exec has taken the first half of its one
  State state_ = State::kPick;
  size_t turn_ = 0;
  uint32_t beat_ = 0;                      // the one that is read from the ring
};

}  // namespace aap::cyclemodel
