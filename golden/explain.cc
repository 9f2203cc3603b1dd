// SPDX-License-Identifier: Apache-2.0
#include "golden/explain.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "golden/layers.h"
#include "model/error.h"

namespace aap {
namespace {

using Real = long double;  // 64 bits of mantissa: an int32 times a 24-bit multiplier is exact

constexpr Real kUnit = 0x1p-24L;  // largest relative error of one fp32 rounding

struct Pixel {
  int64_t c, y, x;
};

Pixel pixel_of(const QTensorInfo& t, size_t index) {
  const auto i = static_cast<int64_t>(index);
  return {i / (t.height * t.width), i / t.width % t.height, i % t.width};
}

// What a window's sum is made of: sum of products, of their magnitudes, and how many there are.
struct Sums {
  int64_t sum = 0, magnitude = 0, terms = 0;
};

// Calls f(value - zero point, weight index within the channel) for the values a window reads inside
// the image; padding reads the zero point and adds nothing. Returns how many values count as read.
template <typename F>
int64_t each_value(const QLayer& l, const golden::Operand& x, int64_t first_channel,
                   int64_t channels, const Pixel& at, F f) {
  int64_t counted = 0, tap = 0;
  for (int64_t c = first_channel; c < first_channel + channels; ++c) {
    for (int64_t ky = 0; ky < l.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < l.kernel_w; ++kx, ++tap) {
        const int64_t iy = at.y * l.stride_h + ky * l.dilation_h - l.pad_top;
        const int64_t ix = at.x * l.stride_w + kx * l.dilation_w - l.pad_left;
        if (iy >= 0 && iy < x.info.height && ix >= 0 && ix < x.info.width) {
          const auto i = static_cast<size_t>((c * x.info.height + iy) * x.info.width + ix);
          f(x.values.data[i] - x.info.zero_point, tap);
          ++counted;
        } else if (l.count_include_pad && iy < x.info.height + l.pad_bottom &&
                   ix < x.info.width + l.pad_right) {
          ++counted;
        }
      }
    }
  }
  return counted;
}

Sums conv_sums(const QLayer& l, const golden::Operand& x, const QTensorInfo& y, const Pixel& at) {
  const int64_t in_group = x.info.channels / l.groups, out_group = y.channels / l.groups;
  const int64_t taps = in_group * l.kernel_h * l.kernel_w;
  int64_t weight_sum = 0;
  for (int64_t i = 0; i < taps; ++i) {
    weight_sum += l.weights.data[static_cast<size_t>(at.c * taps + i)];
  }
  // The bias as the file has it, before the input's zero point was folded in.
  const int64_t bias = l.bias[static_cast<size_t>(at.c)] + x.info.zero_point * weight_sum;
  Sums s{bias, std::abs(bias), 1};
  each_value(l, x, at.c / out_group * in_group, in_group, at, [&](int64_t value, int64_t tap) {
    const int64_t product = value * l.weights.data[static_cast<size_t>(at.c * taps + tap)];
    s.sum += product;
    s.magnitude += std::abs(product);
    ++s.terms;
  });
  return s;
}

Real ratio_of(const Requantisation& r) { return std::ldexp(static_cast<Real>(r.multiplier), -r.shift); }

// A layer's clamp and zero point, and roundings with them.
struct Rounding {
  const QLayer& layer;

  int clamped(Real rounded) const {
    return static_cast<int>(
        std::clamp<Real>(rounded, layer.lo, layer.hi));
  }
  // The contract on a value that long double holds exactly.
  int exactly(Real v) const { return clamped(std::nearbyint(v) + layer.output_zero_point); }
  // rne(v) + zero point; v within 2^-40 of a half is that half, which long double cannot tell.
  int contract(Real v) const { return clamped(std::nearbyint(settled(v)) + layer.output_zero_point); }
  int zero_point_first(Real v, int file_zero_point) const {
    const Real all = std::nearbyint(settled(v) + file_zero_point);
    return clamped(all - (file_zero_point - layer.output_zero_point));
  }
  static bool is_tie(Real v) {
    const Real twice = 2 * v, whole = std::nearbyint(twice);
    return std::fabs(twice - whole) <= 0x1p-39L && std::fmod(whole, 2) != 0;
  }
  static Real settled(Real v) { return is_tie(v) ? std::nearbyint(2 * v) / 2 : v; }
  bool within(Real v, Real bound, int value) const {
    return contract(v - bound) <= value && value <= contract(v + bound);
  }
};

struct Verdict {
  Cause cause = Cause::kUnexplained;
  Real value = 0.0L;  // in real numbers, in output steps, for the message
  Real bound = 0.0L;  // fp32 error bound used, 0 where the formula was evaluated
  int contract = 0;   // the contract's value, computed another way than golden does
};

// Explains output value `index` of one layer, where golden and the runtime differ.
class Explainer {
 public:
  // producers: of each input of which the runtime has no integers, else null.
  Explainer(const QLayer& layer, const OnnxForm& form, std::vector<golden::Operand> x,
            const QTensorInfo& y, std::vector<const Explainer*> producers)
      : l_(layer), form_(form), x_(std::move(x)), y_(y), producers_(std::move(producers)),
        round_{layer} {}

  // golden: its own value, which must be the contract's: the causes excuse the contract, not golden.
  Verdict explain(size_t index, int golden, int runtime) const {
    if (l_.op == QOp::kMaxPool) return max_pool(index, golden, runtime);
    if (l_.op == QOp::kConcat) return concat(index, runtime);
    Verdict verdict = explain_contract(index, runtime);
    if (golden != verdict.contract) verdict.cause = Cause::kUnexplained;
    return verdict;
  }

 private:
  Verdict explain_contract(size_t index, int runtime) const {
    switch (l_.op) {
      case QOp::kConv:
        return conv(index, runtime);
      case QOp::kAveragePool:
        return average(index, runtime);
      case QOp::kAdd:
        return add(index, runtime);
      case QOp::kIdentity:
        return identity(index, runtime);
      case QOp::kMaxPool:
      case QOp::kConcat:
        break;
    }
    return {};
  }

  // The input value as the runtime may have had it: golden's, or another that its producer explains.
  Verdict input(size_t operand, size_t index, int wanted) const {
    const int have = x_[operand].values.data[index];
    if (have == wanted) return {Cause::kEqual, static_cast<Real>(have), 0.0L, have};
    const Explainer* producer = producers_[operand];
    if (producer == nullptr) return {Cause::kUnexplained, static_cast<Real>(have), 0.0L, have};
    return producer->explain(index, have, wanted);
  }

  // The largest value of the window: one that may be the runtime's, none that must be larger.
  Verdict max_pool(size_t index, int golden, int runtime) const {
    const Pixel at = pixel_of(y_, index);
    const QTensorInfo& x = x_[0].info;
    Verdict found{Cause::kUnexplained, static_cast<Real>(golden), 0.0L, golden};
    for (int64_t ky = 0; ky < l_.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < l_.kernel_w; ++kx) {
        const int64_t iy = at.y * l_.stride_h + ky * l_.dilation_h - l_.pad_top;
        const int64_t ix = at.x * l_.stride_w + kx * l_.dilation_w - l_.pad_left;
        if (iy < 0 || iy >= x.height || ix < 0 || ix >= x.width) continue;
        const auto i = static_cast<size_t>((at.c * x.height + iy) * x.width + ix);
        const Verdict v = input(0, i, runtime);
        const bool must_fall = x_[0].values.data[i] > runtime;
        if (v.cause == Cause::kUnexplained && must_fall) return v;
        if (v.cause == Cause::kUnexplained) continue;
        // Equality is no cause by itself: the cause is that of a value which differs.
        if (found.cause == Cause::kUnexplained || found.cause == Cause::kEqual || must_fall) found = v;
      }
    }
    if (found.cause == Cause::kEqual) found.cause = Cause::kUnexplained;
    return found;
  }

  Verdict concat(size_t index, int runtime) const {
    for (size_t operand = 0; operand < x_.size(); ++operand) {
      const size_t size = x_[operand].values.data.size();
      if (index < size) return input(operand, index, runtime);
      index -= size;
    }
    return {};
  }

  Verdict conv(size_t index, int runtime) const {
    const Pixel at = pixel_of(y_, index);
    const auto m = static_cast<size_t>(at.c);
    const Sums s = conv_sums(l_, x_[0], y_, at);
    const Real ratio = ratio_of(l_.requant[m]);
    const Real value = s.sum * ratio;
    const int contract = round_.exactly(value);
    if (!form_.floats) return by_formula(value, s.sum, static_cast<float>(ratio), runtime, contract);
    const Real error = l_.bias_error.empty() ? 0.0 : l_.bias_error[m];
    const Real real = (s.sum + error) * ratio;
    if (error != 0.0L && round_.contract(real) == runtime) {
      return {Cause::kBiasRounding, real, 0.0L, contract};
    }
    return by_bound(real, float_bound(s, std::fabs(error), ratio), runtime, contract);
  }

  // The kernel's own fp32 formula, which must also be as near as its two or three roundings are.
  Verdict by_formula(Real value, int64_t sum, float scale, int runtime, int contract) const {
    const int exact = round_.clamped(onnx_requantise(sum, scale, l_.output_zero_point));
    const Real bound = 6 * kUnit * std::fabs(value);
    const bool tie = exact == runtime && round_.within(value, bound, runtime);
    return {tie ? Cause::kFp32Tie : Cause::kUnexplained, value, bound, contract};
  }

  // n products of two rounded factors added in any order, a rounded bias, one division; two more
  // roundings because the contract's ratio is itself rounded twice. The factor 1.001 covers the
  // terms of second order for n below 2^13.
  static Real float_bound(const Sums& s, Real more, Real ratio) {
    return static_cast<Real>(s.terms + 8) * kUnit * 1.001L * (s.magnitude + more) * ratio;
  }

  Verdict by_bound(Real value, Real bound, int runtime, int contract) const {
    return {round_.within(value, bound, runtime) ? Cause::kFp32Tie : Cause::kUnexplained, value,
            bound, contract};
  }

  Verdict average(size_t index, int runtime) const {
    const Pixel at = pixel_of(y_, index);
    Sums s;
    const int64_t n = each_value(l_, x_[0], at.c, 1, at, [&](int64_t value, int64_t) {
      s.sum += value;
      s.magnitude += std::abs(value);
      ++s.terms;
    });
    const OnnxScale sx = onnx_scale(x_[0].info), sy = onnx_scale(y_);
    const Real ratio = static_cast<Real>(sx.scale) / sy.scale / n;
    const Real value = s.sum * ratio;
    const int contract = round_.exactly(s.sum * ratio_of(l_.requant[static_cast<size_t>(n - 1)]));
    if (form_.op == "QLinearGlobalAveragePool") {
      return by_formula(value, s.sum, onnx_global_average_scale(sx.scale, sy.scale, n), runtime,
                        contract);
    }
    Real bound = float_bound(s, 0.0L, ratio);
    if (!form_.floats) {
      bound += 2 * kUnit * (std::fabs(value) + std::abs(sy.zero_point) + 1);
      if (Rounding::is_tie(value) && round_.zero_point_first(value, sy.zero_point) == runtime) {
        return {Cause::kZeroPointOrder, value, 0.0L, contract};
      }
    }
    return by_bound(value, bound, runtime, contract);
  }

  Verdict add(size_t index, int runtime) const {
    const OnnxScale sa = onnx_scale(x_[0].info), sb = onnx_scale(x_[1].info), sy = onnx_scale(y_);
    const int a = x_[0].values.data[index] - x_[0].info.zero_point;
    const int b = x_[1].values.data[index] - x_[1].info.zero_point;
    const Real ra = static_cast<Real>(sa.scale) / sy.scale, rb = static_cast<Real>(sb.scale) / sy.scale;
    const Real value = (static_cast<Real>(sa.scale) * a + static_cast<Real>(sb.scale) * b) / sy.scale;
    const int contract = round_.exactly(
        std::ldexp(static_cast<Real>(a) * l_.ma + static_cast<Real>(b) * l_.mb, -l_.add_shift));
    if (round_.contract(value) == runtime) return {Cause::kMultiplierWidth, value, 0.0L, contract};
    if (!form_.floats) {
      if (Rounding::is_tie(value) && round_.zero_point_first(value, sy.zero_point) == runtime) {
        return {Cause::kZeroPointOrder, value, 0.0L, contract};
      }
      // Two rounded ratios, each times a value and a zero point of at most 255, and six roundings.
      return by_bound(value, 8 * kUnit * (510 * (ra + rb) + 256), runtime, contract);
    }
    return by_bound(value, 5 * kUnit * (std::abs(a) * ra + std::abs(b) * rb), runtime, contract);
  }

  Verdict identity(size_t index, int runtime) const {
    const OnnxScale from = onnx_scale(x_[0].info), to = onnx_scale(y_);
    const int file = x_[0].values.data[index] + (from.from_uint8 ? 128 : 0);
    const int exact = onnx_rescale(file, from, to) - (to.from_uint8 ? 128 : 0);
    const Real value =
        static_cast<Real>(from.scale) * (file - from.zero_point) / to.scale;
    const Real bound = 4 * kUnit * std::fabs(value);
    const bool tie = round_.clamped(exact) == runtime && round_.within(value, bound, runtime);
    const int contract = round_.exactly((file - from.zero_point) * ratio_of(l_.requant[0]));
    return {tie ? Cause::kFp32Tie : Cause::kUnexplained, value, bound, contract};
  }

  const QLayer& l_;
  const OnnxForm& form_;
  const std::vector<golden::Operand> x_;
  const QTensorInfo& y_;
  const std::vector<const Explainer*> producers_;
  Rounding round_;
};

}  // namespace

const char* to_string(Cause cause) {
  static constexpr const char* kNames[kCauses] = {"equal",            "fp32_tie",
                                                  "zero_point_order", "multiplier_width",
                                                  "bias_rounding",    "unexplained"};
  return kNames[static_cast<size_t>(cause)];
}

int64_t LayerComparison::values() const {
  int64_t sum = 0;
  for (const int64_t n : count) sum += n;
  return sum;
}

NetworkComparison::NetworkComparison(const Graph& graph, const QNetwork& network)
    : golden_(network), forms_(onnx_forms(graph, network)) {
  for (size_t i = 0; i < network.layers.size(); ++i) {
    LayerComparison layer;
    layer.name = network.layers[i].name;
    layer.op = forms_[i].op.empty() ? to_string(network.layers[i].op) : forms_[i].op;
    layers_.push_back(std::move(layer));
  }
}

void NetworkComparison::add(const NamedValues& values) {
  const QNetwork& net = golden_.network();
  const QTensorInfo& in = net.tensors[static_cast<size_t>(net.input)];
  const auto input = values.find(in.name);
  if (input == values.end()) throw_input("value '{}': the network's input is missing", in.name);

  std::vector<Int8Tensor> forced(net.tensors.size());
  forced[static_cast<size_t>(net.input)] = input->second;
  std::array<bool, kCauses> occurred{};
  std::deque<Explainer> explainers;
  std::vector<const Explainer*> hidden(net.tensors.size(), nullptr);  // producers without runtime value
  for (size_t i = 0; i < net.layers.size(); ++i) {
    const QLayer& layer = net.layers[i];
    const auto out = static_cast<size_t>(layer.output);
    const QTensorInfo& info = net.tensors[out];
    std::vector<golden::Operand> x;
    std::vector<const Explainer*> producers;
    for (const int t : layer.inputs) {
      x.push_back({net.tensors[static_cast<size_t>(t)], forced[static_cast<size_t>(t)]});
      producers.push_back(hidden[static_cast<size_t>(t)]);
    }
    Int8Tensor computed = golden::run_layer(layer, info, x);
    const Explainer& explainer =
        explainers.emplace_back(layer, forms_[i], std::move(x), info, std::move(producers));
    const auto runtime = values.find(info.name);
    if (runtime == values.end()) {
      forced[out] = std::move(computed);
      hidden[out] = &explainer;
      continue;
    }
    if (runtime->second.shape != computed.shape) {
      throw_input("value '{}' has the shape [{}], legal is [{}]", info.name,
                  fmt::join(runtime->second.shape, ", "), fmt::join(computed.shape, ", "));
    }
    LayerComparison& comparison = layers_[i];
    for (size_t v = 0; v < computed.data.size(); ++v) {
      const int mine = computed.data[v], theirs = runtime->second.data[v];
      Verdict verdict{Cause::kEqual, 0.0L, 0.0L, mine};
      if (mine != theirs) verdict = explainer.explain(v, mine, theirs);
      ++comparison.count[static_cast<size_t>(verdict.cause)];
      occurred[static_cast<size_t>(verdict.cause)] = true;
      comparison.widest_bound =
          std::max(comparison.widest_bound, static_cast<double>(verdict.bound));
      if (verdict.cause == Cause::kUnexplained && comparison.first_unexplained.empty()) {
        const Pixel p = pixel_of(info, v);
        comparison.first_unexplained = fmt::format(
            "layer '{}' ({}), image {}, channel {} at ({}, {}): golden {}, the runtime {}, in real "
            "numbers {:.9g} and zero point {}",
            comparison.name, comparison.op, images_, p.c, p.y, p.x, mine, theirs,
            static_cast<double>(verdict.value), layer.output_zero_point);
      }
    }
    forced[out] = runtime->second;
  }

  const Int8Tensor alone = golden_.run_output(input->second);
  const Int8Tensor& theirs = forced[static_cast<size_t>(net.output)];
  std::string causes;
  for (size_t c = 1; c < kCauses; ++c) {
    if (!occurred[c]) continue;
    causes += fmt::format("{}{}", causes.empty() ? "" : "+", to_string(static_cast<Cause>(c)));
  }
  for (size_t v = 0; v < alone.data.size(); ++v) {
    const int difference = std::abs(alone.data[v] - theirs.data[v]);
    if (difference == 0) continue;
    ++output_differences_;
    ++output_causes_[causes];
    largest_output_difference_ = std::max(largest_output_difference_, difference);
  }
  output_values_ += static_cast<int64_t>(alone.data.size());
  ++images_;
}

LayerComparison NetworkComparison::total() const {
  LayerComparison sum;
  sum.name = golden_.network().name;
  for (const LayerComparison& layer : layers_) {
    for (size_t c = 0; c < kCauses; ++c) sum.count[c] += layer.count[c];
    sum.widest_bound = std::max(sum.widest_bound, layer.widest_bound);
    if (sum.first_unexplained.empty()) sum.first_unexplained = layer.first_unexplained;
  }
  return sum;
}

}  // namespace aap
