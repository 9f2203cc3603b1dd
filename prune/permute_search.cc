// SPDX-License-Identifier: Apache-2.0
#include "prune/permute_search.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <set>

#include "prune/permute_levels.h"

namespace aap {
namespace {

// Hill climbing by exchanges. With t_K and t_K+1 the K-th and next largest level of a group's row,
// putting u in the place of v changes what the row keeps by max(u, v >= t_K ? t_K+1 : t_K) -
// max(v, t_K): so a sum of maxima over rows prices any exchange exactly, and the two halves of an
// exchange between two groups add up.
class Climber {
 public:
  Climber(int64_t channels, std::vector<Levels>& uses)
      : n_(channels),
        uses_(uses),
        order_(static_cast<size_t>(channels)),
        gain_(static_cast<size_t>(channels * channels)) {
    for (Levels& l : uses_) {
      l.replaced.assign(static_cast<size_t>(n_ * l.rows), 0);
      l.own.assign(static_cast<size_t>(n_), 0);
    }
  }

  // Climbs from `order` (place to channel) until nothing improves or the limit is spent; returns
  // the sum of levels gained.
  int64_t climb(std::vector<int64_t>& order, double& limit, int64_t& swaps) {
    order_ = order;
    dirty_.assign(static_cast<size_t>(n_), 1);
    refresh(limit);
    int64_t total = 0;
    while (limit > 0.0) {
      const int64_t gained = exchange_best(swaps);
      if (gained == 0) break;
      total += gained;
      refresh(limit);
    }
    order = order_;
    return total;
  }

 private:
  int64_t group_of(const Levels& l, int64_t place) const {
    return (l.use->offset + place) / l.use->group;
  }

  // The channel of the consumer (today's numbering) that stands at its place `at`.
  int64_t member(const Levels& l, int64_t at) const {
    const int64_t place = at - l.use->offset;
    return place < 0 || place >= n_ ? at : l.use->offset + order_[static_cast<size_t>(place)];
  }

  // Thresholds of the groups with dirty places, then the price of every exchange with them.
  void refresh(double& limit) {
    for (Levels& l : uses_) {
      std::set<int64_t> groups;
      for (int64_t p = 0; p < n_; ++p) {
        if (dirty_[static_cast<size_t>(p)]) groups.insert(group_of(l, p));
      }
      for (int64_t g : groups) update_group(l, g);
    }
    constexpr int64_t kBlock = 8;  // keeps the columns in the first-level cache
    for (int64_t p0 = 0; p0 < n_; p0 += kBlock) {
      for (int64_t q0 = 0; q0 < n_; q0 += kBlock) {
        for (int64_t p = p0; p < std::min(n_, p0 + kBlock); ++p) {
          if (!dirty_[static_cast<size_t>(p)] && !moved_into(q0, std::min(n_, q0 + kBlock)))
            continue;
          for (int64_t q = q0; q < std::min(n_, q0 + kBlock); ++q) {
            if (!dirty_[static_cast<size_t>(p)] && !moved_[static_cast<size_t>(q)]) continue;
            price(p, q, limit);
          }
        }
      }
    }
    dirty_.assign(static_cast<size_t>(n_), 0);
    moved_.assign(static_cast<size_t>(n_), 0);
  }

  bool moved_into(int64_t begin, int64_t end) const {
    if (moved_.empty()) return false;
    return std::any_of(moved_.begin() + begin, moved_.begin() + end, [](char m) { return m != 0; });
  }

  // What the groups of place p gain when the channel at q comes to p.
  void price(int64_t p, int64_t q, double& limit) {
    int64_t gain = 0;
    for (const Levels& l : uses_) {
      if (group_of(l, p) == group_of(l, q)) continue;
      const uint8_t* column = l.row(l.use->offset + order_[static_cast<size_t>(q)]);
      gain += sum_of_max(column, l.replaced.data() + p * l.rows, l.rows) -
              l.own[static_cast<size_t>(p)];
      limit -= static_cast<double>(l.rows);
    }
    gain_[static_cast<size_t>(p * n_ + q)] = gain;
  }

  void update_group(Levels& l, int64_t g) {
    const PermuteUse& use = *l.use;
    const int64_t first = g * use.group, end = std::min(use.channels, first + use.group);
    const int64_t keep = keep_of(use, end - first);
    const auto rows = static_cast<size_t>(l.rows);
    // top[i] is the i-th largest level of each row, keep + 1 of them.
    std::vector<uint8_t> top(static_cast<size_t>(keep + 1) * rows, 0), carry(rows);
    for (int64_t at = first; at < end; ++at) {
      std::copy_n(l.row(member(l, at)), rows, carry.data());
      for (int64_t i = 0; i <= keep; ++i) {
        uint8_t* place = top.data() + static_cast<size_t>(i) * rows;
        for (size_t r = 0; r < rows; ++r) {
          const uint8_t high = std::max(place[r], carry[r]), low = std::min(place[r], carry[r]);
          place[r] = high;
          carry[r] = low;
        }
      }
    }
    const uint8_t* last_kept = top.data() + static_cast<size_t>(keep - 1) * rows;
    const uint8_t* next = top.data() + static_cast<size_t>(keep) * rows;
    for (int64_t at = first; at < end; ++at) {
      const int64_t place = at - use.offset;
      if (place < 0 || place >= n_) continue;
      const uint8_t* v = l.row(member(l, at));
      uint8_t* replaced = l.replaced.data() + static_cast<size_t>(place) * rows;
      for (size_t r = 0; r < rows; ++r) replaced[r] = v[r] >= last_kept[r] ? next[r] : last_kept[r];
      l.own[static_cast<size_t>(place)] = sum_of_max(v, last_kept, l.rows);
    }
  }

  // Makes the best exchanges whose groups do not meet, best first. Each is exact, as groups that
  // another exchange has touched are left for the next turn.
  int64_t exchange_best(int64_t& swaps) {
    struct Move {
      int64_t gain, p, q;
    };
    std::vector<Move> moves;
    for (int64_t p = 0; p < n_; ++p) {
      Move best{0, p, -1};
      for (int64_t q = p + 1; q < n_; ++q) {
        const int64_t gain =
            gain_[static_cast<size_t>(p * n_ + q)] + gain_[static_cast<size_t>(q * n_ + p)];
        if (gain > best.gain) best = {gain, p, q};
      }
      if (best.q >= 0) moves.push_back(best);
    }
    std::sort(moves.begin(), moves.end(), [](const Move& a, const Move& b) {
      return a.gain != b.gain ? a.gain > b.gain : a.p < b.p;
    });
    std::set<std::pair<size_t, int64_t>> touched;
    int64_t total = 0;
    for (const Move& move : moves) {
      std::set<std::pair<size_t, int64_t>> groups;
      for (size_t u = 0; u < uses_.size(); ++u) {
        groups.insert({u, group_of(uses_[u], move.p)});
        groups.insert({u, group_of(uses_[u], move.q)});
      }
      if (std::any_of(groups.begin(), groups.end(),
                      [&](const auto& g) { return touched.count(g) != 0; })) {
        continue;
      }
      touched.insert(groups.begin(), groups.end());
      std::swap(order_[static_cast<size_t>(move.p)], order_[static_cast<size_t>(move.q)]);
      moved_[static_cast<size_t>(move.p)] = moved_[static_cast<size_t>(move.q)] = 1;
      total += move.gain;
      ++swaps;
    }
    for (int64_t p = 0; p < n_; ++p) {
      for (size_t u = 0; u < uses_.size(); ++u) {
        if (touched.count({u, group_of(uses_[u], p)}) != 0) dirty_[static_cast<size_t>(p)] = 1;
      }
    }
    return total;
  }

  int64_t n_;
  std::vector<Levels>& uses_;
  std::vector<int64_t> order_;
  std::vector<int64_t> gain_;  // [place][place]
  std::vector<char> dirty_;    // places whose groups changed
  std::vector<char> moved_;    // places whose channel changed
};

// Strongest channels first, each to the place whose group gains most from it.
std::vector<int64_t> greedy_order(int64_t n, const std::vector<Levels>& uses) {
  const Levels& l = *std::max_element(
      uses.begin(), uses.end(), [](const Levels& a, const Levels& b) { return a.rows < b.rows; });
  const PermuteUse& use = *l.use;
  std::vector<int64_t> strength(static_cast<size_t>(n)), by_strength(strength.size());
  const std::vector<uint8_t> zero(static_cast<size_t>(l.rows), 0);
  for (int64_t c = 0; c < n; ++c) {
    strength[static_cast<size_t>(c)] = sum_of_max(l.row(use.offset + c), zero.data(), l.rows);
  }
  std::iota(by_strength.begin(), by_strength.end(), int64_t{0});
  std::stable_sort(by_strength.begin(), by_strength.end(), [&](int64_t a, int64_t b) {
    return strength[static_cast<size_t>(a)] > strength[static_cast<size_t>(b)];
  });
  struct Group {
    std::vector<int64_t> places;  // still free, the first to be filled last
    std::vector<uint8_t> top;     // [keep][rows], descending
    int64_t kept = 0;             // sum of the last of them
    int64_t keep = 0;
  };
  std::vector<Group> groups;
  for (int64_t p = n; p-- > 0;) {
    const auto g = static_cast<size_t>((use.offset + p) / use.group - use.offset / use.group);
    if (groups.size() <= g) groups.resize(g + 1);
    groups[g].places.push_back(p);
  }
  const auto rows = static_cast<size_t>(l.rows);
  for (Group& g : groups) {
    g.keep =
        std::max<int64_t>(1, std::min<int64_t>(use.keep, static_cast<int64_t>(g.places.size())));
    g.top.assign(static_cast<size_t>(g.keep) * rows, 0);
  }
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::vector<uint8_t> carry(rows);
  for (int64_t c : by_strength) {
    const uint8_t* column = l.row(use.offset + c);
    Group* best = nullptr;
    int64_t most = -1;
    for (Group& g : groups) {
      if (g.places.empty()) continue;
      const int64_t gain =
          sum_of_max(column, g.top.data() + static_cast<size_t>(g.keep - 1) * rows, l.rows) -
          g.kept;
      if (gain > most) {
        most = gain;
        best = &g;
      }
    }
    order[static_cast<size_t>(best->places.back())] = c;
    best->places.pop_back();
    std::copy_n(column, rows, carry.data());
    for (int64_t i = 0; i < best->keep; ++i) {
      uint8_t* place = best->top.data() + static_cast<size_t>(i) * rows;
      for (size_t r = 0; r < rows; ++r) {
        const uint8_t high = std::max(place[r], carry[r]);
        carry[r] = std::min(place[r], carry[r]);
        place[r] = high;
      }
    }
    best->kept = sum_of_max(best->top.data() + static_cast<size_t>(best->keep - 1) * rows,
                            zero.data(), l.rows);
  }
  return order;
}

double bound_of(const PermuteUse& use) {
  int64_t kept = 0;
  for (int64_t first = 0; first < use.channels; first += use.group) {
    const int64_t size = std::min(use.group, use.channels - first);
    kept += std::min(size, keep_of(use, size));
  }
  std::vector<float> row(static_cast<size_t>(use.channels));
  double sum = 0.0;
  for (int64_t r = 0; r < use.rows; ++r) {
    for (int64_t c = 0; c < use.channels; ++c) {
      row[static_cast<size_t>(c)] = use.scores[static_cast<size_t>(c * use.rows + r)];
    }
    std::nth_element(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(kept - 1), row.end(),
                     std::greater<>());
    for (int64_t i = 0; i < kept; ++i) sum += static_cast<double>(row[static_cast<size_t>(i)]);
  }
  return sum;
}

double total_score(const std::vector<const PermuteUse*>& uses, const std::vector<int64_t>& order) {
  double sum = 0.0;
  for (const PermuteUse* use : uses) sum += kept_score(*use, order);
  return sum;
}

}  // namespace

double kept_score(const PermuteUse& use, const std::vector<int64_t>& order) {
  const auto n = static_cast<int64_t>(order.size());
  double sum = 0.0;
  std::vector<const float*> columns;
  std::vector<float> values;
  for (int64_t first = 0; first < use.channels; first += use.group) {
    columns.clear();
    for (int64_t at = first; at < std::min(use.channels, first + use.group); ++at) {
      const int64_t place = at - use.offset;
      const int64_t channel =
          place < 0 || place >= n ? at : use.offset + order[static_cast<size_t>(place)];
      columns.push_back(use.scores.data() + channel * use.rows);
    }
    values.resize(columns.size());
    const auto size = static_cast<int64_t>(columns.size());
    const int64_t keep = std::min(size, keep_of(use, size));
    for (int64_t r = 0; r < use.rows; ++r) {
      for (size_t i = 0; i < columns.size(); ++i) values[i] = columns[i][r];
      std::partial_sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(keep),
                        values.end(), std::greater<>());
      for (int64_t i = 0; i < keep; ++i) sum += static_cast<double>(values[static_cast<size_t>(i)]);
    }
  }
  return sum;
}

PermuteFound search_permutation(int64_t channels, const std::vector<const PermuteUse*>& uses,
                                const PermuteSearch& options) {
  PermuteFound found;
  found.order.resize(static_cast<size_t>(channels));
  std::iota(found.order.begin(), found.order.end(), int64_t{0});
  if (uses.empty()) return found;
  found.before = found.after = total_score(uses, found.order);
  for (const PermuteUse* use : uses) found.bound += bound_of(*use);
  const float top = top_of(uses);
  std::vector<Levels> levels;
  for (const PermuteUse* use : uses) {
    levels.push_back(quantise(*use, top, options.sampled_rows));
  }

  double limit = options.limit;
  Climber climber(channels, levels);
  const auto consider = [&](const std::vector<int64_t>& order) {
    const double score = total_score(uses, order);
    if (score <= found.after) return false;
    found.after = score;
    found.order = order;
    return true;
  };
  std::vector<int64_t> order = greedy_order(channels, levels);
  climber.climb(order, limit, found.swaps);
  consider(order);
  order.resize(static_cast<size_t>(channels));
  std::iota(order.begin(), order.end(), int64_t{0});
  climber.climb(order, limit, found.swaps);
  consider(order);
  // Kicks: a few random exchanges, then climbing again from there; kept where they help.
  std::mt19937 random(options.seed);
  const int64_t kicks = std::max<int64_t>(2, channels / 16);
  while (limit > 0.0) {
    const double before = limit;
    order = found.order;
    for (int64_t i = 0; i < kicks; ++i) {
      const auto a = random() % order.size(), b = random() % order.size();
      std::swap(order[a], order[b]);
    }
    climber.climb(order, limit, found.swaps);
    consider(order);
    if (before == limit) break;  // one group only: nothing to exchange
  }
  return found;
}

}  // namespace aap
