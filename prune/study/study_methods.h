// SPDX-License-Identifier: Apache-2.0
// The methods that the accuracy study compares.
#pragma once

#include <string>
#include <vector>

#include "model/graph.h"

namespace aap::study {

// Each adds to the one before, but for "unconstrained":
//   magnitude      the K largest of each group of G
//   recalibrated   and BatchNormalization statistics
//   obs            second-order selection and update instead of magnitude, statistics as it goes
//   permuted       channel permutation before that, by what removal costs (prune/obs_score.h)
//   refitted       and the layers that keep all their weights solved for, too
//   unconstrained  the largest of each layer, as many as K of G leaves, statistics re-calibrated
const std::vector<std::string>& methods();

// The dense network pruned by a method on the calibration images.
Graph apply(const Graph& dense, const std::string& method, int keep, int group,
            const FloatTensor& calibration, int threads);

}  // namespace aap::study
