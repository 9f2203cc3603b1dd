// SPDX-License-Identifier: Apache-2.0
// The JSON section of a program file. Private to compile/; keys are in docs/program_format.md.
#pragma once

#include <string>

#include "compile/program.h"

namespace aap {

std::string write_metadata(const Program& program);

// Every key must be there with its type and in the range of its field. InputError names `path`, the
// object, the key and the value.
void read_metadata(const std::string& text, Program& program, const std::string& path);

}  // namespace aap
