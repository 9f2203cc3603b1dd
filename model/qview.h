// SPDX-License-Identifier: Apache-2.0
// Where the axes of a feature map lie in an ONNX value: Transpose, Reshape, Flatten, Squeeze and
// Unsqueeze move names of axes, never data. Private to model/.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "model/tensor.h"

namespace aap {

// Extents of a feature map: C, H, W.
using Extents = std::array<int64_t, 3>;
enum : int { kAxisC = 0, kAxisH = 1, kAxisW = 2 };

// For every dimension of the value the axes that it runs over, outermost first. Axes of extent 1
// are nowhere, so that equal views mean equal places.
struct View {
  std::vector<std::vector<int>> dims;
  bool operator==(const View& other) const { return dims == other.dims; }
  bool operator!=(const View& other) const { return dims != other.dims; }
};

View image_view(const Extents& e);       // N, C, H, W
View image_last_view(const Extents& e);  // N, H, W, C
// Rank `rank`, all channels in dimension `dim`; for values of extents C, 1, 1.
View channel_view(const Extents& e, size_t rank, size_t dim);

// The view behind a change of shape; nothing where an axis would be split.
std::optional<View> reshaped_view(const View& view, const Extents& e, const Shape& to);
View transposed_view(const View& view, const std::vector<int64_t>& perm);

// perm of a Transpose of `rank` dimensions, checked; ONNX's default is the reverse order.
// Throws InputError without naming a node.
std::vector<int64_t> checked_perm(std::vector<int64_t> perm, size_t rank);

// File position of each element, in the order of the shape `shape` permuted by `perm`, from the
// positions before (empty: 0, 1, 2, ...).
std::vector<int64_t> transposed_order(const std::vector<int64_t>& order, const Shape& shape,
                                      const std::vector<int64_t>& perm);

// Positions in a value of this view of the elements C, H, W of the feature map; empty where they
// are in that order already.
std::vector<int64_t> order_of(const View& view, const Extents& e);

}  // namespace aap
