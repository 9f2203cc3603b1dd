// SPDX-License-Identifier: Apache-2.0
#include "golden/node_eval.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <type_traits>

#include "golden/requantise.h"
#include "model/error.h"
#include "model/qimport.h"

namespace aap {
namespace {

// The values of a node by position; absent optional inputs are null.
struct Call {
  const Node& node;
  std::vector<const Constant*> inputs;

  bool has(size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
  const Constant& input(size_t i) const {
    if (!has(i)) throw_input("node '{}' ({}): input {} is missing", node.name, node.op, i);
    return *inputs[i];
  }
};

// Any integer tensor, widened.
struct Wide {
  Shape shape;
  std::vector<int64_t> values;
};

Wide integers(const Call& call, size_t i) {
  return std::visit(
      [&](const auto& t) -> Wide {
        if constexpr (std::is_same_v<std::decay_t<decltype(t)>, FloatTensor>) {
          throw_input("node '{}' ({}): input {} is float, legal are integers", call.node.name,
                      call.node.op, i);
        } else {
          return {t.shape, {t.data.begin(), t.data.end()}};
        }
      },
      call.input(i));
}

const FloatTensor& floats(const Call& call, size_t i) {
  const auto* t = std::get_if<FloatTensor>(&call.input(i));
  if (t == nullptr) {
    throw_input("node '{}' ({}): input {} is not float", call.node.name, call.node.op, i);
  }
  return *t;
}

// A scale or zero point of one value for all, or of `count` values, one for each index.
template <typename T>
std::vector<T> for_each_of(const Call& call, size_t i, const std::vector<T>& values,
                           int64_t count) {
  if (values.size() == 1) return std::vector<T>(static_cast<size_t>(count), values[0]);
  if (static_cast<int64_t>(values.size()) != count) {
    throw_input("node '{}' ({}): input {} has {} values, legal is 1 or {}", call.node.name,
                call.node.op, i, values.size(), count);
  }
  return values;
}

std::vector<int64_t> zero_points(const Call& call, size_t i, int64_t count) {
  return for_each_of(call, i, call.has(i) ? integers(call, i).values : std::vector<int64_t>{0},
                     count);
}

int64_t scalar_zero_point(const Call& call, size_t i) { return zero_points(call, i, 1)[0]; }

void require_rank(const Call& call, size_t i, const Shape& shape, size_t lo, size_t hi) {
  if (shape.size() < lo || shape.size() > hi) {
    throw_input("node '{}' ({}): input {} has rank {}, legal is {}..{}", call.node.name,
                call.node.op, i, shape.size(), lo, hi);
  }
}

// Accumulators of a node, checked to fit int32, which is also ONNX's type for them.
Constant as_int32(const Call& call, const Wide& sums) {
  Tensor<int32_t> out(sums.shape);
  for (size_t i = 0; i < sums.values.size(); ++i) {
    if (sums.values[i] < INT32_MIN || sums.values[i] > INT32_MAX) {
      throw_input("node '{}' ({}): accumulator {} is {}, legal is int32", call.node.name,
                  call.node.op, i, sums.values[i]);
    }
    out.data[i] = static_cast<int32_t>(sums.values[i]);
  }
  return out;
}

// Requantises accumulator i with factor(i). The zero point's type is the output's; uint8 values are
// int8 values plus 128, as everywhere in the project.
Constant requantised(const Call& call, const Wide& sums, size_t zero_point_input,
                     const std::function<Requantisation(size_t)>& factor) {
  as_int32(call, sums);  // the check
  const bool is_uint8 = std::holds_alternative<Tensor<uint8_t>>(call.input(zero_point_input));
  const auto zero_point =
      static_cast<int>(scalar_zero_point(call, zero_point_input)) - (is_uint8 ? 128 : 0);
  Int8Tensor out(sums.shape);
  for (size_t i = 0; i < sums.values.size(); ++i) {
    out.data[i] = requantise(sums.values[i], factor(i), zero_point, -128, 127);
  }
  if (!is_uint8) return out;
  Tensor<uint8_t> shifted(out.shape);
  for (size_t i = 0; i < out.data.size(); ++i) {
    shifted.data[i] = static_cast<uint8_t>(out.data[i] + 128);
  }
  return shifted;
}

// Sums of (x - zx) * (w - zw) + bias; padding reads zx and adds nothing. x [N, C, H, W], w
// [M, C / group, KH, KW], zw [M], bias [M] or empty.
Wide conv_sums(const Call& call, size_t x_input, size_t w_input, int64_t zx,
               const std::function<std::vector<int64_t>(int64_t)>& zw_of,
               const std::vector<int64_t>& bias) {
  const Wide x = integers(call, x_input), w = integers(call, w_input);
  require_rank(call, x_input, x.shape, 4, 4);
  require_rank(call, w_input, w.shape, 4, 4);
  const int64_t C = x.shape[1], H = x.shape[2], W = x.shape[3];
  const int64_t M = w.shape[0], group_c = w.shape[1], KH = w.shape[2], KW = w.shape[3];
  const int64_t groups = call.node.attr_int("group", 1);
  if (groups < 1 || group_c * groups != C || M % groups != 0) {
    throw_input("node '{}' ({}): {} groups do not divide {} inputs of {} and {} outputs",
                call.node.name, call.node.op, groups, C, group_c, M);
  }
  if (!bias.empty() && static_cast<int64_t>(bias.size()) != M) {
    throw_input("node '{}' ({}): bias has {} values, legal is {}", call.node.name, call.node.op,
                bias.size(), M);
  }
  const std::vector<int64_t> zw = zw_of(M);
  const Window2d win = window_of(call.node, KH, KW, H, W);
  Wide y{{x.shape[0], M, win.out_h, win.out_w}, {}};
  for (int64_t n = 0; n < x.shape[0]; ++n) {
    for (int64_t m = 0; m < M; ++m) {
      const int64_t first_c = m / (M / groups) * group_c;
      for (int64_t oy = 0; oy < win.out_h; ++oy) {
        for (int64_t ox = 0; ox < win.out_w; ++ox) {
          int64_t sum = bias.empty() ? 0 : bias[static_cast<size_t>(m)];
          for (int64_t c = 0; c < group_c; ++c) {
            for (int64_t ky = 0; ky < KH; ++ky) {
              for (int64_t kx = 0; kx < KW; ++kx) {
                const int64_t iy = oy * win.stride_h + ky * win.dilation_h - win.pad_top;
                const int64_t ix = ox * win.stride_w + kx * win.dilation_w - win.pad_left;
                if (iy < 0 || iy >= H || ix < 0 || ix >= W) continue;
                const int64_t xi = ((n * C + first_c + c) * H + iy) * W + ix;
                const int64_t wi = ((m * group_c + c) * KH + ky) * KW + kx;
                sum += (x.values[static_cast<size_t>(xi)] - zx) *
                       (w.values[static_cast<size_t>(wi)] - zw[static_cast<size_t>(m)]);
              }
            }
          }
          y.values.push_back(sum);
        }
      }
    }
  }
  return y;
}

// Sums of (a - za) * (b - zb) over k. a [..., M, K], b [..., K, N]; leading extents broadcast. za
// is one value or one for each row, zb one value or one for each column.
Wide matmul_sums(const Call& call, size_t a_input, size_t za_input, size_t b_input,
                 size_t zb_input) {
  Wide a = integers(call, a_input), b = integers(call, b_input);
  require_rank(call, a_input, a.shape, 2, 8);
  require_rank(call, b_input, b.shape, 2, 8);
  const size_t rank = std::max(a.shape.size(), b.shape.size());
  a.shape.insert(a.shape.begin(), rank - a.shape.size(), 1);
  b.shape.insert(b.shape.begin(), rank - b.shape.size(), 1);
  const int64_t M = a.shape[rank - 2], K = a.shape[rank - 1], N = b.shape[rank - 1];
  Shape shape = a.shape;
  shape[rank - 1] = N;
  bool fits = b.shape[rank - 2] == K;
  for (size_t d = 0; d + 2 < rank; ++d) {
    fits = fits && (a.shape[d] == b.shape[d] || a.shape[d] == 1 || b.shape[d] == 1);
    shape[d] = a.shape[d] == 1 ? b.shape[d] : a.shape[d];
  }
  if (!fits) throw_input("node '{}' ({}): shapes do not match", call.node.name, call.node.op);
  const std::vector<int64_t> za = zero_points(call, za_input, M);
  const std::vector<int64_t> zb = zero_points(call, zb_input, N);
  Wide y{shape, {}};
  const int64_t batches = M * N == 0 ? 0 : element_count(shape) / (M * N);
  for (int64_t batch = 0; batch < batches; ++batch) {
    // Which matrix of a and of b: the batch index taken apart, broadcast extents left out.
    int64_t at_a = 0, at_b = 0, stride_a = 1, stride_b = 1, left = batch;
    for (size_t d = rank - 2; d-- > 0; left /= shape[d]) {
      const int64_t index = left % shape[d];
      if (a.shape[d] != 1) at_a += index * stride_a;
      if (b.shape[d] != 1) at_b += index * stride_b;
      stride_a *= a.shape[d];
      stride_b *= b.shape[d];
    }
    for (int64_t m = 0; m < M; ++m) {
      for (int64_t n = 0; n < N; ++n) {
        int64_t sum = 0;
        for (int64_t k = 0; k < K; ++k) {
          sum +=
              (a.values[static_cast<size_t>((at_a * M + m) * K + k)] - za[static_cast<size_t>(m)]) *
              (b.values[static_cast<size_t>((at_b * K + k) * N + n)] - zb[static_cast<size_t>(n)]);
        }
        y.values.push_back(sum);
      }
    }
  }
  return y;
}

Constant conv_integer(const Call& call) {
  return as_int32(call, conv_sums(call, 0, 1, scalar_zero_point(call, 2),
                                  [&](int64_t M) { return zero_points(call, 3, M); }, {}));
}

// x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B
Constant qlinear_conv(const Call& call) {
  const Wide sums = conv_sums(
      call, 0, 3, scalar_zero_point(call, 2), [&](int64_t M) { return zero_points(call, 5, M); },
      call.has(8) ? integers(call, 8).values : std::vector<int64_t>{});
  const float sx = for_each_of(call, 1, floats(call, 1).data, 1)[0];
  const float sy = for_each_of(call, 6, floats(call, 6).data, 1)[0];
  const int64_t M = sums.shape[1], pixels = sums.shape[2] * sums.shape[3];
  std::vector<Requantisation> factors;
  for (const float sw : for_each_of(call, 4, floats(call, 4).data, M)) {
    factors.push_back(requantisation_of(sx, sw, sy));
  }
  return requantised(call, sums, 7, [&](size_t i) {
    return factors[i / static_cast<size_t>(pixels) % static_cast<size_t>(M)];
  });
}

Constant matmul_integer(const Call& call) { return as_int32(call, matmul_sums(call, 0, 2, 1, 3)); }

// a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point
Constant qlinear_matmul(const Call& call) {
  const Wide sums = matmul_sums(call, 0, 2, 3, 5);
  const auto M = static_cast<size_t>(sums.shape[sums.shape.size() - 2]);
  const auto N = static_cast<size_t>(sums.shape.back());
  const auto sa = for_each_of(call, 1, floats(call, 1).data, static_cast<int64_t>(M));
  const auto sb = for_each_of(call, 4, floats(call, 4).data, static_cast<int64_t>(N));
  const float sy = for_each_of(call, 6, floats(call, 6).data, 1)[0];
  return requantised(call, sums, 7,
                     [&](size_t i) { return requantisation_of(sa[i / N % M], sb[i % N], sy); });
}

// For each value of `shape`, which entry of a scale of `count` values is its own (input 1 of Call).
std::vector<size_t> scale_index(const Call& call, const Shape& shape, size_t count) {
  std::vector<size_t> index(static_cast<size_t>(element_count(shape)), 0);
  if (count == 1) return index;
  const auto rank = static_cast<int64_t>(shape.size());
  int64_t axis = call.node.attr_int("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank || shape[static_cast<size_t>(axis)] != static_cast<int64_t>(count)) {
    throw_input("node '{}' ({}): {} scales do not match axis {}", call.node.name, call.node.op,
                count, axis);
  }
  int64_t inner = 1;
  for (int64_t d = axis + 1; d < rank; ++d) inner *= shape[static_cast<size_t>(d)];
  for (size_t i = 0; i < index.size(); ++i) index[i] = i / static_cast<size_t>(inner) % count;
  return index;
}

template <typename T>
Tensor<T> quantised(const FloatTensor& x, const std::vector<float>& scales,
                    const std::vector<int64_t>& zero, const std::vector<size_t>& index) {
  Tensor<T> y(x.shape);
  for (size_t i = 0; i < x.data.size(); ++i) {
    const float value =
        std::nearbyint(x.data[i] / scales[index[i]]) + static_cast<float>(zero[index[i]]);
    y.data[i] = static_cast<T>(
        std::clamp<float>(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
  }
  return y;
}

Constant quantize_linear(const Call& call) {
  const FloatTensor& x = floats(call, 0);
  const std::vector<float>& scales = floats(call, 1).data;
  const auto zero = zero_points(call, 2, static_cast<int64_t>(scales.size()));
  const auto index = scale_index(call, x.shape, scales.size());
  const bool to_int8 = call.has(2) && std::holds_alternative<Int8Tensor>(call.input(2));
  if (to_int8) return quantised<int8_t>(x, scales, zero, index);
  return quantised<uint8_t>(x, scales, zero, index);
}

Constant dequantize_linear(const Call& call) {
  const Wide x = integers(call, 0);
  const std::vector<float>& scales = floats(call, 1).data;
  const auto zero = zero_points(call, 2, static_cast<int64_t>(scales.size()));
  const auto index = scale_index(call, x.shape, scales.size());
  FloatTensor y(x.shape);
  for (size_t i = 0; i < y.data.size(); ++i) {
    y.data[i] = static_cast<float>(x.values[i] - zero[index[i]]) * scales[index[i]];
  }
  return y;
}

template <typename T>
Constant max_pool(const Call& call, const Tensor<T>& x) {
  require_rank(call, 0, x.shape, 4, 4);
  const std::vector<int64_t> kernel = call.node.attr_ints("kernel_shape", {});
  if (kernel.size() != 2) {
    throw_input("node '{}' (MaxPool): kernel_shape has {} values, legal is 2", call.node.name,
                kernel.size());
  }
  const int64_t H = x.shape[2], W = x.shape[3];
  const Window2d win = window_of(call.node, kernel[0], kernel[1], H, W);
  Tensor<T> y({x.shape[0], x.shape[1], win.out_h, win.out_w}, std::numeric_limits<T>::min());
  for (int64_t n = 0; n < x.shape[0]; ++n) {
    for (int64_t c = 0; c < x.shape[1]; ++c) {
      for (int64_t oy = 0; oy < win.out_h; ++oy) {
        for (int64_t ox = 0; ox < win.out_w; ++ox) {
          for (int64_t ky = 0; ky < kernel[0]; ++ky) {
            for (int64_t kx = 0; kx < kernel[1]; ++kx) {
              const int64_t iy = oy * win.stride_h + ky * win.dilation_h - win.pad_top;
              const int64_t ix = ox * win.stride_w + kx * win.dilation_w - win.pad_left;
              if (iy < 0 || iy >= H || ix < 0 || ix >= W) continue;
              y.at4(n, c, oy, ox) = std::max(y.at4(n, c, oy, ox), x.at4(n, c, iy, ix));
            }
          }
        }
      }
    }
  }
  return y;
}

template <typename T>
Constant clip(const Call& call, const Tensor<T>& x) {
  const int64_t lo =
      call.has(1) ? scalar_zero_point(call, 1) : int64_t{std::numeric_limits<T>::min()};
  const int64_t hi =
      call.has(2) ? scalar_zero_point(call, 2) : int64_t{std::numeric_limits<T>::max()};
  Tensor<T> y = x;
  for (T& value : y.data) value = static_cast<T>(std::min(std::max<int64_t>(value, lo), hi));
  return y;
}

// MaxPool and Clip keep the type of their input.
Constant on_bytes(const Call& call) {
  const auto run = [&](const auto& x) {
    return call.node.op == "Clip" ? clip(call, x) : max_pool(call, x);
  };
  if (const auto* x = std::get_if<Int8Tensor>(&call.input(0))) return run(*x);
  if (const auto* x = std::get_if<Tensor<uint8_t>>(&call.input(0))) return run(*x);
  throw_input("node '{}' ({}): input 0 is neither int8 nor uint8", call.node.name, call.node.op);
}

const std::map<std::string, Constant (*)(const Call&)>& operators() {
  static const std::map<std::string, Constant (*)(const Call&)> table = {
      {"ConvInteger", conv_integer},
      {"MatMulInteger", matmul_integer},
      {"QLinearConv", qlinear_conv},
      {"QLinearMatMul", qlinear_matmul},
      {"QuantizeLinear", quantize_linear},
      {"DequantizeLinear", dequantize_linear},
      {"MaxPool", on_bytes},
      {"Clip", on_bytes}};
  return table;
}

void require_supported(const Graph& graph) {
  std::string list;
  for (const Node& node : graph.nodes) {
    if (node.domain.empty() && operators().count(node.op) != 0) continue;
    list += fmt::format("{}'{}' ({})", list.empty() ? "" : ", ", node.name, node.op);
  }
  if (!list.empty()) throw_input("graph '{}': unsupported nodes: {}", graph.name, list);
}

}  // namespace

std::vector<Constant> run_integer_graph(const Graph& graph, const std::vector<Constant>& inputs) {
  require_supported(graph);
  if (inputs.size() != graph.inputs.size()) {
    throw_input("graph '{}': {} inputs given, legal is {}", graph.name, inputs.size(),
                graph.inputs.size());
  }
  std::map<std::string, Constant> values = graph.constants;
  for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs[i].name] = inputs[i];
  for (const Node& node : graph.nodes) {
    Call call{node, {}};
    for (const std::string& name : node.inputs) {
      const auto found = values.find(name);
      if (!name.empty() && found == values.end()) {
        throw_input("node '{}' ({}): input '{}' has no value", node.name, node.op, name);
      }
      call.inputs.push_back(name.empty() ? nullptr : &found->second);
    }
    if (node.outputs.size() != 1) {
      throw_input("node '{}' ({}): {} outputs, legal is 1", node.name, node.op,
                  node.outputs.size());
    }
    Constant result = operators().at(node.op)(call);
    values[node.outputs[0]] = std::move(result);
  }
  std::vector<Constant> outputs;
  for (const ValueInfo& info : graph.outputs) {
    const auto found = values.find(info.name);
    if (found == values.end()) throw_input("output '{}' has no value", info.name);
    outputs.push_back(found->second);
  }
  return outputs;
}

}  // namespace aap
