// SPDX-License-Identifier: Apache-2.0
// The execute unit as docs/accelerator.md describes it, in plain loops, and random legal EXECs for
// it.
#pragma once

#include <array>
#include <vector>

#include "verif/unit/bench.h"
#include "verif/unit/numerics_model.h"

namespace aap::bench {

constexpr int kGroup = P_Group, kLanes = P_Lanes, kPes = P_Pes, kRequantisers = P_Requantisers,
              kAccWidth = P_AccWidth, kMulWidth = P_MulWidth, kAxi = P_AxiDataWidth,
              kActDepth = P_ActDepth, kWeightDepth = P_WeightDepth, kTableDepth = P_TableDepth,
              kParamDepth = P_ParamDepth, kPsumDepth = P_PsumDepth, kOutDepth = P_OutDepth,
              kResidualDepth = P_ResidualDepth;
#ifdef P_ResidualPasses
constexpr int kResidualPasses = P_ResidualPasses;
#else
constexpr int kResidualPasses = 1;
#endif
#ifdef P_MaxRowCycles
constexpr int kMaxRowCycles = P_MaxRowCycles;
#else
constexpr int kMaxRowCycles = 1;
#endif
constexpr int kDrain = kPes / kRequantisers, kBeatBytes = kAxi / 8, kBeatWords = kAxi / 32,
              kBlock = kGroup > kBeatBytes ? kGroup : kBeatBytes,
              kIndexBits = kGroup == 16  ? 4
                           : kGroup == 8 ? 3
                                         : 2,
              kShare = P_Share;
constexpr bool kDense = P_Select == 1;
constexpr int kElement = 8 * kShare + (kDense ? 0 : kIndexBits),  // weights of the PEs that share, index
    kOffsetBits = kDense ? 16 - kIndexBits : 16;
constexpr int kMaxWeights =
    kWeightDepth / 4;  // the first rows suit a maximum: one 1 per PE, else 0

inline int padded(int bits) { return (bits + kAxi - 1) / kAxi * kAxi; }

struct Exec {
  int wait = 0, post = 0, keep = 1, first = 1, last = 1, max = 0, residual = 0, diagonal = 0, steps = 1,
      act_base = 0, wgt_base = 0, tab_base = 0, par_base = 0, cols = 1, rows = 1, x_step = 0,
      y_step = 0, psum_base = 0, out_base = 0, res_base = 0;
  Bounds bounds;
  ResidualAdd add;

  // The 16 words; positions as in spec/isa.yaml.
  Bits bits() const {
    Bits v(16, 0);
    v[0] = 8u | wait << 4 | post << 9 | 7u << 16;
    v[1] = keep | first << 8 | last << 9 | max << 10 | residual << 11 | diagonal << 12 |
           static_cast<uint32_t>(steps) << 16;
    v[2] = act_base | static_cast<uint32_t>(wgt_base) << 16;
    v[3] = tab_base | static_cast<uint32_t>(par_base) << 16;
    v[4] = cols | static_cast<uint32_t>(rows) << 16;
    v[5] = x_step | static_cast<uint32_t>(y_step) << 16;
    v[6] = psum_base | static_cast<uint32_t>(out_base) << 16;
    v[7] = res_base | (bounds.zp & 0xffu) << 16;
    v[8] = (bounds.lo & 0xffu) | (bounds.hi & 0xffu) << 8 | (add.bounds.zp & 0xffu) << 16 |
           static_cast<uint32_t>(add.shift) << 24;
    v[9] = (add.bounds.lo & 0xffu) | (add.bounds.hi & 0xffu) << 8;
    v[10] = add.ma;
    v[11] = static_cast<uint32_t>(add.c);
    v[12] = add.mb;
    v[15] = 0xdeadbeef;
    return v;
  }
};

struct Param {
  int64_t bias = 0;
  uint32_t m = 0;
  int t = 0;
};

struct Model {
  std::vector<std::vector<std::array<int8_t, kGroup>>> act{
      kLanes, std::vector<std::array<int8_t, kGroup>>(kActDepth)};
  struct Element {
    int8_t weight;
    int index;
  };
  std::vector<std::vector<Element>> wgt{kWeightDepth, std::vector<Element>(kPes* kLanes)};
  std::vector<std::vector<int>> tab{kTableDepth, std::vector<int>(kLanes)};
  std::vector<std::vector<int>> first_index{kTableDepth, std::vector<int>(kLanes)};  // DENSE
  std::vector<std::vector<Param>> par{kParamDepth, std::vector<Param>(kRequantisers)};
  std::vector<std::vector<int8_t>> res{kResidualDepth, std::vector<int8_t>(kPes)};
  std::vector<std::vector<int64_t>> psum{kPsumDepth, std::vector<int64_t>(kPes)};
  std::vector<std::vector<int8_t>> out{kOutDepth, std::vector<int8_t>(kPes)};
  std::vector<bool> out_written = std::vector<bool>(kOutDepth);

  void randomise(Random& random) {
    for (auto& bank : act) {
      for (auto& word : bank) {
        for (auto& a : word) a = static_cast<int8_t>(random.bits(8));
      }
    }
    for (int r = 0; r < kWeightDepth; ++r) {
      for (int p = 0; p < kPes; ++p) {
        const int odd = static_cast<int>(random.between(-1, kLanes - 1));
        for (int l = 0; l < kLanes; ++l) {
          auto& e = wgt[r][p * kLanes + l];
          e.weight = static_cast<int8_t>(random.bits(8));
          if (r < kMaxWeights) e.weight = l == odd;
          e.index = p % kShare == 0 ? static_cast<int>(random.bits(kIndexBits))
                                    : wgt[r][(p - 1) * kLanes + l].index;
        }
      }
    }
    for (auto& step : tab) {
      for (auto& offset : step) offset = static_cast<int>(random.between(0, kActDepth / 2 - 1));
    }
    for (auto& step : first_index) {
      for (auto& index : step) index = static_cast<int>(random.bits(kIndexBits));
    }
    for (auto& entry : par) {
      for (auto& p : entry) {
        p.bias = random.between(-(1 << 16), 1 << 16);
        p.m = static_cast<uint32_t>(random.bits(kMulWidth)) | 1u << (kMulWidth - 1);
        // Mostly shifts that leave the result within range, sometimes any.
        p.t = random.one_in(8) ? static_cast<int>(random.bits(6))
                               : kMulWidth + static_cast<int>(random.between(6, 13));
      }
    }
    for (auto& pixel : res) {
      for (auto& b : pixel) b = static_cast<int8_t>(random.bits(8));
    }
  }

  Bits weight_bits(int row) const {
    Bits v = make_bits(padded(kPes / kShare * kLanes * kElement));
    for (int e = 0; e < kPes * kLanes; ++e) {
      const int pe = e / kLanes, lane = e % kLanes;
      const int at = (pe / kShare * kLanes + lane) * kElement;
      put(v, at + pe % kShare * 8, 8, static_cast<uint8_t>(wgt[row][e].weight));
      if (!kDense) put(v, at + 8 * kShare, kIndexBits, wgt[row][e].index);
    }
    return v;
  }
  Bits table_bits(int step) const {
    Bits v = make_bits(padded(16 * kLanes));
    for (int l = 0; l < kLanes; ++l) {
      put(v, 16 * l, kOffsetBits, tab[step][l]);
      if (kDense) put(v, 16 * l + kOffsetBits, kIndexBits, first_index[step][l]);
    }
    return v;
  }
  Bits param_bits(int entry) const {
    Bits v = make_bits(padded(64 * kRequantisers));
    for (int r = 0; r < kRequantisers; ++r) {
      const Param& p = par[entry][r];
      put(v, 64 * r, 32, static_cast<uint32_t>(p.bias));
      put(v, 64 * r + 32, 32, p.m | static_cast<uint32_t>(p.t) << 24);
    }
    return v;
  }

  void run(const Exec& e) {
    for (int r = 0; r < e.rows; ++r) {
      for (int c = 0; c < e.cols; ++c) {
        const int i = r * e.cols + c, base = e.act_base + r * e.y_step + c * e.x_step;
        for (int m = 0; m < kPes; ++m) {
          int64_t sum = e.max ? -128 : 0;
          for (int s = 0; s < e.steps; ++s) {
            for (int k = 0; k < e.keep; ++k) {
              for (int l = 0; l < kLanes; ++l) {
                const auto& w = wgt[e.wgt_base + s * e.keep + k][m * kLanes + l];
                const int index = e.diagonal ? m % kGroup
                                  : kDense   ? (first_index[e.tab_base + s][l] + k) % kGroup
                                             : w.index;
                const int a = act[l][base + tab[e.tab_base + s][l]][index];
                if (e.max && (w.weight & 1) != 0) sum = std::max<int64_t>(sum, a);
                if (!e.max) sum += w.weight * a;
              }
            }
          }
          if (!e.first) sum += psum[e.psum_base + i][m];
          sum = wrap(sum, kAccWidth);
          if (!e.last) {
            psum[e.psum_base + i][m] = sum;
            continue;
          }
          const Param& p = par[e.par_base + m / kRequantisers][m % kRequantisers];
          int8_t y = requantise(wrap(sum + p.bias, kAccWidth), 0, p.m, p.t, e.bounds);
          if (e.residual) y = residual_add(y, res[e.res_base + i][m], e.add);
          out[e.out_base + i][m] = y;
          out_written[e.out_base + i] = true;
        }
      }
    }
  }
};

inline Bounds random_bounds(Random& random) {
  Bounds b;
  b.zp = static_cast<int>(random.between(-128, 127));
  if (random.one_in(2)) {
    const int x = static_cast<int>(random.between(-128, 127)),
              y = static_cast<int>(random.between(-128, 127));
    b.lo = std::min(x, y);
    b.hi = std::max(x, y);
  }
  return b;
}

// One legal EXEC, or a chain of them over partial sums.
inline std::vector<Exec> random_pass(Random& random) {
  std::vector<Exec> pass;
  const int parts = random.one_in(3) ? static_cast<int>(random.between(2, 3)) : 1;
  const int pixels = parts > 1 ? kPsumDepth : std::min(kOutDepth, kResidualDepth);
  const int cols = static_cast<int>(random.between(1, std::min(5, pixels)));
  const int rows = static_cast<int>(random.between(1, std::min(4, pixels / cols)));
  const int span = std::min({kOutDepth, kResidualDepth}) - cols * rows;
  for (int part = 0; part < parts; ++part) {
    Exec e;
    e.max = random.one_in(4);
    e.diagonal = kShare > 1 && random.one_in(3);
    e.keep = random.one_in(4) ? kGroup : static_cast<int>(random.between(1, kGroup));
    const int row_limit = e.max ? kMaxWeights : kWeightDepth;
    e.steps = static_cast<int>(random.between(
        1, std::max(1, std::min({row_limit / e.keep, kTableDepth / 4, random.one_in(2) ? 40 / e.keep : 90 / e.keep}))));
    e.wgt_base = static_cast<int>(random.between(0, row_limit - e.steps * e.keep));
    e.tab_base = static_cast<int>(random.between(0, kTableDepth - e.steps));
    e.par_base = static_cast<int>(random.between(0, kParamDepth - kDrain));
    e.cols = cols;
    e.rows = rows;
    e.x_step = static_cast<int>(random.between(0, kActDepth / 32));
    e.y_step = static_cast<int>(random.between(0, kActDepth / 16));
    e.act_base = static_cast<int>(
        random.between(0, kActDepth / 2 - (cols - 1) * e.x_step - (rows - 1) * e.y_step));
    e.first = part == 0;
    e.last = part == parts - 1;
    if (part > 0) e.psum_base = pass[0].psum_base;
    if (part == 0 && parts > 1)
      e.psum_base = static_cast<int>(random.between(0, kPsumDepth - cols * rows));
    // Fields without a meaning for this EXEC hold anything.
    if (parts == 1) e.psum_base = static_cast<int>(random.bits(16));
    e.out_base = static_cast<int>(e.last ? random.between(0, span) : random.bits(16));
    e.residual = random.one_in(2);
    e.res_base = static_cast<int>(e.last && e.residual ? random.between(0, span) : random.bits(16));
    e.wait = random.one_in(2) ? 0 : static_cast<int>(random.bits(5)) & 0x09;
    e.post = static_cast<int>(random.bits(5)) & 0x06;
    e.bounds = random_bounds(random);
    e.add.bounds = random_bounds(random);
    random_multipliers(random, P_AddMulWidth, e.add);
    e.add.shift = random.one_in(8) ? static_cast<int>(random.bits(5))
                                   : static_cast<int>(random.between(P_AddMulWidth - 2, P_AddMulWidth + 1));
    e.add.c = static_cast<int32_t>(
        -(random.between(0, 255) * e.add.ma + random.between(0, 255) * e.add.mb));
    pass.push_back(e);
  }
  return pass;
}

}  // namespace aap::bench
