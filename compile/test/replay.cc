// SPDX-License-Identifier: Apache-2.0
#include "compile/test/replay.h"

#include <algorithm>
#include <cmath>

namespace aap::test {
namespace {

int8_t s8(uint32_t v) { return static_cast<int8_t>(v & 0xff); }

// Round half to even of v / 2^shift.
int64_t rne(int64_t v, int shift) {
  if (shift == 0) return v;
  if (shift > 60) return 0;  // v has 56 bits
  const int64_t one = int64_t{1} << shift, half = one >> 1;
  const int64_t floor = v >> shift, rest = v - floor * one;
  if (rest > half || (rest == half && (floor & 1) != 0)) return floor + 1;
  return floor;
}

int8_t clamp(int64_t v, int lo, int hi) {
  return static_cast<int8_t>(v < lo ? lo : v > hi ? hi : static_cast<int>(v));
}

}  // namespace

void Replay::execute(const isa::Descriptor& d) {
  switch (d.opcode()) {
    case isa::Opcode::kLoadAct:
      return load2d(d, false);
    case isa::Opcode::kLoadRes:
      return load2d(d, true);
    case isa::Opcode::kLoadWgt:
      return load_linear(d, wgt_, c_.row_beats());
    case isa::Opcode::kLoadTab:
      return load_linear(d, tab_, c_.table_beats());
    case isa::Opcode::kLoadPar:
      return load_linear(d, par_, c_.param_beats());
    case isa::Opcode::kExec:
      return exec(d);
    case isa::Opcode::kStore:
      return store(d);
    default:
      require(false, "opcode");
  }
}

void Replay::load_linear(const isa::Descriptor& d, std::vector<std::vector<uint8_t>>& to,
                         int beats) {
  namespace f = isa::load_wgt;
  const auto bytes = static_cast<uint64_t>(beats * c_.beat_bytes());
  require(d.get(f::kEntries) >= 1 && d.get(f::kDst) + d.get(f::kEntries) <= to.size(), "entries");
  for (uint64_t i = 0; i < d.get(f::kEntries); ++i) {
    const uint8_t* from = at(d.get(f::kAddr) + i * bytes, bytes);
    to[d.get(f::kDst) + i].assign(from, from + bytes);
  }
}

void Replay::load2d(const isa::Descriptor& d, bool residual) {
  namespace f = isa::load_act;
  const int nb = c_.block_groups(), nsb = c_.superbanks();
  const auto b = static_cast<uint64_t>(c_.block_bytes()), g = static_cast<uint64_t>(c_.group);
  require(d.get(f::kPlanes) >= 1 && d.get(f::kRows) >= 1 && d.get(f::kCols) >= 1, "counts");
  const std::vector<uint8_t> padding(b, static_cast<uint8_t>(d.get(f::kPadValue)));
  for (uint32_t p = 0; p < d.get(f::kPlanes); ++p) {
    uint32_t n = 0;
    auto put = [&](const uint8_t* block) {
      if (residual) {
        const uint64_t pixel = d.get(f::kDst) + n;
        require(pixel < static_cast<uint64_t>(c_.residual_depth), "residual pixel");
        std::copy_n(block, b, &res_[pixel * static_cast<uint64_t>(c_.pes) + p * b]);
      } else {
        const uint32_t wrap = d.get(f::kWrap);
        const uint64_t word = d.get(f::kDst) + p / wrap * d.get(f::kPlaneStep) + n;
        require(word < static_cast<uint64_t>(c_.act_depth), "bank word");
        for (int s = 0; s < nsb; ++s) {
          const int from = ((s - static_cast<int>(p % wrap)) % nsb + nsb) % nsb;
          if ((d.get(f::kBankMask) >> from & 1) == 0) continue;
          for (int j = 0; j < nb; ++j) {
            const auto bank = static_cast<uint64_t>(s * nb + j);
            std::copy_n(block + static_cast<uint64_t>(j) * g, g,
                        &act_[(bank * static_cast<uint64_t>(c_.act_depth) + word) * g]);
          }
        }
      }
      ++n;
    };
    auto fill = [&](uint32_t count) {
      for (uint32_t i = 0; i < count; ++i) put(padding.data());
    };
    fill(d.get(f::kPreFill));
    for (uint32_t r = 0; r < d.get(f::kRows); ++r) {
      fill(d.get(f::kLeftFill));
      const uint64_t row = uint64_t{d.get(f::kAddr)} + uint64_t{p} * d.get(f::kPlaneStride) +
                           uint64_t{r} * d.get(f::kRowStride);
      for (uint32_t c = 0; c < d.get(f::kCols); ++c) put(at(row + c * b, b));
      fill(d.get(f::kRightFill));
    }
    fill(d.get(f::kPostFill));
  }
}

// The weights that are not 0 of every PE in every window; each PE's rows must end with the EXEC.
Replay::Windows Replay::window_lists(const isa::Descriptor& d) const {
  namespace f = isa::exec;
  const int width = c_.window_element_bits(), muls = c_.muls();
  Windows result(static_cast<size_t>(c_.pes));
  for (int pe = 0; pe < c_.pes; ++pe) {
    size_t row = d.get(f::kWgtBase);
    int element = 0;
    bool pixel_ended = false;
    for (uint32_t s = 0; s < d.get(f::kSteps); ++s) {
      auto& list = result[static_cast<size_t>(pe)].emplace_back();
      require(!pixel_ended, "a PE's pixel ends before its windows");
      for (bool ended = false; !ended;) {
        require(row < wgt_.size() && !wgt_[row].empty(), "weight row never loaded");
        const auto field = [&](int bit, int n) {
          uint32_t v = 0;
          for (int i = 0; i < n; ++i) {
            const auto b = static_cast<size_t>(pe * c_.element_bits() + bit + i);
            v |= static_cast<uint32_t>(wgt_[row][b / 8] >> b % 8 & 1) << i;
          }
          return v;
        };
        const int8_t weight = s8(field(element * width, 8));
        if (weight != 0) list.emplace_back(field(element * width + 8, c_.window_index_width()), weight);
        if (c_.realign != 0) {
          ended = field((element + 1) * width - 1, 1) != 0;
        } else {
          ended = element + 1 == muls && field(muls * width, 1) != 0;
        }
        const bool last_window = ended && s + 1 == d.get(f::kSteps);
        if (last_window) pixel_ended = field(c_.element_bits() - 1, 1) != 0;
        if (++element == muls) {
          element = 0;
          ++row;
        }
      }
      require(d.get(f::kMax) == 0 || list.size() <= 1, "two proposals in a window");
    }
    require(pixel_ended, "a PE's windows end before its pixel");
  }
  return result;
}

void Replay::exec(const isa::Descriptor& d) {
  namespace f = isa::exec;
  const uint32_t keep = d.get(f::kKeep), steps = d.get(f::kSteps);
  const bool first = d.get(f::kFirst) != 0, last = d.get(f::kLast) != 0, max = d.get(f::kMax) != 0;
  require(keep >= 1 && keep <= static_cast<uint32_t>(c_.group) && steps >= 1, "keep or steps");
  const uint32_t pixels = d.get(f::kRows) * d.get(f::kCols);
  require(pixels >= 1, "pixels");
  require(c_.windowed() ? keep == 1 : d.get(f::kWgtBase) + keep * steps <= wgt_.size(),
          "weight rows");
  const auto windows = c_.windowed() ? window_lists(d) : Windows{};
  require(d.get(f::kTabBase) + steps <= tab_.size(), "table");
  require((first && last) || d.get(f::kPsumBase) + pixels <= static_cast<uint32_t>(c_.psum_depth),
          "psum");
  require(!last || d.get(f::kOutBase) + pixels <= static_cast<uint32_t>(c_.out_depth), "out");
  const auto tm = static_cast<size_t>(c_.pes), g = static_cast<size_t>(c_.group);
  std::vector<int64_t> acc(tm);
  for (uint32_t pixel = 0; pixel < pixels; ++pixel) {
    const uint32_t y = pixel / d.get(f::kCols), x = pixel % d.get(f::kCols);
    const uint32_t base = d.get(f::kActBase) + y * d.get(f::kYStep) + x * d.get(f::kXStep);
    std::fill(acc.begin(), acc.end(), max ? -128 : 0);
    for (uint32_t s = 0; s < steps; ++s) {
      const auto& offsets = tab_[d.get(f::kTabBase) + s];
      require(!offsets.empty(), "table step never loaded");
      for (size_t m = 0; c_.windowed() && m < tm; ++m) {
        for (const auto& [index, weight] : windows[m][s]) {
          const size_t lane = index / g;
          const size_t word = base + static_cast<size_t>(offsets[2 * lane] | offsets[2 * lane + 1] << 8);
          require(word < static_cast<size_t>(c_.act_depth), "activation word");
          const int8_t a = s8(act_[(lane * static_cast<size_t>(c_.act_depth) + word) * g + index % g]);
          acc[m] = max ? std::max<int64_t>(acc[m], a) : acc[m] + weight * a;
        }
      }
      if (c_.windowed()) continue;
      for (uint32_t k = 0; k < keep; ++k) {
        const auto& row = wgt_[d.get(f::kWgtBase) + s * keep + k];
        require(!row.empty(), "weight row never loaded");
        for (size_t m = 0; m < tm; ++m) {
          int proposals = 0;
          for (int lane = 0; lane < c_.lanes; ++lane) {
            const int element = static_cast<int>(m) / c_.share * c_.lanes + lane;
            const auto field = [&](int bit, int n) {
              uint32_t v = 0;
              for (int i = 0; i < n; ++i) {
                const auto b = static_cast<size_t>(element * c_.element_bits() + bit + i);
                v |= static_cast<uint32_t>(row[b / 8] >> b % 8 & 1) << i;
              }
              return v;
            };
            const uint32_t e = field(static_cast<int>(m) % c_.share * 8, 8);
            if (e == 0) continue;
            const uint32_t entry =
                offsets[static_cast<size_t>(2 * lane)] |
                static_cast<uint32_t>(offsets[static_cast<size_t>(2 * lane + 1)]) << 8;
            size_t index = 0;
            if (d.get(f::kDiagonal) != 0) {
              require(c_.share > 1, "diagonal");
              index = m % g;
            } else if (c_.dense()) {
              index = ((entry >> c_.offset_bits()) + k) % g;
            } else {
              index = field(8 * c_.share, c_.index_width());
            }
            const size_t word = base + (entry & ((1U << c_.offset_bits()) - 1));
            require(word < static_cast<size_t>(c_.act_depth), "activation word");
            const int8_t a = s8(act_[(static_cast<size_t>(lane * c_.act_depth) + word) * g + index]);
            if (max) {
              if ((e & 1) == 0) continue;
              ++proposals;
              acc[m] = std::max<int64_t>(acc[m], a);
            } else {
              acc[m] += s8(e) * a;
            }
          }
          require(proposals <= 1, "two proposals in a cycle");
        }
      }
    }
    for (size_t m = 0; m < tm; ++m) {
      int64_t& psum = psum_[(d.get(f::kPsumBase) + (first && last ? 0 : pixel)) * tm + m];
      int64_t sum = acc[m] + (first ? 0 : psum);
      const int64_t limit = int64_t{1} << (c_.accumulator_width - 1);
      require(sum >= -limit && sum < limit, "accumulator overflow");
      if (!last) {
        psum = sum;
        continue;
      }
      const size_t entry = d.get(f::kParBase) + m / static_cast<size_t>(c_.requantisers);
      require(entry < par_.size() && !par_[entry].empty(), "parameters never loaded");
      const uint8_t* w = &par_[entry][8 * (m % static_cast<size_t>(c_.requantisers))];
      auto word = [&](int o) {
        return static_cast<uint32_t>(w[o]) | static_cast<uint32_t>(w[o + 1]) << 8 |
               static_cast<uint32_t>(w[o + 2]) << 16 | static_cast<uint32_t>(w[o + 3]) << 24;
      };
      sum += static_cast<int32_t>(word(0));
      require(sum >= -limit && sum < limit, "accumulator overflow with bias");
      int8_t value = clamp(
          rne(static_cast<int64_t>(sum) * (word(4) & 0xffffff), static_cast<int>(word(4) >> 24)) +
              s8(d.get(f::kZp)),
          s8(d.get(f::kLo)), s8(d.get(f::kHi)));
      if (d.get(f::kResidual) != 0) {
        const int8_t r = s8(res_[(d.get(f::kResBase) + pixel) * tm + m]);
        const int64_t v = int64_t{value + 128} * d.get(f::kAddMa) + int64_t{r + 128} * d.get(f::kAddMb) +
                          static_cast<int32_t>(d.get(f::kAddC));
        value = clamp(rne(v, static_cast<int>(d.get(f::kAddShift))) + s8(d.get(f::kAddZp)),
                      s8(d.get(f::kAddLo)), s8(d.get(f::kAddHi)));
      }
      out_[(d.get(f::kOutBase) + pixel) * tm + m] = static_cast<uint8_t>(value);
    }
  }
}

void Replay::store(const isa::Descriptor& d) {
  namespace f = isa::store;
  const auto b = static_cast<uint64_t>(c_.block_bytes()), tm = static_cast<uint64_t>(c_.pes);
  require(d.get(f::kPlanes) >= 1 && d.get(f::kPlanes) * b <= tm, "planes");
  for (uint64_t p = 0; p < d.get(f::kPlanes); ++p) {
    for (uint64_t r = 0; r < d.get(f::kRows); ++r) {
      for (uint64_t c = 0; c < d.get(f::kCols); ++c) {
        const uint64_t pixel = d.get(f::kOutBase) + r * d.get(f::kCols) + c;
        require(pixel < static_cast<uint64_t>(c_.out_depth), "out pixel");
        std::copy_n(
            &out_[pixel * tm + p * b], b,
            at(d.get(f::kAddr) + p * d.get(f::kPlaneStride) + r * d.get(f::kRowStride) + c * b, b));
      }
    }
  }
}

}  // namespace aap::test
