// SPDX-License-Identifier: Apache-2.0
// The vector version of prune/select_kernel.h for any number of lanes: included once by each file
// that is compiled for an instruction set, with AAP_LANES set. Everything is in an unnamed
// namespace, so that no code compiled for one instruction set can be linked into another.
//
// A vector holds one member of AAP_LANES groups. Magnitudes are compared as integers (the bits of
// |x| order like the numbers, denormals included, whatever the floating-point mode). The K-th
// largest T comes from Batcher's odd-even merge sort (K. Batcher, 1968) of which only the
// comparators that the K-th output depends on are left; where more than K members reach T, the
// lowest of those that equal it stay.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "prune/select_kernel.h"

namespace aap::kernel {
namespace {

constexpr int kLanes = AAP_LANES;
typedef int32_t Vec __attribute__((vector_size(4 * AAP_LANES)));

constexpr int32_t kInfinity = 0x7f800000;

struct Comparator {
  int high, low;            // larger value goes to `high`, smaller to `low`
  bool want_high, want_low;  // an output that nobody needs is not computed
};

// Comparators in the order of use; the largest ends at 0.
struct Network {
  Comparator ops[256] = {};
  int count = 0;
};

// Batcher's odd-even merge sort of `n` (a power of two), reduced to what output `wanted` needs.
constexpr Network make_network(int n, int wanted) {
  Network full;
  for (int p = 1; p < n; p *= 2) {
    for (int k = p; k >= 1; k /= 2) {
      for (int j = k % p; j + k < n; j += 2 * k) {
        for (int i = 0; i < k && i + j + k < n; ++i) {
          if ((i + j) / (2 * p) == (i + j + k) / (2 * p)) {
            full.ops[full.count] = {i + j, i + j + k, false, false};
            ++full.count;
          }
        }
      }
    }
  }
  bool needed[64] = {};
  needed[wanted] = true;
  Network kept;
  for (int i = full.count - 1; i >= 0; --i) {
    Comparator c = full.ops[i];
    c.want_high = needed[c.high];
    c.want_low = needed[c.low];
    if (!c.want_high && !c.want_low) continue;
    needed[c.high] = needed[c.low] = true;
    kept.ops[kept.count] = c;
    ++kept.count;
  }
  for (int i = 0; i < kept.count / 2; ++i) {
    const Comparator c = kept.ops[i];
    kept.ops[i] = kept.ops[kept.count - 1 - i];
    kept.ops[kept.count - 1 - i] = c;
  }
  return kept;
}

template <int N, int K>
struct Fixed {
  static constexpr Network kNetwork = make_network(N, K - 1);

  template <int I>
  static inline __attribute__((always_inline)) void step(Vec* v) {
    constexpr Comparator kOp = kNetwork.ops[I];
    const Vec a = v[kOp.high], b = v[kOp.low];
    if constexpr (kOp.want_high) v[kOp.high] = a > b ? a : b;
    if constexpr (kOp.want_low) v[kOp.low] = a > b ? b : a;
  }

  template <int... I>
  static inline __attribute__((always_inline)) void steps(Vec* v,
                                                          std::integer_sequence<int, I...>) {
    (step<I>(v), ...);
  }

  // v: N vectors of keys, overwritten. The K-th largest.
  static inline __attribute__((always_inline)) void threshold(Vec* v, Vec& t) {
    steps(v, std::make_integer_sequence<int, kNetwork.count>());
    t = v[K - 1];
  }
};

inline __attribute__((always_inline)) bool any(const Vec& v) {
  int32_t lanes[kLanes];
  std::memcpy(lanes, &v, sizeof lanes);
  int32_t all = 0;
  for (int i = 0; i < kLanes; ++i) all |= lanes[i];
  return all != 0;
}

// Masks from keys and the K-th largest of them. `members` may be constant at the call.
inline __attribute__((always_inline)) void mask_of(const Vec* keys, int members, int keep,
                                                   const Vec& t, Vec& mask) {
  Vec count = {};
  mask = Vec{};
  for (int i = 0; i < members; ++i) {
    const Vec stays = keys[i] >= t;
    count -= stays;
    mask |= stays & static_cast<int32_t>(1U << i);
  }
  if (!any(count != keep)) return;
  count = Vec{};
  for (int i = 0; i < members; ++i) count -= keys[i] > t;
  mask = Vec{};
  for (int i = 0; i < members; ++i) {
    const Vec tie = (keys[i] == t) & (count < keep);
    count -= tie;
    mask |= (tie | (keys[i] > t)) & static_cast<int32_t>(1U << i);
  }
}

// Member i of kLanes neighbouring groups as keys.
inline __attribute__((always_inline)) void load_key(const float* from, Vec& v) {
  std::memcpy(&v, from, sizeof v);
  v &= 0x7fffffff;
}

typedef int32_t Quad __attribute__((vector_size(16)));

// Four members of kLanes groups that lie in rows: keys[0..3] of members 4 * q ...
inline __attribute__((always_inline)) void load_rows(const float* rows, int members, int q,
                                                     Vec* keys) {
  Vec x[4];
  for (int r = 0; r < 4; ++r) {
    Quad part[kLanes / 4];
    for (int b = 0; b < kLanes / 4; ++b) {
      std::memcpy(&part[b], rows + (4 * b + r) * members + 4 * q, sizeof(Quad));
    }
#if AAP_LANES == 8
    x[r] = __builtin_shufflevector(part[0], part[1], 0, 1, 2, 3, 4, 5, 6, 7);
#else
    const auto low = __builtin_shufflevector(part[0], part[1], 0, 1, 2, 3, 4, 5, 6, 7);
    const auto high = __builtin_shufflevector(part[2], part[3], 0, 1, 2, 3, 4, 5, 6, 7);
    x[r] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
  }
  // A 4 x 4 transposition within each 128 bits.
#if AAP_LANES == 8
#define AAP_LOW32(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define AAP_HIGH32(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define AAP_LOW64(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define AAP_HIGH64(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#else
#define AAP_LOW32(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define AAP_HIGH32(a, b) \
  __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define AAP_LOW64(a, b) \
  __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define AAP_HIGH64(a, b) \
  __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#endif
  const Vec t0 = AAP_LOW32(x[0], x[1]), t1 = AAP_HIGH32(x[0], x[1]);
  const Vec t2 = AAP_LOW32(x[2], x[3]), t3 = AAP_HIGH32(x[2], x[3]);
  keys[0] = AAP_LOW64(t0, t2) & 0x7fffffff;
  keys[1] = AAP_HIGH64(t0, t2) & 0x7fffffff;
  keys[2] = AAP_LOW64(t1, t3) & 0x7fffffff;
  keys[3] = AAP_HIGH64(t1, t3) & 0x7fffffff;
#undef AAP_LOW32
#undef AAP_HIGH32
#undef AAP_LOW64
#undef AAP_HIGH64
}

// kLanes groups whose keys are loaded; `nan` gathers the largest key seen.
template <int N, int K>
inline __attribute__((always_inline)) void finish(const Vec* keys, Vec& nan, uint32_t* masks) {
  Vec v[N];
  for (int i = 0; i < N; ++i) {
    v[i] = keys[i];
    nan = nan > keys[i] ? nan : keys[i];
  }
  Vec t, mask;
  Fixed<N, K>::threshold(v, t);
  mask_of(keys, N, K, t, mask);
  std::memcpy(masks, &mask, sizeof mask);
}

// Asks for the memory that comes kAhead later: the hardware's own prefetchers stop at each page.
inline __attribute__((always_inline)) void prefetch(const float* from, int count) {
  constexpr uintptr_t kAhead = 4096;
  const uintptr_t start = reinterpret_cast<uintptr_t>(from) + kAhead;
  for (int i = 0; i < count; i += 16) {
    __builtin_prefetch(reinterpret_cast<const void*>(start + 4 * static_cast<uintptr_t>(i)), 0, 0);
  }
}

// Rows of exactly N members, a whole number of vectors of groups.
template <int N, int K>
bool rows_fixed(const float* values, int64_t groups, uint32_t* masks) {
  Vec nan = {};
  for (int64_t j = 0; j < groups; j += kLanes) {
    Vec keys[N];
    prefetch(values + j * N, N * kLanes);
    for (int q = 0; q < N / 4; ++q) load_rows(values + j * N, N, q, keys + 4 * q);
    finish<N, K>(keys, nan, masks + j);
  }
  return !any(nan > kInfinity);
}

template <int N, int K>
bool columns_fixed(const float* values, int64_t stride, int64_t groups, uint32_t* masks) {
  Vec nan = {};
  for (int64_t j = 0; j < groups; j += kLanes) {
    Vec keys[N];
    for (int i = 0; i < N; ++i) load_key(values + i * stride + j, keys[i]);
    finish<N, K>(keys, nan, masks + j);
  }
  return !any(nan > kInfinity);
}

// Any number of members up to 32: the network is followed from a table.
bool columns_any(const float* values, int64_t stride, int64_t groups, int members, int keep,
                 uint32_t* masks) {
  int n = 1;
  while (n < members) n *= 2;
  const Network network = make_network(n, keep - 1);
  Vec nan = {};
  for (int64_t j = 0; j < groups; j += kLanes) {
    Vec keys[32], v[32];
    for (int i = 0; i < n; ++i) {
      if (i < members) {
        load_key(values + i * stride + j, keys[i]);
        nan = nan > keys[i] ? nan : keys[i];
        v[i] = keys[i];
      } else {
        v[i] = Vec{} - 1;  // below every magnitude
      }
    }
    for (int s = 0; s < network.count; ++s) {
      const Comparator c = network.ops[s];
      const Vec a = v[c.high], b = v[c.low];
      v[c.high] = a > b ? a : b;
      v[c.low] = a > b ? b : a;
    }
    Vec mask;
    mask_of(keys, members, keep, v[keep - 1], mask);
    std::memcpy(masks + j, &mask, sizeof mask);
  }
  return !any(nan > kInfinity);
}

using RowsFunction = bool (*)(const float*, int64_t, uint32_t*);
using ColumnsFunction = bool (*)(const float*, int64_t, int64_t, uint32_t*);

template <int N>
struct Table {
  RowsFunction rows[N];
  ColumnsFunction columns[N];

  template <int... K>
  static constexpr Table make(std::integer_sequence<int, K...>) {
    return {{rows_fixed<N, K + 1>...}, {columns_fixed<N, K + 1>...}};
  }
};

constexpr Table<4> kTable4 = Table<4>::make(std::make_integer_sequence<int, 4>());
constexpr Table<8> kTable8 = Table<8>::make(std::make_integer_sequence<int, 8>());
constexpr Table<16> kTable16 = Table<16>::make(std::make_integer_sequence<int, 16>());

bool whole_columns(const float* values, int64_t stride, int64_t groups, int members, int keep,
                   uint32_t* masks) {
  if (members == 4) return kTable4.columns[keep - 1](values, stride, groups, masks);
  if (members == 8) return kTable8.columns[keep - 1](values, stride, groups, masks);
  if (members == 16) return kTable16.columns[keep - 1](values, stride, groups, masks);
  return columns_any(values, stride, groups, members, keep, masks);
}

// Groups that fill no vector, or lie `step` apart in rows, go through a block of columns.
bool gathered(const float* values, int64_t group_step, int64_t member_step, int64_t groups,
              int members, int keep, uint32_t* masks) {
  float block[32 * kLanes];
  uint32_t block_masks[kLanes];
  for (int64_t j = 0; j < groups; j += kLanes) {
    const int64_t count = groups - j < kLanes ? groups - j : kLanes;
    for (int i = 0; i < members; ++i) {
      for (int64_t l = 0; l < kLanes; ++l) {
        block[i * kLanes + l] =
            l < count ? values[(j + l) * group_step + i * member_step] : 0.0F;
      }
    }
    if (!whole_columns(block, kLanes, kLanes, members, keep, block_masks)) return false;
    std::memcpy(masks + j, block_masks, static_cast<size_t>(count) * sizeof(uint32_t));
  }
  return true;
}

bool vector_rows(const float* values, int64_t groups, int members, int keep, uint32_t* masks) {
  const int64_t whole = groups / kLanes * kLanes;
  bool fine = true;
  int64_t done = whole;
  if (members == 4) {
    fine = kTable4.rows[keep - 1](values, whole, masks);
  } else if (members == 8) {
    fine = kTable8.rows[keep - 1](values, whole, masks);
  } else if (members == 16) {
    fine = kTable16.rows[keep - 1](values, whole, masks);
  } else {
    done = 0;
  }
  return fine && gathered(values + done * members, members, 1, groups - done, members, keep,
                          masks + done);
}

bool vector_columns(const float* values, int64_t stride, int64_t groups, int members, int keep,
                    uint32_t* masks) {
  const int64_t whole = groups / kLanes * kLanes;
  return whole_columns(values, stride, whole, members, keep, masks) &&
         gathered(values + whole, 1, stride, groups - whole, members, keep, masks + whole);
}

}  // namespace
}  // namespace aap::kernel
