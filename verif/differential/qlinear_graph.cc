// SPDX-License-Identifier: Apache-2.0
// Graphs of QLinear operators: integers in, integers out.
#include <algorithm>
#include <cmath>

#include "verif/differential/random_graph.h"

namespace aap::differential {
namespace {

const char* kMicrosoft = "com.microsoft";

class QLinearGraph {
 public:
  // Integer MaxPool and Clip came with opset 12, Relu with 14.
  explicit QLinearGraph(uint32_t seed) : b_(seed, Random(seed + 1).in(10, 21)) {}

  Graph run() {
    Activation a = input();
    const int64_t layers = r().in(1, 5);
    for (int64_t i = 0; i < layers; ++i) a = layer(a);
    // MaxPool, Clip and Relu alone would leave nothing that states a scale.
    const auto& nodes = b_.graph().nodes;
    const bool stated = std::any_of(nodes.begin(), nodes.end(),
                                    [](const Node& n) { return n.op[0] == 'Q'; });
    return b_.finish(a, !stated || r().chance(40));
  }

 private:
  Random& r() { return b_.random(); }

  Activation made(const std::string& stem, Shape shape, float scale) {
    return {b_.fresh(stem), std::move(shape), scale, b_.random_zero_point()};
  }

  Activation input() {
    const Shape shape = {1, r().in(1, 12), r().in(3, 12), r().in(3, 12)};
    if (r().chance(50)) {
      b_.graph().inputs = {{"image", DataType::kFloat, shape}};
      const Activation a = made("image_quantized", shape, 1.0F / 16.0F * (1.0F + b_.random_scale()));
      b_.node("QuantizeLinear", {"image", b_.scale(a.scale), b_.zero_point_of(a)}, a.name);
      return a;
    }
    b_.graph().inputs = {{"image", b_.is_uint8() ? DataType::kUint8 : DataType::kInt8, shape}};
    return {"image", shape, b_.random_scale(), b_.random_zero_point()};
  }

  // scale of a result whose terms are as random as its inputs, about a quarter of which saturate
  float result_scale(float sx, float sw, int64_t taps) {
    const double size = 75.0 * 60.0 * std::sqrt(static_cast<double>(taps)) * sx * sw;
    return static_cast<float>(size / 60.0 * (0.5 + r().real()));
  }

  Activation layer(const Activation& a) {
    if (a.shape.size() == 2) return r().chance(60) ? matmul(a) : gemm(a);
    const int64_t opset = b_.graph().opset;
    switch (r().in(0, 11)) {
      case 0:
        return add(a);
      case 1:
        return average_pool(a);
      case 2:
        return global_average_pool(a);
      case 3:
        return concat(a);
      case 4:
        return opset >= 12 ? max_pool(a) : conv(a);
      case 5:
        return opset >= 12 ? clip(a) : conv(a);
      case 6:
        return flatten(a);
      default:
        return conv(a);
    }
  }

  std::vector<std::string> quantised(const Activation& a) {
    return {a.name, b_.scale(a.scale), b_.zero_point_of(a)};
  }

  Activation conv(const Activation& a, bool same_size = false) {
    const int64_t c = a.shape[1];
    const int64_t kind = r().in(0, 3);  // 0 depthwise, 1 grouped
    int64_t groups = 1;
    if (kind == 0) groups = c;
    if (kind == 1) {
      for (const int64_t g : {4, 3, 2}) {
        if (c % g == 0) groups = g;
      }
    }
    const int64_t outputs = groups * r().in(1, groups == c ? 2 : 5);
    GraphBuilder::Window w;
    if (!same_size) w = b_.window(a.shape, false, true, true);
    if (same_size) {
      w.out_h = a.shape[2];
      w.out_w = a.shape[3];
    }
    const Shape weight_shape = {outputs, c / groups, w.kernel_h, w.kernel_w};
    const auto weights = b_.weights(weight_shape, 0, true, b_.is_uint8());
    const int64_t taps = c / groups * w.kernel_h * w.kernel_w;
    Activation y = made("conv", {1, outputs, w.out_h, w.out_w},
                        result_scale(a.scale, weights.largest_scale, taps));
    std::vector<std::string> inputs = quantised(a);
    inputs.insert(inputs.end(), {weights.value, weights.scale, weights.zero_point,
                                 b_.scale(y.scale), b_.zero_point_of(y)});
    if (r().chance(60)) inputs.push_back(bias(outputs, taps));
    Node& n = b_.node("QLinearConv", inputs, y.name);
    n.attributes = w.attributes;
    if (groups != 1) n.attributes["group"] = groups;
    return y;
  }

  std::string bias(int64_t outputs, int64_t taps) {
    Tensor<int32_t> t({outputs});
    const int64_t most = 4000 + 500 * taps;
    for (int32_t& v : t.data) v = static_cast<int32_t>(r().in(-most, most));
    return b_.add("bias", std::move(t));
  }

  Activation matmul(const Activation& a) {
    const int64_t k = a.shape[1], m = r().in(1, 10);
    const auto weights = b_.weights({k, m}, 1, true, b_.is_uint8());
    Activation y = made("matmul", {1, m}, result_scale(a.scale, weights.largest_scale, k));
    std::vector<std::string> inputs = quantised(a);
    inputs.insert(inputs.end(), {weights.value, weights.scale, weights.zero_point,
                                 b_.scale(y.scale), b_.zero_point_of(y)});
    b_.node("QLinearMatMul", inputs, y.name);
    return y;
  }

  Activation gemm(const Activation& a) {
    const int64_t k = a.shape[1], m = r().in(1, 10);
    const bool transposed = r().chance(50);
    const Shape shape = transposed ? Shape{m, k} : Shape{k, m};
    const auto weights = b_.weights(shape, transposed ? 0 : 1, true, b_.is_uint8());
    Activation y = made("gemm", {1, m}, result_scale(a.scale, weights.largest_scale, k));
    std::vector<std::string> inputs = quantised(a);
    inputs.insert(inputs.end(), {weights.value, weights.scale, weights.zero_point,
                                 r().chance(70) ? bias(m, k) : std::string(), b_.scale(y.scale),
                                 b_.zero_point_of(y)});
    Node& n = b_.node("QGemm", inputs, y.name, kMicrosoft);
    n.attributes["transB"] = int64_t{transposed};
    n.attributes["alpha"] = 1.0F;
    return y;
  }

  Activation add(const Activation& a) {
    // The other operand: the same value, or a convolution of the same shape made of it.
    Activation other = a;
    if (r().chance(75)) {
      const auto weights = b_.weights({a.shape[1], a.shape[1], 1, 1}, 0, true, b_.is_uint8());
      other = made("branch", a.shape, result_scale(a.scale, weights.largest_scale, a.shape[1]));
      std::vector<std::string> inputs = quantised(a);
      inputs.insert(inputs.end(), {weights.value, weights.scale, weights.zero_point,
                                   b_.scale(other.scale), b_.zero_point_of(other)});
      b_.node("QLinearConv", inputs, other.name);
    }
    // Dyadic ratios make ties; others do not.
    const double largest = std::max(a.scale, other.scale);
    const float sy = r().chance(40) ? static_cast<float>(largest) * 2.0F
                                    : static_cast<float>(largest * (1.0 + r().real()));
    Activation y = made("add", a.shape, sy);
    std::vector<std::string> inputs = quantised(a);
    const std::vector<std::string> second = quantised(other);
    inputs.insert(inputs.end(), second.begin(), second.end());
    inputs.insert(inputs.end(), {b_.scale(y.scale), b_.zero_point_of(y)});
    b_.node("QLinearAdd", inputs, y.name, kMicrosoft);
    return y;
  }

  Activation average_pool(const Activation& a) {
    const auto w = b_.window(a.shape, true, false, true);
    Activation y = made("average", {1, a.shape[1], w.out_h, w.out_w},
                        r().chance(40) ? a.scale : a.scale * static_cast<float>(0.3 + r().real()));
    std::vector<std::string> inputs = quantised(a);
    inputs.insert(inputs.end(), {b_.scale(y.scale), b_.zero_point_of(y)});
    Node& n = b_.node("QLinearAveragePool", inputs, y.name, kMicrosoft);
    n.attributes = w.attributes;
    n.attributes["count_include_pad"] = r().in(0, 1);
    return y;
  }

  Activation global_average_pool(const Activation& a) {
    Activation y = made("global", {1, a.shape[1], 1, 1},
                        a.scale * static_cast<float>(0.1 + 0.4 * r().real()));
    std::vector<std::string> inputs = quantised(a);
    inputs.insert(inputs.end(), {b_.scale(y.scale), b_.zero_point_of(y)});
    b_.node("QLinearGlobalAveragePool", inputs, y.name, kMicrosoft).attributes["channels_last"] =
        int64_t{0};
    return y;
  }

  Activation concat(const Activation& a) {
    const Activation other = conv(a, true);
    Activation y = made("concat", {1, a.shape[1] + other.shape[1], a.shape[2], a.shape[3]},
                        std::max(a.scale, other.scale));
    const bool same = r().chance(30);  // as the first input: placement alone
    if (same) {
      y.scale = a.scale;
      y.zero_point = a.zero_point;
    }
    std::vector<std::string> inputs = {b_.scale(y.scale), b_.zero_point_of(y)};
    for (const Activation* x : {&a, &other}) {
      const std::vector<std::string> part = quantised(*x);
      inputs.insert(inputs.end(), part.begin(), part.end());
    }
    b_.node("QLinearConcat", inputs, y.name, kMicrosoft).attributes["axis"] = int64_t{1};
    return y;
  }

  Activation max_pool(const Activation& a) {
    const auto w = b_.window(a.shape, true, true, true);
    Activation y = a;
    y.name = b_.fresh("max");
    y.shape = {1, a.shape[1], w.out_h, w.out_w};
    b_.node("MaxPool", {a.name}, y.name).attributes = w.attributes;
    return y;
  }

  Activation clip(const Activation& a) {
    Activation y = a;
    y.name = b_.fresh("clip");
    if (!b_.is_uint8() && b_.graph().opset >= 14 && r().chance(40)) {
      b_.node("Relu", {a.name}, y.name);
      return y;
    }
    const int low = b_.is_uint8() ? 0 : -128;
    const int lo = low + static_cast<int>(r().in(0, 120));
    const int hi = lo + static_cast<int>(r().in(0, 255 + low - lo));
    const bool only_low = r().chance(20);
    b_.node("Clip", {a.name, b_.zero_point(lo), only_low ? std::string() : b_.zero_point(hi)},
            y.name);
    return y;
  }

  Activation flatten(const Activation& a) {
    Activation y = a;
    y.name = b_.fresh("flat");
    y.shape = {1, a.shape[1] * a.shape[2] * a.shape[3]};
    if (r().chance(50)) {
      b_.node("Flatten", {a.name}, y.name);
    } else {
      const int64_t first = r().in(0, 1);  // 0: copied from the input
      b_.node("Reshape",
              {a.name, b_.add("shape", Tensor<int64_t>({2}, std::vector<int64_t>{first, -1}))},
              y.name);
    }
    return r().chance(50) ? matmul(y) : gemm(y);
  }

  GraphBuilder b_;
};

}  // namespace

Graph random_qlinear_graph(uint32_t seed) { return QLinearGraph(seed).run(); }

}  // namespace aap::differential
