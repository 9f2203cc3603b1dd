// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cyclemodel/machine.h"

// The pixel loops are most of the model's time; where the compiler can, they exist for AVX2 as
// well.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define AAP_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define AAP_WIDE
#endif

namespace aap::cyclemodel {
namespace {

// Below this many pixels, lists of weights by channel cost more than they save.
constexpr size_t kFewPixels = 6;

// Modulo 2^32, like an adder; no narrower accumulator can tell the difference.
int32_t add_wrapping(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

int32_t multiply_add(int32_t sum, int16_t a, int16_t b) {
  return add_wrapping(sum, int32_t{a} * int32_t{b});
}

AAP_WIDE void add_scaled(int32_t* sums, const int16_t* column, int16_t weight, size_t count) {
  for (size_t i = 0; i < count; ++i) sums[i] = multiply_add(sums[i], column[i], weight);
}

// Four columns at once: the sums are read and written a quarter as often.
AAP_WIDE void add_scaled4(int32_t* sums, const std::array<const int16_t*, 4>& columns,
                          const std::array<int16_t, 4>& weights, size_t count) {
  const int16_t *c0 = columns[0], *c1 = columns[1], *c2 = columns[2], *c3 = columns[3];
  const int16_t w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
  for (size_t i = 0; i < count; ++i) {
    int32_t sum = multiply_add(sums[i], c0[i], w0);
    sum = multiply_add(sum, c1[i], w1);
    sum = multiply_add(sum, c2[i], w2);
    sums[i] = multiply_add(sum, c3[i], w3);
  }
}

AAP_WIDE void keep_maximum(int32_t* sums, const int16_t* column, size_t count) {
  for (size_t i = 0; i < count; ++i) sums[i] = std::max<int32_t>(sums[i], column[i]);
}

AAP_WIDE void widen(int16_t* to, const int8_t* from, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = from[i];
}

// Stamps of consecutive words: the newest and oldest writer; marks them read.
struct Writers {
  uint32_t newest = 0, oldest = UINT32_MAX;
};
AAP_WIDE Writers read_stamps(const uint32_t* written, uint32_t* read, uint32_t reader,
                             size_t count) {
  uint32_t newest = 0, oldest = UINT32_MAX;
  for (size_t i = 0; i < count; ++i) {
    newest = std::max(newest, written[i]);
    oldest = std::min(oldest, written[i]);
  }
  std::fill_n(read, count, reader);
  return {newest, oldest};
}

// Round half to even of product / 2^shift.
int64_t shift_rne(int64_t product, uint32_t shift) {
  if (shift == 0) return product;
  const int64_t floor = product >> shift;
  const uint64_t rest = static_cast<uint64_t>(product) & ((uint64_t{1} << shift) - 1);
  const uint64_t half = uint64_t{1} << (shift - 1);
  return floor + (rest > half || (rest == half && (floor & 1) != 0) ? 1 : 0);
}

int clamp_to(int64_t value, int lo, int hi) {
  return static_cast<int>(std::min<int64_t>(std::max<int64_t>(value, lo), hi));
}

}  // namespace

Fault Machine::exec_range(const Command& c) const {
  const auto beyond = [](uint64_t first, uint64_t count, int depth) {
    return first + count > static_cast<uint64_t>(depth);
  };
  const auto fault = [](uint64_t first, int depth) {
    return Fault{isa::Error::kExecRange,
                 static_cast<uint32_t>(std::max<uint64_t>(first, static_cast<uint64_t>(depth)))};
  };
  if (beyond(c.tab_base, c.steps, config_.table_depth))
    return fault(c.tab_base, config_.table_depth);
  if (!config_.windowed() &&
      beyond(c.wgt_base, uint64_t{c.steps} * c.keep, config_.weight_depth)) {
    return fault(c.wgt_base, config_.weight_depth);
  }
  if ((!c.first || !c.last) && beyond(c.psum_base, c.pixels(), config_.psum_depth)) {
    return fault(c.psum_base, config_.psum_depth);
  }
  if (c.last) {
    if (beyond(c.par_base, static_cast<uint64_t>(config_.drain_cycles()), config_.param_depth)) {
      return fault(c.par_base, config_.param_depth);
    }
    if (beyond(c.out_base, c.pixels(), config_.out_depth))
      return fault(c.out_base, config_.out_depth);
    if (c.residual && beyond(c.res_base, c.pixels(), config_.residual_depth)) {
      return fault(c.res_base, config_.residual_depth);
    }
  }
  const uint16_t* offsets = &table_[c.tab_base * lanes_];
  const uint64_t farthest = *std::max_element(offsets, offsets + c.steps * lanes_);
  const uint64_t last_pixel =
      c.act_base + uint64_t{c.rows - 1} * c.y_step + uint64_t{c.cols - 1} * c.x_step;
  if (last_pixel + farthest < act_depth_) return {};
  for (uint32_t row = 0; row < c.rows; ++row) {
    for (uint32_t col = 0; col < c.cols; ++col) {
      const uint64_t base = c.act_base + uint64_t{row} * c.y_step + uint64_t{col} * c.x_step;
      for (size_t i = 0; i < c.steps * lanes_; ++i) {
        const uint64_t word = base + offsets[i];
        if (word >= act_depth_) return {isa::Error::kExecRange, static_cast<uint32_t>(word)};
      }
    }
  }
  return {};
}

Fault Machine::exec(const Command& c, uint32_t sequence, const WindowRows* windows) {
  if (const Fault fault = exec_range(c)) return fault;
  rows_used_ = c.steps * c.keep;
  if (config_.windowed()) {
    if (windows == nullptr) {
      return {isa::Error::kExecRange, std::max(c.wgt_base, static_cast<uint32_t>(config_.weight_depth))};
    }
    list_windows(c, *windows);
  }
  const size_t pixels = c.pixels();
  pixel_word_.clear();
  runs_.clear();
  for (uint32_t row = 0; row < c.rows; ++row) {
    const uint32_t word = c.act_base + row * c.y_step;
    for (uint32_t col = 0; col < c.cols; ++col) {
      pixel_word_.push_back(word + col * c.x_step);
      if (c.x_step != 1) runs_.push_back({pixel_word_.back(), 1});
    }
    if (c.x_step == 1) runs_.push_back({word, c.cols});
  }
  exec_races(c, sequence);
  sums_.assign(pes_ * pixels, c.max ? -128 : 0);
  if (pixels < kFewPixels && !c.max && !config_.windowed()) {
    accumulate_few(c);
  } else {
    accumulate(c);
  }
  drain(c, c.number);
  return {};
}

void Machine::exec_races(const Command& c, uint32_t sequence) {
  const uint32_t known = order_.seen(Unit::kExec).load_done;
  const auto touch = [&](Stamps& stamps, const char* name, uint64_t first, uint64_t count) {
    bool reported = false;
    for (uint64_t i = first; i < first + count; ++i) {
      stamps.read[i] = sequence;
      if ((stamps.written[i] != 0 && stamps.written[i] <= known) || reported) continue;
      reads(c, name, i, stamps.written[i]);
      reported = true;
    }
  };
  touch(table_stamps_, "table step", c.tab_base, c.steps);
  touch(weight_stamps_, "weight row", c.wgt_base, rows_used_);
  exec_act_races(c, sequence);
  if (!c.last) return;
  touch(param_stamps_, "parameter entry", c.par_base,
        static_cast<uint64_t>(config_.drain_cycles()));
  if (c.residual) touch(residual_stamps_, "residual pixel", c.res_base, c.pixels());
  const uint32_t store_known = order_.seen(Unit::kExec).store_read;
  bool reported = false;
  for (uint64_t i = c.out_base; i < c.out_base + c.pixels(); ++i) {
    output_stamps_.written[i] = sequence;
    if (output_stamps_.read[i] <= store_known || reported) continue;
    overwrites(c, "output pixel", i, output_stamps_.read[i]);
    reported = true;
  }
}

void Machine::exec_act_races(const Command& c, uint32_t sequence) {
  const uint32_t known = order_.seen(Unit::kExec).load_done;
  bool reported = false;
  for (size_t step = 0; step < c.steps; ++step) {
    for (size_t lane = 0; lane < lanes_; ++lane) {
      const size_t base = lane * act_depth_ + table_[(c.tab_base + step) * lanes_ + lane];
      uint32_t newest = 0, oldest = UINT32_MAX;
      for (const Run& run : runs_) {
        const size_t at = base + run.word;
        const Writers writers =
            read_stamps(&act_stamps_.written[at], &act_stamps_.read[at], sequence, run.count);
        newest = std::max(newest, writers.newest);
        oldest = std::min(oldest, writers.oldest);
      }
      if (reported || (newest <= known && oldest != 0)) continue;
      // A lane without work may read what nobody wrote, but not what is being written.
      bool works = false;
      for (size_t i = 0; config_.windowed() && i < g_; ++i) {
        works = works || used_[step * lanes_ * g_ + lane * g_ + i] != 0;
      }
      for (size_t k = 0; !config_.windowed() && k < c.keep; ++k) {
        const int8_t* row = &weights_[((c.wgt_base + step * c.keep + k) * lanes_ + lane) * pes_];
        works = works || std::any_of(row, row + pes_, [](int8_t w) { return w != 0; });
      }
      for (const uint32_t word : pixel_word_) {
        const uint32_t writer = act_stamps_.written[base + word];
        if (writer <= known && (writer != 0 || !works)) continue;
        const std::string name = fmt::format("lane {} activation word", lane);
        reads(c, name.c_str(), base + word - lane * act_depth_, writer);
        reported = true;
        break;
      }
    }
  }
}

const uint8_t* Machine::row_indices(const Command& c, size_t step, size_t k, size_t lane) {
  if (c.diagonal) {
    for (size_t pe = 0; pe < pes_; ++pe) index_[pe] = static_cast<uint8_t>(pe % g_);
    return index_.data();
  }
  if (config_.dense()) {
    const size_t first = first_index_[(c.tab_base + step) * lanes_ + lane];
    std::fill(index_.begin(), index_.end(), static_cast<uint8_t>((first + k) % g_));
    return index_.data();
  }
  return &indices_[((c.wgt_base + step * c.keep + k) * lanes_ + lane) * pes_];
}

// What each PE adds in each step, and which columns (lane * G + channel) that takes.
void Machine::list_terms(const Command& c) {
  terms_.clear();
  term_begin_.clear();
  used_.assign(c.steps * lanes_ * g_, 0);
  bool two_proposals = false;
  std::vector<uint8_t> indices(c.keep * lanes_ * pes_);  // of a step
  for (size_t step = 0; step < c.steps; ++step) {
    for (size_t i = 0; i < c.keep * lanes_; ++i) {
      std::copy_n(row_indices(c, step, i / lanes_, i % lanes_), pes_, &indices[i * pes_]);
    }
    for (size_t pe = 0; pe < pes_; ++pe) {
      term_begin_.push_back(terms_.size());
      for (size_t k = 0; k < c.keep; ++k) {
        bool proposed = false;
        for (size_t lane = 0; lane < lanes_; ++lane) {
          const size_t at = ((c.wgt_base + step * c.keep + k) * lanes_ + lane) * pes_ + pe;
          const int8_t weight = weights_[at];
          if (c.max ? (weight & 1) == 0 : weight == 0) continue;
          const size_t column = lane * g_ + indices[(k * lanes_ + lane) * pes_ + pe];
          terms_.push_back({static_cast<uint16_t>(column), weight});
          used_[step * lanes_ * g_ + column] = 1;
          two_proposals = two_proposals || (c.max && proposed);
          proposed = true;
        }
      }
    }
  }
  term_begin_.push_back(terms_.size());
  if (two_proposals) {
    hazard(fmt::format("EXEC {}: two lanes of a PE propose a maximum in the same cycle", c.number));
  }
}

void Machine::list_windows(const Command& c, const WindowRows& windows) {
  terms_.clear();
  term_begin_.clear();
  used_.assign(c.steps * lanes_ * g_, 0);
  for (size_t step = 0; step < c.steps; ++step) {
    for (size_t pe = 0; pe < pes_; ++pe) {
      term_begin_.push_back(terms_.size());
      for (const Term& term : windows.terms(step, pe)) {
        terms_.push_back(term);
        used_[step * lanes_ * g_ + term.column] = 1;
      }
    }
  }
  term_begin_.push_back(terms_.size());
  rows_used_ = windows.rows_used();
  if (windows.two_proposals()) {
    hazard(fmt::format("EXEC {}: a PE proposes two maxima in the same cycle", c.number));
  }
  if (windows.ends_differ()) {
    hazard(fmt::format("EXEC {}: the rows of a PE do not end the pixel with its last window", c.number));
  }
}

// The column's values of pixels [first, first + count).
void Machine::gather_column(size_t column, uint32_t offset, size_t first, size_t count) {
  const int8_t* bank = &act_[column * act_depth_] + offset;
  int16_t* to = &columns_[column * kPixelBlock];
  // Output rows lie side by side where x_step is 1; otherwise every run is one pixel.
  if (runs_.size() == pixel_word_.size()) {
    for (size_t i = 0; i < count; ++i) to[i] = bank[pixel_word_[first + i]];
    return;
  }
  for (size_t done = 0; done < count;) {
    const size_t pixel = first + done, in_run = pixel % runs_[0].count;
    const size_t piece = std::min(count - done, runs_[0].count - in_run);
    widen(to + done, bank + pixel_word_[pixel], piece);
    done += piece;
  }
}

void Machine::accumulate(const Command& c) {
  const size_t pixels = pixel_word_.size(), columns = lanes_ * g_;
  if (!config_.windowed()) list_terms(c);
  columns_.resize(columns * kPixelBlock);
  for (size_t first = 0; first < pixels; first += kPixelBlock) {
    const size_t count = std::min(kPixelBlock, pixels - first);
    for (size_t step = 0; step < c.steps; ++step) {
      for (size_t column = 0; column < columns; ++column) {
        if (used_[step * columns + column] == 0) continue;
        const uint32_t offset = table_[(c.tab_base + step) * lanes_ + column / g_];
        gather_column(column, offset, first, count);
      }
      for (size_t pe = 0; pe < pes_; ++pe) {
        add_terms(&sums_[pe * pixels + first], term_begin_[step * pes_ + pe],
                  term_begin_[step * pes_ + pe + 1], c.max, count);
      }
    }
  }
}

void Machine::add_terms(int32_t* sums, size_t begin, size_t end, bool max, size_t count) const {
  const auto column = [&](size_t term) { return &columns_[terms_[term].column * kPixelBlock]; };
  for (; !max && begin + 4 <= end; begin += 4) {
    add_scaled4(sums, {column(begin), column(begin + 1), column(begin + 2), column(begin + 3)},
                {terms_[begin].weight, terms_[begin + 1].weight, terms_[begin + 2].weight,
                 terms_[begin + 3].weight},
                count);
  }
  for (; begin < end; ++begin) {
    if (max) {
      keep_maximum(sums, column(begin), count);
    } else {
      add_scaled(sums, column(begin), terms_[begin].weight, count);
    }
  }
}

void Machine::accumulate_few(const Command& c) {
  const size_t pixels = pixel_word_.size();
  for (size_t step = 0; step < c.steps; ++step) {
    for (size_t lane = 0; lane < lanes_; ++lane) {
      const size_t offset = table_[(c.tab_base + step) * lanes_ + lane];
      const int8_t* bank = &act_[act_index(lane, 0)];
      for (size_t k = 0; k < c.keep; ++k) {
        const size_t base = ((c.wgt_base + step * c.keep + k) * lanes_ + lane) * pes_;
        const uint8_t* indices = row_indices(c, step, k, lane);
        for (size_t i = 0; i < pixels; ++i) {
          const int8_t* word = bank + pixel_word_[i] + offset;
          for (size_t pe = 0; pe < pes_; ++pe) {
            int32_t& sum = sums_[pe * pixels + i];
            sum = add_wrapping(sum, weights_[base + pe] * word[indices[pe] * act_depth_]);
          }
        }
      }
    }
  }
}

int64_t Machine::wrap_accumulator(int64_t value, const Command& c, const char* what) {
  const int unused = 64 - config_.accumulator_width;
  const int64_t wrapped = static_cast<int64_t>(static_cast<uint64_t>(value) << unused) >> unused;
  if (wrapped != value) {
    hazard(fmt::format("EXEC {}: {} {} does not fit {} bits", c.number, what, value,
                       config_.accumulator_width));
  }
  return wrapped;
}

void Machine::drain(const Command& c, uint32_t number) {
  const size_t pixels = pixel_word_.size();
  if (c.max && !c.first) {
    hazard(fmt::format("EXEC {}: a maximum cannot continue from a partial sum", number));
  }
  if (c.residual && c.last && (uint64_t{c.add_ma} + c.add_mb) >> config_.add_multiplier_width != 0) {
    hazard(fmt::format("EXEC {}: add_ma + add_mb is {}, legal is below 2^{}", number, uint64_t{c.add_ma} + c.add_mb,
                       config_.add_multiplier_width));
  }
  for (size_t i = 0; i < pixels; ++i) {
    const size_t psum_pixel = c.psum_base + i;
    if (!c.first && psum_valid_[psum_pixel] == 0) reads(c, "partial sum of pixel", psum_pixel, 0);
    if (!c.last) psum_valid_[psum_pixel] = 1;
    for (size_t pe = 0; pe < pes_; ++pe) {
      int64_t sum = wrap_accumulator(sums_[pe * pixels + i], c, "sum");
      if (!c.first) sum = wrap_accumulator(sum + psum_[psum_pixel * pes_ + pe], c, "partial sum");
      if (!c.last) {
        psum_[psum_pixel * pes_ + pe] = static_cast<int32_t>(sum);
        continue;
      }
      // Entry par_base + j holds the channels of drain cycle j, so a tile's parameters are
      // contiguous.
      const Parameter& p = params_[c.par_base * static_cast<size_t>(config_.requantisers) + pe];
      const int64_t biased = wrap_accumulator(sum + p.bias, c, "sum with bias");
      int y = clamp_to(shift_rne(biased * int64_t{p.multiplier}, p.shift) + c.zp, c.lo, c.hi);
      if (c.residual) {
        const int64_t residual = residual_[(c.res_base + i) * pes_ + pe];
        const int64_t mixed = int64_t{y + 128} * c.add_ma + (residual + 128) * c.add_mb + c.add_c;
        y = clamp_to(shift_rne(mixed, c.add_shift) + c.add_zp, c.add_lo, c.add_hi);
      }
      output_[(c.out_base + i) * pes_ + pe] = static_cast<int8_t>(y);
    }
  }
}

}  // namespace aap::cyclemodel
