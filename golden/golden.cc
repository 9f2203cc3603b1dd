// SPDX-License-Identifier: Apache-2.0
#include "golden/golden.h"

#include <utility>

#include "golden/layers.h"
#include "model/error.h"

namespace aap {

Int8Tensor golden::run_layer(const QLayer& layer, const QTensorInfo& y,
                             const std::vector<Operand>& x) {
  switch (layer.op) {
    case QOp::kConv:
      return conv(layer, x[0], y);
    case QOp::kMaxPool:
      return max_pool(layer, x[0], y);
    case QOp::kAveragePool:
      return average_pool(layer, x[0], y);
    case QOp::kAdd:
      return add(layer, x[0], x[1], y);
    case QOp::kConcat:
      return concat(layer, x, y);
    case QOp::kIdentity:
      return identity(layer, x[0], y);
  }
  throw_input("layer '{}': unknown operation {}", layer.name, static_cast<int>(layer.op));
}

Golden::Golden(QNetwork network) : network_(std::move(network)) { validate(network_); }

std::vector<Int8Tensor> Golden::run(const Int8Tensor& input) const {
  const QTensorInfo& info = network_.tensors[static_cast<size_t>(network_.input)];
  if (input.shape != Shape{info.channels, info.height, info.width}) {
    throw_input("network '{}': image has {} dimensions and {} values, input '{}' is {} x {} x {}",
                network_.name, input.shape.size(), input.size(), info.name, info.channels,
                info.height, info.width);
  }
  std::vector<Int8Tensor> values(network_.tensors.size());
  values[static_cast<size_t>(network_.input)] = input;
  for (const QLayer& layer : network_.layers) {
    std::vector<golden::Operand> operands;
    for (const int index : layer.inputs) {
      const auto i = static_cast<size_t>(index);
      operands.push_back({network_.tensors[i], values[i]});
    }
    const auto out = static_cast<size_t>(layer.output);
    values[out] = golden::run_layer(layer, network_.tensors[out], operands);
  }
  return values;
}

Int8Tensor Golden::run_output(const Int8Tensor& input) const {
  return std::move(run(input)[static_cast<size_t>(network_.output)]);
}

}  // namespace aap
