// SPDX-License-Identifier: Apache-2.0
// The memory of docs/accelerator.md, "Fixed-latency memory": takes every address, answers in order, after a fixed number of
// cycles, a beat per `cycles_per_beat`.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cyclemodel/cyclemodel.h"
#include "cyclemodel/fifo.h"

namespace aap::cyclemodel {

constexpr uint64_t kNever = UINT64_MAX;

class FixedMemory {
 public:
  explicit FixedMemory(const ModelOptions& o)
      : read_latency_(static_cast<uint64_t>(o.read_latency)),
        write_latency_(static_cast<uint64_t>(o.write_latency)),
        per_beat_(static_cast<uint64_t>(o.cycles_per_beat)),
        shared_(o.shared_bandwidth) {}

  // Signals of cycle `now`, from what happened before it.
  bool r_valid(uint64_t now) const { return offered_ || (!reads_.empty() && now >= next_read()); }
  bool w_ready(uint64_t now) const { return writes_ != 0 && now >= next_write_; }
  bool b_valid(uint64_t now) const { return !responses_.empty() && now >= responses_.front(); }

  // What happens in it.
  void take_read_address(uint64_t now, uint32_t beats) {
    reads_.push({now + read_latency_, beats});
  }
  void take_write_address() { ++writes_; }
  // A beat is offered; `taken` with RREADY.
  void read_beat(uint64_t now, bool taken) {
    offered_ = !taken;
    if (!taken) return;
    next_read_ = std::max(next_read_, now + per_beat_);
    if (--reads_.front().beats == 0) reads_.pop();
  }
  void write_beat(uint64_t now, bool last) {
    next_write_ = now + per_beat_;
    if (shared_) next_read_ = std::max(next_read_, now + 1) + per_beat_;
    if (!last) return;
    --writes_;
    responses_.push(now + write_latency_);
  }
  void take_response() { responses_.pop(); }

  // For stretches in which nothing else happens.
  bool offered() const { return offered_; }
  bool reading() const { return !reads_.empty(); }
  uint64_t next_read() const { return std::max(reads_.front().ready, next_read_); }
  uint64_t next_write() const { return next_write_; }
  uint64_t next_response() const { return responses_.empty() ? kNever : responses_.front(); }
  uint64_t read_beats_left() const { return reads_.front().beats; }

 private:
  struct Burst {
    uint64_t ready = 0;
    uint32_t beats = 0;
  };
  uint64_t read_latency_, write_latency_, per_beat_;
  bool shared_;
  bool offered_ = false;  // a beat was shown and not yet taken
  Fifo<Burst, kMostBursts> reads_;
  uint32_t writes_ = 0;  // bursts whose data is not all there
  Fifo<uint64_t, kMostBursts> responses_;
  uint64_t next_read_ = 0, next_write_ = 0;
};

}  // namespace aap::cyclemodel
