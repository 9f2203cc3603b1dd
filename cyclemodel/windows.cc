// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/windows.h"

#include <algorithm>

namespace aap::cyclemodel {
namespace {

uint64_t count_of(int value) { return static_cast<uint64_t>(value); }

}  // namespace

WindowRows::WindowRows(const Config& config)
    : realign_(config.realign != 0),
      muls_(count_of(config.muls())),
      pes_(count_of(config.pes)),
      depth_(count_of(config.weight_depth)),
      element_bits_(count_of(config.element_bits())),
      weight_bits_(count_of(config.window_element_bits())),
      index_bits_(count_of(config.window_index_width())),
      elements_(depth_ * pes_ * muls_),
      pixel_end_(depth_ * pes_) {}

void WindowRows::load(uint64_t row, const uint8_t* bytes) {
  if (row >= depth_) return;
  const auto field = [&](uint64_t bit, uint64_t n) {
    uint32_t value = 0;
    for (uint64_t b = 0; b < n; ++b) value |= static_cast<uint32_t>(bytes[(bit + b) / 8] >> (bit + b) % 8 & 1) << b;
    return value;
  };
  for (uint64_t pe = 0; pe < pes_; ++pe) {
    const uint64_t base = pe * element_bits_;
    const bool pixel_end = field(base + element_bits_ - 1, 1) != 0;
    pixel_end_[row * pes_ + pe] = pixel_end ? 1 : 0;
    for (uint64_t i = 0; i < muls_; ++i) {
      Element& e = elements_[(row * pes_ + pe) * muls_ + i];
      e.weight = static_cast<int8_t>(field(base + i * weight_bits_, 8));
      e.index = static_cast<uint8_t>(field(base + i * weight_bits_ + 8, index_bits_));
      e.ends = realign_ ? field(base + (i + 1) * weight_bits_ - 1, 1) != 0
                        : i + 1 == muls_ && (pixel_end || field(base + muls_ * weight_bits_, 1) != 0);
    }
  }
}

bool WindowRows::list_pe(const Command& c, uint64_t pe) {
  uint64_t place = uint64_t{c.wgt_base} * muls_;  // element of the PE's rows
  bool pixel_ended = false;
  for (uint64_t window = 0; window < c.steps; ++window) {
    std::vector<Term>& terms = terms_[window * pes_ + pe];
    uint64_t elements = 0;
    bool proposed = false;
    for (bool ended = false; !ended; ++place, ++elements) {
      const uint64_t row = place / muls_;
      if (row >= depth_) return false;
      rows_used_ = std::max(rows_used_, static_cast<uint32_t>(row + 1 - c.wgt_base));
      const Element& e = elements_[(row * pes_ + pe) * muls_ + place % muls_];
      ended = e.ends;
      if (ended) pixel_ended = pixel_end_[row * pes_ + pe] != 0;
      if (elements % muls_ == 0) proposed = false;
      if (c.max ? (e.weight & 1) == 0 : e.weight == 0) continue;
      terms.push_back({e.index, e.weight});
      two_proposals_ = two_proposals_ || (c.max && proposed);
      proposed = true;
    }
    WindowCycles& cycles = cycles_[window];
    const uint64_t rows = (elements + muls_ - 1) / muls_;
    cycles.least = pe == 0 ? rows : std::min(cycles.least, rows);
    cycles.most = std::max(cycles.most, rows);
    // Realigned, a row may hold the ends of several windows; padded, one.
    if (!realign_ && pixel_ended != (window + 1 == c.steps)) ends_differ_ = true;
  }
  if (!pixel_ended) ends_differ_ = true;
  return true;
}

bool WindowRows::list(const Command& c) {
  cycles_.assign(c.steps, {});
  terms_.resize(std::max<uint64_t>(terms_.size(), uint64_t{c.steps} * pes_));
  for (uint64_t i = 0; i < uint64_t{c.steps} * pes_; ++i) terms_[i].clear();
  rows_used_ = 0;
  two_proposals_ = ends_differ_ = false;
  for (uint64_t pe = 0; pe < pes_; ++pe) {
    if (!list_pe(c, pe)) return false;
  }
  return true;
}

// Three registers lie between issue and array; they and the issue stand still together while the array keeps its window ("busy"
// cycles). Window `held` is the last of the first pixel: it waits for the second half of the descriptor, and empty places behind the
// windows before it stay. All others follow each other without a gap.
WindowPlan plan_windows(const std::vector<WindowCycles>& windows, uint64_t pixels, uint64_t first_issue,
                        uint64_t whole_from, uint64_t next_pixel, uint64_t drain_cycles) {
  WindowPlan plan;
  const uint64_t n = windows.size(), held = n - 1, all = n * pixels;
  // The first pixel: cycles in which the array begins and finishes with its windows.
  std::vector<uint64_t> begins(n), ends(n);
  begins[0] = first_issue + 3;
  for (uint64_t i = 0; i < held; ++i) {
    if (i != 0) begins[i] = ends[i - 1] + 1;
    ends[i] = begins[i] + windows[i].most - 1;
  }
  const auto moves = [&](uint64_t cycle) {  // the first cycle from this one on in which everything moves
    if (held == 0 || cycle < begins[0] || cycle > ends[held - 1]) return cycle;
    return *std::lower_bound(ends.begin(), ends.begin() + static_cast<int64_t>(held), cycle);
  };
  const auto unhindered = [&](uint64_t i) { return i <= 2 ? first_issue + i : ends[i - 3]; };
  const uint64_t issue1 = moves(std::max(unhindered(held), whole_from));
  const uint64_t issue2 = moves(issue1 + 1), issue3 = moves(issue2 + 1);
  begins[held] = issue3 + 1;
  ends[held] = std::max(begins[held] + windows[held].most - 1, next_pixel);

  uint64_t working = 0, most = 0;
  for (const WindowCycles& w : windows) {
    working += w.least;
    most += w.most;
  }
  const uint64_t period = std::max(most, drain_cycles);
  plan.working = pixels * working;
  plan.imbalance = pixels * (most - working);
  plan.requant = ends[held] - (begins[held] + windows[held].most - 1) + (pixels - 1) * (period - most);
  // Cycles in which the held window is the next to issue and the array has none.
  const uint64_t from = held == 0 ? first_issue : unhindered(held - 1) + 1;
  const auto length = [](uint64_t a, uint64_t b) { return b > a ? b - a : 0; };
  if (held == 0) {
    plan.requant += length(from, whole_from);
  } else {
    plan.requant += length(from, std::min(whole_from, begins[0])) + length(std::max(from, ends[held - 1] + 1), whole_from);
  }

  // Window i of all pixels.
  std::vector<uint64_t> before(n, 0);  // cycles of the windows before it in a pixel
  for (uint64_t i = 1; i < n; ++i) before[i] = before[i - 1] + windows[i - 1].most;
  const auto end = [&](uint64_t i) {
    if (i < n) return ends[i];
    const uint64_t last = ends[held] + (i / n - 1) * period;  // of the pixel before
    return i % n == held ? last + period : last + before[i % n] + windows[i % n].most;
  };
  plan.leaves = end(all - 1);
  const uint64_t behind = all - 1 - held;  // windows after the held one
  const uint64_t move[] = {issue1, issue2, issue3};
  plan.last_issue = behind < 3 ? move[behind] : end(all - 4);
  plan.half_from = 1 + (behind < 2 ? move[behind + 1] : end(all - 3));
  for (uint64_t i = all > 4 ? all - 4 : 0; i < all; ++i) {
    const WindowCycles& w = windows[i % n];
    const uint64_t begin = i < n ? begins[i] : end(i - 1) + 1;
    const auto add = [&](uint64_t a, uint64_t b, bool drain) {
      a = std::max(a, plan.last_issue + 1);
      if (b > a) plan.tail.push_back({a, b, drain});
    };
    add(begin, begin + w.most, false);
    add(begin + w.most, end(i) + 1, true);
  }
  return plan;
}

}  // namespace aap::cyclemodel
