// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "prune/select_kernel.h"

namespace aap {
namespace kernel {
namespace {

// The members of one group, `step` apart.
bool keep_one(const float* values, int64_t step, int members, int keep, uint32_t* mask) {
  *mask = 0;
  for (int i = 0; i < members; ++i) {
    if (std::isnan(values[i * step])) return false;
  }
  for (int n = 0; n < keep; ++n) {
    int best = -1;
    for (int i = 0; i < members; ++i) {
      if ((*mask >> i & 1U) != 0) continue;
      if (best < 0 || std::fabs(values[i * step]) > std::fabs(values[best * step])) best = i;
    }
    *mask |= 1U << best;
  }
  return true;
}

bool rows(const float* values, int64_t groups, int members, int keep, uint32_t* masks) {
  for (int64_t j = 0; j < groups; ++j) {
    if (!keep_one(values + j * members, 1, members, keep, masks + j)) return false;
  }
  return true;
}

bool columns(const float* values, int64_t stride, int64_t groups, int members, int keep,
             uint32_t* masks) {
  for (int64_t j = 0; j < groups; ++j) {
    if (!keep_one(values + j, stride, members, keep, masks + j)) return false;
  }
  return true;
}

}  // namespace

const Variant kPlainVariant = {rows, columns};

}  // namespace kernel

namespace {

const kernel::Variant& variant(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx2) return kernel::kAvx2Variant;
  if (isa == Isa::kAvx512) return kernel::kAvx512Variant;
#else
  static_cast<void>(isa);
#endif
  return kernel::kPlainVariant;
}

}  // namespace

const char* to_string(Isa isa) {
  switch (isa) {
    case Isa::kPlain:
      return "plain";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "unknown";
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas = {Isa::kPlain};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) isas.push_back(Isa::kAvx2);
  if (__builtin_cpu_supports("avx512f") != 0) isas.push_back(Isa::kAvx512);
#endif
  return isas;
}

bool keep_rows(Isa isa, const float* values, int64_t groups, int members, int keep,
               uint32_t* masks) {
  return variant(isa).keep_rows(values, groups, members, keep, masks);
}

bool keep_columns(Isa isa, const float* values, int64_t stride, int64_t groups, int members,
                  int keep, uint32_t* masks) {
  return variant(isa).keep_columns(values, stride, groups, members, keep, masks);
}

}  // namespace aap
