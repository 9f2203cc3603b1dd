// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/units.h"

namespace aap::cyclemodel {

void LoadWrites::begin(const Config& config) {
  const Command& c = running.command;
  const auto beat = static_cast<uint64_t>(config.beat_bytes());
  block_beats = static_cast<uint64_t>(config.block_bytes()) / beat;
  run_beats = run_bytes(c, config) / beat;
  run = 0;
  runs = run_count(c);
  if (c.pre_fill != 0) enter(State::kPre, c.pre_fill);
  else enter_row();
}

void LoadWrites::enter_row() {
  if (running.command.left_fill != 0) return enter(State::kLeft, running.command.left_fill);
  state = State::kData;
  left = run_beats;
}

bool LoadWrites::end_of_plane() {
  if (run == runs) {
    state = State::kTake;
    return true;
  }
  if (running.command.pre_fill != 0) enter(State::kPre, running.command.pre_fill);
  else enter_row();
  return false;
}

bool LoadWrites::beat() {
  if (--left != 0) return false;
  const Command& c = running.command;
  switch (state) {
    case State::kPre:
      enter_row();
      return false;
    case State::kLeft:
      state = State::kData;
      left = run_beats;
      return false;
    case State::kData:
      if (c.right_fill != 0) {
        enter(State::kRight, c.right_fill);
        return false;
      }
      break;
    case State::kPost:
      return end_of_plane();
    default:
      break;
  }
  // The end of a row.
  ++run;
  const bool more_rows = c.walks_planes() && run % c.rows != 0;
  if (more_rows) {
    enter_row();
    return false;
  }
  if (c.post_fill != 0) {
    enter(State::kPost, c.post_fill);
    return false;
  }
  return end_of_plane();
}

ExecUnit::ExecUnit(const Config& config)
    : windowed_(config.windowed()),
      tree_(config.muls() == 1 ? 0 : config.muls() >= 8 ? 2 : 1),
      drain_cycles_(static_cast<uint64_t>(config.drain_cycles())),
      passes_(static_cast<uint64_t>(config.residual_passes)),
      max_row_cycles_(static_cast<uint64_t>(config.max_row_cycles)) {}

bool ExecUnit::unchanged(uint32_t beat, uint32_t descriptor_beats) const {
  const Command &a = running.command, &b = drained.command;
  if (windowed_ || passes_ != 1 || !draining || whole || beats_taken < descriptor_beats / 2) return false;
  if (a.first != b.first || a.last != b.last || a.max != b.max || a.residual != b.residual || a.zp != b.zp) return false;
  if (a.cols < 4 && a.rows < 4) return false;
  const uint32_t words = isa::kDescriptorBytes / 4 / descriptor_beats;
  const auto same = [&](uint32_t word, bool equal) { return word / words != beat || equal; };
  return same(8, a.lo == b.lo && a.hi == b.hi && a.add_zp == b.add_zp && a.add_shift == b.add_shift) &&
         same(9, a.add_lo == b.add_lo && a.add_hi == b.add_hi) && same(10, a.add_ma == b.add_ma) &&
         same(11, a.add_c == b.add_c) && same(12, a.add_mb == b.add_mb);
}

void ExecUnit::take(const Command& command, uint64_t now, uint32_t descriptor_beats) {
  if (beats_taken == 0) running.command = command;
  ++beats_taken;
  if (beats_taken == descriptor_beats / 2) state = State::kWait;
  if (beats_taken != descriptor_beats) return;
  beats_taken = 0;
  whole = true;
  whole_from = now + 1;
  if (state == State::kRun) plan();
}

void ExecUnit::start(uint64_t now) {
  state = State::kRun;
  first_row = now + 1;
  last_row = kNever;
  if (whole) plan();
}

// docs/accelerator.md, EXEC: the last row of a pixel waits for the drain of the previous pixel, that of the first pixel for the
// second half of the descriptor too, and the last row of all for the end of the EXEC in the drain.
void ExecUnit::plan() {
  if (windowed_) {
    window_plan = plan_windows(windows, running.command.pixels(), first_row, whole_from, next_last_row, drain_cycles_);
    last_row = window_plan.last_issue;
    return;
  }
  const uint64_t first_last = std::max({first_row + (rows() - 1) * row_cycles(), next_last_row, whole_from});
  last_row = first_last + (running.command.pixels() - 1) * std::max(rows() * row_cycles(), pixel_drain(running));
  if (draining) last_row = std::max(last_row, finished_at + 1);
}

void ExecUnit::end(uint64_t now) {
  state = State::kTake;
  whole = false;
  drained = running;
  last_row = kNever;
  if (windowed_) {
    flying = true;
    return;
  }
  next_last_row = now + pixel_drain(running);
  drain_from(now);
}

void ExecUnit::leave(uint64_t now) {
  flying = false;
  next_last_row = now + drain_cycles_;
  drain_from(now - 3);  // a window is used three cycles after its issue, at least
}

uint64_t ExecUnit::flying_cycles(uint64_t from, uint64_t until, bool drain) const {
  uint64_t cycles = 0;
  for (const WindowPlan::Stretch& s : window_plan.tail) {
    const uint64_t a = std::max(from, s.from), b = std::min(until, s.until);
    if (flying && s.drain == drain && b > a) cycles += b - a;
  }
  return cycles;
}

void ExecUnit::drain_from(uint64_t now) {
  draining = true;
  // docs/accelerator.md, Latencies
  const uint64_t array = tree_ + max_row_cycles_ - 1;
  const uint64_t operands = passes_ == 1 ? (drained.command.residual ? 14 : 8) : slow(drained) ? 16 : 8;
  read_at = now + operands + array + pixel_drain(drained);
  finished_at = now + (passes_ == 1 ? 19 : slow(drained) ? 24 : 16) + array + pixel_drain(drained);
}

}  // namespace aap::cyclemodel
