// SPDX-License-Identifier: Apache-2.0
// A float network with fewer kinds of nodes and the same function: what quantisation starts from.
#pragma once

#include <vector>

#include "model/graph.h"

namespace aap {

// Returns the graph with
// - BatchNormalization folded into the Conv or Gemm that it alone reads, or turned into a depthwise
// 1x1
//   Conv of its own name;
// - Add of a constant per channel folded into the bias of the Conv, Gemm or MatMul before;
// - MatMul with constant weights turned into Gemm (transB = 0); Gemm's alpha and beta applied;
// - every Conv and Gemm with a bias; Identity and Dropout removed.
// Node names stay. What cannot be folded stays as it is.
Graph fold(const Graph& graph);

// Nodes of a folded graph that quantisation does not support, all of them at once.
std::vector<Unsupported> unsupported_folded_nodes(const Graph& folded);

}  // namespace aap
