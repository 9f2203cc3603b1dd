// SPDX-License-Identifier: Apache-2.0
#include "prune/study/study_data.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>

#include "model/dataset.h"

namespace aap::study {

Images fashion(const Graph& network, const std::string& split) {
  const Dataset data = fashion_mnist(split);
  const auto number = [&](const char* key, float fallback) {
    const auto found = network.metadata.find(key);
    return found == network.metadata.end() ? fallback : std::stof(found->second);
  };
  return {
      data.batch(0, data.count(), number("aap.input_mean", 0.0F), number("aap.input_std", 1.0F)),
      data.labels};
}

Images cifar10(const std::string& path) {
  constexpr int64_t kSide = 32, kPlane = kSide * kSide, kRecord = 1 + 3 * kPlane;
  constexpr float kMean[] = {0.485F, 0.456F, 0.406F}, kDeviation[] = {0.229F, 0.224F, 0.225F};
  std::ifstream in(path, std::ios::binary);
  if (!in) throw_input("{}: cannot be opened", path);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
  const auto size = static_cast<int64_t>(bytes.size());
  if (size == 0 || size % kRecord != 0) {
    throw_input("{}: {} bytes, legal is a multiple of {}", path, size, kRecord);
  }
  Images images;
  images.x = FloatTensor({size / kRecord, 3, kSide, kSide});
  size_t to = 0;
  for (int64_t n = 0; n < size / kRecord; ++n) {
    const char* record = bytes.data() + n * kRecord;
    images.labels.push_back(static_cast<uint8_t>(record[0]));
    for (int64_t i = 0; i < 3 * kPlane; ++i) {
      const auto v = static_cast<float>(static_cast<uint8_t>(record[1 + i]));
      images.x.data[to++] = (v / 255.0F - kMean[i / kPlane]) / kDeviation[i / kPlane];
    }
  }
  return images;
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
