// SPDX-License-Identifier: Apache-2.0
// Small networks that compile to every kind of descriptor: for kept programs and hostile files.
#pragma once

#include "verif/networks/builder.h"

namespace aap::verif {

// 8 x 5 x 4: pruned convolutions, a fused addition (LOAD_RES), pooling, depthwise, fully connected.
NetworkBuilder every_layer(uint32_t seed);
// 16 x 5 x 4: concatenation by placement, averages with and without padding, a global average.
NetworkBuilder every_pool(uint32_t seed);

}  // namespace aap::verif
