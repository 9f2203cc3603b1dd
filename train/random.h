// SPDX-License-Identifier: Apache-2.0
// The trainer's own random numbers: the same seed gives the same data order, augmentation and
// initial weights with every standard library, and a resumed run starts an epoch without saved
// state. PCG32 (M. O'Neill, "PCG: A Family of Simple Fast Space-Efficient ... Generators", 2014).
#pragma once

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace aap {

class Random {
 public:
  // `seed` chooses the run, `stream` the use (an epoch, the initialisation); streams are
  // independent.
  Random(uint32_t seed, uint64_t stream) : increment_((stream << 1U) | 1U) {
    next();
    state_ += seed;
    next();
  }

  uint32_t next() {
    const uint64_t old = state_;
    state_ = old * 6364136223846793005ULL + increment_;
    const auto word = static_cast<uint32_t>(((old >> 18U) ^ old) >> 27U);
    const auto turn = static_cast<uint32_t>(old >> 59U);
    return (word >> turn) | (word << ((32U - turn) & 31U));
  }

  // 0 .. n - 1 without bias, n >= 1.
  uint32_t below(uint32_t n) {
    const uint32_t reject = (0U - n) % n;
    uint32_t value = next();
    while (value < reject) value = next();
    return value % n;
  }

  // [-1, 1), 24 bits.
  float symmetric() { return static_cast<float>(next() >> 8U) * (2.0F / 16777216.0F) - 1.0F; }

  // 0 .. n - 1 in random order.
  std::vector<uint32_t> permutation(uint32_t n) {
    std::vector<uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0U);
    for (uint32_t i = n; i > 1; --i) std::swap(order[i - 1], order[below(i)]);
    return order;
  }

 private:
  uint64_t state_ = 0;
  uint64_t increment_;
};

}  // namespace aap
