// SPDX-License-Identifier: Apache-2.0
// From an ONNX graph of QLinear operators to integers, and the rules that make integers of scales.
#pragma once

#include "model/graph.h"
#include "model/qnetwork.h"

namespace aap {

// fp32(fp32(sx * sw) / sy) as multiplier / 2^shift, exactly where shift <= 63, with the smallest
// multiplier that represents it (trailing zero bits removed, never below shift 0).
// InputError when the value is not finite, not positive or not representable.
Requantisation requantisation_of(float sx, float sw, float sy);

// Average over n values: fp32(fp32(sx / sy) / n) as multiplier / 2^shift.
Requantisation average_requantisation(float sx, float sy, int64_t n);

// Residual add: ma = rne(sa / sy * 2^t), mb alike, t the largest 0..31 with ma + mb < 2^23;
// then all three are made as small as they go: no common factor of 2 unless t is 0.
struct AddMultipliers {
  uint32_t ma = 0, mb = 0;
  int shift = 0;
  int32_t constant = 0;  // -(za * ma + zb * mb)
};
AddMultipliers add_multipliers(float sa, int za, float sb, int zb, float sy);

// Integer graphs in either form: QLinear operators (QLinearConv, QLinearMatMul; of com.microsoft
// QLinearAdd, QLinearAveragePool, QLinearGlobalAveragePool, QLinearConcat, QGemm, QLinearConv with
// channels_last), and float operators between DequantizeLinear and QuantizeLinear (Conv, Gemm,
// MatMul, Add, AveragePool, GlobalAveragePool, ReduceMean, MaxPool, Concat, Relu, Clip). Reshape,
// Flatten, Squeeze, Unsqueeze and Transpose are absorbed; Pad by the zero point moves into the next
// convolution or becomes a layer; Softmax at the end is left to the host.
// All unsupported nodes are listed in one InputError.
QNetwork import_quantised(const Graph& graph);

}  // namespace aap
