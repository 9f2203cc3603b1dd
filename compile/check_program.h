// SPDX-License-Identifier: Apache-2.0
// Proves K of G on the packed program: which weights meet which fetched group is read back from the
// image alone (weight rows, indices, gather table, loads), as docs/accelerator.md defines them.
// Shares no code with the packer and knows nothing of the network.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compile/program.h"
#include "spec/config.h"

namespace aap {

struct CheckedProgramLayer {
  std::string name, op;
  int keep = 0, group = 0;
  int64_t execs = 0;
  int64_t groups = 0;   // (output channel, group, input pixel) with at least one weight, all tiles
  int64_t nonzero = 0;  // weights in them
  int64_t most = 0;     // in any of them
};

struct ProgramViolation {
  std::string layer;
  int64_t descriptor = 0;      // of the EXEC
  int64_t output_channel = 0;  // -1: the tile is stored nowhere, `pe` says which of it
  int64_t pe = 0;
  std::string map;  // feature map that the group is in
  int64_t first_channel = 0, last_channel = 0, y = 0, x = 0;
  int64_t count = 0, keep = 0;
  bool twice = false;  // two weights of one output channel meet the same activation
  std::string message() const;  // one line
};

struct ProgramCheck {
  std::vector<CheckedProgramLayer> layers;    // those that multiply, in order
  std::optional<ProgramViolation> violation;  // the first one
  bool ok() const { return !violation.has_value(); }
};

// K of a layer is what the program states, or `keep_of` by layer name (what the network's file
// claims). Max pooling multiplies nothing and is left out. Errors: InputError for a program of
// another configuration, a name in keep_of that is no layer, and an image whose descriptors do not
// make sense (names the descriptor).
ProgramCheck check_program(const Program& program, const Config& config,
                           const std::map<std::string, int>& keep_of = {});

}  // namespace aap
