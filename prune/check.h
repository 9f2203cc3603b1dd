// SPDX-License-Identifier: Apache-2.0
// The checker: proves on a written ONNX file, float or quantised, that every group of every node
// with "aap.keep.<node>" metadata has at most K non-zero weights (with "aap.share.<node>" s: that
// the groups of s neighbouring output channels together have non-zero weights at no more than K
// channels), and every M consecutive inputs of a node with "aap.n_of_m.<node>" at most N. It shares
// no code with the pruner: it finds layers, channels and groups by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap {

struct CheckedLayer {
  std::string node, tensor;
  int group = 0, keep = 0;   // N and M of an N:M layer: keep and group
  int share = 1;             // output channels that must keep the same input channels
  int64_t weights = 0, nonzero = 0;
  int64_t groups = 0;        // groups of this layer, tails included
  int64_t groups_below = 0;  // groups with fewer non-zeros than min(K, channels of the group)
  int64_t most = 0;          // largest count of non-zeros in any group (of s channels: of places)
};

struct CheckViolation {
  std::string node, tensor;
  int64_t output_channel = 0, kernel_y = 0, kernel_x = 0;
  int64_t group_index = 0, first_channel = 0, last_channel = 0;
  int64_t count = 0, keep = 0;
  int64_t share = 1;
  std::string message() const;  // one line
};

struct CheckReport {
  std::vector<CheckedLayer> layers;         // in the order of the graph, up to the violation
  std::optional<CheckViolation> violation;  // the first one
  bool ok() const { return !violation.has_value(); }
};

// Errors: InputError where there is nothing to prove (no such metadata), the metadata is malformed
// or names no node, two nodes share a name in it, or a layer's channels cannot be traced.
CheckReport check_pruned(const Graph& graph);

// The same on a file; messages name the file.
CheckReport check_pruned_file(const std::string& path);

}  // namespace aap
