// SPDX-License-Identifier: Apache-2.0
// Float inference node by node over a batch, with the graph's constants as they are when each node
// runs: for methods that change a layer once they have seen what reaches it (second-order pruning,
// re-calibration), at the cost of one forward run.
#pragma once

#include <map>
#include <string>

#include "model/graph.h"

namespace aap {

class FloatWalk {
 public:
  // `images` [N, C, H, W]. Keeps a reference to the graph; its constants and a node's optional
  // inputs may change between steps, shapes and order may not. Errors: InputError for nodes that
  // float inference does not support, images that do not fit, and a network that combines images.
  FloatWalk(const Graph& graph, FloatTensor images, int threads = 1);

  bool done() const { return next_ == graph_.nodes.size(); }
  // The node that advance() runs; its inputs are values() or constants.
  const Node& next() const { return graph_.nodes.at(next_); }
  void advance();
  // What advance() would compute, without taking the step.
  FloatTensor preview() const;

  // A value [N, ...] that a node still to come reads, or the last one computed.
  const FloatTensor& value(const std::string& name) const;
  bool has(const std::string& name) const { return values_.count(name) != 0; }

 private:
  const Graph& graph_;
  int threads_;
  int64_t images_;
  size_t next_ = 0;
  std::map<std::string, Shape> shapes_;     // of one image
  std::map<std::string, size_t> last_use_;  // node that reads a value last
  std::map<std::string, FloatTensor> values_;
};

}  // namespace aap
