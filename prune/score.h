// SPDX-License-Identifier: Apache-2.0
// How much a weight matters. A scorer gives one number >= 0 per weight, canonical order
// (prune/layer.h); within a group the largest stay, ties keep the lower channel.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model/graph.h"
#include "prune/layer.h"

namespace aap {

// The graph is the one being pruned, before any layer of it was changed; `weights` are the
// layer's. Infinite is legal, NaN and negative scores are refused by the caller, naming the layer.
using Scorer = std::function<std::vector<float>(const Graph& graph, const LayerPlan& layer,
                                                const std::vector<float>& weights)>;

// By the name that a recipe uses: "wanda", "obs". "magnitude" needs no entry.
using Scorers = std::map<std::string, Scorer>;

// Wanda (M. Sun et al., arXiv 2306.11695): |w| times the Euclidean norm of the input it meets, here
// of input channel c at kernel position p over all images and output pixels (padding counts as 0).
// Runs `images` [N, C, H, W] (preprocessed as for inference) through the graph once, on the first
// call. Errors: InputError where there are no images or the graph is no float graph.
Scorer wanda_scorer(FloatTensor images, int threads = 1);

// Scores of a layer as its plan says. InputError names the layer where the scorer is missing or
// gives NaN, a negative number or the wrong count.
std::vector<float> score_layer(const Graph& graph, const LayerPlan& layer,
                               const std::vector<float>& weights, const Scorers& scorers);

}  // namespace aap
