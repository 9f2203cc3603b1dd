// SPDX-License-Identifier: Apache-2.0
// A queue in a ring of fixed size, for what the hardware bounds: quicker than std::deque in the inner loop of the model.
#pragma once

#include <array>
#include <cstddef>

namespace aap::cyclemodel {

template <typename T, size_t kSize>  // kSize: a power of two
class Fifo {
 public:
  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  T& front() { return items_[begin_ % kSize]; }
  const T& front() const { return items_[begin_ % kSize]; }
  void push(const T& item) { items_[end_++ % kSize] = item; }  // the caller keeps size() below kSize
  void pop() { ++begin_; }

 private:
  std::array<T, kSize> items_{};
  size_t begin_ = 0, end_ = 0;
};

// Bursts in flight: spec/config.cc allows at most this many `outstanding`.
constexpr size_t kMostBursts = 16;

}  // namespace aap::cyclemodel
