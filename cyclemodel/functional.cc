// SPDX-License-Identifier: Apache-2.0
// The program without a clock: units take descriptors in turn as tokens and queues allow.
#include <algorithm>
#include <array>
#include <deque>

#include "cyclemodel/scheduler.h"

namespace aap::cyclemodel {
namespace {

class FunctionalRun : Scheduler {
 public:
  using Scheduler::Scheduler;

  void run() {
    for (bool moved = true; moved && !failed();) {
      moved = fetch_some();
      for (size_t unit = 0; unit < queues_.size() && !failed(); ++unit) {
        moved = try_unit(queues_[unit]) || moved;
      }
    }
    if (!failed()) {
      std::vector<const Command*> heads;
      for (const auto& queue : queues_) heads.push_back(queue.empty() ? nullptr : &queue.front());
      if (heads[0] != nullptr || heads[1] != nullptr || heads[2] != nullptr) deadlock(heads);
    }
    finish();
  }

 private:
  bool fetch_some() {
    bool moved = false;
    while (!failed() && next_ < program_.descriptor_count) {
      if (!fetched_) {
        if (!fetch(next_, head_)) return true;
        fetched_ = true;
      }
      if (head_.unit != Unit::kFetch) {
        if (next_ - oldest() >= 4 * static_cast<uint32_t>(config_.queue_depth)) return moved;
        queues_[static_cast<size_t>(head_.unit)].push_back(head_);
      }
      ++next_;
      fetched_ = false;
      moved = true;
    }
    return moved;
  }

  // The first descriptor that its unit has not taken: it and all after it are in the ring.
  uint32_t oldest() const {
    uint32_t number = next_;
    for (const auto& queue : queues_) {
      if (!queue.empty()) number = std::min(number, queue.front().number);
    }
    return number;
  }

  bool try_unit(std::deque<Command>& queue) {
    if (queue.empty() || order_.missing(queue.front().wait) != 0) return false;
    const Command command = queue.front();
    queue.pop_front();
    Running running;
    if (!begin(command, running) || !post(running, ~0U)) return true;
    account(command);
    if (options_.progress && ++taken_ % 64 == 0) {
      options_.progress(0, taken_, program_.descriptor_count);
    }
    return true;
  }

  void account(const Command& c) {
    LayerCycles& l = layer(c.layer);
    l.used = true;
    if (c.unit == Unit::kExec) {
      const uint64_t rows = c.pixels() * c.steps * c.keep;
      l.counts.exec_cycles += rows;
      result_.counts.exec_cycles += rows;
      return;
    }
    const uint64_t bytes = run_bytes(c, config_) * run_count(c);
    (c.unit == Unit::kLoad ? l.read_bytes : l.write_bytes) += bytes;
    (c.unit == Unit::kLoad ? result_.read_bytes : result_.write_bytes) += bytes;
  }

  std::array<std::deque<Command>, kUnits> queues_;
  Command head_;
  bool fetched_ = false;
  uint32_t next_ = 0, taken_ = 0;
};

}  // namespace

void run_functional(const Program& program, const Config& config, std::vector<uint8_t>& memory,
                    const ModelOptions& options, ModelResult& result) {
  FunctionalRun(program, config, memory, options, result).run();
}

}  // namespace aap::cyclemodel
