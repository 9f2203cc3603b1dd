// SPDX-License-Identifier: Apache-2.0
// A program as text: every descriptor with its fields, and the tables and parameters it names.
#pragma once

#include <string>
#include <vector>

#include "compile/gen/isa.h"
#include "compile/program.h"
#include "spec/config.h"

namespace aap {

struct DisassembleOptions {
  // When given: also table steps, parameters and the first row of weights of every load.
  const Config* config = nullptr;
  int layer = -1;  // only this layer's descriptors; -1: all
};

// "EXEC layer 3 wait L2E,S2E post E2S keep 4 first 1 ..."
std::string disassemble(const isa::Descriptor& descriptor);

// One line per descriptor: its number and text. Errors in a descriptor are shown, not thrown.
std::string disassemble(const Program& program, const DisassembleOptions& options = {});

// The descriptors of a program. InputError when they lie outside the image.
std::vector<isa::Descriptor> read_descriptors(const Program& program);

}  // namespace aap
