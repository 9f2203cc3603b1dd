// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace aap {

// Writes a file whole or not at all: a temporary file beside it, then a rename. A target that exists and is
// no regular file (a device, a folder) is refused, since the rename would replace it. InputError names the path.
void write_whole_file(const std::string& path, const std::string& bytes);

}  // namespace aap
