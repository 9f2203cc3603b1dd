// SPDX-License-Identifier: Apache-2.0
#include "prune/select.h"

#include <algorithm>
#include <functional>

namespace aap {

std::vector<uint8_t> select_in_groups(const LayerPlan& layer, const std::vector<float>& scores) {
  const int64_t outputs = layer.shape[0];
  const int64_t inputs = layer.shape[1] * layer.shape[2] * layer.shape[3];
  std::vector<uint8_t> mask(scores.size(), 0);
  std::vector<std::pair<float, int64_t>> members;
  for (int64_t m = 0; m < outputs; m += layer.share) {
    const int64_t sharing = std::min<int64_t>(layer.share, outputs - m);
    for (int64_t p = 0; p < layer.shape[2] * layer.shape[3]; ++p) {
      for_each_group_at(layer, m, p, [&](int64_t first, int64_t size, int64_t step) {
        members.clear();
        for (int64_t i = 0; i < size; ++i) {
          float sum = 0.0F;
          for (int64_t s = 0; s < sharing; ++s) {
            sum += scores[static_cast<size_t>(first + i * step + s * inputs)];
          }
          members.emplace_back(sum, first + i * step);
        }
        const auto keep = static_cast<std::ptrdiff_t>(kept_in_group(layer, size));
        std::partial_sort(members.begin(), members.begin() + keep, members.end(),
                          [](const auto& a, const auto& b) {
                            return a.first > b.first || (a.first == b.first && a.second < b.second);
                          });
        for (auto it = members.begin(); it != members.begin() + keep; ++it) {
          for (int64_t s = 0; s < sharing; ++s) {
            mask[static_cast<size_t>(it->second + s * inputs)] = 1;
          }
        }
      });
    }
  }
  return mask;
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
