// SPDX-License-Identifier: Apache-2.0
// One function per QOp, on whole [C, H, W] tensors. Internal to golden/; Golden::run and
// the comparison (explain.h) call them.
#pragma once

#include <vector>

#include "model/qnetwork.h"
#include "model/tensor.h"

namespace aap::golden {

// A value with what its integers mean.
struct Operand {
  const QTensorInfo& info;
  const Int8Tensor& values;  // [C, H, W]
};

// All throw InputError naming layer, channel and pixel when an accumulator leaves int32.
Int8Tensor conv(const QLayer& layer, const Operand& x, const QTensorInfo& y);
Int8Tensor max_pool(const QLayer& layer, const Operand& x, const QTensorInfo& y);
Int8Tensor average_pool(const QLayer& layer, const Operand& x, const QTensorInfo& y);
Int8Tensor add(const QLayer& layer, const Operand& a, const Operand& b, const QTensorInfo& y);
Int8Tensor concat(const QLayer& layer, const std::vector<Operand>& inputs, const QTensorInfo& y);
Int8Tensor identity(const QLayer& layer, const Operand& x, const QTensorInfo& y);

// The one that layer.op names.
Int8Tensor run_layer(const QLayer& layer, const QTensorInfo& y, const std::vector<Operand>& x);

}  // namespace aap::golden
