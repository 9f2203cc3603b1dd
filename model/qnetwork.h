// SPDX-License-Identifier: Apache-2.0
// The quantised network: what golden runs and the compiler translates. Integers only; every rule
// that turns scales into integers is applied when a QNetwork is built (model/qimport.h), so golden,
// compiler and RTL share data and no arithmetic. Contract: docs/numerics.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/preprocessing.h"
#include "model/tensor.h"

namespace aap {

// Scale and zero point as the file states them, in the int8 domain.
struct QParams {
  float scale = 1.0F;
  int zero_point = 0;
  bool from_uint8 = false;
  bool operator==(const QParams& o) const {
    return scale == o.scale && zero_point == o.zero_point && from_uint8 == o.from_uint8;
  }
};

// y = clamp(rne((acc + bias) * multiplier / 2^shift) + zero_point, lo, hi)
struct Requantisation {
  uint32_t multiplier = 1;  // 1 .. 2^24 - 1
  int shift = 0;            // 0 .. 63
};

enum class QOp {
  kConv,         // Conv, fully connected (kernel = whole input), depthwise and grouped
  kMaxPool,
  kAveragePool,  // includes global
  kAdd,          // residual add of two activations
  kConcat,       // along channels; all inputs share scale and zero point of the output
  kIdentity,     // requantisation alone (scale change, clamp)
};

const char* to_string(QOp op);

struct QTensorInfo {
  std::string name;
  int64_t channels = 0, height = 0, width = 0;
  double scale = 1.0;
  int zero_point = 0;     // int8 domain; uint8 models are shifted by 128 on import
  bool from_uint8 = false;  // the file's values are these plus 128
};

constexpr int kAddMultiplierBits = 23;  // of a residual add's two multipliers together

struct QLayer {
  QOp op = QOp::kConv;
  std::string name;              // ONNX node name
  std::vector<int> inputs;       // indices into QNetwork::tensors; one, two (kAdd) or more (kConcat)
  int output = -1;

  // Window (kConv, pools). Fully connected layers have kernel = input height x width.
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int64_t groups = 1;            // ONNX `group`; depthwise is groups == C
  bool count_include_pad = false;  // kAveragePool

  // kConv: [M][C / groups][KH][KW], zero point 0, -128 is legal.
  Tensor<int8_t> weights;
  // kConv: per output channel, M entries; with the input zero point folded in
  // (bias[m] = b[m] - zx * sum of w[m]), so that padding reads zx.
  std::vector<int32_t> bias;
  // kConv: per output channel, the file's bias in units of sx * sw less the integer b above, at most a
  // half either way; empty where the file states integers at that scale.
  std::vector<double> bias_error;
  // kConv: M entries. kAveragePool: entry n - 1 is for a window of n counted values. kIdentity: one
  // entry, applied to (x - zx). kMaxPool: none.
  std::vector<Requantisation> requant;

  // kAdd: y = clamp(rne((a * ma + b * mb + c) / 2^add_shift) + zp, lo, hi), c = -(za*ma + zb*mb)
  uint32_t ma = 0, mb = 0;       // ma + mb < 2^kAddMultiplierBits
  int add_shift = 0;             // 0 .. 31
  int32_t add_constant = 0;

  int output_zero_point = 0;
  int lo = -128, hi = 127;       // clamp of the output, int8 domain

  // Pruning as the file states it (metadata), for reports; the compiler counts for itself.
  int group_size = 0;            // G, 0 where not pruned
  int keep = 0;                  // K
};

struct QNetwork {
  std::string name;
  std::vector<QTensorInfo> tensors;
  std::vector<QLayer> layers;    // topologically ordered
  int input = -1, output = -1;   // tensor indices
  // Position in the file's input (output) of each element C, H, W of the tensor, where the file has
  // another layout; empty where it is the same.
  std::vector<int64_t> input_order, output_order;
  bool output_real = false;      // the file's output is float: dequantised here
  bool softmax_on_host = false;  // the file ends with Softmax, left to the host
  std::optional<QParams> softmax_params;  // of the quantised result of that Softmax
  bool input_real = true;        // the file's input is float: quantised by the host
  Preprocessing preprocessing;   // from pixels to that float
};

// Throws InputError naming the layer and the broken rule. Called by every importer and consumer.
void validate(const QNetwork& network);

}  // namespace aap
