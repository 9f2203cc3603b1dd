// SPDX-License-Identifier: Apache-2.0
// How a mutator enumerates: it offers its changes in a fixed order, and the one whose number was
// asked for is made. Offered once with a number beyond the last, it has counted them all.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace aap::hostile {

class Pick {
 public:
  static constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  explicit Pick(uint64_t wanted = kNone) : wanted_(wanted) {}

  // True for exactly one offer: the caller then makes the change and says what it was.
  bool hit() { return offered_++ == wanted_; }
  bool done() const { return wanted_ != kNone && offered_ > wanted_; }
  uint64_t offered() const { return offered_; }

  std::string what;  // the change made, in a few words

 private:
  uint64_t wanted_, offered_ = 0;
};

using Random = std::mt19937;

}  // namespace aap::hostile
