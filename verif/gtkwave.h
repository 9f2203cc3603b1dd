// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "spec/config.h"

namespace aap::verif {

// Writes <path without .fst>.gtkw: the bus, the units and the array, grouped.
void write_gtkwave_view(const std::string& fst_path, const Config& config);

}  // namespace aap::verif
