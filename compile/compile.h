// SPDX-License-Identifier: Apache-2.0
// From a quantised network to a program for one configuration. Rules: docs/accelerator.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compile/program.h"
#include "model/qnetwork.h"
#include "spec/config.h"

namespace aap {

struct CompileOptions {
  uint32_t base = 0;          // address of the image, multiple of 64
  uint32_t memory_limit = 0;  // one past the last byte that may be used; 0: 2^axi_addr_width
  bool keep_all = true;  // every feature map has memory of its own; false: dead maps are reused
  bool dense = false;    // zeros are computed too: K = G where a group has G channels
  int images = 1;        // computed in one start, 1..Program::kMostImages
};

// Throws InputError with one line per refusal (all of the network's at once), each naming the
// layer, what is missing and by how much, and the configuration key that would change it.
Program compile(const QNetwork& network, const Config& config, const CompileOptions& options = {});

// What a layer needs at least of one resource of the configuration.
struct FitRow {
  std::string layer;     // "" for the whole network
  std::string resource;  // "activation words", "weight rows", "accumulator bits", ...
  std::string key;       // the configuration key that changes `have`
  int64_t need = 0;
  int64_t have = 0;
  std::string where;  // the channel that needs most, or ""
  bool ok() const { return need <= have; }
};

struct FitReport {
  std::vector<FitRow> rows;
  bool ok() const;
};

// The smallest tiles that work, layer by layer; the compiler uses what is left to go faster.
FitReport fit(const QNetwork& network, const Config& config);

}  // namespace aap
