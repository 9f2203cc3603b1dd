// SPDX-License-Identifier: Apache-2.0
// A float graph prepared for inputs of one shape. Private to model/.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model/float_kernels.h"
#include "model/graph.h"

namespace aap {

struct PlanValue {
  Shape shape;
  int64_t size = 0;                 // elements
  const float* constant = nullptr;  // null for activations
  int last_step = -1;               // the last step that reads it
};

struct PlanStep {
  const Node* node = nullptr;
  std::vector<int> activations;  // values that the kernel reads, in the kernel's order
  int output = -1;
  std::function<void(const float* const* in, float* out, Scratch& scratch)> run;
};

struct FloatPlan {
  std::vector<PlanValue> values;  // value 0 is the graph's input
  std::vector<PlanStep> steps;
  int output = -1;
  bool mixes_batch = false;  // some node combines entries along dimension 0
};

// Points into the graph's constants, which must outlive the plan unchanged.
FloatPlan make_float_plan(const Graph& graph, const Shape& input);

// The plan of one node of the graph alone; `shapes` holds those of its inputs and output.
FloatPlan make_node_plan(const Graph& graph, const Node& node,
                         const std::map<std::string, Shape>& shapes);

// Calls work(i, scratch) for i in 0..count-1 on up to `threads` threads; the first exception of a
// thread ends the loop and is thrown again.
void parallel_for(int64_t count, int threads, const std::function<void(int64_t, Scratch&)>& work);

}  // namespace aap
