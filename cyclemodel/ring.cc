// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/ring.h"

namespace aap::cyclemodel {

void Ring::edge(const std::array<bool, kReaders>& ready, bool given, uint32_t committed) {
  const size_t r = turn_;
  const bool exec = static_cast<Reader>(r) == Reader::kExec;
  const bool last = beat_ + 1 == beats_;
  switch (state_) {
    case State::kPick: {
      const bool wanted = at_[r] != committed && !given_[r] && (ready[r] || !found_[r]);
      if (given_[r]) {
        given_[r] = found_[r] = false;
        ++at_[r];
      }
      if (!wanted) return next_turn();
      beat_ = exec && half_ ? beats_ / 2 : 0;
      state_ = exec && half_ ? State::kGive : State::kLook;
      return;
    }
    case State::kLook:
      if (matches()) found_[r] = true;
      else ++at_[r];
      if (!given) return next_turn();
      state_ = State::kGive;
      ++beat_;
      return;
    case State::kGive:
      if (given && last) {
        if (exec) half_ = false;
        given_[r] = true;
        return next_turn();
      }
      if (given) {
        ++beat_;
      } else if (exec && beat_ == beats_ / 2) {
        half_ = true;
        next_turn();
      }
      return;
  }
}

}  // namespace aap::cyclemodel
