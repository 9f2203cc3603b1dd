// SPDX-License-Identifier: Apache-2.0
#include "prune/select.h"

#include <algorithm>
#include <functional>

#include "prune/select_kernel.h"

namespace aap {
namespace {

// One layer's groups, handed to the kernel in as long runs as their places in memory allow.
class GroupSelector {
 public:
  GroupSelector(const LayerPlan& layer, const std::vector<float>& scores, Isa isa)
      : layer_(layer),
        scores_(scores),
        isa_(isa),
        positions_(layer.shape[2] * layer.shape[3]),
        inputs_(layer.shape[1] * positions_) {}

  std::vector<uint8_t> run() {
    mask_.assign(scores_.size(), 0);
    const int64_t outputs = layer_.shape[0], c = layer_.shape[1], g = layer_.group;
    const bool aligned = c % g == 0;  // then every convolution group begins at a group, too
    if (positions_ == 1 && aligned && layer_.share == 1) {
      rows(0, outputs * (c / g), static_cast<int>(g));
      return std::move(mask_);
    }
    for (int64_t m = 0; m < outputs; m += layer_.share) {
      sharing_ = std::min<int64_t>(layer_.share, outputs - m);
      add_up(m);
      int64_t run_first = -1, run_groups = 0;  // neighbouring whole groups
      for_each_group_at(layer_, m, 0, [&](int64_t first, int64_t size, int64_t) {
        if (size == g) {
          if (run_groups++ == 0) run_first = first;
          return;
        }
        whole_groups(run_first, run_groups);
        run_groups = 0;
        columns(first, static_cast<int>(size));
      });
      whole_groups(run_first, run_groups);
    }
    return std::move(mask_);
  }

 private:
  // Scores of output channel m, the sum over those that share its choice.
  void add_up(int64_t m) {
    first_of_m_ = m * inputs_;
    row_ = scores_.data() + first_of_m_;
    if (sharing_ == 1) return;
    sum_.assign(row_, row_ + inputs_);
    for (int64_t s = 1; s < sharing_; ++s) {
      for (int64_t i = 0; i < inputs_; ++i) {
        sum_[static_cast<size_t>(i)] += row_[s * inputs_ + i];
      }
    }
    row_ = sum_.data();
  }

  const float* at(int64_t element) const { return row_ + (element - first_of_m_); }

  void check(bool no_nan) const {
    if (!no_nan) throw_input("layer '{}': a score is NaN", layer_.name);
  }

  // Groups of `members` neighbouring elements (1 x 1 kernels).
  void rows(int64_t first, int64_t groups, int members) {
    if (groups == 0) return;
    bits_.resize(static_cast<size_t>(groups));
    const float* from = row_ == nullptr ? scores_.data() + first : at(first);
    const int keep = static_cast<int>(kept_in_group(layer_, members));
    check(keep_rows(isa_, from, groups, members, keep, bits_.data()));
    for (int64_t j = 0; j < groups; ++j) {
      spread(bits_[static_cast<size_t>(j)], first + j * members, 1, members);
    }
  }

  // One group of `members` channels at every kernel position.
  void columns(int64_t first, int members) {
    bits_.resize(static_cast<size_t>(positions_));
    const int keep = static_cast<int>(kept_in_group(layer_, members));
    check(keep_columns(isa_, at(first), positions_, positions_, members, keep, bits_.data()));
    for (int64_t p = 0; p < positions_; ++p) {
      spread(bits_[static_cast<size_t>(p)], first + p, positions_, members);
    }
  }

  // Neighbouring groups of G channels at every kernel position. Few positions would leave most of
  // a vector idle, so several groups are laid side by side.
  void whole_groups(int64_t first, int64_t groups) {
    if (groups == 0) return;
    const int g = layer_.group;
    if (positions_ == 1) {
      rows(first, groups, g);
      return;
    }
    if (positions_ >= kBlock / 4) {
      for (int64_t j = 0; j < groups; ++j) columns(first + j * g * positions_, g);
      return;
    }
    const int64_t side_by_side = kBlock / positions_;
    for (int64_t j = 0; j < groups; j += side_by_side) {
      block(first + j * g * positions_, std::min(side_by_side, groups - j));
    }
  }

  void block(int64_t first, int64_t groups) {
    const int g = layer_.group;
    const int64_t width = groups * positions_;
    block_.resize(static_cast<size_t>(g * width));
    for (int64_t j = 0; j < groups; ++j) {
      for (int64_t i = 0; i < g; ++i) {
        const float* from = at(first + (j * g + i) * positions_);
        std::copy(from, from + positions_, block_.data() + i * width + j * positions_);
      }
    }
    bits_.resize(static_cast<size_t>(width));
    check(keep_columns(isa_, block_.data(), width, width, g, layer_.keep, bits_.data()));
    for (int64_t j = 0; j < groups; ++j) {
      for (int64_t p = 0; p < positions_; ++p) {
        spread(bits_[static_cast<size_t>(j * positions_ + p)], first + j * g * positions_ + p,
               positions_, g);
      }
    }
  }

  // Bits of a group to the mask of every output channel that shares the choice.
  void spread(uint32_t bits, int64_t first, int64_t step, int members) {
    for (int64_t s = 0; s < sharing_; ++s) {
      for (int i = 0; i < members; ++i) {
        mask_[static_cast<size_t>(first + s * inputs_ + i * step)] = bits >> i & 1U;
      }
    }
  }

  static constexpr int64_t kBlock = 256;  // columns; with G = 16 they fill half of a first cache

  const LayerPlan& layer_;
  const std::vector<float>& scores_;
  Isa isa_;
  int64_t positions_, inputs_;
  std::vector<uint8_t> mask_;
  int64_t sharing_ = 1, first_of_m_ = 0;
  const float* row_ = nullptr;  // scores of the current output channel
  std::vector<float> sum_, block_;
  std::vector<uint32_t> bits_;
};

}  // namespace

std::vector<uint8_t> select_in_groups(const LayerPlan& layer, const std::vector<float>& scores,
                                      Isa isa) {
  return GroupSelector(layer, scores, isa).run();
}

std::vector<uint8_t> select_in_groups(const LayerPlan& layer, const std::vector<float>& scores) {
  static const Isa fastest = available_isas().back();
  return select_in_groups(layer, scores, fastest);
}

std::vector<std::vector<uint8_t>> select_largest(const std::vector<std::vector<float>>& scores,
                                                 int64_t count) {
  std::vector<float> all;
  for (const auto& s : scores) all.insert(all.end(), s.begin(), s.end());
  std::vector<std::vector<uint8_t>> masks;
  for (const auto& s : scores) masks.emplace_back(s.size(), count > 0 ? 1 : 0);
  if (count <= 0 || count >= static_cast<int64_t>(all.size())) return masks;
  std::nth_element(all.begin(), all.begin() + (count - 1), all.end(), std::greater<float>());
  const float least = all[static_cast<size_t>(count - 1)];
  int64_t equal = count;  // of those that equal `least`, how many stay
  for (const auto& s : scores) {
    for (const float v : s) equal -= v > least ? 1 : 0;
  }
  for (size_t l = 0; l < scores.size(); ++l) {
    for (size_t i = 0; i < scores[l].size(); ++i) {
      const float v = scores[l][i];
      masks[l][i] = v > least || (v == least && equal-- > 0) ? 1 : 0;
    }
  }
  return masks;
}

}  // namespace aap
