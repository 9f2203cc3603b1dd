// SPDX-License-Identifier: Apache-2.0
#include "compile/pack.h"

#include <algorithm>
#include <array>
#include <set>

#include "model/error.h"

namespace aap::compiler {
namespace {

void put(std::vector<uint8_t>& bytes, size_t at, uint64_t value, int n) {
  for (int i = 0; i < n; ++i)
    bytes[at + static_cast<size_t>(i)] = static_cast<uint8_t>(value >> 8 * i);
}

// Sets n bits of a row that was zero; little-endian.
void put_bits(uint8_t* row, int64_t bit, uint32_t value, int n) {
  for (int i = 0; i < n;) {
    const int64_t at = bit + i;
    const int piece = std::min<int>(n - i, 8 - static_cast<int>(at % 8));
    const uint32_t part = value >> i & ((1U << piece) - 1);
    row[at / 8] = static_cast<uint8_t>(row[at / 8] | part << at % 8);
    i += piece;
  }
}

// The indices that the PEs of one selector need of a group at a kernel position, ascending.
struct IndexList {
  std::array<int16_t, 16> index{};
  int16_t count = 0, base = 0;

  // Those that a part of the item serves.
  IndexList part(const Item& item) const {
    IndexList result;
    for (int k = item.first; k < std::min<int>(count, item.first + item.count); ++k) {
      result.index[static_cast<size_t>(result.count++)] = index[static_cast<size_t>(k)];
    }
    return result;
  }
  int position(int wanted) const {
    for (int k = 0; k < count; ++k) {
      if (index[static_cast<size_t>(k)] == wanted) return k;
    }
    return -1;
  }
};

// For output channels [q, end). DENSE counts from the first to the last.
IndexList indices_of(const Op& op, const Config& config, bool dense, int64_t q, int64_t end,
                     int64_t group, int64_t ky, int64_t kx) {
  uint32_t mask = 0;
  for (int64_t m = q; m < end; ++m) {
    op.for_weights(m, group, config.group, ky, kx, [&](int index, int w) {
      if (dense || w != 0) mask |= 1U << index;
    });
  }
  IndexList list;
  for (int16_t i = 0; i < 16; ++i) {
    const bool inside = config.dense() && !op.diagonal && list.count > 0 && mask >> i != 0;
    if ((mask >> i & 1) == 0 && !inside) continue;
    if (list.count == 0) list.base = i;
    list.index[static_cast<size_t>(list.count++)] = i;
  }
  return list;
}

// Physical groups that output channels [q, end) are connected to.
std::set<int64_t> groups_of(const Op& op, const Config& config, int64_t q, int64_t end) {
  std::set<int64_t> groups;
  for (int64_t m = q; m < end; ++m) {
    const auto [first, last] = op.groups_of(m, config.group);
    for (int64_t group = first; group <= last; ++group) groups.insert(groups.end(), group);
  }
  return groups;
}

// Deals the items of each class (banks that hold the same groups) round robin to its lanes.
void deal(LanePlan& plan, const Config& config, int wrap) {
  const int nb = config.block_groups(), copies = config.superbanks() / wrap;
  std::vector<int> dealt(static_cast<size_t>(wrap * nb), 0);
  std::vector<std::pair<int, int>> place(plan.items.size());  // step, lane
  for (size_t i = 0; i < plan.items.size(); ++i) {
    const Item& item = plan.items[i];
    const int residue = item.block % wrap;
    const int n = dealt[static_cast<size_t>(residue * nb + item.part)]++;
    place[i] = {n / copies, (residue + n % copies * wrap) * nb + item.part};
    plan.steps = std::max(plan.steps, n / copies + 1);
  }
  plan.slots.assign(static_cast<size_t>(plan.steps * config.lanes), -1);
  for (size_t i = 0; i < place.size(); ++i) {
    plan.slots[static_cast<size_t>(place[i].first * config.lanes + place[i].second)] =
        static_cast<int32_t>(i);
  }
}

// Rows that the items take when none serves more than `keep` weights.
int64_t rows_with(const std::vector<Item>& items, const Config& config, int wrap, int keep) {
  const int nb = config.block_groups(), copies = config.superbanks() / wrap;
  std::vector<int64_t> loads(static_cast<size_t>(wrap * nb), 0);
  int64_t most = 0;
  for (const Item& item : items) {
    int64_t& load = loads[static_cast<size_t>(item.block % wrap * nb + item.part)];
    load += ceil_div(item.count, keep);
    most = std::max(most, load);
  }
  return ceil_div(most, copies) * keep;
}

std::vector<Item> split(const std::vector<Item>& items, int keep) {
  std::vector<Item> result;
  for (const Item& item : items) {
    for (int first = 0; first < item.count; first += keep) {
      Item part = item;
      part.first = static_cast<int16_t>(first);
      part.count = static_cast<int16_t>(std::min(keep, item.count - first));
      result.push_back(part);
    }
  }
  return result;
}

// Maximum: a PE takes one proposal per cycle, so a group (the channels of some PEs) appears once a
// step. The groups with most positions left choose their lanes first.
void deal_max(LanePlan& plan, const Config& config, int wrap) {
  const int nb = config.block_groups(), nsb = config.superbanks();
  std::map<std::pair<int, int>, std::vector<int32_t>> left;  // (block, part) -> items
  for (size_t i = 0; i < plan.items.size(); ++i) {
    left[{plan.items[i].block, plan.items[i].part}].push_back(static_cast<int32_t>(i));
  }
  std::vector<std::vector<int32_t>*> queues;
  for (auto& [group, items] : left) queues.push_back(&items);
  for (size_t done = 0; done < plan.items.size();) {
    std::stable_sort(queues.begin(), queues.end(),
                     [](const auto* a, const auto* b) { return a->size() > b->size(); });
    plan.slots.resize(plan.slots.size() + static_cast<size_t>(config.lanes), -1);
    int32_t* step = &plan.slots[static_cast<size_t>(plan.steps++ * config.lanes)];
    for (auto* queue : queues) {
      if (queue->empty()) continue;
      const Item& item = plan.items[static_cast<size_t>(queue->back())];
      for (int s = item.block % wrap; s < nsb; s += wrap) {
        int32_t& slot = step[s * nb + item.part];
        if (slot >= 0) continue;
        slot = queue->back();
        queue->pop_back();
        ++done;
        break;
      }
    }
  }
}

LanePlan deal_all(LanePlan plan, const Config& config, int wrap, bool max) {
  if (max) {
    deal_max(plan, config, wrap);
  } else {
    deal(plan, config, wrap);
  }
  if (plan.steps == 0) {  // all weights are zero: one idle step, so that bias and clamp still run
    plan.steps = 1;
    plan.slots.assign(static_cast<size_t>(config.lanes), -1);
  }
  return plan;
}

// Calls f(index in the window, weight) for every weight of output channel m in a step.
template <typename F>
void for_window(const Op& op, const Config& config, bool dense, const Chunk& chunk,
                const LanePlan& plan, int step, int64_t m, F f) {
  for (int lane = 0; lane < config.lanes; ++lane) {
    const int32_t slot = plan.slots[static_cast<size_t>(step * config.lanes + lane)];
    if (slot < 0) continue;
    const Item& item = plan.items[static_cast<size_t>(slot)];
    const int64_t group =
        int64_t{chunk.planes[static_cast<size_t>(item.block)]} * config.block_groups() + item.part;
    op.for_weights(m, group, config.group, item.ky, item.kx, [&](int index, int w) {
      if (dense || w != 0) f(lane * config.group + index, w);
    });
  }
}

}  // namespace

int64_t LanePlan::rows(const Config& config, int first, int n) const {
  if (!config.windowed()) return int64_t{n} * keep;
  int64_t most = 1;
  for (int pe = 0; pe < config.pes; ++pe) {
    int64_t taken = 0;
    for (int s = first; s < first + n; ++s) {
      const int64_t weights = std::max(1, counts[static_cast<size_t>(s * config.pes + pe)]);
      taken += config.realign != 0 ? weights : ceil_div(weights, config.muls());
    }
    most = std::max(most, config.realign != 0 ? ceil_div(taken, config.muls()) : taken);
  }
  return most;
}

int64_t LanePlan::cycles(const Config& config, int first, int n) const {
  if (!config.windowed()) return int64_t{n} * keep;
  int64_t sum = 0;
  for (int s = first; s < first + n; ++s) {
    const auto row = counts.begin() + int64_t{s} * config.pes;
    sum += ceil_div(std::max(1, *std::max_element(row, row + config.pes)), config.muls());
  }
  return sum;
}

void count_windows(const Op& op, const Config& config, bool dense, int64_t m0, int64_t m1,
                   const Chunk& chunk, LanePlan& plan) {
  plan.counts.assign(static_cast<size_t>(plan.steps * config.pes), 0);
  for (int s = 0; s < plan.steps; ++s) {
    for (int64_t m = m0; m < m1; ++m) {
      int32_t& count = plan.counts[static_cast<size_t>(int64_t{s} * config.pes + m - m0)];
      for_window(op, config, dense, chunk, plan, s, m, [&](int, int) { ++count; });
    }
  }
}

std::vector<Item> collect_items(const Op& op, const Config& config, bool dense, int64_t m0,
                                int64_t m1, const Chunk& chunk) {
  const int64_t nb = config.block_groups();
  const int64_t nky = chunk.ky1 - chunk.ky0, nkx = chunk.kx1 - chunk.kx0;
  std::vector<int32_t> block_of(op.in.size(), -1);
  for (size_t i = 0; i < chunk.planes.size(); ++i) {
    block_of[static_cast<size_t>(chunk.planes[i])] = static_cast<int32_t>(i);
  }
  const size_t positions = chunk.planes.size() * static_cast<size_t>(nb * nky * nkx);
  std::vector<int16_t> counts(positions, 0), bases(positions, 0);
  const int64_t sharing = op.diagonal ? 1 : config.share;
  for (int64_t q = m0; q < m1; q += sharing) {
    const int64_t end = std::min(m1, q + sharing);
    for (const int64_t group : groups_of(op, config, q, end)) {
      const int32_t block = block_of[static_cast<size_t>(group / nb)];
      if (block < 0) continue;
      for (int64_t ky = chunk.ky0; ky < chunk.ky1; ++ky) {
        for (int64_t kx = chunk.kx0; kx < chunk.kx1; ++kx) {
          const IndexList list = indices_of(op, config, dense, q, end, group, ky, kx);
          const auto at = static_cast<size_t>(
              ((block * nb + group % nb) * nky + (ky - chunk.ky0)) * nkx + (kx - chunk.kx0));
          counts[at] = std::max(counts[at], list.count);
          bases[at] = list.base;
        }
      }
    }
  }
  std::vector<Item> items;
  size_t at = 0;
  for (size_t block = 0; block < chunk.planes.size(); ++block) {
    for (int64_t part = 0; part < nb; ++part) {
      for (int64_t ky = chunk.ky0; ky < chunk.ky1; ++ky) {
        for (int64_t kx = chunk.kx0; kx < chunk.kx1; ++kx, ++at) {
          if (counts[at] == 0) continue;
          items.push_back({static_cast<int32_t>(block), static_cast<int16_t>(part),
                           static_cast<int16_t>(ky), static_cast<int16_t>(kx), counts[at], 0,
                           bases[at]});
        }
      }
    }
  }
  return items;
}

namespace {

// Every PE's rows one below the other; all have as many as the longest.
std::vector<uint8_t> pack_windows(const Op& op, const Config& config, bool dense, int64_t m0,
                                  int64_t m1, const Chunk& chunk, const LanePlan& plan, int first,
                                  int steps) {
  const auto row_bytes = static_cast<size_t>(config.row_beats() * config.beat_bytes());
  const int muls = config.muls(), width = config.window_element_bits();
  std::vector<uint8_t> bytes(
      row_bytes * static_cast<size_t>(plan.rows(config, first, steps)), 0);
  for (int pe = 0; pe < config.pes; ++pe) {
    const int64_t base = int64_t{pe} * config.element_bits();
    int64_t place = 0;  // element of this PE's rows
    const auto put_at = [&](int64_t at, int bit, uint32_t value, int n) {
      put_bits(&bytes[row_bytes * static_cast<size_t>(at / muls)], base + bit, value, n);
    };
    for (int s = first; s < first + steps; ++s) {
      int64_t next = place;
      if (m0 + pe < m1) {
        for_window(op, config, dense, chunk, plan, s, m0 + pe, [&](int index, int w) {
          const int bit = static_cast<int>(next % muls) * width;
          put_at(next, bit, static_cast<uint32_t>(w), 8);
          put_at(next, bit + 8, static_cast<uint32_t>(index), config.window_index_width());
          ++next;
        });
      }
      const int64_t last = std::max(place, next - 1);
      if (config.realign != 0) {
        put_at(last, static_cast<int>(last % muls) * width + width - 1, 1, 1);
        place = last + 1;
      } else {
        put_at(last, muls * width, 1, 1);
        place = (last / muls + 1) * muls;
      }
      if (s + 1 == first + steps) put_at(last, config.element_bits() - 1, 1, 1);
    }
  }
  return bytes;
}

}  // namespace

LanePlan assign_lanes(const std::vector<Item>& items, const Config& config, int wrap, bool max) {
  LanePlan plan;
  for (const Item& item : items) plan.keep = std::max<int>(plan.keep, item.count);
  if (config.windowed()) {
    plan.keep = 1;
    plan.items = items;
    return deal_all(std::move(plan), config, wrap, max);
  }
  int64_t fewest = rows_with(items, config, wrap, plan.keep);
  for (int keep = plan.keep - 1; keep >= 1; --keep) {
    const int64_t rows = rows_with(items, config, wrap, keep);
    if (rows * 50 >= fewest * 49) continue;  // more table steps must pay
    fewest = rows;
    plan.keep = keep;
  }
  plan.items = split(items, plan.keep);
  return deal_all(std::move(plan), config, wrap, max);
}

std::vector<uint8_t> pack_weights(const Op& op, const Config& config, bool dense, int64_t m0,
                                  int64_t m1, const Chunk& chunk, const LanePlan& plan, int first,
                                  int steps) {
  if (config.windowed()) return pack_windows(op, config, dense, m0, m1, chunk, plan, first, steps);
  const int lanes = config.lanes, width = config.element_bits();
  const int64_t sharing = op.diagonal ? 1 : config.share;
  const auto row_bytes = static_cast<size_t>(config.row_beats() * config.beat_bytes());
  std::vector<uint8_t> bytes(row_bytes * static_cast<size_t>(steps * plan.keep), 0);
  for (int s = 0; s < steps; ++s) {
    for (int lane = 0; lane < lanes; ++lane) {
      const int32_t slot = plan.slots[static_cast<size_t>((first + s) * lanes + lane)];
      if (slot < 0) continue;
      const Item& item = plan.items[static_cast<size_t>(slot)];
      const int64_t group =
          int64_t{chunk.planes[static_cast<size_t>(item.block)]} * config.block_groups() +
          item.part;
      uint8_t* rows = &bytes[row_bytes * static_cast<size_t>(s * plan.keep)];
      for (int64_t q = m0; q < m1; q += sharing) {
        const int64_t end = std::min(m1, q + sharing);
        const IndexList list =
            indices_of(op, config, dense, q, end, group, item.ky, item.kx).part(item);
        for (int64_t m = q; m < end; ++m) {
          const int64_t element = (m - m0) / config.share * lanes + lane;
          const int64_t at = element * width + (m - m0) % config.share * 8;
          op.for_weights(m, group, config.group, item.ky, item.kx, [&](int index, int w) {
            const int k = list.position(index);
            if (k < 0 || w == 0) return;
            put_bits(rows + row_bytes * static_cast<size_t>(k), at, static_cast<uint32_t>(w), 8);
          });
        }
        if (config.dense() || op.diagonal) continue;
        const int64_t element = (q - m0) / config.share * lanes + lane;
        const int64_t at = element * width + config.share * 8;
        for (int k = 0; k < list.count; ++k) {
          put_bits(rows + row_bytes * static_cast<size_t>(k), at,
                   static_cast<uint32_t>(list.index[static_cast<size_t>(k)]), config.index_width());
        }
      }
    }
  }
  return bytes;
}

std::vector<uint8_t> pack_table(const Op& op, const Config& config, const Chunk& chunk,
                                const LanePlan& plan, int first, int steps, int wrap,
                                int64_t row_words, int64_t plane_words, int64_t row_step) {
  const auto entry = static_cast<size_t>(config.table_beats() * config.beat_bytes());
  std::vector<uint8_t> bytes(entry * static_cast<size_t>(steps), 0);
  for (int s = 0; s < steps; ++s) {
    for (int lane = 0; lane < config.lanes; ++lane) {
      const int32_t slot = plan.slots[static_cast<size_t>((first + s) * config.lanes + lane)];
      if (slot < 0) continue;  // weight 0; offset 0 is a word of the block
      const Item& item = plan.items[static_cast<size_t>(slot)];
      const int64_t dy = (item.ky - chunk.ky0) * op.dilation_h / row_step;
      const int64_t dx = (item.kx - chunk.kx0) * op.dilation_w;
      const int64_t offset = item.block / wrap * plane_words + dy * row_words + dx;
      const int64_t index = config.dense() ? item.base + item.first : 0;
      put(bytes, entry * static_cast<size_t>(s) + static_cast<size_t>(2 * lane),
          static_cast<uint64_t>(offset | index << config.offset_bits()), 2);
    }
  }
  return bytes;
}

std::vector<uint8_t> pack_params(const Op& op, const Config& config, int64_t m0,
                                 int region_params) {
  const auto entry = static_cast<size_t>(config.param_beats() * config.beat_bytes());
  std::vector<uint8_t> bytes(entry * static_cast<size_t>(config.drain_cycles()), 0);
  for (int i = 0; i < config.pes; ++i) {
    const int64_t m = m0 + i;
    if (m >= op.out_channels) break;
    const Requantisation& r =
        op.requant[static_cast<size_t>(op.conv ? m : static_cast<int64_t>(region_params))];
    const int64_t bias = op.conv ? op.layer->bias[static_cast<size_t>(m)] : op.bias;
    const size_t at = entry * static_cast<size_t>(i / config.requantisers) +
                      8 * static_cast<size_t>(i % config.requantisers);
    put(bytes, at, static_cast<uint64_t>(bias), 4);
    put(bytes, at + 4, r.multiplier | static_cast<uint64_t>(r.shift) << 24, 4);
  }
  return bytes;
}

int DataPool::intern(std::vector<uint8_t> bytes) {
  const auto [it, fresh] = index_.emplace(std::move(bytes), static_cast<int>(blocks_.size()));
  if (fresh) blocks_.push_back({&it->first, -1});
  return it->second;
}

int DataPool::reserve() {
  blocks_.push_back({});
  return static_cast<int>(blocks_.size()) - 1;
}

void DataPool::fill(int id, std::vector<uint8_t> bytes) {
  const auto [it, fresh] = index_.emplace(std::move(bytes), id);
  blocks_[static_cast<size_t>(id)].bytes = &it->first;
  if (!fresh) {  // the contents exist: share their place
    blocks_[static_cast<size_t>(id)].offset = static_cast<int64_t>(offset(it->second));
  }
}

uint64_t DataPool::offset(int id) {
  Block& block = blocks_[static_cast<size_t>(id)];
  if (block.offset < 0) {
    block.offset = static_cast<int64_t>(size_);
    size_ += (block.bytes->size() + align_ - 1) / align_ * align_;
  }
  return static_cast<uint64_t>(block.offset);
}

std::vector<uint8_t> DataPool::section() const {
  std::vector<uint8_t> bytes(size_, 0);
  for (const Block& block : blocks_) {
    if (block.bytes == nullptr || block.offset < 0) continue;
    std::copy(block.bytes->begin(), block.bytes->end(), bytes.begin() + block.offset);
  }
  return bytes;
}

}  // namespace aap::compiler
