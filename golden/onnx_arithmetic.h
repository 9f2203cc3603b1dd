// SPDX-License-Identifier: Apache-2.0
// What fp32 ONNX runtimes compute where golden computes in integers: the formulas of ONNX Runtime's
// CPU kernels, operation by operation, each rounded to fp32. Only explanation and certification use
// them (golden/explain.h, golden/certify.h); golden itself never does. Contract: docs/numerics.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/qnetwork.h"

namespace aap {

// Scale and zero point as the file states them; all values below are the file's, -128..127 or, where
// from_uint8, 0..255.
struct OnnxScale {
  float scale = 1.0F;
  int zero_point = 0;
  bool from_uint8 = false;
};
OnnxScale onnx_scale(const QTensorInfo& tensor);

// QLinearConv, QLinearMatMul, QGemm, QLinearGlobalAveragePool:
// fp32(fp32(acc) * scale) to the nearest integer (even on a tie), plus the zero point, saturated.
// acc holds the bias; in the int8 domain, which changes nothing as no float sees the zero point.
int8_t onnx_requantise(int64_t acc, float scale, int zero_point);

// The scale of QLinearGlobalAveragePool over n values: fp32(sx / fp32(sy * n)).
float onnx_global_average_scale(float sx, float sy, int64_t n);

// QuantizeLinear of DequantizeLinear, and each input of QLinearConcat:
// fp32(fp32((x - zx) * sx) / sy) to the nearest integer, plus the zero point, saturated.
int onnx_rescale(int x, OnnxScale from, OnnxScale to);

// com.microsoft QLinearAdd as the x86 kernel has it: fma(a, ra, fma(b, rb, c)) to the nearest
// integer, ra = fp32(sa / sy), rb alike, c = zy - (ra * za + rb * zb): the zero point is added before
// rounding.
int onnx_linear_add(int a, OnnxScale sa, int b, OnnxScale sb, OnnxScale sy);

// QuantizeLinear of the float Add of two dequantised values.
int onnx_float_add(int a, OnnxScale sa, int b, OnnxScale sb, OnnxScale sy);

// com.microsoft QLinearAveragePool: the float sum of the dequantised values over n, over sy, plus the
// zero point, then to the nearest integer. `sum` is of x - zx and its product with sx is rounded
// once: what the kernel's sum is when onnx_sum_is_exact.
int onnx_linear_average(int64_t sum, float sx, int64_t n, OnnxScale sy);

// QuantizeLinear of the float average: the zero point is added after rounding.
int onnx_float_average(int64_t sum, float sx, int64_t n, OnnxScale sy);

// Whether fp32 sums of n products (x - zx) * scale are exact in every order: the scale's significant
// bits and those of n * 255 fit in 24.
bool onnx_sum_is_exact(float scale, int64_t n);

// How the file states a layer.
struct OnnxForm {
  std::string op;       // of the node, "" when the importer made the layer
  bool floats = false;  // a float operator between DequantizeLinear and QuantizeLinear
};
// One entry a layer of the network, found by node name.
std::vector<OnnxForm> onnx_forms(const Graph& graph, const QNetwork& network);

}  // namespace aap
