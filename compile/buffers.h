// SPDX-License-Identifier: Apache-2.0
// Who lives where in one of the accelerator's buffers. Double buffering and reuse are one
// mechanism: a block is looked up by key; when it is absent it takes the place that was read
// longest ago.
#pragma once

#include <cstdint>
#include <vector>

namespace aap::compiler {

class BufferCache {
 public:
  BufferCache() = default;
  // `granule`: blocks take at least this many entries, which bounds the number of blocks (and so
  // of tokens under way).
  BufferCache(int depth, int granule) : depth_(depth), granule_(granule) {
    segments_.push_back({0, depth, 0, -1, -1, -1});
  }

  struct Segment {
    int start = 0, end = 0;
    uint64_t key = 0;    // 0: nobody
    int reader = -1;     // last instruction that reads it
    int writer = -1;     // the load that wrote it
    int pinned_by = -1;  // exec that must not lose it
  };

  // The resident block or nullptr; valid until the next allocate.
  Segment* find(uint64_t key) {
    for (Segment& s : segments_) {
      if (s.key == key) return &s;
    }
    return nullptr;
  }

  // A place of `size` entries, not touching blocks pinned by `exec`. `war` becomes the last reader
  // of what was there (-1: none). nullptr when there is no such place.
  Segment* allocate(uint64_t key, int size, int exec, int* war);

  int depth() const { return depth_; }

 private:
  int last_reader(int start, int end, int exec) const;  // -2: pinned

  int depth_ = 0, granule_ = 1;
  std::vector<Segment> segments_;  // in order, covering 0 .. depth
};

}  // namespace aap::compiler
