// SPDX-License-Identifier: Apache-2.0
#include "compile/buffers.h"

#include <algorithm>

namespace aap::compiler {

int BufferCache::last_reader(int start, int end, int exec) const {
  int latest = -1;
  for (const Segment& s : segments_) {
    if (s.end <= start || s.start >= end) continue;
    if (s.pinned_by == exec) return -2;
    latest = std::max(latest, s.reader);
  }
  return latest;
}

BufferCache::Segment* BufferCache::allocate(uint64_t key, int size, int exec, int* war) {
  size = std::min(std::max(size, granule_), depth_);
  int best = -1, best_reader = 0;
  auto consider = [&](int start) {
    if (start < 0 || start + size > depth_) return;
    const int reader = last_reader(start, start + size, exec);
    if (reader == -2) return;
    if (best < 0 || reader < best_reader || (reader == best_reader && start < best)) {
      best = start;
      best_reader = reader;
    }
  };
  for (const Segment& s : segments_) {
    consider(s.start);
    consider(s.end - size);
  }
  if (best < 0) return nullptr;
  *war = best_reader;
  std::vector<Segment> next;
  Segment fresh{best, best + size, key, -1, -1, exec};
  bool inserted = false;
  for (const Segment& s : segments_) {
    if (s.end <= best || s.start >= best + size) {
      if (s.start >= best + size && !inserted) {
        next.push_back(fresh);
        inserted = true;
      }
      next.push_back(s);
      continue;
    }
    // What is left of a displaced block is nobody's, but its readers still count.
    if (s.start < best) next.push_back({s.start, best, 0, s.reader, s.writer, -1});
    if (!inserted) {
      next.push_back(fresh);
      inserted = true;
    }
    if (s.end > best + size) next.push_back({best + size, s.end, 0, s.reader, s.writer, -1});
  }
  segments_.clear();
  for (const Segment& s : next) {  // join nobody's neighbours so that the list stays short
    if (!segments_.empty() && segments_.back().key == 0 && s.key == 0 &&
        segments_.back().reader == s.reader) {
      segments_.back().end = s.end;
    } else {
      segments_.push_back(s);
    }
  }
  return find(key);
}

}  // namespace aap::compiler
