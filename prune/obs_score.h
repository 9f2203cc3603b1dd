// SPDX-License-Identifier: Apache-2.0
// Optimal Brain Surgeon's score of a weight: how much the squared output error of its layer grows
// when it goes and the others of its row take up what they can, w^2 / [H^-1]_ii.
#pragma once

#include "prune/score.h"

namespace aap {

// Of every layer with constant weights, in canonical order. H are the second moments of what the
// layer reads in the network as it is over `images` [N, C, H, W] (preprocessed as for inference),
// damped as in prune/obs.h; a free bias takes up means. Runs the images through the graph once for
// each layer asked for. Errors: InputError where there are no images or the graph is no float graph.
Scorer obs_scorer(FloatTensor images, int threads = 1);

}  // namespace aap
