// SPDX-License-Identifier: Apache-2.0
// A float graph prepared for inputs of one shape. Private to model/.
#pragma once

#include <functional>
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

}  // namespace aap
