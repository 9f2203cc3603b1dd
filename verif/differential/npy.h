// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files, version 1, C order, little endian: float32, uint8 and int8 only.
#pragma once

#include <string>

#include "model/graph.h"

namespace aap::differential {

// InputError names the file and what is wrong with it.
Constant read_npy(const std::string& path);
void write_npy(const Constant& value, const std::string& path);

}  // namespace aap::differential
