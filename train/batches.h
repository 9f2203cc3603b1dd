// SPDX-License-Identifier: Apache-2.0
// Training images in the order and with the augmentation of one epoch.
#pragma once

#include <cstdint>
#include <vector>

#include "model/dataset.h"
#include "train/random.h"

namespace aap {

// Every image once, in an order given by (seed, epoch) alone; each shifted by -2 .. 2 pixels in
// both directions (black enters) and mirrored left to right with probability 1/2, unless `augment`
// is false.
class EpochBatches {
 public:
  // `images` of the dataset (the first ones) in batches of `batch`; epoch 1, 2, ...
  EpochBatches(const Dataset& dataset, int64_t images, int64_t batch, float mean, float std,
               uint32_t seed, int epoch, bool augment = true);

  int64_t count() const { return (images_ + batch_ - 1) / batch_; }

  // Fills the next batch: images [n, C, H, W] as (x / 255 - mean) / std, and labels. Returns n, 0
  // at the end of the epoch.
  int64_t next(std::vector<float>* images, std::vector<int64_t>* labels);

 private:
  const Dataset& dataset_;
  int64_t images_, batch_, at_ = 0;
  bool augment_;
  float value_of_[256];  // normalised value of each byte
  Random random_;
  std::vector<uint32_t> order_;
};

}  // namespace aap
