// SPDX-License-Identifier: Apache-2.0
// What the ONNX reader does to a graph after the nodes are converted. Private to model/.
#pragma once

#include <string>

#include "model/graph.h"

namespace aap {

// Gives every node a unique name ("<Op>_<index>" where ONNX has none) and checks that every value
// has one producer. InputError names `file`, the node and the value.
void name_and_check(Graph& graph, const std::string& file);

// Sorts the nodes topologically, file order where there is a choice. InputError on missing inputs,
// cycles and graph outputs that nothing produces.
void sort_nodes(Graph& graph, const std::string& file);

// Removes Constant, Identity and inference Dropout nodes, and Reshapes of constants. Expects sorted
// nodes. What cannot be removed (an Identity between graph input and output) stays.
void fold_nodes(Graph& graph, const std::string& file);

}  // namespace aap
