// SPDX-License-Identifier: Apache-2.0
// The inner loop of pruning: of each group of up to 32 numbers, which K are largest in magnitude?
// Ties keep the lower member. One plain version, and one with vectors that finds the K-th largest
// of 8 or 16 groups at once with a min/max network; all give the same bits.
#pragma once

#include <cstdint>
#include <vector>

namespace aap {

enum class Isa { kPlain, kAvx2, kAvx512 };
const char* to_string(Isa isa);

// The variants that this build has and this machine runs, plain first, fastest last.
std::vector<Isa> available_isas();

// Groups in rows: member i of group j is values[j * members + i]. Bit i of masks[j] is set where
// the member stays. 1 <= keep <= members <= 32. Infinities are larger than all numbers. Returns
// false where a value is NaN; masks then mean nothing.
bool keep_rows(Isa isa, const float* values, int64_t groups, int members, int keep,
               uint32_t* masks);

// Groups in columns: member i of group j is values[i * stride + j].
bool keep_columns(Isa isa, const float* values, int64_t stride, int64_t groups, int members,
                  int keep, uint32_t* masks);

namespace kernel {

// What a variant offers. keep_columns must not read beyond values[(members-1) * stride + groups-1].
struct Variant {
  bool (*keep_rows)(const float*, int64_t, int, int, uint32_t*);
  bool (*keep_columns)(const float*, int64_t, int64_t, int, int, uint32_t*);
};
extern const Variant kPlainVariant;
#if defined(__x86_64__)
extern const Variant kAvx2Variant;
extern const Variant kAvx512Variant;
#endif

}  // namespace kernel
}  // namespace aap
