// SPDX-License-Identifier: Apache-2.0
// Which weights stay. Accelerator-aware pruning (H.-J. Kang, arXiv 1804.09862) keeps K of every
// group of G consecutive input channels at one kernel position of one output channel, so that each
// fetched group of activations meets the same number of weights. plan() says what would happen to
// every layer that has weights, and why; prune() does it. Nothing is skipped silently.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/graph.h"
#include "prune/layer.h"
#include "prune/recipe.h"
#include "prune/score.h"

namespace aap {

// A recipe in a few words, for the command line: `method` with K of G everywhere but in a first
// layer that has fewer than G channels.
struct PruneOptions {
  int group = 16;  // G, 1..32; the accelerator is built for 4, 8 or 16
  int keep = 4;    // K, 1..G
  PruneRule method = PruneRule::kAap;
  int share = 1;                    // kAap: neighbouring output channels with the same indices
  std::string score = "magnitude";  // or the name of a scorer
  uint32_t seed = 1;                // kRandom
  // A first layer with fewer than G input channels has no full group: it stays dense unless asked.
  bool prune_first_layer = false;
  // Gemm and MatMul: K of their own, 0 means `keep`. K = G leaves them dense.
  int fully_connected_keep = 0;
  // K by node name; goes before everything above. K = G leaves the layer dense.
  std::map<std::string, int> keep_of;
};

// Plans every layer with weights, float or quantised graph alike. Errors: InputError for G or K
// out of range, a rule or name that matches no layer with weights, and weights that are NaN or
// infinite (names the tensor and the element).
std::vector<LayerPlan> plan_recipe(const Graph& graph, const Recipe& recipe);
std::vector<LayerPlan> plan(const Graph& graph, const PruneOptions& options);

// The same for the K of every layer given by name (as an allocation of K gives it): layers named
// there get rule kAap with that K, K = G leaves them dense; the others keep what `layers` says.
std::vector<LayerPlan> with_keep(const Graph& graph, std::vector<LayerPlan> layers,
                                 const std::map<std::string, int>& keep_of);

// Which weights of each layer stay, canonical order, 1 stays; empty for layers that are left alone.
std::vector<std::vector<uint8_t>> select_weights(const Graph& graph,
                                                 const std::vector<LayerPlan>& layers,
                                                 const Scorers& scorers = {});

// Sets the pruned weights to zero (quantised: to the zero point) and records what check proves in
// the metadata (record_pruning). Errors: InputError where the plan does not fit the graph.
void prune(Graph& graph, const std::vector<LayerPlan>& layers, const Scorers& scorers = {});

// Metadata: "aap.group" (G), "aap.method" (the rule, "mixed" where layers differ), for each layer
// of kAap and kRandom "aap.keep.<node>" (K) and, where indices are shared, "aap.share.<node>"; for
// kNOfM "aap.n_of_m.<node>" ("N:M"). What an earlier pruning recorded is replaced.
void record_pruning(Graph& graph, const std::vector<LayerPlan>& layers);

}  // namespace aap
