// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX-512; runs only where the processor has it (prune/select_plain.cc asks).
#define AAP_LANES 16
#include "prune/select_network.h"

namespace aap::kernel {
const Variant kAvx512Variant = {vector_rows, vector_columns};
}  // namespace aap::kernel
