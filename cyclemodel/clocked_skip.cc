// SPDX-License-Identifier: Apache-2.0
// Stretches of cycles in which no unit changes its state: only data moves (beats of a load or a store that are not the last of
// anything), rows are issued and waits are counted. Whatever is not known to be such a stretch is 0 cycles long, which costs time, never
// exactness.
#include <stdexcept>

#include "cyclemodel/clocked.h"

namespace aap::cyclemodel {

// Cycles from now on in which no unit changes its state, as far as that does not depend on data; kNever: no end in sight.
uint64_t Clocked::still_cycles() const {
  if (check_ || load_writes_.post) return 0;
  if (one_) {
    if (one_burst_.checks() || one_burst_.on_bus()) return 0;
  } else {
    if (read_splitter_.advances() || read_splitter_.on_bus() || write_splitter_.advances() || write_splitter_.on_bus()) return 0;
    if (read_splitter_.waits_for_grant() && !reads_.full()) return 0;
    if (write_splitter_.waits_for_grant() && !writes_.full() && !write_job_) return 0;
  }
  if (read_accepts() && fetch_asks()) return 0;
  const std::array<bool, kReaders> ready = readers_ready();
  if (!ring_.still(ready)) return 0;

  using Load = LoadRequests::State;
  if (loads_.state == Load::kCheck || (loads_.state == Load::kRequest && read_accepts()) ||
      (loads_.state == Load::kFinish && !load_busy()) ||
      (loads_.state == Load::kWait && loads_.ahead < LoadRequests::kMostAhead && wait_is_over(loads_.running))) {
    return 0;
  }
  if (load_writes_.state == LoadWrites::State::kWait && loads_.ahead != 0) return 0;
  if (exec_.state == ExecUnit::State::kWait && wait_is_over(exec_.running) && !exec_.flying) return 0;
  using Store = StoreUnit::State;
  if (store_.state == Store::kCheck || (store_.asks() && write_accepts()) ||
      (store_.state == Store::kFinish && !store_busy()) ||
      (store_.state == Store::kWait && wait_is_over(store_.running))) {
    return 0;
  }

  uint64_t cycles = kNever;
  const auto until = [&](uint64_t cycle) { cycles = std::min(cycles, cycle > now_ ? cycle - now_ : 0); };
  if (exec_.state == ExecUnit::State::kRun && exec_.whole) until(exec_.last_row);
  if (exec_.flying) until(now_ < exec_.window_plan.half_from ? exec_.window_plan.half_from : exec_.window_plan.leaves);
  if (exec_.draining) until(exec_.read_at >= now_ ? exec_.read_at : exec_.finished_at);
  if (load_writes_.fills()) cycles = std::min(cycles, load_writes_.left - 1);
  if (memory_.next_response() != kNever) until(memory_.next_response());
  // Quiet cycles are counted one by one.
  return cycles == 0 || all_quiet(ready) ? 0 : cycles;
}

// Moves data for at most `cycles` cycles, until a cycle in which a unit changes its state.
void Clocked::pass(uint64_t cycles) {
  const uint64_t from = now_, end = cycles == kNever ? kNever : now_ + cycles;
  const bool loads = load_writes_.wants_data();
  while (now_ < end) {
    const bool read = memory_.r_valid(now_);
    if (read && (reads_.front().fetch || (loads && (memory_.read_beats_left() == 1 || load_writes_.left == 1)))) break;
    const bool data_taken = write_job_ && memory_.w_ready(now_), write = data_taken && store_.full;
    const bool word = store_.reads(data_taken);
    if ((write && write_left_ == 1) || (word && store_.words_left == 1)) break;
    const bool pack = store_.fetched && store_.room(data_taken);
    const bool moves = write || word || pack || (read && (loads || !memory_.offered()));
    if (read) {
      memory_.read_beat(now_, loads);
      if (loads) --load_writes_.left;
    }
    if (write) {
      memory_.write_beat(now_, false);
      --write_left_;
    }
    if (write || word || pack) store_.flow(data_taken);
    ++now_;
    if (moves) continue;
    // Until a beat comes or is taken.
    uint64_t next = end;
    if (memory_.reading() && !memory_.offered()) next = std::min(next, memory_.next_read());
    if (write_job_ && store_.full) next = std::min(next, memory_.next_write());
    if (next == kNever) throw std::logic_error("cycle model: units wait, but not for each other's tokens");
    now_ = std::max(now_, next);
  }
  const uint64_t passed = now_ - from;
  if (load_writes_.fills()) load_writes_.left -= passed;
  ring_.skip(passed);
  count_stall(from, now_);
}

}  // namespace aap::cyclemodel
