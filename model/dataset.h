// SPDX-License-Identifier: Apache-2.0
// Labelled inputs: images of pixels, or arrays that are a network's input as it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/preprocessing.h"
#include "model/tensor.h"

namespace aap {

enum class DataKind {
  kPixels,  // images C, H, W of 0..255
  kBytes,   // uint8 in the layout of the network's input: its integers, or pixels where it is float
  kInt8,    // int8 in that layout: the integers of the network's input, quantised already
  kFloat,   // in that layout: the network's float input, preprocessed already
};

struct Dataset {
  std::string name;
  DataKind kind = DataKind::kPixels;
  Shape image_shape;              // C, H, W of pixels; otherwise as the file has it
  std::vector<uint8_t> pixels;    // N x image_shape of kPixels and kBytes
  std::vector<float> values;      // N x image_shape of kInt8 and kFloat
  std::vector<uint8_t> labels;    // N
  std::optional<Preprocessing> preprocessing;  // instead of what the network's file says

  int64_t count() const { return static_cast<int64_t>(labels.size()); }
  // The preprocessing to apply for a network whose file says `of_network`.
  const Preprocessing& preprocessing_for(const Preprocessing& of_network) const {
    return preprocessing.has_value() ? *preprocessing : of_network;
  }
  // Images first .. first + n - 1 as a network's float input [n, image_shape]. InputError when they
  // are int8 or not there.
  FloatTensor batch(int64_t first, int64_t n, const Preprocessing& of_network) const;
  FloatTensor batch(int64_t first, int64_t n, float mean = 0.0F, float std = 1.0F) const;
  // The same inputs alone, as a set of its own.
  Dataset subset(int64_t first, int64_t n) const;
};

// Reads an IDX pair (plain or .gz). Errors: InputError naming file and field; bounded memory.
Dataset read_idx(const std::string& images_path, const std::string& labels_path);

// CIFAR-10 binary: records of one label byte and 3 x 32 x 32 bytes.
Dataset read_cifar10(const std::string& path);

// Inputs [N, ...] of int8, uint8 or float, and labels [N] of any integer type, 0..255.
Dataset read_npy_data(const std::string& inputs_path, const std::string& labels_path);

// Any of the three; `labels_path` is empty for CIFAR-10 alone.
Dataset read_dataset(const std::string& path, const std::string& labels_path);

// Fashion-MNIST from Debian's dataset-fashion-mnist; `split` is "train" (60,000) or "test" (10,000).
// Directory: $AAP_FASHION_MNIST or /usr/share/datasets/fashion-mnist.
Dataset fashion_mnist(const std::string& split);

}  // namespace aap
