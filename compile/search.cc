// SPDX-License-Identifier: Apache-2.0
// Enumerates cuts of a layer and estimates each: the larger of array cycles and bus beats, plus
// overheads. The best few are then tried for real on the stream (emit.cpp).
#include <algorithm>
#include <set>

#include "compile/layout.h"

namespace aap::compiler {
namespace {

constexpr double kExecOverhead = 5, kDrain = 30, kLoadOverhead = 4, kLatency = 40;

struct Estimator {
  const Op& op;
  const Config& config;
  const LayerItems& items;

  double operator()(const Choice& choice) const {
    const Layout& layout = *choice.layout;
    const auto tiles = cut_tiles(op, choice.rows, choice.cols);
    const auto n_tiles = static_cast<double>(tiles.size());
    const auto m_tiles = static_cast<double>(items.m_tiles());
    const double groups = static_cast<double>(ceil_div(items.m_tiles(), choice.m_group));
    const auto pixels = static_cast<double>(op.out_height * op.out_width);
    double array = 0, rows = 0, overhead = 0;
    bool resident = true;  // the weights of a group stay in the buffer
    for (int64_t t = 0; t < items.m_tiles(); t += choice.m_group) {
      int64_t group_rows = 0;
      for (int64_t i = t; i < std::min(t + choice.m_group, items.m_tiles()); ++i) {
        group_rows += layout.rows[static_cast<size_t>(i)];
        array += static_cast<double>(layout.pixel_cycles[static_cast<size_t>(i)]) * pixels;
        const auto passes = static_cast<double>(layout.passes[static_cast<size_t>(i)].size());
        const double rows_a_pass =
            static_cast<double>(layout.rows[static_cast<size_t>(i)]) / passes;
        overhead += passes * n_tiles * (kExecOverhead + std::max(0.0, kDrain - rows_a_pass));
      }
      rows += static_cast<double>(group_rows);
      resident = resident && group_rows <= config.weight_depth;
    }
    const double wgt_beats = rows * config.row_beats() * (resident ? 1 : n_tiles);
    const double block_beats = static_cast<double>(config.block_bytes()) / config.beat_bytes();
    double all_chunks = 0, words = 0;
    for (const Chunk& c : layout.chunks) {
      all_chunks += static_cast<double>(c.planes.size());
      words += static_cast<double>(
          ceil_div(static_cast<int64_t>(c.planes.size()), layout.key.wrap) * choice.plane_words);
    }
    // Before the first EXEC its own rows and planes must be there.
    const Pass& first = layout.passes[0][0];
    const double first_beats =
        static_cast<double>(
            layout.plans[static_cast<size_t>(first.plan)].rows(config, first.first, first.steps)) *
            config.row_beats() +
        static_cast<double>(layout.chunks[static_cast<size_t>(first.chunk)].planes.size()) *
            static_cast<double>(choice.plane_words) * block_beats;
    const double tile_beats = all_chunks * static_cast<double>(choice.plane_words) * block_beats;
    double visits = n_tiles * groups;
    if (words * n_tiles <= config.act_depth) {
      visits = n_tiles;
    } else if (words > config.act_depth) {
      visits = n_tiles * m_tiles;
    }
    const double beats = wgt_beats + tile_beats * visits + kLoadOverhead * visits;
    const double busy = array + overhead;
    return std::max(busy, beats) + 0.05 * std::min(busy, beats) + first_beats + kLatency;
  }
};

std::vector<int64_t> widths(int64_t extent) {
  std::vector<int64_t> result;
  for (const int64_t n : {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 64, 128}) {
    const int64_t w = ceil_div(extent, std::min<int64_t>(n, extent));
    if (result.empty() || result.back() != w) result.push_back(w);
  }
  if (result.back() != 1) result.push_back(1);
  return result;
}

class Searcher {
 public:
  Searcher(const Op& op, const Config& config, const LayerItems& items, DataPool& pool)
      : op_(op), config_(config), items_(items), pool_(pool) {}

  Search run() {
    std::set<int64_t> blocks{items_.planes()};
    if (!op_.max) {
      for (int64_t n = items_.planes(); n > 1; n = ceil_div(n, 2)) blocks.insert(n);
      blocks.insert(1);
    }
    std::set<int> shares{config_.weight_depth / 2, config_.weight_depth / 4};
    if (op_.max) shares = {config_.weight_depth};
    // A choice points into layouts_: reserve once, so that nothing moves.
    result_.layouts.reserve(4 * blocks.size() * shares.size() +
                            2 * static_cast<size_t>(op_.kernel_h + op_.kernel_w) + 8);
    for (int wrap = 1; wrap <= config_.superbanks(); wrap *= 2) {
      for (const int64_t n : blocks) {
        for (const int share : shares) add({wrap, n, 1, 1, share});
      }
    }
    // Nothing fits with whole kernels: cut them, as little as works.
    const int share = config_.weight_depth / 2;
    for (int64_t parts = 2; result_.choices.empty() && !op_.max && parts <= op_.kernel_h; ++parts) {
      add({config_.superbanks(), 1, parts, 1, share});
    }
    for (int64_t parts = 2; result_.choices.empty() && !op_.max && parts <= op_.kernel_w; ++parts) {
      add({config_.superbanks(), 1, op_.kernel_h, parts, share});
    }
    std::stable_sort(result_.choices.begin(), result_.choices.end(),
                     [](const Choice& a, const Choice& b) { return a.score < b.score; });
    return std::move(result_);
  }

 private:
  void add(const LayoutKey& key) {
    Layout layout = items_.layout(key, pool_);
    if (op_.max && layout.most_passes > 1) return;
    for (const LanePlan& plan : layout.plans) {
      if (op_.max && plan.rows(config_, 0, plan.steps) > config_.weight_depth) return;
    }
    for (const Layout& other : result_.layouts) {  // the same cut under another name
      if (other.key.wrap == key.wrap && other.key.ky_parts == key.ky_parts &&
          other.chunks.size() == layout.chunks.size() && other.rows == layout.rows &&
          other.plans.size() == layout.plans.size() && same_passes(other, layout)) {
        return;
      }
    }
    result_.layouts.push_back(std::move(layout));
    const size_t before = result_.choices.size();
    add_tiles(result_.layouts.back());
    if (result_.choices.size() == before) result_.layouts.pop_back();
  }

  static bool same_passes(const Layout& a, const Layout& b) {
    for (size_t t = 0; t < a.passes.size(); ++t) {
      if (a.passes[t].size() != b.passes[t].size()) return false;
    }
    return true;
  }

  int64_t most_pixels(const Layout& layout) const {
    int64_t n = std::max(1, config_.out_depth / 2);
    if (op_.residual >= 0) n = std::min<int64_t>(n, std::max(1, config_.residual_depth / 2));
    if (layout.most_passes > 1) n = std::min<int64_t>(n, config_.psum_depth);
    return n;
  }

  void add_tiles(const Layout& layout) {
    const int64_t pixels = most_pixels(layout);
    std::set<std::pair<int64_t, int64_t>> seen;
    for (const int64_t cols : widths(op_.out_width)) {
      if (cols > pixels) continue;
      for (const int64_t cap : {config_.act_depth, config_.act_depth / 2}) {
        int64_t lo = 0, hi = std::min(op_.out_height, pixels / cols);
        while (lo < hi) {  // the most rows that fit
          const int64_t mid = (lo + hi + 1) / 2;
          int64_t plane_words = 0;
          const int64_t words = activation_words(op_, config_, layout, mid, cols, &plane_words);
          if (words >= 0 && words <= cap) {
            lo = mid;
          } else {
            hi = mid - 1;
          }
        }
        if (lo == 0) continue;
        const int64_t n = ceil_div(op_.out_height, lo);
        for (const int64_t cuts : {n, n + 1, 2 * n}) {
          const int64_t rows = ceil_div(op_.out_height, std::min(cuts, op_.out_height));
          if (seen.emplace(rows, cols).second) add_orders(layout, rows, cols);
        }
      }
    }
  }

  void add_orders(const Layout& layout, int64_t rows, int64_t cols) {
    Choice choice;
    choice.layout = &layout;
    choice.rows = rows;
    choice.cols = cols;
    const int64_t words = activation_words(op_, config_, layout, rows, cols, &choice.plane_words);
    if (words < 0 || words > config_.act_depth) return;
    std::set<int64_t> groups{1, items_.m_tiles()};
    for (int64_t n = 2; n < items_.m_tiles(); n *= 2) groups.insert(n);
    const Estimator estimate{op_, config_, items_};
    for (const int64_t n : groups) {
      choice.m_group = n;
      choice.score = estimate(choice);
      result_.choices.push_back(choice);
    }
  }

  const Op& op_;
  const Config& config_;
  const LayerItems& items_;
  DataPool& pool_;
  Search result_;
};

}  // namespace

Search search(const Op& op, const Config& config, const LayerItems& items, DataPool& pool) {
  return Searcher(op, config, items, pool).run();
}

}  // namespace aap::compiler
