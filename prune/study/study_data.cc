// SPDX-License-Identifier: Apache-2.0
#include "prune/study/study_data.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "model/dataset.h"

namespace aap::study {

Images fashion(const Graph& network, const std::string& split) {
  const Dataset data = fashion_mnist(split);
  return {data.batch(0, data.count(), preprocessing_of(network.metadata, network.name)),
          data.labels};
}

Images cifar10(const std::string& path) {
  const Dataset data = read_cifar10(path);
  const Preprocessing imagenet{255.0F, {0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};
  return {data.batch(0, data.count(), imagenet), data.labels};
}

std::vector<int64_t> draw(int64_t all, int64_t count, uint32_t seed) {
  if (count < 1 || count > all) throw_input("study: {} images of {} asked for", count, all);
  std::vector<int64_t> order(static_cast<size_t>(all));
  std::iota(order.begin(), order.end(), int64_t{0});
  // Not std::shuffle, whose order differs between standard libraries.
  std::mt19937 random(seed);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    std::swap(order[i], order[i + random() % (order.size() - i)]);
  }
  order.resize(static_cast<size_t>(count));
  return order;
}

FloatTensor take(const FloatTensor& x, const std::vector<int64_t>& which) {
  Shape shape = x.shape;
  const int64_t size = x.size() / shape.at(0);
  shape[0] = static_cast<int64_t>(which.size());
  FloatTensor out(shape);
  for (size_t i = 0; i < which.size(); ++i) {
    std::copy_n(x.data.begin() + which[i] * size, size,
                out.data.begin() + static_cast<int64_t>(i) * size);
  }
  return out;
}

}  // namespace aap::study
