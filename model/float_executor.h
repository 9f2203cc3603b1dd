// SPDX-License-Identifier: Apache-2.0
// Float inference of a Graph, without libtorch: for calibration, batch-norm re-calibration and
// float accuracy. Not a reference for integers; that is golden/.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "model/graph.h"

namespace aap {

// How many images to give to run() at once: at most `most`, and so many that all values together
// stay below 1 GiB.
int64_t images_at_once(const Graph& graph, int64_t most);

class FloatExecutor {
 public:
  // Throws InputError listing all unsupported nodes at once. Keeps a reference to the graph;
  // constants may be changed by the caller between runs (pruning, batch-norm re-calibration).
  explicit FloatExecutor(const Graph& graph);

  // Called after each node with the node and its first output, in order, N = batch.
  using Observer = std::function<void(const Node&, const FloatTensor&)>;

  // Runs a batch [N, C, H, W] and returns the first graph output. Images of a batch are spread over
  // `threads` threads; results do not depend on the number of threads.
  FloatTensor run(const FloatTensor& input, int threads = 1, const Observer& observer = {}) const;

 private:
  const Graph& graph_;
};

}  // namespace aap
