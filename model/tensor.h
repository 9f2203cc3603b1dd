// SPDX-License-Identifier: Apache-2.0
// Dense row-major tensor of any rank. Image tensors are NCHW.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "model/error.h"

namespace aap {

using Shape = std::vector<int64_t>;

// Number of elements of a shape (1 for a scalar). Shapes hold no negative extents.
inline int64_t element_count(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<int64_t>());
}

template <typename T>
struct Tensor {
  Shape shape;
  std::vector<T> data;

  Tensor() = default;
  explicit Tensor(Shape s, T fill = T{})
      : shape(std::move(s)), data(static_cast<size_t>(element_count(shape)), fill) {}
  Tensor(Shape s, std::vector<T> values) : shape(std::move(s)), data(std::move(values)) {
    if (static_cast<int64_t>(data.size()) != element_count(shape)) {
      throw_input("tensor holds {} values, its shape {}", data.size(), element_count(shape));
    }
  }

  bool operator==(const Tensor& other) const { return shape == other.shape && data == other.data; }
  int64_t size() const { return static_cast<int64_t>(data.size()); }
  T& at4(int64_t n, int64_t c, int64_t h, int64_t w) {
    return data[static_cast<size_t>(((n * shape[1] + c) * shape[2] + h) * shape[3] + w)];
  }
  const T& at4(int64_t n, int64_t c, int64_t h, int64_t w) const {
    return data[static_cast<size_t>(((n * shape[1] + c) * shape[2] + h) * shape[3] + w)];
  }
};

using FloatTensor = Tensor<float>;
using Int8Tensor = Tensor<int8_t>;

}  // namespace aap
