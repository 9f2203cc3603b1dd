// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/timeline.h"

#include <algorithm>

namespace aap::cyclemodel {

Channel::Span Channel::take(uint64_t ready, uint64_t beats, uint64_t cycles) {
  uint64_t left = beats * cycles, at = ready;
  Span span{UINT64_MAX, 0};
  auto next = busy_.begin();
  while (next != busy_.end() && next->last < at) ++next;
  while (left != 0) {
    if (next != busy_.end() && next->first <= at) {
      at = next->last + 1;
      ++next;
      continue;
    }
    const uint64_t room = next == busy_.end() ? left : std::min(left, next->first - at);
    span.first = std::min(span.first, at);
    span.last = at + room - 1;
    // Joined to its neighbours so that the list stays short.
    const bool joins_before = next != busy_.begin() && std::prev(next)->last + 1 == at;
    if (joins_before) {
      std::prev(next)->last = span.last;
    } else {
      next = std::next(busy_.insert(next, Span{at, span.last}));
    }
    if (next != busy_.end() && next->first == span.last + 1) {
      std::prev(next)->last = next->last;
      next = busy_.erase(next);
      at = std::prev(next)->last + 1;
    } else {
      at += room;
    }
    left -= room;
  }
  return span;
}

void Channel::forget_before(uint64_t now) {
  while (busy_.size() > 1 && busy_.front().last < now) busy_.pop_front();
}

Timeline::Timeline(const Program& program, const Config& config, std::vector<uint8_t>& memory,
                   const ModelOptions& options, ModelResult& result)
    : Scheduler(program, config, memory, options, result),
      structure_(config),
      beat_(static_cast<uint64_t>(config.beat_bytes())),
      per_beat_(static_cast<uint64_t>(options.cycles_per_beat)) {}

void Timeline::at(uint64_t time, Kind kind, Unit unit) {
  events_.push({std::max(time, now_), order_of_events_++, kind, unit});
}

void Timeline::run() {
  kick_read_channel(1);
  while (!events_.empty() && !failed()) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.time;
    handle(event);
  }
  if (!failed()) {
    std::vector<const Command*> heads;
    for (const auto& q : queues_) heads.push_back(q.empty() ? nullptr : &q.front());
    if (heads[0] != nullptr || heads[1] != nullptr || heads[2] != nullptr) deadlock(heads);
  }
  count_wait();
  result_.cycles = now_ + 1;
  const uint64_t busy =
      result_.exec_cycles + result_.stall_load + result_.stall_store + result_.stall_requant;
  // An EXEC under way at a fault is counted whole.
  result_.stall_empty = result_.cycles > busy ? result_.cycles - busy : 0;
  finish();
}

void Timeline::handle(const Event& event) {
  switch (event.kind) {
    case Kind::kReadChannel:
      if (event.time != channel_event_) return;  // a nearer one has replaced it
      channel_event_ = kNever;
      read_channel();
      return;
    case Kind::kDescriptor:
      ++arrived_;
      append_descriptors();
      return;
    case Kind::kAppend:
      append_descriptors();
      return;
    case Kind::kTry:
      try_unit(event.unit);
      return;
    case Kind::kLoadDone:
      --loads_under_way_;
      done(pop(loads_), ~0U);
      try_unit(Unit::kLoad);
      return;
    case Kind::kExecRead:
      done(pop(exec_reads_), 1U << isa::kTokE2L);
      return;
    case Kind::kExecDone:
      done(pop(exec_dones_), 1U << isa::kTokE2S);
      return;
    case Kind::kStoreBurst:
      store_burst();
      return;
    case Kind::kStoreRead:
      done(pop(store_reads_), 1U << isa::kTokS2E);
      try_unit(Unit::kStore);
      return;
    case Kind::kStoreDone:
      done(pop(store_dones_), 1U << isa::kTokS2L);
      return;
  }
}

Scheduler::Running Timeline::pop(std::deque<Running>& list) {
  Running running = list.front();
  list.pop_front();
  return running;
}

void Timeline::done(const Running& running, uint32_t tokens) {
  LayerCycles& l = layer(running.command.layer);
  l.last_cycle = std::max(l.last_cycle, now_);
  if (!post(running, tokens) || (running.command.post & tokens) == 0) return;
  for (const Unit unit : {Unit::kLoad, Unit::kExec, Unit::kStore}) {
    at(now_ + structure_.token, Kind::kTry, unit);
  }
}

void Timeline::try_unit(Unit unit) {
  if (unit == Unit::kLoad) take_load();
  if (unit == Unit::kExec) take_exec();
  if (unit == Unit::kStore) take_store();
}

// Takes the unit's next descriptor out of its queue and lets it act; the caller knows that it can.
bool Timeline::take(Unit unit, Running& running) {
  const Command command = queue(unit).front();
  queue(unit).pop_front();
  LayerCycles& l = layer(command.layer);
  if (!l.used) l.first_cycle = now_;
  l.used = true;
  if (!begin(command, running)) return false;
  append_descriptors();
  if (options_.progress && ++taken_ % 64 == 0) {
    options_.progress(now_, taken_, program_.descriptor_count);
  }
  return true;
}

// When the unit begins the descriptor that it takes now: it has had it since both were there.
uint64_t Timeline::parsed(const Command& command, uint64_t unit_free, uint64_t beats) const {
  return std::max(now_, std::max(command.queued_at, unit_free) + beats) + structure_.begin;
}

// Charges the time since the last look to what execute waited for.
void Timeline::count_wait() {
  const uint64_t cycles = now_ - exec_wait_since_;
  exec_wait_since_ = now_;
  if (exec_wait_ == Wait::kNothing || queue(Unit::kExec).empty()) return;
  LayerCycles& l = layer(queue(Unit::kExec).front().layer);
  (exec_wait_ == Wait::kLoad ? l.stall_load : l.stall_store) += cycles;
  (exec_wait_ == Wait::kLoad ? result_.stall_load : result_.stall_store) += cycles;
}

void Timeline::take_exec() {
  if (now_ < exec_free_) return;
  count_wait();
  exec_wait_ = Wait::kNothing;
  if (queue(Unit::kExec).empty()) return;
  const uint32_t missing = order_.missing(queue(Unit::kExec).front().wait);
  if (missing != 0) {
    exec_wait_ = (missing >> isa::kTokL2E & 1) != 0 ? Wait::kLoad : Wait::kStore;
    return;
  }
  Running running;
  if (!take(Unit::kExec, running)) return;
  const Command& c = running.command;
  const uint64_t issue = parsed(c, exec_free_, structure_.half());
  const uint64_t rows = uint64_t{c.steps} * c.keep;
  const uint64_t constants = std::max(std::max(c.queued_at, exec_free_) + structure_.hand_over,
                                      last_exec_done_ + structure_.half() + structure_.begin);
  const uint64_t first_last = std::max({issue + rows - 1, next_last_row_, constants});
  const uint64_t last_row = first_last + (c.pixels() - 1) * std::max(rows, structure_.drain);
  next_last_row_ = last_row + structure_.drain;
  exec_free_ = last_row + 1;

  const uint64_t issued = c.pixels() * rows, stall = last_row + 1 - issue - issued;
  LayerCycles& l = layer(c.layer);
  l.exec_cycles += issued;
  l.stall_requant += stall;
  result_.exec_cycles += issued;
  result_.stall_requant += stall;

  last_exec_done_ = last_row + structure_.exec_done();
  exec_reads_.push_back(running);
  exec_dones_.push_back(running);
  at(exec_free_, Kind::kTry, Unit::kExec);
  at(last_row + structure_.exec_read(c.residual), Kind::kExecRead);
  at(last_exec_done_, Kind::kExecDone);
  exec_wait_since_ = exec_free_;
}

void Timeline::take_store() {
  if (store_.active || now_ < store_free_ || queue(Unit::kStore).empty() ||
      order_.missing(queue(Unit::kStore).front().wait) != 0) {
    return;
  }
  if (!take(Unit::kStore, store_.running)) return;
  const Command& c = store_.running.command;
  store_.active = true;
  store_.run = store_.offset = 0;
  store_.runs = run_count(c);
  store_.bytes = run_bytes(c, config_);
  store_reads_.push_back(store_.running);
  store_dones_.push_back(store_.running);
  at(parsed(c, store_free_, structure_.hand_over), Kind::kStoreBurst);
}

void Timeline::store_burst() {
  while (!writes_out_.empty() && writes_out_.front() < now_) writes_out_.pop_front();
  if (writes_out_.size() >= static_cast<size_t>(config_.outstanding)) {
    at(writes_out_.front() + 1, Kind::kStoreBurst);
    return;
  }
  const Command& c = store_.running.command;
  const auto address =
      static_cast<uint32_t>(run_address(c, store_.run) + static_cast<uint32_t>(store_.offset));
  const uint32_t bytes = burst_bytes(address, store_.bytes - store_.offset, config_);
  const uint64_t beats = bytes / beat_;
  Channel& data = write_channel();
  data.forget_before(now_);
  const uint64_t slow = std::max<uint64_t>(1, structure_.store_beat_cycles);
  // Where the channels share the bandwidth, reads go between the beats of a store that is slower
  // than the bus.
  const uint64_t ready = std::max(now_ + structure_.store_read, store_data_free_);
  Channel::Span span =
      data.take(ready, beats, options_.shared_bandwidth ? per_beat_ : std::max(per_beat_, slow));
  span.last = std::max(span.last, span.first + beats * slow - 1);
  store_data_free_ = span.last + 1;
  last_response_ = span.last + static_cast<uint64_t>(options_.write_latency);
  writes_out_.push_back(last_response_);
  layer(c.layer).write_bytes += bytes;
  result_.write_bytes += bytes;
  if (options_.record_writes) {
    result_.writes.push_back({span.last, address, bytes, c.layer, c.number});
  }
  store_.offset += bytes;
  if (store_.offset == store_.bytes) {
    store_.offset = 0;
    ++store_.run;
  }
  if (store_.run != store_.runs) {
    // The next address goes out when this burst's data begins.
    at(std::max(now_ + 1, span.first), Kind::kStoreBurst);
    return;
  }
  store_.active = false;
  store_free_ = span.last + 1;
  at(span.last + 1, Kind::kStoreRead);
  at(last_response_ + 1, Kind::kStoreDone);
}

void run_timed(const Program& program, const Config& config, std::vector<uint8_t>& memory,
               const ModelOptions& options, ModelResult& result) {
  Timeline(program, config, memory, options, result).run();
}

}  // namespace aap::cyclemodel
