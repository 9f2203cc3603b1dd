// SPDX-License-Identifier: Apache-2.0
#include "compile/stream.h"

#include <algorithm>

namespace aap::compiler {
namespace {

// Rough latencies in cycles; they steer choices and change no result.
constexpr double kMemoryLatency = 24;
constexpr double kTokenLatency = 3;
constexpr double kDescriptorCycles = 4;
constexpr double kReadDelay = 20;    // last row of an EXEC to E2L
constexpr double kFinishDelay = 30;  // and to E2S

}  // namespace

Stream::Stream(const Config& c, const std::vector<Storage>& storages)
    : config_(c), writes_(storages.size()) {
  auto cache = [](int depth, int most_blocks) {
    return BufferCache(depth, std::max(1, depth / most_blocks));
  };
  state_.buffers[kActBuffer] = cache(c.act_depth, 32);
  state_.buffers[kWgtBuffer] = cache(c.weight_depth, 32);
  state_.buffers[kTabBuffer] = cache(c.table_depth, 32);
  state_.buffers[kParBuffer] = cache(c.param_depth, 32);
  state_.buffers[kResBuffer] = cache(c.residual_depth, 32);
  state_.buffers[kOutBuffer] = cache(c.out_depth, 32);
}

Stream::Mark Stream::mark() const {
  Mark m{state_, {queues_[0].size(), queues_[1].size(), queues_[2].size()}, {}};
  for (const auto& w : writes_) m.writes.push_back(w.size());
  return m;
}

void Stream::rewind(const Mark& m) {
  state_ = m.state;
  for (size_t u = 0; u < 3; ++u) queues_[u].resize(m.sizes[u]);
  load_done_.resize(m.sizes[kLoad]);
  exec_read_.resize(m.sizes[kExec]);
  exec_done_.resize(m.sizes[kExec]);
  store_read_.resize(m.sizes[kStore]);
  store_done_.resize(m.sizes[kStore]);
  for (size_t i = 0; i < writes_.size(); ++i) writes_[i].resize(m.writes[i]);
}

void Stream::begin_layer(int most_tokens) {
  layer_begin_.push_back(next(kStore));
  most_tokens_ = most_tokens;
}

int Stream::add_load(Instr instr, int64_t work) {
  double wait = 0;
  if (instr.need[kExec] >= 0) wait = exec_read_[static_cast<size_t>(instr.need[kExec])];
  if (instr.need[kStore] >= 0) {
    wait = std::max(wait, store_done_[static_cast<size_t>(instr.need[kStore])]);
  }
  const double request = std::max(state_.request_free, wait + kTokenLatency);
  const double data = std::max(state_.load_free, request + kMemoryLatency);
  instr.start = request;
  state_.load_free = data + static_cast<double>(work);
  state_.request_free = std::max(request + kDescriptorCycles, state_.load_free - kMemoryLatency);
  load_done_.push_back(state_.load_free);
  queues_[kLoad].push_back(std::move(instr));
  return next(kLoad) - 1;
}

int Stream::add_exec(Instr instr, int64_t pixels, int64_t pixel_cycles) {
  double wait = 0;
  if (instr.need[kLoad] >= 0) wait = load_done_[static_cast<size_t>(instr.need[kLoad])];
  if (instr.need[kStore] >= 0) {
    wait = std::max(wait, store_read_[static_cast<size_t>(instr.need[kStore])]);
  }
  const double free = state_.exec_free + kDescriptorCycles;
  instr.start = std::max(free, wait + kTokenLatency);
  // The first pixel's last row waits until the previous EXEC has left the drain.
  const auto first = static_cast<double>(pixel_cycles);
  const double drained = exec_done_.empty() ? 0 : exec_done_.back();
  state_.exec_free =
      std::max(instr.start + first, drained) + static_cast<double>((pixels - 1) * pixel_cycles);
  exec_read_.push_back(state_.exec_free + kReadDelay);
  exec_done_.push_back(state_.exec_free + kFinishDelay);
  queues_[kExec].push_back(std::move(instr));
  return next(kExec) - 1;
}

int Stream::add_store(Instr instr, int64_t work, const MapRange& written) {
  const double wait = exec_done_[static_cast<size_t>(instr.need[kExec])];
  instr.start = std::max(state_.store_free, wait + kTokenLatency);
  state_.store_free = instr.start + static_cast<double>(work) + kDescriptorCycles;
  store_read_.push_back(state_.store_free);
  store_done_.push_back(state_.store_free + kMemoryLatency);
  queues_[kStore].push_back(std::move(instr));
  const int index = next(kStore) - 1;
  writes_[static_cast<size_t>(written.storage)].push_back({written, index});
  return index;
}

int Stream::last_store(const MapRange& r) const {
  const auto& writes = writes_[static_cast<size_t>(r.storage)];
  int found = -1;
  for (auto w = writes.rbegin(); w != writes.rend() && found < 0; ++w) {
    const MapRange& o = w->range;
    if (o.plane0 < r.plane1 && r.plane0 < o.plane1 && o.y0 < r.y1 && r.y0 < o.y1 && o.x0 < r.x1 &&
        r.x0 < o.x1) {
      found = w->store;
    }
  }
  if (found < 0) return -1;
  // A layer of many stores posts at most about so many tokens: the need moves to the end of its share.
  // Stores never depend on loads of a later layer, so waiting for a later one cannot deadlock.
  const auto after = std::upper_bound(layer_begin_.begin(), layer_begin_.end(), found);
  const int end = after == layer_begin_.end() ? next(kStore) : *after;
  const int begin = *(after - 1);
  const int share = (end - begin + most_tokens_ - 1) / most_tokens_;
  return std::min(end - 1, begin + (found - begin) / share * share + share - 1);
}

double Stream::written_by(const MapRange& r) const {
  double time = 0;
  for (const Written& w : writes_[static_cast<size_t>(r.storage)]) {
    const MapRange& o = w.range;
    if (o.plane0 < r.plane1 && r.plane0 < o.plane1 && o.y0 < r.y1 && r.y0 < o.y1) {
      time = std::max(time, store_done_[static_cast<size_t>(w.store)]);
    }
  }
  return time;
}

}  // namespace aap::compiler
