// SPDX-License-Identifier: Apache-2.0
#include "train/batches.h"

#include <algorithm>

namespace aap {

namespace {
constexpr int64_t kMaxShift = 2;
}

EpochBatches::EpochBatches(const Dataset& dataset, int64_t images, int64_t batch, float mean,
                           float std, uint32_t seed, int epoch, bool augment)
    : dataset_(dataset),
      images_(std::min(images, dataset.count())),
      batch_(batch),
      augment_(augment),
      random_(seed, static_cast<uint64_t>(epoch)),
      order_(random_.permutation(static_cast<uint32_t>(images_))) {
  for (int v = 0; v < 256; ++v) value_of_[v] = (static_cast<float>(v) / 255.0F - mean) / std;
}

int64_t EpochBatches::next(std::vector<float>* images, std::vector<int64_t>* labels) {
  const int64_t n = std::min(batch_, images_ - at_);
  const int64_t channels = dataset_.image_shape.at(0);
  const int64_t height = dataset_.image_shape.at(1);
  const int64_t width = dataset_.image_shape.at(2);
  images->assign(static_cast<size_t>(n * channels * height * width), value_of_[0]);
  labels->resize(static_cast<size_t>(n));
  float* out = images->data();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t image = order_[static_cast<size_t>(at_ + i)];
    (*labels)[static_cast<size_t>(i)] = dataset_.labels[static_cast<size_t>(image)];
    int64_t dy = 0, dx = 0;
    bool mirror = false;
    if (augment_) {
      dy = static_cast<int64_t>(random_.below(2 * kMaxShift + 1)) - kMaxShift;
      dx = static_cast<int64_t>(random_.below(2 * kMaxShift + 1)) - kMaxShift;
      mirror = random_.below(2) == 1;
    }
    const uint8_t* in = dataset_.pixels.data() + image * channels * height * width;
    for (int64_t c = 0; c < channels; ++c, in += height * width, out += height * width) {
      for (int64_t y = std::max<int64_t>(0, dy); y < std::min(height, height + dy); ++y) {
        for (int64_t x = std::max<int64_t>(0, dx); x < std::min(width, width + dx); ++x) {
          const int64_t from = mirror ? width - 1 - (x - dx) : x - dx;
          out[y * width + x] = value_of_[in[(y - dy) * width + from]];
        }
      }
    }
  }
  at_ += n;
  return n;
}

}  // namespace aap
