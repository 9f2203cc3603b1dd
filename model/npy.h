// SPDX-License-Identifier: Apache-2.0
// Arrays in numpy's .npy format (versions 1 to 3), in C order and little endian.
#pragma once

#include <string>

#include "model/graph.h"

namespace aap {

// int8, uint8, int32 and int64 as they are, 16-bit integers as int32, uint32 as int64, float64 as
// float. Memory is bounded by the file's size. Errors: InputError naming file and field, or a value that
// is NaN or infinite.
Constant read_npy(const std::string& path);

// Whole or not at all.
void write_npy(const Constant& array, const std::string& path);

}  // namespace aap
