// SPDX-License-Identifier: Apache-2.0
// What a layer should give so that the network behind it sees what the dense network shows there: past
// its BatchNormalization, a residual addition whose other branch already differs, and a ReLU, below
// which values do not matter. After "Efficient and Accurate Approximations of Nonlinear Convolutional
// Networks" (X. Zhang et al., arXiv 1411.4229). Private to prune/.
#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap {

// What stands behind a layer, each read by the next alone.
struct Behind {
  const Node* bn = nullptr;
  const Node* add = nullptr;
  std::string other;  // the other branch of `add`
  bool relu = false;
  float most = std::numeric_limits<float>::infinity();  // upper bound of a Clip from 0
};
using ReadersOf = std::map<std::string, std::vector<const Node*>>;
Behind behind(const Graph& graph, const ReadersOf& readers, const Node& layer);

// All values [N, C, ...]. With p = scale y + other for the layer's output y, channel by channel.
class LayerTarget {
 public:
  // `dense` is what the layer gives in the dense network; `other_dense` and `other` the other branch
  // there and now, both null without one. BatchNormalization as the dense graph has it.
  LayerTarget(const Graph& dense_graph, const Behind& behind, FloatTensor dense,
              const FloatTensor* other_dense, const FloatTensor* other);

  // The y whose p is the dense network's.
  const FloatTensor& linear() const { return linear_; }
  // For the output y that the layer gives now: the nearest y whose p passes the ReLU as the dense
  // network's does.
  FloatTensor past_relu(const FloatTensor& y) const;
  bool has_relu() const { return relu_; }

 private:
  FloatTensor linear_;
  FloatTensor base_;  // of p = scale y + base; empty where it is the channel's offset
  std::vector<float> scale_, offset_;
  bool relu_ = false;
  float most_;
};

}  // namespace aap
