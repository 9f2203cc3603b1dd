// SPDX-License-Identifier: Apache-2.0
// Dependencies to tokens. For a pair of units (producer, consumer) let r(i) be the producer's
// latest instruction that the consumer's i needs. Consumers start in order, so only those count
// whose r(i) exceeds all before; call them waiters. A waiter takes one token, and its r(i) posts
// one. The r of waiters grow, so a producer instruction posts at most once; posts come in the
// producer's order, so when the n-th waiter takes the n-th token, the n-th poster and all before it
// have finished. Posts and waits are as many, so every counter ends at 0.
#include <algorithm>
#include <numeric>

#include "compile/stream.h"
#include "model/error.h"

namespace aap::compiler {
namespace {

struct Pair {
  Unit producer, consumer;
  int token;
};
constexpr Pair kPairs[] = {{kLoad, kExec, isa::kTokL2E},
                           {kExec, kLoad, isa::kTokE2L},
                           {kExec, kStore, isa::kTokE2S},
                           {kStore, kExec, isa::kTokS2E},
                           {kStore, kLoad, isa::kTokS2L}};
constexpr int kMostTokens = 255;

void set_bit(isa::Descriptor& d, isa::Field mask, int bit) { d.set(mask, d.get(mask) | 1U << bit); }

using Clock = std::array<int, 3>;

// What every instruction can rely on: the latest instruction of each unit that has finished before
// it.
std::array<std::vector<Clock>, 3> clocks(const std::array<std::vector<Instr>, 3>& queues,
                                         const std::vector<std::pair<Unit, int>>& order) {
  std::array<std::vector<Clock>, 3> result;
  for (size_t u = 0; u < 3; ++u) result[u].resize(queues[u].size(), Clock{-1, -1, -1});
  for (const auto& [unit, i] : order) {
    const Instr& instr = queues[unit][static_cast<size_t>(i)];
    Clock c{-1, -1, -1};
    auto join = [&](int u, int index) {
      if (index < 0) return;
      const Clock& other = result[static_cast<size_t>(u)][static_cast<size_t>(index)];
      for (size_t k = 0; k < 3; ++k) c[k] = std::max(c[k], other[k]);
      c[static_cast<size_t>(u)] = std::max(c[static_cast<size_t>(u)], index);
    };
    join(unit, i - 1);
    for (int u = 0; u < 3; ++u) join(u, instr.need[static_cast<size_t>(u)]);
    result[unit][static_cast<size_t>(i)] = c;
  }
  return result;
}

}  // namespace

std::vector<std::pair<Unit, int>> program_order(const std::array<std::vector<Instr>, 3>& queues) {
  std::vector<std::pair<Unit, int>> order;
  for (const Unit u : {kLoad, kExec, kStore}) {
    for (size_t i = 0; i < queues[u].size(); ++i) order.emplace_back(u, static_cast<int>(i));
  }
  // Producers start before their consumers, so the order of start times respects every dependency.
  std::stable_sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    return queues[a.first][static_cast<size_t>(a.second)].start <
           queues[b.first][static_cast<size_t>(b.second)].start;
  });
  return order;
}

void assign_tokens(std::array<std::vector<Instr>, 3>& queues) {
  const auto known = clocks(queues, program_order(queues));
  for (const Pair& p : kPairs) {
    int latest = -1;
    std::vector<std::pair<int, int>> posts;  // (producer, waiter)
    for (size_t i = 0; i < queues[p.consumer].size(); ++i) {
      const int need = queues[p.consumer][i].need[p.producer];
      if (need <= latest) continue;
      latest = need;
      posts.emplace_back(need, static_cast<int>(i));
      set_bit(queues[p.consumer][i].descriptor, isa::header::kWait, p.token);
      set_bit(queues[p.producer][static_cast<size_t>(need)].descriptor, isa::header::kPost,
              p.token);
    }
    // When poster n finishes, the waiters up to the consumer's instructions that it relies on have
    // started: the rest of the n + 1 tokens may be in the counter.
    size_t taken = 0;
    for (size_t n = 0; n < posts.size(); ++n) {
      const int relied = known[p.producer][static_cast<size_t>(posts[n].first)][p.consumer];
      while (taken < posts.size() && posts[taken].second <= relied) ++taken;
      if (static_cast<int>(n + 1 - taken) > kMostTokens) {
        throw_input("layer {}: more than {} tokens may be under way at once",
                    queues[p.producer][static_cast<size_t>(posts[n].first)].layer, kMostTokens);
      }
    }
  }
}

}  // namespace aap::compiler
