// SPDX-License-Identifier: Apache-2.0
// The images of the accuracy study.
#pragma once

#include <string>
#include <vector>

#include "model/graph.h"

namespace aap::study {

struct Images {
  FloatTensor x;  // [N, C, H, W], preprocessed
  std::vector<uint8_t> labels;
};

// Fashion-MNIST as the reference network reads it; `split` is "train" or "test".
Images fashion(const Graph& network, const std::string& split);

// A file in CIFAR-10's binary format (a label byte and 3 x 32 x 32 bytes an image), (x / 255 -
// mean) / deviation with the ImageNet constants that akamaster/pytorch_resnet_cifar10 uses.
Images cifar10(const std::string& path);

// `count` of 0..all-1 without repetition, drawn by the seed.
std::vector<int64_t> draw(int64_t all, int64_t count, uint32_t seed);
FloatTensor take(const FloatTensor& x, const std::vector<int64_t>& which);

}  // namespace aap::study
