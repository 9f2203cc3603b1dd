// SPDX-License-Identifier: Apache-2.0
// What a network costs on a configuration: compiled and run on the cycle model. prune/ knows nothing
// of hardware, so this is where the two meet.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "model/graph.h"
#include "spec/config.h"

namespace aap::cli {

struct ExpectedCycles {
  std::map<std::string, uint64_t> of_layer;  // by node name; layers fused into another are absent
  uint64_t total = 0;                        // from start to idle, one image
};

// A float graph is quantised first, over random images: scales do not change cycles, weights that
// round to zero do. `dense` computes zeros too. Throws InputError where the network cannot be
// quantised or does not fit.
ExpectedCycles expected_cycles(const Graph& graph, const Config& config, bool dense = false);

// True where the graph is integer, QDQ or QLinear.
bool is_quantised(const Graph& graph);

}  // namespace aap::cli
