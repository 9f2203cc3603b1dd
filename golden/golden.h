// SPDX-License-Identifier: Apache-2.0
// The reference that the compiler, the cycle model and the accelerator are compared with: plain
// integer loops over named dimensions, no tiles, no packing. Contract: docs/numerics.md.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "golden/requantise.h"
#include "model/dataset.h"
#include "model/qnetwork.h"
#include "model/tensor.h"

namespace aap {

class Golden {
 public:
  // Checks the network (validate) and keeps a copy. Throws InputError.
  explicit Golden(QNetwork network);

  // Runs one image [C, H, W] in the int8 domain (uint8 values less 128). Returns one tensor
  // [C, H, W] for every entry of QNetwork::tensors, in its order, the input included; a tensor that
  // no layer writes stays empty. Thread-safe. InputError when the image's shape is not the input's,
  // or when an accumulator leaves int32 (names layer, channel and pixel).
  std::vector<Int8Tensor> run(const Int8Tensor& input) const;

  // The network's output alone.
  Int8Tensor run_output(const Int8Tensor& input) const;

  const QNetwork& network() const { return network_; }

 private:
  QNetwork network_;
};

// One input of the set as the network's [C, H, W]: pixels through Preprocessing in float, as
// Dataset::batch computes it, then ONNX QuantizeLinear: rne(value / scale) + zero point, saturated;
// integers as they are. InputError where size or type is not the network's.
Int8Tensor quantise_input(const QNetwork& network, const Dataset& data, int64_t image);
// C x H x W pixels 0..255.
Int8Tensor quantise_input(const QNetwork& network, const uint8_t* pixels);

// What the file's graph outputs for the network's output y, in the file's order: integers as the file
// stores them, dequantised, or behind Softmax (fp32).
FloatTensor host_output(const QNetwork& network, const Int8Tensor& y);

// Index of the largest value, the lowest index on a tie. InputError when empty.
int64_t argmax(const Int8Tensor& values);

// Called with images done and images in all, by one thread at a time, after every image.
using Progress = std::function<void(int64_t done, int64_t total)>;

// Called with the number of an image and the network's output, by one thread at a time, in no order.
using EachOutput = std::function<void(int64_t image, const Int8Tensor& y)>;

// Accuracy in percent over images first .. first + n - 1 of a labelled set, n cut at its end. The
// result does not depend on `threads` (1 or more). InputError when no image remains or the shapes
// differ.
double evaluate(const QNetwork& network, const Dataset& dataset, int64_t first, int64_t n,
                int threads = 1, const Progress& progress = {}, const EachOutput& each = {});

}  // namespace aap
