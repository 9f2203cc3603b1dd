// SPDX-License-Identifier: Apache-2.0
// ONNX graphs in real arithmetic (double), one image, written from the operators' definitions: the
// second opinion on what an integer graph means. Knows the operators of verif/networks/graphs.cc.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap::test {

using Real = Tensor<double>;

class RealArithmetic {
 public:
  explicit RealArithmetic(const Graph& graph) : g_(graph), shapes_(infer_shapes(graph)) {
    for (const auto& [name, c] : graph.constants) {
      v_[name] = std::visit(
          [](const auto& t) { return Real(t.shape, std::vector<double>(t.data.begin(), t.data.end())); }, c);
    }
  }

  Real run(const Real& input) {
    v_[g_.inputs[0].name] = input;
    for (const Node& node : g_.nodes) v_[node.outputs[0]] = evaluate(node);
    return v_.at(g_.outputs[0].name);
  }
  const Shape& shape(const std::string& value) const { return shapes_.at(value); }

 private:
  const Real& in(const Node& n, size_t i) const { return v_.at(n.inputs.at(i)); }
  bool has(const Node& n, size_t i) const { return i < n.inputs.size() && !n.inputs[i].empty(); }
  bool unsigned8(const std::string& constant) const {
    return std::holds_alternative<Tensor<uint8_t>>(g_.constants.at(constant));
  }

  // Index of element i of `shape` along `axis`; 0 for parameters of one value.
  static size_t along(const Shape& shape, int64_t axis, size_t i, const Real& parameters) {
    if (parameters.size() == 1) return 0;
    size_t inner = 1;
    for (size_t d = static_cast<size_t>(axis) + 1; d < shape.size(); ++d) inner *= static_cast<size_t>(shape[d]);
    return i / inner % static_cast<size_t>(shape[static_cast<size_t>(axis)]);
  }

  double quantised(double x, double scale, double zero, bool u8) const {
    return std::clamp(std::nearbyint(x / scale) + zero, u8 ? 0.0 : -128.0, u8 ? 255.0 : 127.0);
  }

  Real quantize(const Node& n) {
    Real y = in(n, 0);
    const int64_t axis = n.attr_int("axis", 1);
    for (size_t i = 0; i < y.data.size(); ++i) {
      const size_t k = along(y.shape, axis, i, in(n, 1));
      y.data[i] = quantised(y.data[i], in(n, 1).data[k], in(n, 2).data[in(n, 2).size() == 1 ? 0 : k], unsigned8(n.inputs[2]));
    }
    return y;
  }

  Real dequantize(const Node& n) {
    Real y = in(n, 0);
    const int64_t axis = n.attr_int("axis", 1);
    for (size_t i = 0; i < y.data.size(); ++i) {
      const size_t k = along(y.shape, axis, i, in(n, 1));
      const double zero = has(n, 2) ? in(n, 2).data[in(n, 2).size() == 1 ? 0 : k] : 0.0;
      y.data[i] = (y.data[i] - zero) * in(n, 1).data[k];
    }
    return y;
  }

  // f(output element, input index or -1 for padding, kernel row, kernel column) over all windows.
  template <typename F>
  static void windows(const Window2d& w, int64_t height, int64_t width, F f) {
    for (int64_t oy = 0; oy < w.out_h; ++oy) {
      for (int64_t ox = 0; ox < w.out_w; ++ox) {
        for (int64_t ky = 0; ky < w.kernel_h; ++ky) {
          for (int64_t kx = 0; kx < w.kernel_w; ++kx) {
            const int64_t y = oy * w.stride_h + ky * w.dilation_h - w.pad_top;
            const int64_t x = ox * w.stride_w + kx * w.dilation_w - w.pad_left;
            const bool inside = y >= 0 && y < height && x >= 0 && x < width;
            f(oy * w.out_w + ox, inside ? y * width + x : -1, ky, kx);
          }
        }
      }
    }
  }

  static Real convolve(const Node& n, const Real& x, const Real& k, const Real* bias) {
    const Window2d w = window_of(n, k.shape[2], k.shape[3], x.shape[2], x.shape[3]);
    Real y({1, k.shape[0], w.out_h, w.out_w});
    const int64_t groups = n.attr_int("group", 1), per_group = k.shape[0] / groups;
    const int64_t area = w.out_h * w.out_w, plane = x.shape[2] * x.shape[3];
    for (int64_t m = 0; m < k.shape[0]; ++m) {
      for (int64_t c = 0; c < k.shape[1]; ++c) {
        const int64_t from = (m / per_group * k.shape[1] + c) * plane;
        windows(w, x.shape[2], x.shape[3], [&](int64_t o, int64_t i, int64_t ky, int64_t kx) {
          if (i >= 0) y.data[static_cast<size_t>(m * area + o)] += x.data[static_cast<size_t>(from + i)] * k.at4(m, c, ky, kx);
        });
      }
      for (int64_t o = 0; bias != nullptr && o < area; ++o) {
        y.data[static_cast<size_t>(m * area + o)] += bias->data[static_cast<size_t>(bias->size() == 1 ? 0 : m)];
      }
    }
    return y;
  }

  static Real pool(const Node& n, const Real& x, bool max) {
    const bool global = n.op.find("Global") != std::string::npos;
    const auto kernel = global ? std::vector<int64_t>{x.shape[2], x.shape[3]} : n.attr_ints("kernel_shape", {});
    const Window2d w = window_of(n, kernel[0], kernel[1], x.shape[2], x.shape[3]);
    const bool count_pad = n.attr_int("count_include_pad", 0) != 0;
    Real y({1, x.shape[1], w.out_h, w.out_w}, max ? -std::numeric_limits<double>::infinity() : 0.0);
    const int64_t area = w.out_h * w.out_w, plane = x.shape[2] * x.shape[3];
    for (int64_t c = 0; c < x.shape[1]; ++c) {
      std::vector<double> counted(static_cast<size_t>(area), 0.0);
      windows(w, x.shape[2], x.shape[3], [&](int64_t o, int64_t i, int64_t, int64_t) {
        double& to = y.data[static_cast<size_t>(c * area + o)];
        const double v = i < 0 ? 0.0 : x.data[static_cast<size_t>(c * plane + i)];
        if (i < 0 && max) return;
        to = max ? std::max(to, v) : to + v;
        counted[static_cast<size_t>(o)] += i >= 0 || count_pad ? 1 : 0;
      });
      for (int64_t o = 0; !max && o < area; ++o) y.data[static_cast<size_t>(c * area + o)] /= counted[static_cast<size_t>(o)];
    }
    return y;
  }

  static Real transpose(const Real& x, const std::vector<int64_t>& perm) {
    Real y = x;
    std::vector<int64_t> at(perm.size(), 0);
    for (size_t d = 0; d < perm.size(); ++d) y.shape[d] = x.shape[static_cast<size_t>(perm[d])];
    for (double& v : y.data) {
      std::vector<int64_t> from(perm.size());
      for (size_t d = 0; d < perm.size(); ++d) from[static_cast<size_t>(perm[d])] = at[d];
      int64_t i = 0;
      for (size_t d = 0; d < perm.size(); ++d) i = i * x.shape[d] + from[d];
      v = x.data[static_cast<size_t>(i)];
      for (size_t d = perm.size(); d-- > 0 && ++at[d] == y.shape[d];) at[d] = 0;
    }
    return y;
  }

  Real reduce_mean(const Node& n) {
    const Real& x = in(n, 0);
    Real y(shape(n.outputs[0]), 0.0);
    auto axes = n.attr_ints("axes", {});
    std::vector<bool> gone(x.shape.size(), false);
    for (int64_t a : axes) gone[static_cast<size_t>(a < 0 ? a + static_cast<int64_t>(gone.size()) : a)] = true;
    for (size_t i = 0; i < x.data.size(); ++i) {
      size_t rest = i, to = 0, stride = 1;
      for (size_t d = gone.size(); d-- > 0;) {
        const auto extent = static_cast<size_t>(x.shape[d]);
        if (!gone[d]) {
          to += rest % extent * stride;
          stride *= extent;
        }
        rest /= extent;
      }
      y.data[to] += x.data[i] * static_cast<double>(y.size()) / static_cast<double>(x.size());
    }
    return y;
  }

  Real pad(const Node& n) {
    const Real& x = in(n, 0);
    std::vector<int64_t> pads = n.attr_ints("pads", {});
    if (has(n, 1)) pads.assign(in(n, 1).data.begin(), in(n, 1).data.end());
    Real y(shape(n.outputs[0]), has(n, 2) ? in(n, 2).data[0] : 0.0);
    for (int64_t a = 0; a < x.shape[1]; ++a) {
      for (int64_t b = 0; b < x.shape[2]; ++b) {
        for (int64_t c = 0; c < x.shape[3]; ++c) y.at4(0, a + pads[1], b + pads[2], c + pads[3]) = x.at4(0, a, b, c);
      }
    }
    return y;
  }

  Real add(const Node& n) {
    const Real &a = in(n, 0), &b = in(n, 1);
    const Real& large = a.size() >= b.size() ? a : b;
    const Real& small = a.size() >= b.size() ? b : a;
    Real y = large;
    for (size_t i = 0; i < y.data.size(); ++i) {
      size_t rest = i, from = 0, stride = 1;
      for (size_t d = 0; d < small.shape.size(); ++d) {  // from the last dimension
        const auto extent = static_cast<size_t>(large.shape[large.shape.size() - 1 - d]);
        const auto mine = static_cast<size_t>(small.shape[small.shape.size() - 1 - d]);
        if (mine != 1) from += rest % extent * stride;
        stride *= mine;
        rest /= extent;
      }
      y.data[i] += small.data[from];
    }
    return y;
  }

  Real multiply(const Real& a, const Real& b, bool transposed) {  // a is one row
    const int64_t m = b.shape[transposed ? 0 : 1], k = b.shape[transposed ? 1 : 0];
    Real y({1, m}, 0.0);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < k; ++j) {
        y.data[static_cast<size_t>(i)] +=
            a.data[static_cast<size_t>(j)] * b.data[static_cast<size_t>(transposed ? i * k + j : j * m + i)];
      }
    }
    return y;
  }

  // Integer operators are their float ones between dequantisation and quantisation.
  Real qlinear(const Node& n, const std::function<Real(const Real&)>& compute, size_t out) {
    Real x = in(n, 0);
    for (double& v : x.data) v = (v - in(n, 2).data[0]) * in(n, 1).data[0];
    const bool last = n.attr_int("channels_last", 0) != 0;
    Real y = compute(last ? transpose(x, {0, 3, 1, 2}) : x);
    for (double& v : y.data) v = quantised(v, in(n, out).data[0], in(n, out + 1).data[0], unsigned8(n.inputs[out + 1]));
    return last ? transpose(y, {0, 2, 3, 1}) : y;
  }

  Real evaluate(const Node& n) {
    const std::string& op = n.op;
    Real y = has(n, 0) ? in(n, 0) : Real();
    if (op == "QuantizeLinear") return quantize(n);
    if (op == "DequantizeLinear") return dequantize(n);
    if (op == "Conv") return convolve(n, in(n, 0), in(n, 1), has(n, 2) ? &in(n, 2) : nullptr);
    if (op == "MaxPool") return pool(n, in(n, 0), true);
    if (op == "AveragePool" || op == "GlobalAveragePool") return pool(n, in(n, 0), false);
    if (op == "ReduceMean") return reduce_mean(n);
    if (op == "Transpose") return transpose(in(n, 0), n.attr_ints("perm", {}));
    if (op == "Pad") return pad(n);
    if (op == "Add") return add(n);
    if (op == "MatMul") return multiply(in(n, 0), in(n, 1), false);
    if (op == "Gemm") {
      y = multiply(in(n, 0), in(n, 1), n.attr_int("transB", 0) != 0);
      for (size_t i = 0; has(n, 2) && i < y.data.size(); ++i) y.data[i] += in(n, 2).data[i];
      return y;
    }
    if (op == "Relu") {
      for (double& v : y.data) v = std::max(v, 0.0);
      return y;
    }
    if (op == "Clip") {
      const double infinity = std::numeric_limits<double>::infinity();
      const double lo = has(n, 1) ? in(n, 1).data[0] : n.attr_float("min", static_cast<float>(-infinity));
      const double hi = has(n, 2) ? in(n, 2).data[0] : n.attr_float("max", static_cast<float>(infinity));
      for (double& v : y.data) v = std::min(std::max(v, lo), hi);
      return y;
    }
    if (op == "Concat") {  // of images along the channels
      for (size_t i = 1; i < n.inputs.size(); ++i) y.data.insert(y.data.end(), in(n, i).data.begin(), in(n, i).data.end());
      y.shape = shape(n.outputs[0]);
      return y;
    }
    if (op == "Reshape" || op == "Flatten" || op == "Squeeze" || op == "Unsqueeze") {
      y.shape = shape(n.outputs[0]);
      return y;
    }
    if (op == "QLinearConv") {
      Real w = in(n, 3);
      for (double& v : w.data) v = (v - in(n, 5).data[0]) * in(n, 4).data[0];
      return qlinear(n, [&](const Real& x) { return convolve(n, x, w, nullptr); }, 6);
    }
    if (op == "QLinearAveragePool" || op == "QLinearGlobalAveragePool") {
      return qlinear(n, [&](const Real& x) { return pool(n, x, false); }, 3);
    }
    throw_input("node '{}' ({}): the reference does not know it", n.name, n.op);
  }

  const Graph& g_;
  std::map<std::string, Shape> shapes_;
  std::map<std::string, Real> v_;
};

}  // namespace aap::test
