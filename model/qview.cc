// SPDX-License-Identifier: Apache-2.0
#include "model/qview.h"

#include <algorithm>

namespace aap {
namespace {

View without_single(std::vector<std::vector<int>> dims, const Extents& e) {
  for (std::vector<int>& axes : dims) {
    axes.erase(std::remove_if(axes.begin(), axes.end(),
                              [&](int a) { return e[static_cast<size_t>(a)] == 1; }),
               axes.end());
  }
  return {std::move(dims)};
}

}  // namespace

View image_view(const Extents& e) {
  return without_single({{}, {kAxisC}, {kAxisH}, {kAxisW}}, e);
}

View image_last_view(const Extents& e) {
  return without_single({{}, {kAxisH}, {kAxisW}, {kAxisC}}, e);
}

View channel_view(const Extents& e, size_t rank, size_t dim) {
  std::vector<std::vector<int>> dims(rank);
  dims.at(dim) = {kAxisC};
  return without_single(std::move(dims), e);
}

std::optional<View> reshaped_view(const View& view, const Extents& e, const Shape& to) {
  std::vector<int> axes;
  for (const std::vector<int>& d : view.dims) axes.insert(axes.end(), d.begin(), d.end());
  View out;
  size_t next = 0;
  for (const int64_t extent : to) {
    std::vector<int> mine;
    int64_t have = 1;
    while (have < extent && next < axes.size()) {
      have *= e[static_cast<size_t>(axes[next])];
      mine.push_back(axes[next++]);
    }
    if (have != extent) return std::nullopt;
    out.dims.push_back(std::move(mine));
  }
  if (next != axes.size()) return std::nullopt;
  return out;
}

View transposed_view(const View& view, const std::vector<int64_t>& perm) {
  View out;
  for (const int64_t p : perm) out.dims.push_back(view.dims.at(static_cast<size_t>(p)));
  return out;
}

std::vector<int64_t> checked_perm(std::vector<int64_t> perm, size_t rank) {
  if (perm.empty()) {
    for (size_t i = rank; i > 0; --i) perm.push_back(static_cast<int64_t>(i) - 1);
  }
  std::vector<int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  bool ok = perm.size() == rank;
  for (size_t i = 0; ok && i < rank; ++i) ok = sorted[i] == static_cast<int64_t>(i);
  if (!ok) {
    throw_input("perm is [{}], legal is an order of the {} dimensions", fmt::join(perm, ", "),
                rank);
  }
  return perm;
}

std::vector<int64_t> transposed_order(const std::vector<int64_t>& order, const Shape& shape,
                                      const std::vector<int64_t>& perm) {
  std::vector<int64_t> stride(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) stride[d - 1] = stride[d] * shape[d];
  std::vector<int64_t> out;
  const int64_t count = element_count(shape);
  out.reserve(static_cast<size_t>(count));
  std::vector<int64_t> at(shape.size(), 0);  // position in the permuted value
  for (int64_t i = 0; i < count; ++i) {
    int64_t from = 0;
    for (size_t d = 0; d < at.size(); ++d) from += at[d] * stride[static_cast<size_t>(perm[d])];
    out.push_back(order.empty() ? from : order[static_cast<size_t>(from)]);
    for (size_t d = at.size(); d-- > 0;) {
      if (++at[d] < shape[static_cast<size_t>(perm[d])]) break;
      at[d] = 0;
    }
  }
  return out;
}

std::vector<int64_t> order_of(const View& view, const Extents& e) {
  std::array<int64_t, 3> stride = {0, 0, 0};  // of each axis in the value
  int64_t inner = 1;
  for (size_t d = view.dims.size(); d-- > 0;) {
    for (size_t k = view.dims[d].size(); k-- > 0;) {
      const auto axis = static_cast<size_t>(view.dims[d][k]);
      stride[axis] = inner;
      inner *= e[axis];
    }
  }
  std::vector<int64_t> out;
  bool same = true;
  for (int64_t c = 0; c < e[kAxisC]; ++c) {
    for (int64_t y = 0; y < e[kAxisH]; ++y) {
      for (int64_t x = 0; x < e[kAxisW]; ++x) {
        out.push_back(c * stride[kAxisC] + y * stride[kAxisH] + x * stride[kAxisW]);
        same = same && out.back() == static_cast<int64_t>(out.size()) - 1;
      }
    }
  }
  if (same) out.clear();
  return out;
}

}  // namespace aap
