// SPDX-License-Identifier: Apache-2.0
// Shape rules shared by the parts of model/. Private to model/.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap {

// Result of a Reshape node for an input of shape `from`; `target` may hold 0 and one -1.
Shape reshaped(const Node& node, const Shape& from, const std::vector<int64_t>& target);

// Numpy broadcasting of two shapes. InputError names the node.
Shape broadcast(const Node& node, const Shape& a, const Shape& b);

// Axis in 0..rank-1 (or ..rank where `inclusive`) from an ONNX axis that may be negative.
int64_t checked_axis(const Node& node, int64_t axis, size_t rank, bool inclusive = false);

// The dimensions that a ReduceMean (or Squeeze) names, by attribute or, in later opsets, by a
// constant at input 1: sorted, each once. All dimensions where a ReduceMean names none.
std::vector<int64_t> named_axes(const Node& node, const std::map<std::string, Constant>& constants,
                                size_t rank);

// Shapes of all values for graph inputs of the given shapes. Where `refused` is given, nodes that
// have no shape are listed there and their results and all that follows are left out.
std::map<std::string, Shape> infer_shapes_for(const Graph& graph,
                                              const std::map<std::string, Shape>& inputs,
                                              std::vector<Unsupported>* refused = nullptr);

// Shapes of the graph's inputs for one image.
std::map<std::string, Shape> input_shapes(const Graph& graph);

// Multiplications, additions and comparisons of one pass over values of these shapes: what a node's
// window or inner dimension repeats for each value of its output.
int64_t total_work(const Graph& graph, const std::map<std::string, Shape>& shapes);
// InputError where that, or the values that nodes compute, are beyond kMostWork and kMostValues.
void check_limits(const Graph& graph, const std::map<std::string, Shape>& shapes);

// Window of a 2-D pooling node over `in` (N, C, H, W), kernel_shape checked.
Window2d pool_window(const Node& node, const Shape& in);

// Convolution over `in` with weights of shape `w`, both rank 4; group and channels checked.
Window2d conv_window(const Node& node, const Shape& in, const Shape& w);

}  // namespace aap
