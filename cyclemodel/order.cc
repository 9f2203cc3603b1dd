// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/order.h"

#include <algorithm>

namespace aap::cyclemodel {
namespace {

constexpr const char* kTokenNames[] = {"L2E", "E2L", "E2S", "S2E", "S2L"};

}  // namespace

void Seen::join(const Seen& other) {
  load_done = std::max(load_done, other.load_done);
  exec_read = std::max(exec_read, other.exec_read);
  exec_done = std::max(exec_done, other.exec_done);
  store_read = std::max(store_read, other.store_read);
  store_done = std::max(store_done, other.store_done);
}

uint32_t Order::missing(uint32_t wait) const {
  uint32_t absent = 0;
  for (int t = 0; t < isa::kTokens; ++t) {
    if ((wait >> t & 1) != 0 && tokens_[static_cast<size_t>(t)].empty()) absent |= 1U << t;
  }
  return absent;
}

uint32_t Order::begin(const Command& command) {
  const auto unit = static_cast<size_t>(command.unit);
  for (int t = 0; t < isa::kTokens; ++t) {
    if ((command.wait >> t & 1) == 0) continue;
    auto& queue = tokens_[static_cast<size_t>(t)];
    seen_[unit].join(queue.front());
    queue.pop_front();
  }
  numbers_[unit].push_back(command.number);
  return static_cast<uint32_t>(numbers_[unit].size());
}

uint32_t Order::number(Unit unit, uint32_t sequence) const {
  return numbers_[static_cast<size_t>(unit)].at(sequence - 1);
}

bool Order::post(int token, const Seen& knew, uint32_t sequence) {
  auto& queue = tokens_[static_cast<size_t>(token)];
  if (queue.size() >= kMostTokens) return false;
  Seen seen = knew;
  switch (token) {
    case isa::kTokL2E:
      seen.load_done = sequence;
      break;
    case isa::kTokE2L:
      seen.exec_read = sequence;
      break;
    case isa::kTokE2S:
      seen.exec_read = seen.exec_done = sequence;
      break;
    case isa::kTokS2E:
      seen.store_read = sequence;
      break;
    default:
      seen.store_read = seen.store_done = sequence;
      break;
  }
  queue.push_back(seen);
  return true;
}

std::string Order::left() const {
  std::string text;
  for (int t = 0; t < isa::kTokens; ++t) {
    const size_t count = tokens_[static_cast<size_t>(t)].size();
    if (count == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::to_string(count) + " " + kTokenNames[t];
  }
  return text;
}

}  // namespace aap::cyclemodel
