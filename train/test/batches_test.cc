// SPDX-License-Identifier: Apache-2.0
#include "train/batches.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

using namespace aap;

namespace {

// Image i has the label i and one white pixel at (10, 4 + i).
Dataset pixels_apart() {
  Dataset d;
  d.image_shape = {1, 28, 28};
  for (int i = 0; i < 10; ++i) {
    std::vector<uint8_t> image(28 * 28, 0);
    image[10 * 28 + 4 + i] = 255;
    d.pixels.insert(d.pixels.end(), image.begin(), image.end());
    d.labels.push_back(static_cast<uint8_t>(i));
  }
  return d;
}

struct Epoch {
  std::vector<float> pixels;
  std::vector<int64_t> labels, sizes;
};

Epoch read(uint32_t seed, int epoch) {
  static const Dataset data = pixels_apart();
  EpochBatches batches(data, 10, 4, 0.5F, 0.5F, seed, epoch);
  Epoch all;
  std::vector<float> images;
  std::vector<int64_t> labels;
  while (const int64_t n = batches.next(&images, &labels)) {
    all.sizes.push_back(n);
    all.pixels.insert(all.pixels.end(), images.begin(), images.end());
    all.labels.insert(all.labels.end(), labels.begin(), labels.end());
  }
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_image_once_and_shifts_within_two_pixels) {
  bool mirrored = false, shifted = false;
  for (int epoch = 1; epoch <= 20; ++epoch) {
    Epoch e = read(3, epoch);
    BOOST_TEST((e.sizes == std::vector<int64_t>{4, 4, 2}));
    for (size_t i = 0; i < e.labels.size(); ++i) {
      const float* image = &e.pixels[i * 784];
      BOOST_TEST(std::count(image, image + 784, 1.0F) == 1);
      BOOST_TEST(std::count(image, image + 784, -1.0F) == 783);
      const auto at = std::find(image, image + 784, 1.0F) - image;
      const int64_t plain = 4 + e.labels[i], mirror = 27 - plain;
      BOOST_TEST(std::abs(at / 28 - 10) <= 2);
      BOOST_TEST((std::abs(at % 28 - plain) <= 2 || std::abs(at % 28 - mirror) <= 2));
      mirrored = mirrored || std::abs(at % 28 - plain) > 2;
      shifted = shifted || at / 28 != 10;
    }
    std::sort(e.labels.begin(), e.labels.end());
    BOOST_TEST((e.labels == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  }
  BOOST_TEST(mirrored);
  BOOST_TEST(shifted);
}

BOOST_AUTO_TEST_CASE(seed_and_epoch_alone_decide) {
  BOOST_TEST((read(1, 2).pixels == read(1, 2).pixels));
  BOOST_TEST((read(1, 2).pixels != read(1, 3).pixels));
  BOOST_TEST((read(2, 2).pixels != read(1, 2).pixels));
}
