// SPDX-License-Identifier: Apache-2.0
// Tokens, and what a unit may rely on because of them. A token carries what its producer had
// finished and what that one knew, so a race between units is found whatever the timing of this run
// was.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "cyclemodel/descriptor.h"

namespace aap::cyclemodel {

// Sequence numbers within a unit's queue, from 1: all descriptors up to that one are known to have
// got that far. Two numbers per unit where it posts two tokens at different times.
struct Seen {
  uint32_t load_done = 0;   // data in buffers, memory read
  uint32_t exec_read = 0;   // buffers read
  uint32_t exec_done = 0;   // outputs and partial sums written
  uint32_t store_read = 0;  // output buffer read
  uint32_t store_done = 0;  // outputs in memory

  void join(const Seen& other);
};

class Order {
 public:
  static constexpr size_t kMostTokens = 255;

  // Tokens of the mask that are not there.
  uint32_t missing(uint32_t wait) const;
  // The unit begins its next descriptor: takes the tokens, returns its sequence number.
  uint32_t begin(const Command& command);
  const Seen& seen(Unit unit) const { return seen_[static_cast<size_t>(unit)]; }
  // Descriptor number of a unit's sequence number.
  uint32_t number(Unit unit, uint32_t sequence) const;

  // Posts the token for the descriptor `sequence`, which knew `knew` when it began.
  // False when the counter is full.
  bool post(int token, const Seen& knew, uint32_t sequence);

  // "2 L2E, 1 S2L" for tokens that nobody took, "" when there are none.
  std::string left() const;

 private:
  std::array<std::deque<Seen>, isa::kTokens> tokens_;
  std::array<Seen, kUnits> seen_;
  std::array<std::vector<uint32_t>, kUnits> numbers_;
};

}  // namespace aap::cyclemodel
