// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "cyclemodel/machine.h"

namespace aap::cyclemodel {

Fault Machine::load_planes(const Command& c, uint32_t sequence) {
  const auto superbanks = static_cast<uint32_t>(config_.superbanks());
  const auto groups = static_cast<size_t>(config_.block_groups());
  const uint32_t all = (1U << superbanks) - 1;
  const uint32_t row_words = c.left_fill + c.cols + c.right_fill;
  const uint64_t plane_words = uint64_t{c.pre_fill} + uint64_t{row_words} * c.rows + c.post_fill;
  for (uint32_t p = 0; p < c.planes; ++p) {
    const uint64_t start = c.dst + uint64_t{p / c.wrap} * c.plane_step;
    if (start + plane_words > act_depth_ && (c.bank_mask & all) != 0) {
      return {isa::Error::kLoadRange, static_cast<uint32_t>(std::max<uint64_t>(start, act_depth_))};
    }
  }
  if (const Fault fault = window(c)) return fault;
  read_memory(c, sequence);

  const uint32_t known = order_.seen(Unit::kLoad).exec_read;
  bool reported = false;
  for (uint32_t p = 0; p < c.planes; ++p) {
    const size_t start = c.dst + size_t{p / c.wrap} * c.plane_step;
    const uint32_t turn = p % c.wrap % superbanks;
    const uint32_t mask = c.bank_mask & all;
    const uint32_t selected = (mask << turn | mask >> (superbanks - turn)) & all;
    for (size_t lane = 0; lane < lanes_; ++lane) {
      if ((selected >> (lane / groups) & 1) == 0) continue;
      const size_t stamp = lane * act_depth_ + start;
      for (size_t n = stamp; n < stamp + plane_words; ++n) {
        act_stamps_.written[n] = sequence;
        if (act_stamps_.read[n] <= known || reported) continue;
        overwrites(c, "activation word", n - lane * act_depth_, act_stamps_.read[n]);
        reported = true;
      }
      for (size_t channel = 0; channel < g_; ++channel) {
        int8_t* to = &act_[act_index(lane, static_cast<uint32_t>(channel))] + start;
        std::memset(to, c.pad_value, plane_words);
        to += c.pre_fill + c.left_fill;
        for (uint32_t row = 0; row < c.rows; ++row, to += row_words) {
          const uint8_t* from =
              at(run_address(c, uint64_t{p} * c.rows + row)) + lane % groups * g_ + channel;
          for (size_t i = 0; i < c.cols; ++i) to[i] = static_cast<int8_t>(from[i * block_]);
        }
      }
    }
  }
  return {};
}

Fault Machine::load_residual(const Command& c, uint32_t sequence) {
  const auto depth = static_cast<uint64_t>(config_.residual_depth);
  if (c.dst + c.pixels() > depth) {
    return {isa::Error::kLoadRange, static_cast<uint32_t>(std::max<uint64_t>(c.dst, depth))};
  }
  if (const Fault fault = window(c)) return fault;
  read_memory(c, sequence);

  const uint32_t known = order_.seen(Unit::kLoad).exec_read;
  bool reported = false;
  for (uint64_t n = c.dst; n < c.dst + c.pixels(); ++n) {
    residual_stamps_.written[n] = sequence;
    if (residual_stamps_.read[n] <= known || reported) continue;
    overwrites(c, "residual pixel", n, residual_stamps_.read[n]);
    reported = true;
  }
  for (uint32_t p = 0; p < c.planes; ++p) {
    size_t n = c.dst;
    for (uint32_t row = 0; row < c.rows; ++row) {
      const uint8_t* from = at(run_address(c, uint64_t{p} * c.rows + row));
      for (uint32_t i = 0; i < c.cols; ++i, ++n, from += block_) {
        std::memcpy(&residual_[n * pes_ + p * block_], from, block_);
      }
    }
  }
  return {};
}

Fault Machine::load_entries(const Command& c, uint32_t sequence) {
  const bool weights = c.opcode == isa::Opcode::kLoadWgt, table = c.opcode == isa::Opcode::kLoadTab;
  Stamps& stamps = weights ? weight_stamps_ : (table ? table_stamps_ : param_stamps_);
  const char* name = weights ? "weight row" : (table ? "table step" : "parameter entry");
  const uint64_t depth = stamps.written.size();
  if (c.dst + uint64_t{c.entries} > depth) {
    return {isa::Error::kLoadRange, static_cast<uint32_t>(std::max<uint64_t>(c.dst, depth))};
  }
  if (const Fault fault = window(c)) return fault;
  read_memory(c, sequence);

  const uint32_t known = order_.seen(Unit::kLoad).exec_read;
  const uint8_t* from = at(c.addr);
  const size_t entry_bytes = run_bytes(c, config_) / c.entries;
  bool reported = false;
  for (uint32_t entry = c.dst; entry < c.dst + c.entries; ++entry, from += entry_bytes) {
    stamps.written[entry] = sequence;
    if (stamps.read[entry] > known && !reported) {
      overwrites(c, name, entry, stamps.read[entry]);
      reported = true;
    }
    if (weights) {
      if (!config_.windowed()) unpack_weights(from, entry);
    } else if (table) {
      for (size_t lane = 0; lane < lanes_; ++lane) {
        const uint32_t word = from[2 * lane] | static_cast<uint32_t>(from[2 * lane + 1]) << 8;
        const uint32_t offset = word & ((1U << config_.offset_bits()) - 1);
        table_[entry * lanes_ + lane] = static_cast<uint16_t>(offset);
        first_index_[entry * lanes_ + lane] = static_cast<uint8_t>(word >> config_.offset_bits());
      }
    } else {
      const auto channels = static_cast<size_t>(config_.requantisers);
      const uint32_t multiplier_mask = (1U << config_.multiplier_width) - 1;
      const int unused = 32 - config_.accumulator_width;
      for (size_t i = 0; i < channels; ++i) {
        const auto word = [&](size_t at_byte) {
          const uint8_t* b = from + 8 * i + at_byte;
          return static_cast<uint32_t>(b[0]) | static_cast<uint32_t>(b[1]) << 8 |
                 static_cast<uint32_t>(b[2]) << 16 | static_cast<uint32_t>(b[3]) << 24;
        };
        Parameter& p = params_[entry * channels + i];
        p.bias = static_cast<int32_t>(word(0) << unused) >> unused;
        p.multiplier = word(4) & multiplier_mask;
        p.shift = word(4) >> 24 & 63;
      }
    }
  }
  return {};
}

void Machine::unpack_weights(const uint8_t* bytes, uint32_t row) {
  const auto index_bits = static_cast<unsigned>(config_.dense() ? 0 : config_.index_width());
  const auto share = static_cast<size_t>(config_.share);
  const size_t base = row * lanes_ * pes_;
  // A little-endian stream of bits: new bytes enter above the `have` bits that are left.
  uint32_t bits = 0;
  unsigned have = 0;
  const auto take = [&](unsigned width) {
    while (have < width) {
      bits |= static_cast<uint32_t>(*bytes++) << have;
      have += 8;
    }
    const uint32_t value = bits & ((1U << width) - 1);
    bits >>= width;
    have -= width;
    return value;
  };
  for (size_t pe = 0; pe < pes_; pe += share) {
    for (size_t lane = 0; lane < lanes_; ++lane) {
      const size_t at = base + lane * pes_ + pe;
      for (size_t i = 0; i < share; ++i) weights_[at + i] = static_cast<int8_t>(take(8));
      const uint32_t index = take(index_bits);
      std::fill_n(&indices_[at], share, static_cast<uint8_t>(index));
    }
  }
}

}  // namespace aap::cyclemodel
