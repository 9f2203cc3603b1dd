// SPDX-License-Identifier: Apache-2.0
// Graphs of float operators between DequantizeLinear and QuantizeLinear, as quantisers write them and
// as TFLite converters do (NHWC, Transpose at the edges).
#include <algorithm>
#include <cmath>

#include "verif/differential/random_graph.h"

namespace aap::differential {
namespace {

class QdqGraph {
 public:
  // Scales per channel came with opset 13, Clip with inputs with 11. Before opset 10 quantisation is
  // com.microsoft's, which some graphs of newer ones keep.
  explicit QdqGraph(uint32_t seed) : b_(seed, Random(seed + 2).in(8, 21)) {
    if (opset() < 10 || r().chance(15)) domain_ = "com.microsoft";
  }

  Graph run() {
    Activation a = input();
    const int64_t layers = r().in(1, 5);
    for (int64_t i = 0; i < layers; ++i) a = layer(a);
    if (a.shape.size() == 2 && r().chance(25)) return softmax(a);
    if (a.shape.size() == 4 && r().chance(15)) a = channels_last(a);
    // MaxPool alone would leave nothing that states a scale.
    const auto& nodes = b_.graph().nodes;
    const bool stated = std::any_of(nodes.begin(), nodes.end(), [](const Node& n) {
      return n.op == "QuantizeLinear" || n.op == "DequantizeLinear";
    });
    return b_.finish(a, !stated || r().chance(60), domain_);
  }

 private:
  Random& r() { return b_.random(); }
  int64_t opset() { return b_.graph().opset; }

  // Half of the graphs get floats, the others integers; a fifth of them N, H, W, C.
  Activation input() {
    // No two extents equal, so that a layout shows in the shape.
    const Shape shape = {1, r().one_of<int64_t>({1, 3, 4, 8, 10, 12}), r().one_of<int64_t>({5, 7, 9}),
                         r().one_of<int64_t>({6, 11, 13})};
    const bool last = r().chance(20), floats = r().chance(50);
    const Shape stated = last ? Shape{1, shape[2], shape[3], shape[1]} : shape;
    const DataType type = floats ? DataType::kFloat
                                 : b_.is_uint8() ? DataType::kUint8 : DataType::kInt8;
    b_.graph().inputs = {{"image", type, stated}};
    Activation a{"image", stated, floats ? 1.0F / 16.0F : b_.random_scale(), b_.random_zero_point()};
    if (floats) {
      a.name = b_.fresh("image_quantized");
      b_.node("QuantizeLinear", {"image", b_.scale(a.scale), b_.zero_point_of(a)}, a.name, domain_);
    }
    if (!last) return a;
    // Integers are transposed, or what they stand for.
    Activation first = a;
    first.shape = shape;
    if (r().chance(50)) {
      first.name = b_.fresh("nchw");
      b_.node("Transpose", {a.name}, first.name).attributes["perm"] =
          std::vector<int64_t>{0, 3, 1, 2};
      return first;
    }
    const std::string moved = b_.fresh("nchw_float");
    b_.node("Transpose", {real(a)}, moved).attributes["perm"] = std::vector<int64_t>{0, 3, 1, 2};
    return quantised(moved, first);
  }

  // The value as floats.
  std::string real(const Activation& a) {
    const std::string name = b_.fresh("real");
    b_.node("DequantizeLinear", {a.name, b_.scale(a.scale), b_.zero_point_of(a)}, name, domain_);
    return name;
  }

  // Integers of a float value, with scale, zero point and shape of `like`.
  Activation quantised(const std::string& value, Activation like) {
    like.name = b_.fresh("quantised");
    b_.node("QuantizeLinear", {value, b_.scale(like.scale), b_.zero_point_of(like)}, like.name,
            domain_);
    return like;
  }

  Activation result(const std::string& value, Shape shape, float scale) {
    return quantised(value, {"", std::move(shape), scale, b_.random_zero_point()});
  }

  float result_scale(float sx, float sw, int64_t taps) {
    const double size = 75.0 * 60.0 * std::sqrt(static_cast<double>(taps)) * sx * sw;
    return static_cast<float>(size / 60.0 * (0.5 + r().real()));
  }

  // Relu, Clip or nothing on a float value.
  std::string clamped(const std::string& value, float scale) {
    const int64_t kind = r().in(0, 4);
    if (kind > 1) return value;
    const std::string name = b_.fresh("clamped");
    if (kind == 0) {
      b_.node("Relu", {value}, name);
      return name;
    }
    const float low = r().chance(50) ? 0.0F : -scale * static_cast<float>(r().in(1, 90));
    const float high = scale * static_cast<float>(r().in(10, 200));
    if (opset() < 11) {
      Node& n = b_.node("Clip", {value}, name);
      n.attributes["min"] = low;
      n.attributes["max"] = high;
    } else {
      b_.node("Clip", {value, b_.scale(low), r().chance(20) ? std::string() : b_.scale(high)}, name);
    }
    return name;
  }

  Activation layer(const Activation& a) {
    if (a.shape.size() == 2) return matmul(a);
    switch (r().in(0, 13)) {
      case 0:
      case 1:
        return add(a);
      case 2:
        return average_pool(a);
      case 3:
        return global_average(a);
      case 4:
        return concat(a);
      case 5:
        return max_pool(a);
      case 6:
        return clamp_alone(a);
      case 7:
        return matmul(flatten(a));
      case 8:
        return pad(a);
      default:
        return conv(a);
    }
  }

  // Dequantised weights; per channel along `axis`, which the node states (its default is 1).
  std::string weights(const Shape& shape, size_t axis, GraphBuilder::Weights* made) {
    *made = b_.weights(shape, axis, opset() >= 13, true);
    const std::string name = b_.fresh("weight_real");
    // A zero point of zero may be left out, but then the weights must be uint8.
    Node& n = b_.node("DequantizeLinear", {made->value, made->scale, made->zero_point}, name,
                      domain_);
    if (made->scales.size() > 1) n.attributes["axis"] = static_cast<int64_t>(axis);
    return name;
  }

  // A bias: integers at scale sx * sw, integers at another scale, floats.
  std::string bias(int64_t outputs, int64_t taps, float sx, const std::vector<float>& sw) {
    const int64_t most = 4000 + 500 * taps;
    const int64_t kind = r().in(0, 3);
    if (kind == 3) {
      Tensor<float> t({outputs});
      for (size_t m = 0; m < t.data.size(); ++m) {
        const double unit = static_cast<double>(sx) * sw[sw.size() == 1 ? 0 : m];
        t.data[m] = static_cast<float>(unit * static_cast<double>(most) * (2.0 * r().real() - 1.0));
      }
      return b_.add("bias", std::move(t));
    }
    Tensor<int32_t> t({outputs});
    for (int32_t& v : t.data) v = static_cast<int32_t>(r().in(-most, most));
    const bool vector = sw.size() > 1;
    Tensor<float> scale(vector ? Shape{outputs} : Shape{});
    for (size_t m = 0; m < scale.data.size(); ++m) {
      scale.data[m] = sx * sw[m] * (kind == 2 ? 0.731F : 1.0F);
    }
    const std::string name = b_.fresh("bias_real");
    std::vector<std::string> inputs = {b_.add("bias", std::move(t)),
                                       b_.add("bias_scale", std::move(scale))};
    if (r().chance(30)) {
      inputs.push_back(b_.add("bias_zero", Tensor<int32_t>(vector ? Shape{outputs} : Shape{}, 0)));
    }
    Node& n = b_.node("DequantizeLinear", inputs, name, domain_);
    if (vector) n.attributes["axis"] = int64_t{0};
    return name;
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
    if (same_size) {
      w.out_h = a.shape[2];
      w.out_w = a.shape[3];
    } else {
      w = b_.window(a.shape, false, true, true);
    }
    GraphBuilder::Weights made;
    const std::string weight = weights({outputs, c / groups, w.kernel_h, w.kernel_w}, 0, &made);
    const int64_t taps = c / groups * w.kernel_h * w.kernel_w;
    std::vector<std::string> inputs = {real(a), weight};
    if (r().chance(60)) inputs.push_back(bias(outputs, taps, a.scale, made.scales));
    const std::string value = b_.fresh("conv");
    Node& n = b_.node("Conv", inputs, value);
    n.attributes = w.attributes;
    if (groups != 1) n.attributes["group"] = groups;
    const float scale = result_scale(a.scale, made.largest_scale, taps);
    Shape shape = {1, outputs, w.out_h, w.out_w};
    std::string last = clamped(value, scale);
    // Max pooling before the integers are made.
    if (!same_size && shape[2] >= 2 && shape[3] >= 2 && r().chance(15)) {
      const auto pool = b_.window(shape, true, false, false);
      const std::string pooled = b_.fresh("pooled");
      b_.node("MaxPool", {last}, pooled).attributes = pool.attributes;
      shape = {1, outputs, pool.out_h, pool.out_w};
      last = pooled;
    }
    return result(last, shape, scale);
  }

  Activation matmul(const Activation& a) {
    const int64_t k = a.shape[1], m = r().in(1, 10);
    const bool gemm = r().chance(50), transposed = gemm && r().chance(50);
    GraphBuilder::Weights made;
    const std::string weight =
        weights(transposed ? Shape{m, k} : Shape{k, m}, transposed ? 0 : 1, &made);
    const std::string value = b_.fresh("matmul");
    std::vector<std::string> inputs = {real(a), weight};
    const bool with_bias = r().chance(70);
    const std::string b = with_bias ? bias(m, k, a.scale, made.scales) : std::string();
    std::string last = value;
    if (gemm) {
      // Optional from opset 11 on.
      if (with_bias) inputs.push_back(b);
      if (!with_bias && opset() < 11) inputs.push_back(b_.add("bias", Tensor<float>({m}, 0.0F)));
      Node& n = b_.node("Gemm", inputs, value);
      if (transposed) n.attributes["transB"] = int64_t{1};
    } else {
      b_.node("MatMul", inputs, value);
      if (with_bias) {
        last = b_.fresh("biased");
        b_.node("Add", r().chance(50) ? std::vector<std::string>{value, b}
                                      : std::vector<std::string>{b, value},
                last);
      }
    }
    const float scale = result_scale(a.scale, made.largest_scale, k);
    return result(clamped(last, scale), {1, m}, scale);
  }

  Activation add(const Activation& a) {
    Activation other = a;
    if (r().chance(75)) {
      GraphBuilder::Weights made;
      const std::string weight = weights({a.shape[1], a.shape[1], 1, 1}, 0, &made);
      const std::string value = b_.fresh("branch");
      b_.node("Conv", {real(a), weight}, value);
      other = result(value, a.shape, result_scale(a.scale, made.largest_scale, a.shape[1]));
    }
    const double largest = std::max(a.scale, other.scale);
    const auto sy = static_cast<float>(r().chance(40) ? largest * 2.0 : largest * (1.0 + r().real()));
    const std::string value = b_.fresh("sum");
    b_.node("Add", {real(a), real(other)}, value);
    return result(clamped(value, sy), a.shape, sy);
  }

  Activation average_pool(const Activation& a) {
    const auto w = b_.window(a.shape, true, false, true);
    const std::string value = b_.fresh("average");
    Node& n = b_.node("AveragePool", {real(a)}, value);
    n.attributes = w.attributes;
    n.attributes["count_include_pad"] = r().in(0, 1);
    return result(value, {1, a.shape[1], w.out_h, w.out_w},
                  r().chance(40) ? a.scale : a.scale * static_cast<float>(0.3 + r().real()));
  }

  Activation global_average(const Activation& a) {
    const std::string value = b_.fresh("global");
    Shape shape = {1, a.shape[1], 1, 1};
    if (opset() < 18 && r().chance(40)) {
      Node& n = b_.node("ReduceMean", {real(a)}, value);
      n.attributes["axes"] = std::vector<int64_t>{2, 3};
      const int64_t keep = r().in(0, 1);
      n.attributes["keepdims"] = keep;
      if (keep == 0) shape = {1, a.shape[1]};
    } else {
      b_.node("GlobalAveragePool", {real(a)}, value);
    }
    return result(value, shape, a.scale * static_cast<float>(0.1 + 0.4 * r().real()));
  }

  Activation concat(const Activation& a) {
    const Activation other = conv(a, true);
    const std::string value = b_.fresh("joined");
    b_.node("Concat", {real(a), real(other)}, value).attributes["axis"] = int64_t{1};
    const float scale = r().chance(30) ? a.scale : std::max(a.scale, other.scale);
    const Shape shape = {1, a.shape[1] + other.shape[1], a.shape[2], a.shape[3]};
    return result(clamped(value, scale), shape, scale);
  }

  // Before opset 12 MaxPool knows floats only; both forms keep the integers.
  Activation max_pool(const Activation& a) {
    const auto w = b_.window(a.shape, true, false, true);
    Activation y = a;
    y.shape = {1, a.shape[1], w.out_h, w.out_w};
    if (opset() >= 12 && r().chance(30)) {
      y.name = b_.fresh("max");
      b_.node("MaxPool", {a.name}, y.name).attributes = w.attributes;
      return y;
    }
    const std::string value = b_.fresh("max_real");
    b_.node("MaxPool", {real(a)}, value).attributes = w.attributes;
    return r().chance(70) ? quantised(value, y)
                          : result(value, y.shape, a.scale * static_cast<float>(0.5 + r().real()));
  }

  // A clamp between integers, with or without a change of scale.
  Activation clamp_alone(const Activation& a) {
    const std::string value = b_.fresh("relu");
    b_.node("Relu", {real(a)}, value);
    return r().chance(50) ? quantised(value, a)
                          : result(value, a.shape, a.scale * static_cast<float>(0.5 + r().real()));
  }

  Activation pad(const Activation& a) {
    const std::string value = b_.fresh("padded");
    const std::vector<int64_t> pads = {0, 0, r().in(0, 2), r().in(0, 2), 0, 0, r().in(0, 2), r().in(0, 2)};
    if (opset() < 11) {
      b_.node("Pad", {real(a)}, value).attributes["pads"] = pads;
    } else {
      b_.node("Pad", {real(a), b_.add("pads", Tensor<int64_t>({8}, pads))}, value);
    }
    Activation y = a;
    y.shape = {1, a.shape[1], a.shape[2] + pads[2] + pads[6], a.shape[3] + pads[3] + pads[7]};
    y = quantised(value, y);
    return r().chance(70) ? conv(y) : y;
  }

  // One row of values, by each way there is; squeezed where height and width are 1.
  Activation flatten(const Activation& a) {
    Activation y = a;
    y.shape = {1, a.shape[1] * a.shape[2] * a.shape[3]};
    const std::string value = b_.fresh("row");
    const bool floats = opset() < 9 || r().chance(50);  // Flatten took floats alone
    const std::string from = floats ? real(a) : a.name;
    const int64_t kind = a.shape[2] * a.shape[3] == 1 ? r().in(0, 2) : r().in(0, 1);
    if (kind == 0) {
      b_.node("Flatten", {from}, value);
    } else if (kind == 1) {
      const std::vector<int64_t> shape = r().chance(50) ? std::vector<int64_t>{1, y.shape[1]}
                                                        : std::vector<int64_t>{0, -1};
      b_.node("Reshape", {from, b_.add("shape", Tensor<int64_t>({2}, shape))}, value);
    } else if (opset() < 13) {
      b_.node("Squeeze", {from}, value).attributes["axes"] = std::vector<int64_t>{2, 3};
    } else {
      b_.node("Squeeze", {from, b_.add("axes", Tensor<int64_t>({2}, std::vector<int64_t>{2, 3}))},
              value);
    }
    if (floats) return quantised(value, y);
    y.name = value;
    return y;
  }

  Activation channels_last(const Activation& a) {
    Activation y = a;
    y.shape = {1, a.shape[2], a.shape[3], a.shape[1]};
    y.name = b_.fresh("nhwc");
    b_.node("Transpose", {a.name}, y.name).attributes["perm"] = std::vector<int64_t>{0, 2, 3, 1};
    return y;
  }

  Graph softmax(const Activation& a) {
    const std::string value = b_.fresh("probabilities");
    b_.node("Softmax", {real(a)}, value).attributes["axis"] = int64_t{1};
    Graph g = b_.finish(a, false);
    g.outputs = {{value, DataType::kFloat, a.shape}};
    return g;
  }

  GraphBuilder b_;
  std::string domain_;  // of QuantizeLinear and DequantizeLinear
};

}  // namespace

Graph random_qdq_graph(uint32_t seed) { return QdqGraph(seed).run(); }

}  // namespace aap::differential
