// SPDX-License-Identifier: Apache-2.0
// Seeded random quantised networks, layer by layer, for tests: names exactly the fields that matter.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "model/qnetwork.h"

namespace aap::verif {

// A convolution-like layer; every field has the harmless default.
struct LayerShape {
  int64_t channels_out = 16;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int64_t groups = 1;
  int keep = 0;      // K, 0: no pruning
  int group = 16;    // G that K refers to
  bool relu = false;
};

class NetworkBuilder {
 public:
  NetworkBuilder(uint32_t seed, int64_t channels, int64_t height, int64_t width);

  // Each returns the index of the new tensor; `input` -1 is the last one made.
  int conv(const LayerShape& shape, int input = -1);
  int depthwise(LayerShape shape, int input = -1);
  int fully_connected(int64_t channels_out, int keep = 0, int group = 16, int input = -1);
  int max_pool(const LayerShape& shape, int input = -1);
  int average_pool(const LayerShape& shape, bool count_include_pad, int input = -1);
  int global_average_pool(int input = -1);
  int add(int a, int b, bool relu = false);
  int concat(const std::vector<int>& inputs);
  int identity(int input = -1);

  // The network so far, its last tensor the output.
  QNetwork build() const;
  // Random values in the input's shape.
  Int8Tensor random_input();
  const QTensorInfo& tensor(int index) const { return network_.tensors.at(static_cast<size_t>(index)); }

 private:
  int add_layer(QLayer layer, int64_t channels, int64_t height, int64_t width, int zero_point);
  int resolve(int input) const;
  int uniform(int lo, int hi);
  void set_window(QLayer& layer, const LayerShape& shape) const;
  Requantisation scale_for(double gain);
  std::minstd_rand random_;
  QNetwork network_;
};

// The network with as many weights, but anywhere in their layer: how many meet a fetch varies from output channel to output
// channel and from fetch to fetch, as without pruning by groups.
QNetwork unconstrained(QNetwork network, uint32_t seed);

// The network for narrow hardware: multipliers cut to `multiplier_bits`, and weights and bias of a layer halved, all channels
// alike, until no sum can leave `accumulator_bits`. A network that fits stays as it is.
QNetwork narrow(QNetwork network, int multiplier_bits, int accumulator_bits, int add_bits);

}  // namespace aap::verif
