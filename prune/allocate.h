// SPDX-License-Identifier: Apache-2.0
// Which K each layer gets, when the whole network has a budget: of cycles (or whatever a layer's
// cost is counted in), or of loss. Choosing one K per layer so that the sums of cost and loss are
// best is the multiple-choice knapsack problem; it is solved by dynamic programming over the sums
// that nothing beats in both.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "prune/prune.h"

namespace aap {

struct KeepChoice {
  int keep = 0;
  double cost = 0.0;  // >= 0; cycles
  double loss = 0.0;  // >= 0
};

struct LayerChoices {
  std::string name;  // node
  std::vector<KeepChoice> choices;
};

struct Allocation {
  std::map<std::string, int> keep_of;  // for with_keep()
  double cost = 0.0, loss = 0.0;       // sums over the layers
};

// Smallest sum of losses with a sum of costs of at most `budget`. Exact up to kStates partial sums;
// with more, sums of cost are taken to differ only where they do by budget / kStates, always
// rounded so that the budget holds. Errors: InputError where a layer has no choice, a number is
// negative or not finite, or even the cheapest choices exceed the budget (says by how much).
Allocation allocate_by_cost(const std::vector<LayerChoices>& layers, double budget);

// Smallest sum of costs with a sum of losses of at most `budget`.
Allocation allocate_by_loss(const std::vector<LayerChoices>& layers, double budget);

// What each K in `keeps` loses in each layer of rule kAap: the squared error of the layer's output
// over its variance, on what the dense network feeds it, after the second-order update; K = G costs
// nothing. `keeps` outside 1..G of a layer and layers without a full group are left out. `cost`
// gives what the layer costs with K (the accelerator's cycles; the pruner knows no hardware).
std::vector<LayerChoices> layer_choices(const Graph& graph, const std::vector<LayerPlan>& layers,
                                        const std::vector<int>& keeps, const FloatTensor& images,
                                        const std::function<double(const std::string&, int)>& cost,
                                        int threads = 1);

}  // namespace aap
