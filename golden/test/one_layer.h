// SPDX-License-Identifier: Apache-2.0
// Builds networks of one layer for the tests of golden/.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "golden/golden.h"

namespace aap::test {

// A network of one layer; the test fills in what matters. Tensors: inputs first, the output last.
// Only the first input is the network's input, so two operands mean the same tensor twice, unless
// the test adds layers.
struct OneLayer {
  QNetwork net;
  QLayer layer;

  OneLayer(QOp op, Shape in, int in_zero_point, Shape out, int out_zero_point = 0) {
    net.name = "one_layer";
    net.tensors = {{"x", in[0], in[1], in[2], 1.0, in_zero_point, false},
                   {"y", out[0], out[1], out[2], 1.0, out_zero_point, false}};
    net.input = 0;
    net.output = 1;
    layer.op = op;
    layer.name = "layer";
    layer.inputs = {0};
    layer.output = 1;
    layer.output_zero_point = out_zero_point;
  }

  // Weights [M, C / groups, KH, KW]; biases are b, before the zero point is folded in.
  void weights(Shape shape, std::vector<int8_t> values, std::vector<int32_t> b) {
    layer.kernel_h = shape[2];
    layer.kernel_w = shape[3];
    layer.weights = Int8Tensor(std::move(shape), std::move(values));
    layer.bias = std::move(b);
    const int64_t taps = layer.weights.size() / layer.weights.shape[0];
    for (size_t i = 0; i < layer.weights.data.size(); ++i) {
      layer.bias[i / static_cast<size_t>(taps)] -=
          net.tensors[0].zero_point * layer.weights.data[i];
    }
    layer.requant.assign(layer.bias.size(), Requantisation{1, 0});
  }

  void pads(int64_t top, int64_t left, int64_t bottom, int64_t right) {
    layer.pad_top = top;
    layer.pad_left = left;
    layer.pad_bottom = bottom;
    layer.pad_right = right;
  }

  Int8Tensor run(std::vector<int8_t> values) const {
    QNetwork whole = net;
    whole.layers = {layer};
    const QTensorInfo& x = net.tensors[0];
    return Golden(whole).run_output(Int8Tensor({x.channels, x.height, x.width}, std::move(values)));
  }
};

}  // namespace aap::test
