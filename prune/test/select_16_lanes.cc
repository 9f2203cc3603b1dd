// SPDX-License-Identifier: Apache-2.0
#define AAP_LANES 16
#include "prune/select_network.h"

namespace aap::testing {
extern const kernel::Variant kSixteenLanes;
const kernel::Variant kSixteenLanes = {kernel::vector_rows, kernel::vector_columns};
}  // namespace aap::testing
