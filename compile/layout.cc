// SPDX-License-Identifier: Apache-2.0
#include "compile/layout.h"

#include <algorithm>
#include <map>
#include <set>

namespace aap::compiler {

Axis input_axis(int64_t o, int64_t n, int64_t stride, int64_t k0, int64_t k1, int64_t dilation,
                int64_t pad, int64_t in, bool skip) {
  Axis a;
  a.step = skip && k1 - k0 == 1 ? stride : 1;
  const int64_t begin = o * stride + k0 * dilation - pad;
  const int64_t count = a.step == stride && k1 - k0 == 1
                            ? (n - 1) * stride / a.step + 1
                            : (n - 1) * stride + (k1 - k0 - 1) * dilation + 1;
  a.pre = begin < 0 ? std::min(count, ceil_div(-begin, a.step)) : 0;
  const int64_t last = begin + (count - 1) * a.step;
  a.post = last >= in ? std::min(count - a.pre, (last - in) / a.step + 1) : 0;
  a.real = count - a.pre - a.post;
  a.begin = begin + a.pre * a.step;
  if (a.real <= 0) {  // nothing but padding; a load reads at least one position, put it at the end
    a.pre = count;
    a.real = 1;
    a.post = 0;
    a.begin = 0;
  }
  return a;
}

std::vector<Tile> cut_tiles(const Op& op, int64_t rows, int64_t cols, bool ramp) {
  std::vector<Tile> tiles;
  for (const Region& r : op.regions) {
    const int64_t ny = ceil_div(r.y1 - r.y0, rows), nx = ceil_div(r.x1 - r.x0, cols);
    // Sizes that differ by one at most, the larger ones first: a small tile would wait for the store of the one before.
    const auto cut = [](int64_t from, int64_t to, int64_t n, int64_t i) {
      const int64_t size = (to - from) / n, larger = (to - from) % n;
      return from + i * size + std::min(i, larger);
    };
    const int64_t th = ceil_div(r.y1 - r.y0, ny);
    std::set<int64_t> starts;
    for (int64_t i = 0; i < ny; ++i) starts.insert(cut(r.y0, r.y1, ny, i));
    if (ramp && th >= 2) {
      const int64_t first = std::max<int64_t>(1, th / 4);
      if (&r == &op.regions.front()) starts.insert(r.y0 + first);
      if (&r == &op.regions.back() && r.y1 - first > r.y0) starts.insert(r.y1 - first);
    }
    for (auto y = starts.begin(); y != starts.end(); ++y) {
      const int64_t end = std::next(y) == starts.end() ? r.y1 : *std::next(y);
      for (int64_t i = 0; i < nx; ++i) {
        const int64_t x = cut(r.x0, r.x1, nx, i);
        tiles.push_back({*y, x, end - *y, cut(r.x0, r.x1, nx, i + 1) - x, r.params});
      }
    }
  }
  return tiles;
}

std::pair<int64_t, int64_t> LayerItems::channels(int64_t m_tile) const {
  return {m_tile * config_.pes, std::min<int64_t>((m_tile + 1) * config_.pes, op_.out_channels)};
}

LayerItems::LayerItems(const Op& op, const Config& config, bool dense)
    : op_(op), config_(config), dense_(dense) {
  Chunk whole;
  for (size_t i = 0; i < op.in.size(); ++i) whole.planes.push_back(static_cast<int32_t>(i));
  whole.ky1 = op.kernel_h;
  whole.kx1 = op.kernel_w;
  const int64_t n = ceil_div(op.out_channels, config.pes);
  std::set<int32_t> all;
  for (int64_t t = 0; t < n; ++t) {
    const auto [m0, m1] = channels(t);
    items_.push_back(collect_items(op, config, dense, m0, m1, whole));
    std::set<int32_t> mine;
    for (const Item& item : items_.back()) {
      keep_ = std::max<int>(keep_, item.count);
      mine.insert(item.block);
    }
    if (mine.empty()) mine.insert(0);
    all.insert(mine.begin(), mine.end());
    planes_.emplace_back(mine.begin(), mine.end());
  }
  // Tiles that need about the same planes load the same list, so that a load serves them all.
  for (auto& list : planes_) {
    if (2 * list.size() >= all.size()) list.assign(all.begin(), all.end());
    most_planes_ = std::max<int64_t>(most_planes_, static_cast<int64_t>(list.size()));
  }
  if (op.conv && !dense) {
    for (const int8_t w : op.layer->weights.data) kept_ += w != 0;
  } else if (op.conv) {
    kept_ = op.layer->weights.size();
  } else {
    kept_ = op.out_channels * op.kernel_h * op.kernel_w;
  }
}

// (first step, steps) of passes of at most `share` weight rows.
std::vector<std::pair<int, int>> LayerItems::cut_passes(const LanePlan& plan, int share) const {
  const int table = op_.max ? config_.table_depth : config_.table_depth / 2;
  const auto fits = [&](int cuts) {
    const int per_pass = (plan.steps + cuts - 1) / cuts;
    if (per_pass == 1) return true;
    for (int s = 0; s < plan.steps; s += per_pass) {
      const int n = std::min(per_pass, plan.steps - s);
      if (n > table || plan.rows(config_, s, n) > share) return false;
    }
    return true;
  };
  // No fewer than all steps and rows need, however they are cut.
  int cuts = static_cast<int>(std::max<int64_t>(
      (plan.steps + table - 1) / table, (plan.rows(config_, 0, plan.steps) + share - 1) / share));
  while (!fits(cuts)) ++cuts;
  const int per_pass = (plan.steps + cuts - 1) / cuts;
  std::vector<std::pair<int, int>> passes;
  for (int s = 0; s < plan.steps; s += per_pass) {
    passes.emplace_back(s, std::min(per_pass, plan.steps - s));
  }
  return passes;
}

Layout LayerItems::layout(const LayoutKey& key, DataPool& pool) const {
  Layout result;
  result.key = key;
  std::map<Chunk, int> chunk_ids;
  for (size_t t = 0; t < items_.size(); ++t) {
    const auto [m0, m1] = channels(static_cast<int64_t>(t));
    std::vector<Pass> passes;
    int64_t cycles = 0, rows = 0;
    const auto n = static_cast<int64_t>(planes_[t].size());
    const int64_t lists = ceil_div(n, key.blocks);
    const int64_t per_list = std::min(n, ceil_div(ceil_div(n, lists), key.wrap) * key.wrap);
    for (int64_t p = 0; p < n; p += per_list) {
      for (int64_t ky = 0; ky < key.ky_parts; ++ky) {
        for (int64_t kx = 0; kx < key.kx_parts; ++kx) {
          Chunk chunk;
          chunk.planes.assign(planes_[t].begin() + p,
                              planes_[t].begin() + std::min(n, p + per_list));
          chunk.ky0 = ky * op_.kernel_h / key.ky_parts;
          chunk.ky1 = (ky + 1) * op_.kernel_h / key.ky_parts;
          chunk.kx0 = kx * op_.kernel_w / key.kx_parts;
          chunk.kx1 = (kx + 1) * op_.kernel_w / key.kx_parts;
          std::vector<Item> items;
          for (Item item : items_[t]) {
            const auto at = std::lower_bound(chunk.planes.begin(), chunk.planes.end(), item.block);
            if (at == chunk.planes.end() || *at != item.block || item.ky < chunk.ky0 ||
                item.ky >= chunk.ky1 || item.kx < chunk.kx0 || item.kx >= chunk.kx1) {
              continue;
            }
            item.block = static_cast<int32_t>(at - chunk.planes.begin());
            items.push_back(item);
          }
          const bool last = p + per_list >= n && ky + 1 == key.ky_parts && kx + 1 == key.kx_parts;
          if (items.empty() && !(last && passes.empty())) continue;
          LanePlan plan = assign_lanes(items, config_, key.wrap, op_.max);
          if (config_.windowed()) count_windows(op_, config_, dense_, m0, m1, chunk, plan);
          const auto [it, fresh] = chunk_ids.emplace(chunk, static_cast<int>(result.chunks.size()));
          if (fresh) result.chunks.push_back(chunk);
          const int id = static_cast<int>(result.plans.size());
          for (const auto& [first, count] : cut_passes(plan, key.share)) {
            Pass pass{it->second, id, first, count, -1};
            pass.weights = op_.conv ? pool.reserve()
                                    : pool.intern(pack_weights(op_, config_, dense_, m0, m1, chunk,
                                                               plan, pass.first, pass.steps));
            rows += plan.rows(config_, first, count);
            cycles += std::max<int64_t>(plan.cycles(config_, first, count), config_.drain_cycles());
            passes.push_back(pass);
          }
          result.plans.push_back(std::move(plan));
        }
      }
    }
    result.most_passes = std::max(result.most_passes, passes.size());
    result.passes.push_back(std::move(passes));
    result.pixel_cycles.push_back(cycles);
    result.rows.push_back(rows);
  }
  return result;
}

int64_t activation_words(const Op& op, const Config&, const Layout& layout, int64_t rows,
                         int64_t cols, int64_t* plane_words) {
  int64_t most_rows = 0, most_cols = 0;
  size_t most_blocks = 1;
  std::set<std::pair<int64_t, int64_t>> ys, xs, kys, kxs;
  for (const Tile& t : cut_tiles(op, rows, cols)) {
    ys.emplace(t.y, t.rows);
    xs.emplace(t.x, t.cols);
  }
  for (const Chunk& c : layout.chunks) {
    kys.emplace(c.ky0, c.ky1);
    kxs.emplace(c.kx0, c.kx1);
    most_blocks = std::max(most_blocks, c.planes.size());
  }
  for (const auto& [k0, k1] : kys) {
    for (const auto& [y, n] : ys) {
      const Axis a =
          input_axis(y, n, op.stride_h, k0, k1, op.dilation_h, op.pad_top, op.height, true);
      most_rows = std::max(most_rows, a.size());
    }
  }
  for (const auto& [k0, k1] : kxs) {
    for (const auto& [x, n] : xs) {
      const Axis a =
          input_axis(x, n, op.stride_w, k0, k1, op.dilation_w, op.pad_left, op.width, false);
      if (a.pre > 255 || a.post > 255) return -1;
      most_cols = std::max(most_cols, a.size());
    }
  }
  *plane_words = most_rows * most_cols;
  return ceil_div(static_cast<int64_t>(most_blocks), layout.key.wrap) * *plane_words;
}

}  // namespace aap::compiler
