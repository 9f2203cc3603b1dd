// SPDX-License-Identifier: Apache-2.0
// ONNX's own integer operators on one node at a time, through the same integer requantisation as
// the golden layers: it shows, on ONNX's node tests, that the project's integers are ONNX's.
#pragma once

#include <vector>

#include "model/graph.h"

namespace aap {

// Runs a graph of ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul, QuantizeLinear,
// DequantizeLinear, and MaxPool and Clip on int8 or uint8. `inputs` are the values of graph.inputs
// in their order; the result holds those of graph.outputs. Convolutions and pools are 2-D, NCHW;
// matrices have rank 2 or more. Scales are positive; multiplier and shift are requantisation_of's.
// InputError lists all nodes outside this set at once, or names the node and what is wrong with it.
std::vector<Constant> run_integer_graph(const Graph& graph, const std::vector<Constant>& inputs);

}  // namespace aap
