// SPDX-License-Identifier: Apache-2.0
// What a layer with weights reads and should give, as second moments over calibration images: the
// true Hessian of its squared output error, convolution included (every output pixel is a sample).
// Private to prune/.
#pragma once

#include <vector>

#include "model/graph.h"
#include "prune/obs_solve.h"
#include "prune/prune.h"

namespace aap {

// Columns in the order in which groups are settled: group by group, each with the channels of one
// kernel position side by side.
struct ColumnOrder {
  std::vector<int64_t> feature;  // c * KH * KW + position, for each column
  std::vector<ColumnGroup> groups;
};
// Of convolution group `part`. Layers that keep all their weights have one group.
ColumnOrder column_order(const LayerPlan& layer, int64_t part);

// Of one convolution group (or a fully connected layer): D columns, M outputs. Means are taken out
// (a free bias takes them up): hessian = sum (x - mean_x)(x - mean_x)^T, cross likewise with y.
struct LayerMoments {
  int64_t columns = 0, outputs = 0;
  double samples = 0.0;
  std::vector<double> hessian;  // [D][D]
  std::vector<double> cross;    // [M][D]: sum (y - mean_y)(x - mean_x)^T
  std::vector<double> mean_x, mean_y;
  std::vector<double> energy;  // [M]: sum (y - mean_y)^2
};

// `x` [N, C, H, W] (or [N, F]) is what `node` reads, `y` what it should give. `part` is the number
// of the convolution group.
LayerMoments layer_moments(const Node& node, const LayerPlan& layer, const ColumnOrder& order,
                           const FloatTensor& x, const FloatTensor& y, int64_t part);

// Rows `first`..`first + rows - 1` of the weights (canonical order), columns in the given order;
// and back.
std::vector<double> rows_of(const std::vector<float>& weights, const LayerPlan& layer,
                            const ColumnOrder& order, int64_t first, int64_t rows);
void store_rows(const std::vector<double>& rows, std::vector<float>& weights,
                const LayerPlan& layer, const ColumnOrder& order, int64_t first);

// Adds `share` of the mean diagonal to the diagonal; returns what was added.
double damp(std::vector<double>& hessian, int64_t d, double share);
constexpr double kObsDamping = 0.01;

}  // namespace aap
