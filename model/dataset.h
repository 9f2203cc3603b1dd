// SPDX-License-Identifier: Apache-2.0
// Labelled images.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/tensor.h"

namespace aap {

struct Dataset {
  std::string name;
  Shape image_shape;              // C, H, W
  std::vector<uint8_t> pixels;    // N x C x H x W, 0..255
  std::vector<uint8_t> labels;    // N

  int64_t count() const { return static_cast<int64_t>(labels.size()); }
  // Images first..first+n-1 as float NCHW, (x / 255 - mean) / std for every channel.
  FloatTensor batch(int64_t first, int64_t n, float mean = 0.0F, float std = 1.0F) const;
};

// Reads an IDX pair (plain or .gz). Errors: InputError naming file and field; bounded memory.
Dataset read_idx(const std::string& images_path, const std::string& labels_path);

// Fashion-MNIST from Debian's dataset-fashion-mnist; `split` is "train" (60,000) or "test" (10,000).
// Directory: $AAP_FASHION_MNIST or /usr/share/datasets/fashion-mnist.
Dataset fashion_mnist(const std::string& split);

}  // namespace aap
