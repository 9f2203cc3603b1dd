// SPDX-License-Identifier: Apache-2.0
// Which item goes to which lane and step, and the bytes of weight rows, tables and parameters
// (docs/accelerator.md, "Entries in memory"). Internal.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "compile/ops.h"
#include "spec/config.h"

namespace aap::compiler {

// The channel groups and kernel positions that one load of activations serves.
struct Chunk {
  std::vector<int32_t> planes;  // indices into Op::in, ascending; position in this list = block
  int64_t ky0 = 0, ky1 = 1, kx0 = 0, kx1 = 1;
  bool operator<(const Chunk& o) const {
    return std::tie(planes, ky0, ky1, kx0, kx1) < std::tie(o.planes, o.ky0, o.ky1, o.kx0, o.kx1);
  }
};

// One input group at one kernel position that some PE of the tile has a weight for.
struct Item {
  int32_t block = 0;       // position in Chunk::planes
  int16_t part = 0;        // group within the block, 0 .. NB - 1
  int16_t ky = 0, kx = 0;  // of the whole kernel
  int16_t count = 0;       // indices of the PEs (of one selector) that have most
  int16_t first = 0;       // of those, the ones that parts before this one serve
  int16_t base = 0;        // DENSE: the first index; the others follow it
};

// The items of one (output-channel tile, chunk), dealt to lanes.
struct LanePlan {
  std::vector<Item> items;
  std::vector<int32_t> slots;  // [steps][lanes] index into items, -1: idle
  int steps = 0;
  int keep = 1;  // K of the descriptor; 1 with WINDOW
  std::vector<int32_t> counts;  // WINDOW: weights of each PE in each window, [steps][pes]

  // Rows of the weight buffer that `n` steps from `first` take.
  int64_t rows(const Config& config, int first, int n) const;
  // Cycles of the array for them: with WINDOW each window takes those of its slowest PE.
  int64_t cycles(const Config& config, int first, int n) const;
};

// WINDOW: fills plan.counts.
void count_windows(const Op& op, const Config& config, bool dense, int64_t m0, int64_t m1,
                   const Chunk& chunk, LanePlan& plan);

// Items of output channels [m0, m1) in the chunk. `dense` counts zeros of connected channels too.
std::vector<Item> collect_items(const Op& op, const Config& config, bool dense, int64_t m0,
                                int64_t m1, const Chunk& chunk);

// An item of n weights may be split into several of fewer weights: nine items of 4 weights take 3
// steps of 4 lanes, 12 rows; as 36 items of one weight they take 9. The K with fewest rows is used.
// Block i lives in superbanks i mod wrap, +wrap, ...; an item may go to any lane that has its
// group.
LanePlan assign_lanes(const std::vector<Item>& items, const Config& config, int wrap, bool max);

// Bytes of `steps` steps from `first` of a plan.
std::vector<uint8_t> pack_weights(const Op& op, const Config& config, bool dense, int64_t m0,
                                  int64_t m1, const Chunk& chunk, const LanePlan& plan, int first,
                                  int steps);
std::vector<uint8_t> pack_table(const Op& op, const Config& config, const Chunk& chunk,
                                const LanePlan& plan, int first, int steps, int wrap,
                                int64_t row_words, int64_t plane_words, int64_t row_step);
// Entries for output channels [m0, m0 + pes); channels beyond the map get zeros.
std::vector<uint8_t> pack_params(const Op& op, const Config& config, int64_t m0, int region_params);

// Byte blocks of the data section. Equal contents are stored once; `offset` is given on first use
// so that trials leave nothing behind.
class DataPool {
 public:
  explicit DataPool(uint64_t align) : align_(align) {}
  int intern(std::vector<uint8_t> bytes);
  // Reserves an identity for contents that are made only when they are used.
  int reserve();
  bool empty(int id) const { return blocks_[static_cast<size_t>(id)].bytes == nullptr; }
  void fill(int id, std::vector<uint8_t> bytes);
  uint64_t offset(int id);  // bytes from the start of the section
  std::vector<uint8_t> section() const;
  uint64_t size() const { return size_; }

 private:
  struct Block {
    const std::vector<uint8_t>* bytes = nullptr;
    int64_t offset = -1;
  };
  uint64_t align_, size_ = 0;
  std::map<std::vector<uint8_t>, int> index_;
  std::vector<Block> blocks_;
};

}  // namespace aap::compiler
