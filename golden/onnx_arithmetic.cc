// SPDX-License-Identifier: Apache-2.0
#include "golden/onnx_arithmetic.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace aap {
namespace {

struct Limits {
  int low, high;
};
Limits limits_of(const OnnxScale& s) {
  return s.from_uint8 ? Limits{0, 255} : Limits{-128, 127};
}

// Round half to even in the default rounding mode, saturated before the conversion to int.
int nearest(float value, int low, int high) {
  const float rounded = std::nearbyint(value);
  return static_cast<int>(
      std::clamp(rounded, static_cast<float>(low), static_cast<float>(high)));
}

// The zero point added to the rounded value, or rounding what holds it already.
int after(float value, const OnnxScale& to) {
  const Limits l = limits_of(to);
  return nearest(value, l.low - to.zero_point, l.high - to.zero_point) + to.zero_point;
}
int inside(float value, const OnnxScale& to) {
  const Limits l = limits_of(to);
  return nearest(value, l.low, l.high);
}

// Excess precision or contraction would change a formula; x86-64 has neither without -mfma.
static_assert(__FLT_EVAL_METHOD__ == 0, "float arithmetic must be fp32");

float dequantised(int x, const OnnxScale& s) {
  return static_cast<float>(x - s.zero_point) * s.scale;
}

}  // namespace

OnnxScale onnx_scale(const QTensorInfo& tensor) {
  return {static_cast<float>(tensor.scale), tensor.zero_point + (tensor.from_uint8 ? 128 : 0),
          tensor.from_uint8};
}

int8_t onnx_requantise(int64_t acc, float scale, int zero_point) {
  const float product = static_cast<float>(acc) * scale;
  return static_cast<int8_t>(after(product, {1.0F, zero_point, false}));
}

float onnx_global_average_scale(float sx, float sy, int64_t n) {
  const float divisor = sy * static_cast<float>(n);
  return sx / divisor;
}

int onnx_rescale(int x, OnnxScale from, OnnxScale to) {
  return after(dequantised(x, from) / to.scale, to);
}

int onnx_linear_add(int a, OnnxScale sa, int b, OnnxScale sb, OnnxScale sy) {
  const float ra = sa.scale / sy.scale;
  const float rb = sb.scale / sy.scale;
  const float za = ra * static_cast<float>(sa.zero_point);
  const float zb = rb * static_cast<float>(sb.zero_point);
  const float zeros = za + zb;
  const float fixed = static_cast<float>(sy.zero_point) - zeros;
  const float with_b = std::fma(static_cast<float>(b), rb, fixed);
  return inside(std::fma(static_cast<float>(a), ra, with_b), sy);
}

int onnx_float_add(int a, OnnxScale sa, int b, OnnxScale sb, OnnxScale sy) {
  const float sum = dequantised(a, sa) + dequantised(b, sb);
  return after(sum / sy.scale, sy);
}

int onnx_linear_average(int64_t sum, float sx, int64_t n, OnnxScale sy) {
  const float total = static_cast<float>(sum) * sx;
  const float average = total / static_cast<float>(n);
  const float scaled = average / sy.scale;
  return inside(scaled + static_cast<float>(sy.zero_point), sy);
}

int onnx_float_average(int64_t sum, float sx, int64_t n, OnnxScale sy) {
  const float total = static_cast<float>(sum) * sx;
  const float average = total / static_cast<float>(n);
  return after(average / sy.scale, sy);
}

bool onnx_sum_is_exact(float scale, int64_t n) {
  int exponent = 0;
  auto mantissa = static_cast<uint32_t>(std::ldexp(std::frexp(scale, &exponent), 24));
  while (mantissa != 0 && mantissa % 2 == 0) mantissa /= 2;
  return static_cast<double>(mantissa) * 255.0 * static_cast<double>(n) <= std::ldexp(1.0, 24);
}

std::vector<OnnxForm> onnx_forms(const Graph& graph, const QNetwork& network) {
  std::map<std::string, const Node*> by_name;
  for (const Node& node : graph.nodes) by_name.emplace(node.name, &node);
  std::vector<OnnxForm> forms;
  for (const QLayer& layer : network.layers) {
    OnnxForm form;
    auto found = by_name.find(layer.name);
    // A node that two QuantizeLinear read becomes two layers, the second with a number.
    const size_t bar = layer.name.rfind('_');
    if (found == by_name.end() && bar != std::string::npos) {
      found = by_name.find(layer.name.substr(0, bar));
    }
    if (found != by_name.end()) {
      form.op = found->second->op;
      form.floats = form.op.rfind("QLinear", 0) != 0 && form.op != "QGemm";
    }
    forms.push_back(form);
  }
  return forms;
}

}  // namespace aap
