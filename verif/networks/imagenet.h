// SPDX-License-Identifier: Apache-2.0
// Five ImageNet networks with seeded random weights: their shapes, none of their training. "Synthetic" wherever they are reported.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "verif/networks/builder.h"

namespace aap::verif {

// How the weights are pruned: K of G for convolutions and fully connected layers, 0 keeps all. First layers
// (3 channels) and depthwise convolutions keep all theirs.
struct SyntheticPruning {
  int group = 16;
  int keep = 4;
  int keep_fully_connected = 4;
};

struct ImageNetNetwork {
  std::string name;
  int64_t input_size;    // 3 x input_size x input_size
  int64_t cropped_size;  // small and with every layer as it is but for height and width: for quick tests
  // Gives the builder its layers; the builder holds the input.
  std::function<void(NetworkBuilder&, const SyntheticPruning&)> layers;
  // Fully connected layers of VGG16 hold nine in ten of its weights: K of them where all others have 4.
  int keep_fully_connected = 4;

  QNetwork build(uint32_t seed, const SyntheticPruning& pruning, int64_t size) const;
  // Random values, 3 x size x size.
  Int8Tensor input(uint32_t seed, int64_t size) const;
};

// vgg16, resnet50 (stride in the 3x3 convolutions), mobilenetv1, alexnet (grouped convolutions; without its local response
// normalisation, which the accelerator lacks), squeezenet.
const std::vector<ImageNetNetwork>& imagenet_networks();

}  // namespace aap::verif
