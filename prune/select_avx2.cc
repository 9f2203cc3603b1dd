// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX2; runs only where the processor has it (prune/select_plain.cc asks).
#define AAP_LANES 8
#include "prune/select_network.h"

namespace aap::kernel {
const Variant kAvx2Variant = {vector_rows, vector_columns};
}  // namespace aap::kernel
