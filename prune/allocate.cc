// SPDX-License-Identifier: Apache-2.0
#include "prune/allocate.h"

#include <algorithm>
#include <cmath>

#include "model/float_walk.h"
#include "prune/obs_moments.h"

namespace aap {
namespace {

constexpr size_t kStates = 100000;

// A choice of K for the layers so far. `limited` is the sum that has the budget.
struct State {
  double limited = 0.0, wanted = 0.0;
  int64_t before = -1;  // state of the layer before
  size_t choice = 0;
};

// Keeps the states that no other beats in both sums, by ascending `limited`.
void drop_beaten(std::vector<State>& states) {
  std::stable_sort(states.begin(), states.end(), [](const State& a, const State& b) {
    return a.limited != b.limited ? a.limited < b.limited : a.wanted < b.wanted;
  });
  std::vector<State> kept;
  for (const State& s : states) {
    if (kept.empty() || s.wanted < kept.back().wanted) kept.push_back(s);
  }
  states = std::move(kept);
}

// One state per step of the budget, its best; sums are not rounded, so the budget holds.
void thin(std::vector<State>& states, double budget) {
  if (states.size() <= kStates) return;
  const double step = budget / static_cast<double>(kStates);
  std::vector<State> kept;
  for (const State& s : states) {
    const bool same =
        !kept.empty() && std::floor(s.limited / step) == std::floor(kept.back().limited / step);
    // Ascending `limited` is descending `wanted`: the last of a step is its best. The first of all
    // stays, as the cheapest may be the only one that fits.
    if (same && kept.size() > 1) kept.pop_back();
    kept.push_back(s);
  }
  states = std::move(kept);
}

Allocation allocate(const std::vector<LayerChoices>& layers, double budget, bool cost_is_limited) {
  const char* name = cost_is_limited ? "cost" : "loss";
  if (!(budget >= 0.0) || !std::isfinite(budget)) {
    throw_input("allocation: budget of {} is {}, legal is a number from 0", name, budget);
  }
  double least = 0.0;
  for (const LayerChoices& layer : layers) {
    if (layer.choices.empty()) throw_input("allocation: layer '{}' has no K to choose", layer.name);
    double lowest = INFINITY;
    for (const KeepChoice& c : layer.choices) {
      const bool legal =
          c.cost >= 0.0 && std::isfinite(c.cost) && c.loss >= 0.0 && std::isfinite(c.loss);
      if (!legal) {
        throw_input("allocation: layer '{}', keep {}: cost {} and loss {} must be numbers from 0",
                    layer.name, c.keep, c.cost, c.loss);
      }
      lowest = std::min(lowest, cost_is_limited ? c.cost : c.loss);
    }
    least += lowest;
  }
  // Sums in another order may differ in the last bits.
  const double slack = 1e-9 * budget;
  if (least > budget + slack) {
    throw_input("allocation: budget of {} is {}, the least that the layers need is {}", name,
                budget, least);
  }
  // What the layers still to come need at least: states that leave less can go.
  std::vector<std::vector<State>> steps;
  std::vector<State> states = {{}};
  double rest = least;
  for (const LayerChoices& layer : layers) {
    double lowest = INFINITY;
    for (const KeepChoice& c : layer.choices)
      lowest = std::min(lowest, cost_is_limited ? c.cost : c.loss);
    rest -= lowest;
    std::vector<State> next;
    for (size_t s = 0; s < states.size(); ++s) {
      for (size_t i = 0; i < layer.choices.size(); ++i) {
        const KeepChoice& c = layer.choices[i];
        const double limited = states[s].limited + (cost_is_limited ? c.cost : c.loss);
        if (limited + rest > budget + slack) continue;
        next.push_back({limited, states[s].wanted + (cost_is_limited ? c.loss : c.cost),
                        static_cast<int64_t>(s), i});
      }
    }
    drop_beaten(next);
    thin(next, budget);
    states = next;
    steps.push_back(std::move(next));
  }
  Allocation result;
  int64_t at = static_cast<int64_t>(states.size()) - 1;  // last of ascending `limited`: best
  for (size_t i = layers.size(); i-- > 0;) {
    const State& s = steps[i].at(static_cast<size_t>(at));
    const KeepChoice& c = layers[i].choices[s.choice];
    result.keep_of[layers[i].name] = c.keep;
    result.cost += c.cost;
    result.loss += c.loss;
    at = s.before;
  }
  return result;
}

}  // namespace

Allocation allocate_by_cost(const std::vector<LayerChoices>& layers, double budget) {
  return allocate(layers, budget, true);
}

Allocation allocate_by_loss(const std::vector<LayerChoices>& layers, double budget) {
  return allocate(layers, budget, false);
}

std::vector<LayerChoices> layer_choices(const Graph& graph, const std::vector<LayerPlan>& layers,
                                        const std::vector<int>& keeps, const FloatTensor& images,
                                        const std::function<double(const std::string&, int)>& cost,
                                        int threads) {
  std::map<std::string, const LayerPlan*> plan_of;
  for (const LayerPlan& layer : layers) {
    if (layer.rule == PruneRule::kAap && layer.share == 1) plan_of[layer.name] = &layer;
  }
  std::vector<LayerChoices> table;
  FloatWalk walk(graph, images, threads), ahead = walk;
  for (const Node& node : graph.nodes) {
    ahead.advance();
    const auto found = plan_of.find(node.name);
    if (found != plan_of.end()) {
      LayerPlan layer = *found->second;
      LayerChoices entry;
      entry.name = node.name;
      for (int keep : keeps) {
        if (keep >= 1 && keep < layer.group)
          entry.choices.push_back({keep, cost(node.name, keep), 0.0});
      }
      const std::vector<float> weights = layer_weights(graph, layer);
      const int64_t rows = layer.shape[0] / layer.conv_groups;
      double energy = 0.0;
      for (int64_t part = 0; part < layer.conv_groups; ++part) {
        const LayerMoments m =
            layer_moments(node, layer, column_order(layer, part), walk.value(node.inputs[0]),
                          ahead.value(node.outputs[0]), part);
        for (double e : m.energy) energy += e;
        std::vector<double> hessian = m.hessian;
        damp(hessian, m.columns, kObsDamping);
        for (KeepChoice& choice : entry.choices) {
          layer.keep = choice.keep;
          const ColumnOrder order = column_order(layer, part);
          const std::vector<double> w = rows_of(weights, layer, order, part * rows, rows);
          std::vector<double> q = w, work = hessian;
          obs_prune_rows({q.data(), rows, m.columns, m.columns, 1},
                         {work.data(), m.columns, m.columns, m.columns, 1}, order.groups,
                         ObsOrder::kColumns);
          choice.loss += quadratic_error({q.data(), rows, m.columns, m.columns},
                                         {w.data(), rows, m.columns, m.columns},
                                         {m.hessian.data(), m.columns, m.columns, m.columns});
        }
      }
      for (KeepChoice& choice : entry.choices) {
        choice.loss = energy > 0.0 ? std::max(0.0, choice.loss) / energy : 0.0;
      }
      for (int keep : keeps) {
        if (keep == layer.group) entry.choices.push_back({keep, cost(node.name, keep), 0.0});
      }
      if (!entry.choices.empty()) table.push_back(std::move(entry));
    }
    walk.advance();
  }
  return table;
}

}  // namespace aap
