// SPDX-License-Identifier: Apache-2.0
// How one layer is cut: chunks of the reduction, passes, tiles in height and width. Internal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compile/ops.h"
#include "compile/pack.h"
#include "spec/config.h"

namespace aap::compiler {

// One EXEC of every tile of an output-channel tile.
struct Pass {
  int chunk = 0;  // index into Layout::chunks
  int plan = 0;   // index into Layout::plans
  int first = 0, steps = 0;
  int weights = -1;  // id in the DataPool
};

struct LayoutKey {
  int wrap = 1;
  int64_t blocks = 1;  // planes per chunk
  int64_t ky_parts = 1, kx_parts = 1;
  int share = 1;  // weight rows per pass at most
};

// Everything that does not depend on the spatial tile.
struct Layout {
  LayoutKey key;
  std::vector<Chunk> chunks;
  std::vector<LanePlan> plans;
  std::vector<std::vector<Pass>> passes;  // by output-channel tile
  std::vector<int64_t> pixel_cycles;      // array cycles of one pixel, by output-channel tile
  std::vector<int64_t> rows;              // weight rows, by output-channel tile
  size_t most_passes = 1;
};

// What a tile reads along one axis. Positions lie `step` input pixels apart.
struct Axis {
  int64_t begin = 0;                    // input coordinate of the first position read from memory
  int64_t pre = 0, real = 0, post = 0;  // padding before, read, padding after
  int64_t step = 1;
  int64_t size() const { return pre + real + post; }
};

// Output positions [o, o + n), kernel positions [k0, k1). `skip`: rows between strides of a kernel
// of one row are not read.
Axis input_axis(int64_t o, int64_t n, int64_t stride, int64_t k0, int64_t k1, int64_t dilation,
                int64_t pad, int64_t in, bool skip);

struct Tile {
  int64_t y = 0, x = 0, rows = 0, cols = 0;
  int params = 0;  // Region::params
};

struct Choice {
  const Layout* layout = nullptr;
  int64_t rows = 1, cols = 1;  // of a tile at most
  int64_t m_group = 1;         // output-channel tiles that visit a spatial tile together
  int64_t plane_words = 0;     // words between planes in the activation buffer
  bool ramp = false;           // cut_tiles
  double score = 0;            // estimated cycles
};

// Tiles of at most rows x cols, row by row. `ramp`: a short first and last row of tiles, so that
// the array starts after less and less is left to store when it has finished.
std::vector<Tile> cut_tiles(const Op& op, int64_t rows, int64_t cols, bool ramp = false);

// Items of every output-channel tile over the whole reduction, and what they need.
class LayerItems {
 public:
  LayerItems(const Op& op, const Config& config, bool dense);
  Layout layout(const LayoutKey& key, DataPool& pool) const;
  int keep() const { return keep_; }
  int64_t kept() const { return kept_; }  // weights
  int64_t m_tiles() const { return static_cast<int64_t>(items_.size()); }
  int64_t planes() const { return most_planes_; }  // of the largest list that a tile needs
  std::pair<int64_t, int64_t> channels(int64_t m_tile) const;

 private:
  std::vector<std::pair<int, int>> cut_passes(const LanePlan& plan, int share) const;

  const Op& op_;
  const Config& config_;
  bool dense_;
  std::vector<std::vector<Item>> items_;      // by output-channel tile; blocks are planes of Op::in
  std::vector<std::vector<int32_t>> planes_;  // by output-channel tile
  int keep_ = 1;
  int64_t kept_ = 0, most_planes_ = 1;
};

// Candidates that fit, best estimate first. Empty: nothing fits.
struct Search {
  std::vector<Layout> layouts;
  std::vector<Choice> choices;
};
Search search(const Op& op, const Config& config, const LayerItems& items, DataPool& pool);

// Words of the activation buffer that a chunk needs for tiles of this size; -1: a fill field would
// overflow. Sets plane_words.
int64_t activation_words(const Op& op, const Config& config, const Layout& layout, int64_t rows,
                         int64_t cols, int64_t* plane_words);

// What the smallest cut of the layer needs of each buffer (fit.cpp).
std::vector<FitRow> smallest_needs(const Op& op, const Config& config, const LayerItems& items);

}  // namespace aap::compiler
