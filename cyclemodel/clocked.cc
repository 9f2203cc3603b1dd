// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/clocked.h"

#include <fmt/format.h>

namespace aap::cyclemodel {
namespace {

// docs/accelerator.md, End of a job
constexpr uint32_t kEndLimit = 3, kQuietLimit = 255;

}  // namespace

Clocked::Clocked(const Program& program, const Config& config, std::vector<uint8_t>& memory, const ModelOptions& options,
                 ModelResult& result)
    : Scheduler(program, config, memory, options, result), memory_(options), ring_(config), exec_(config), store_(config),
      one_(config.outstanding == 1), read_splitter_(config), write_splitter_(config), one_burst_(config), reads_(config), writes_(config) {}

void Clocked::run() {
  while (!ended_ && !failed()) {
    step();
    if (ended_ || failed()) break;
    if (options_.every_cycle) continue;
    if (const uint64_t cycles = still_cycles(); cycles > 0) pass(cycles);
  }
  result_.cycles = now_;
  result_.counts.stall_empty = 0;
  // An EXEC under way at a fault is not counted.
  const uint64_t busy = result_.counts.total();
  result_.counts.stall_empty = result_.cycles > busy ? result_.cycles - busy : 0;
  finish();
}

std::array<bool, kReaders> Clocked::readers_ready() const {
  return {loads_.state == LoadRequests::State::kTake, load_writes_.state == LoadWrites::State::kTake,
          exec_.ready(ring_.beats(), now_) || (ring_.offers(Reader::kExec) && exec_.unchanged(ring_.offered(), ring_.beats())),
          store_.state == StoreUnit::State::kTake};
}

Clocked::Signals Clocked::signals() const {
  Signals s;
  s.ready = readers_ready();
  s.beat = ring_.beat(s.ready);

  s.load_begins = loads_.state == LoadRequests::State::kWait && loads_.ahead < LoadRequests::kMostAhead &&
                  wait_is_over(loads_.running);
  s.write_side_begins = load_writes_.state == LoadWrites::State::kWait && loads_.ahead != 0;
  s.exec_starts = exec_.state == ExecUnit::State::kWait && wait_is_over(exec_.running) && !exec_.flying;
  s.store_begins = store_.state == StoreUnit::State::kWait && wait_is_over(store_.running);

  s.fetch_asks = fetch_asks();
  const bool accepts = read_accepts();
  s.fetch_taken = s.fetch_asks && accepts;
  s.load_row_taken = loads_.state == LoadRequests::State::kRequest && !s.fetch_asks && accepts;
  s.load_busy = load_busy();
  s.read_shown = one_ ? one_burst_.checks() && !one_burst_.stores() : read_splitter_.waits_for_grant() && !reads_.full();
  s.read_on_bus = one_ ? one_burst_.on_bus() && !one_burst_.stores() : read_splitter_.on_bus();
  s.read_valid = memory_.r_valid(now_);
  s.read_fetch = s.read_valid && reads_.front().fetch;
  s.read_taken = s.read_valid && (s.read_fetch || load_writes_.wants_data());

  s.data_taken = write_job_ && memory_.w_ready(now_);
  s.write_beat = s.data_taken && store_.full;
  s.write_last = s.write_beat && write_left_ == 1;
  s.write_shown = one_ ? one_burst_.checks() && one_burst_.stores()
                       : write_splitter_.waits_for_grant() && !writes_.full() && (!write_job_ || s.write_last);
  s.write_on_bus = one_ ? one_burst_.on_bus() && one_burst_.stores() : write_splitter_.on_bus();
  s.store_row_taken = store_.asks() && write_accepts();
  s.store_busy = store_busy();
  s.row_end = store_.reads(s.data_taken) && store_.words_left == 1;
  s.response = memory_.b_valid(now_);
  s.burst_done = s.response || (s.read_taken && memory_.read_beats_left() == 1);

  s.quiet = all_quiet(s.ready);
  s.ending = end_seen_ && quiet_ >= kEndLimit && ring_.empty() && all_idle();
  return s;
}

// Every unit is idle or waits for tokens, and nothing is on the bus.
bool Clocked::all_quiet(const std::array<bool, kReaders>& ready) const {
  if (!reads_.empty() || !writes_.empty() || write_job_ || bus_busy()) return false;
  const bool load_waits = loads_.state == LoadRequests::State::kTake ||
                          (loads_.state == LoadRequests::State::kWait && !wait_is_over(loads_.running));
  const bool writes_wait = (load_writes_.state == LoadWrites::State::kTake && !load_writes_.post) ||
                           load_writes_.state == LoadWrites::State::kWait;
  const bool exec_waits =
      exec_.idle() || (exec_.state == ExecUnit::State::kWait && !wait_is_over(exec_.running) && !exec_.flying);
  const bool store_waits = store_.idle() || (store_.state == StoreUnit::State::kWait && !wait_is_over(store_.running) &&
                                             !store_.fetched && !store_.full);
  return load_waits && loads_.ahead == 0 && writes_wait && exec_waits && store_waits && ring_.still(ready);
}

bool Clocked::all_idle() const {
  return loads_.state == LoadRequests::State::kTake && load_writes_.state == LoadWrites::State::kTake &&
         !load_writes_.post && loads_.ahead == 0 && exec_.idle() && store_.idle() && reads_.empty() &&
         writes_.empty() && !write_job_ && !bus_busy();
}

void Clocked::step() {
  const Signals s = signals();
  if (!s.ending && quiet_ == kQuietLimit) {
    std::vector<const Command*> heads;
    if (loads_.state == LoadRequests::State::kWait) heads.push_back(&loads_.running.command);
    if (exec_.state == ExecUnit::State::kWait) heads.push_back(&exec_.running.command);
    if (store_.state == StoreUnit::State::kWait) heads.push_back(&store_.running.command);
    deadlock(heads);
  }
  if (now_ == options_.describe_cycle) describe();
  count_stall(now_, now_ + 1);
  // Tokens are taken before others are posted: what is posted in this cycle is there in the next.
  begin_units(s);
  edge_reads(s);
  edge_writes(s);
  const bool accepted = s.fetch_taken || s.load_row_taken || s.store_row_taken;
  if (one_) one_burst_.edge(s.burst_done, accepted ? &accepted_ : nullptr);
  edge_descriptors(s);
  edge_loads(s);
  edge_exec(s);
  edge_load_writes(s);
  edge_store(s);
  quiet_ = s.quiet ? quiet_ + 1 : 0;
  ended_ = s.ending;
  ++now_;
}

void Clocked::describe() {
  const auto unit = [](const char* name, bool busy, const Command& c, const std::string& at) {
    return busy ? fmt::format("{} {} {} {}", name, isa::to_string(c.opcode), c.number, at) : fmt::format("{} idle", name);
  };
  static constexpr const char* kLoad[] = {"", "checks", "waits for tokens", "asks", "ends"};
  static constexpr const char* kWrite[] = {"", "waits", "pre_fill", "left_fill", "data", "right_fill", "post_fill"};
  static constexpr const char* kExec[] = {"second half", "waits for tokens", "rows"};
  static constexpr const char* kStore[] = {"", "checks", "waits for tokens", "asks", "reads", "ends"};
  result_.description = fmt::format(
      "{} descriptors requested, {}; {} row {} of {}; {} row {} of {}, {} beats left; {}; {} row {} of {}", requested_,
      fmt::format("{} committed", ring_.committed()),
      unit("load requests", loads_.state != LoadRequests::State::kTake, loads_.running.command, kLoad[static_cast<int>(loads_.state)]),
      loads_.run, loads_.runs,
      unit("load writes", load_writes_.state != LoadWrites::State::kTake, load_writes_.command,
           kWrite[static_cast<int>(load_writes_.state)]),
      load_writes_.run, load_writes_.runs, load_writes_.left,
      unit("execute", !exec_.idle(), exec_.running.command, kExec[static_cast<int>(exec_.state)]),
      unit("store", store_.state != StoreUnit::State::kTake, store_.running.command, kStore[static_cast<int>(store_.state)]),
      store_.run, store_.runs);
}

// Rows and waits for the drain are counted when an EXEC ends; windows that are then on their way are counted too, and waiting for
// tokens does not count while the array works, but goes before waiting for the drain.
void Clocked::count_stall(uint64_t from, uint64_t until) {
  if (exec_.state != ExecUnit::State::kWait) return;
  const uint32_t missing = order_.missing(exec_.running.command.wait);
  if (missing == 0) return;
  uint64_t CycleCounts::*cause = &CycleCounts::stall_output;
  if ((missing >> isa::kTokL2E & 1) != 0) {
    const isa::Opcode kind = load_writes_.command.opcode;
    if (!loading()) cause = &CycleCounts::stall_tokens;
    else if (kind == isa::Opcode::kLoadAct || kind == isa::Opcode::kLoadRes) cause = &CycleCounts::stall_activations;
    else cause = &CycleCounts::stall_weights;
  }
  const uint64_t cycles = until - from - exec_.flying_cycles(from, until, false);
  result_.counts.*cause += cycles;
  layer(exec_.running.command.layer).counts.*cause += cycles;
  const uint64_t drain = exec_.flying_cycles(from, until, true);
  if (drain == 0) return;
  result_.counts.stall_requant -= drain;
  layer(exec_.drained.command.layer).counts.stall_requant -= drain;
}

bool Clocked::begin_unit(Running& running) {
  LayerCycles& l = layer(running.command.layer);
  if (!l.used) l.first_cycle = now_;
  l.used = true;
  const Command command = running.command;
  if (!begin(command, running)) return false;
  if (options_.progress && ++taken_ % 64 == 0) options_.progress(now_, taken_, program_.descriptor_count);
  return true;
}

void Clocked::begin_units(const Signals& s) {
  if (s.load_begins && begin_unit(loads_.running)) {
    const Command& c = loads_.running.command;
    loads_.run = 0;
    loads_.runs = run_count(c);
    loads_.run_bytes = run_bytes(c, config_);
    const uint64_t bytes = loads_.runs * loads_.run_bytes;
    layer(c.layer).read_bytes += bytes;
    result_.read_bytes += bytes;
    ++loads_.ahead;
    begun_loads_.push_back(loads_.running);
  }
  if (s.exec_starts && begin_unit(exec_.running) && windows_) exec_.windows = windows_->cycles();
  if (s.store_begins && begin_unit(store_.running)) {
    const Command& c = store_.running.command;
    store_.run = store_.asked = 0;
    store_.runs = run_count(c);
    if ((c.post >> isa::kTokS2L & 1) != 0) stores_to_post_.push_back(store_.running);
  }
}

void Clocked::finished(const Running& running, uint32_t tokens) {
  LayerCycles& l = layer(running.command.layer);
  l.last_cycle = std::max(l.last_cycle, now_);
  post(running, tokens);
}

void Clocked::report(BusEvent::Kind kind, const Burst& burst) {
  if (options_.on_bus) options_.on_bus({now_, kind, burst.address, burst.beats, burst.layer});
}

void Clocked::edge_descriptors(const Signals& s) {
  const uint32_t committed = ring_.committed();
  ring_.edge(s.ready, s.beat.given, committed);
  if (check_) {
    Command command;
    if (!fetch(committed, command)) return;
    if (command.opcode == isa::Opcode::kEnd) end_seen_ = true;
    else ring_.commit(command);
  }
  check_ = s.read_fetch && ++arrived_beats_ == ring_.beats();
  if (check_) arrived_beats_ = 0;
}

void Clocked::edge_loads(const Signals& s) {
  const bool beat = s.beat.given && s.beat.reader == Reader::kLoadRequests;
  if (s.write_side_begins) --loads_.ahead;
  switch (loads_.state) {
    case LoadRequests::State::kTake:
      if (!beat) return;
      if (s.beat.beat == 0) loads_.running.command = *s.beat.command;
      if (s.beat.beat + 1 == ring_.beats()) loads_.state = LoadRequests::State::kCheck;
      return;
    case LoadRequests::State::kCheck:
      loads_.state = LoadRequests::State::kWait;
      return;
    case LoadRequests::State::kWait:
      if (s.load_begins) loads_.state = LoadRequests::State::kRequest;
      return;
    case LoadRequests::State::kRequest:
      if (s.load_row_taken && ++loads_.run == loads_.runs) loads_.state = LoadRequests::State::kFinish;
      return;
    case LoadRequests::State::kFinish:
      if (!s.load_busy) loads_.state = LoadRequests::State::kTake;
      return;
  }
}

void Clocked::edge_load_writes(const Signals& s) {
  if (load_writes_.post) {
    finished(load_writes_.running, 1U << isa::kTokL2E);
    load_writes_.post = false;
  }
  if (s.write_side_begins) {
    load_writes_.running = begun_loads_.front();
    begun_loads_.pop_front();
    load_writes_.begin(config_);
  } else if (load_writes_.fills() || (s.read_taken && !s.read_fetch)) {
    load_writes_.post = load_writes_.beat();
  } else if (s.beat.given && s.beat.reader == Reader::kLoadWrites) {
    if (s.beat.beat == 0) load_writes_.command = *s.beat.command;
    if (s.beat.beat + 1 == ring_.beats()) load_writes_.state = LoadWrites::State::kWait;
  }
}

void Clocked::edge_exec(const Signals& s) {
  if (s.exec_starts) exec_.start(now_);
  if (s.beat.given && s.beat.reader == Reader::kExec) exec_.take(*s.beat.command, now_, ring_.beats());
  if (exec_.draining && now_ == exec_.read_at) post(exec_.drained, 1U << isa::kTokE2L);
  if (exec_.draining && now_ == exec_.finished_at) {
    finished(exec_.drained, 1U << isa::kTokE2S);
    exec_.draining = false;
  }
  if (exec_.flying && now_ == exec_.window_plan.leaves) exec_.leave(now_);
  if (exec_.state != ExecUnit::State::kRun || now_ != exec_.last_row) return;
  const WindowPlan& plan = exec_.window_plan;
  const uint64_t rows = windows_ ? plan.working : exec_.rows() * exec_.running.command.pixels();
  const uint64_t held = windows_ ? plan.requant : now_ + 1 - exec_.first_row - rows;
  for (CycleCounts* counts : {&layer(exec_.running.command.layer).counts, &result_.counts}) {
    counts->exec_cycles += rows;
    counts->stall_requant += held;
    counts->stall_imbalance += windows_ ? plan.imbalance : 0;
  }
  exec_.end(now_);
}

void Clocked::edge_store(const Signals& s) {
  using State = StoreUnit::State;
  if (store_flows()) store_.flow(s.data_taken);
  switch (store_.state) {
    case State::kTake:
      if (!s.beat.given || s.beat.reader != Reader::kStore) return;
      if (s.beat.beat == 0) store_.running.command = *s.beat.command;
      if (s.beat.beat + 1 == ring_.beats()) store_.state = State::kCheck;
      return;
    case State::kCheck:
      store_.state = State::kWait;
      return;
    case State::kWait:
      if (s.store_begins) store_.state = State::kRow;
      store_.words_left = store_.running.command.cols * store_.block_words;
      return;
    case State::kRow:
      if (s.store_row_taken) store_.state = State::kRead;
      return;
    case State::kRead:
      if (!s.row_end) return;
      store_.state = store_.asked > store_.run + 1 ? State::kRead : State::kRow;
      store_.words_left = store_.running.command.cols * store_.block_words;
      if (++store_.run != store_.runs) return;
      finished(store_.running, 1U << isa::kTokS2E);
      store_.state = State::kFinish;
      return;
    case State::kFinish:
      if (!s.store_busy) store_.state = State::kTake;
      return;
  }
}

void Clocked::edge_reads(const Signals& s) {
  if (s.read_valid) {
    const bool last = s.read_taken && memory_.read_beats_left() == 1;
    memory_.read_beat(now_, s.read_taken);
    if (last) {
      report(BusEvent::Kind::kReadLast, reads_.front());
      reads_.pop();
    }
  }
  if (s.read_on_bus) {
    memory_.take_read_address(now_, read_burst().beats);
    report(BusEvent::Kind::kReadAddress, read_burst());
  }
  if (s.read_shown) reads_.push(read_burst());
  Request request;
  if (s.fetch_taken) {
    request = {descriptor_address(requested_), ring_.beats(), true, false, false, 0xffff, requested_};
    ++requested_;
    result_.fetch_bytes += isa::kDescriptorBytes;
  } else if (s.load_row_taken) {
    const Command& c = loads_.running.command;
    request = {run_address(c, loads_.run), loads_.run_bytes / static_cast<uint64_t>(config_.beat_bytes()), false, false,
               false, c.layer, c.number};
  }
  const bool taken = s.fetch_taken || s.load_row_taken;
  if (!one_) read_splitter_.edge(s.read_shown, taken ? &request : nullptr);
  else if (taken) accepted_ = request;
}

void Clocked::edge_writes(const Signals& s) {
  if (s.response) {
    const Burst burst = writes_.front();
    LayerCycles& l = layer(burst.layer);
    l.written = now_ + 1;
    l.last_cycle = std::max(l.last_cycle, now_);
    report(BusEvent::Kind::kWriteResponse, burst);
    memory_.take_response();
    writes_.pop();
    if (burst.post) {
      post(stores_to_post_.front(), 1U << isa::kTokS2L);
      stores_to_post_.pop_front();
    }
  }
  if (s.write_beat) {
    --write_left_;
    memory_.write_beat(now_, s.write_last);
    if (s.write_last) {
      write_job_ = false;
      report(BusEvent::Kind::kWriteLast, write_burst_);
      const auto bytes = write_burst_.beats * static_cast<uint32_t>(config_.beat_bytes());
      if (options_.record_writes) {
        result_.writes.push_back({now_, write_burst_.address, bytes, write_burst_.layer, write_burst_.descriptor});
      }
      layer(write_burst_.layer).write_bytes += bytes;
      result_.write_bytes += bytes;
    }
  }
  if (s.write_on_bus) {
    memory_.take_write_address();
    report(BusEvent::Kind::kWriteAddress, write_burst());
  }
  if (s.write_shown) {
    write_burst_ = write_burst();
    writes_.push(write_burst_);
    write_left_ = write_burst_.beats;
    write_job_ = true;
  }
  Request request;
  if (s.store_row_taken) {
    const Command& c = store_.running.command;
    const bool last = store_.asked + 1 == store_.runs;
    request = {run_address(c, store_.asked), run_bytes(c, config_) / static_cast<uint64_t>(config_.beat_bytes()), false, true,
               last && (c.post >> isa::kTokS2L & 1) != 0, c.layer, c.number};
    ++store_.asked;
  }
  if (!one_) write_splitter_.edge(s.write_shown, s.store_row_taken ? &request : nullptr);
  else if (s.store_row_taken) accepted_ = request;
}

void run_timed(const Program& program, const Config& config, std::vector<uint8_t>& memory, const ModelOptions& options,
               ModelResult& result) {
  Clocked(program, config, memory, options, result).run();
}

}  // namespace aap::cyclemodel
