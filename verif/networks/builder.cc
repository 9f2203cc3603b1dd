// SPDX-License-Identifier: Apache-2.0
#include "verif/networks/builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace aap::verif {
namespace {

int64_t out_size(int64_t in, int64_t pad_a, int64_t pad_b, int64_t kernel, int64_t stride, int64_t dilation) {
  return (in + pad_a + pad_b - (dilation * (kernel - 1) + 1)) / stride + 1;
}

}  // namespace

NetworkBuilder::NetworkBuilder(uint32_t seed, int64_t channels, int64_t height, int64_t width)
    : random_(seed + 1) {
  for (int i = 0; i < 4; ++i) random_();
  network_.name = fmt::format("random_{}", seed);
  QTensorInfo input{"input", channels, height, width, 1.0, 0, false};
  input.zero_point = uniform(-20, 20);
  network_.tensors.push_back(input);
  network_.input = 0;
}

int NetworkBuilder::resolve(int input) const {
  return input < 0 ? static_cast<int>(network_.tensors.size()) - 1 : input;
}

int NetworkBuilder::uniform(int lo, int hi) {
  return lo + static_cast<int>(random_() / 16 % static_cast<uint32_t>(hi - lo + 1));
}

// A 16-bit multiplier, odd or with shift 0, for a product that `gain` scales.
Requantisation NetworkBuilder::scale_for(double gain) {
  Requantisation r;
  r.multiplier = static_cast<uint32_t>(uniform(1 << 14, (1 << 16) - 1)) | 1U;
  const double target = gain * (0.5 + uniform(0, 100) / 100.0);
  r.shift = std::clamp(static_cast<int>(std::lround(std::log2(r.multiplier / target))), 0, 63);
  return r;
}

int NetworkBuilder::add_layer(QLayer layer, int64_t channels, int64_t height, int64_t width, int zero_point) {
  layer.output = static_cast<int>(network_.tensors.size());
  layer.output_zero_point = zero_point;
  if (layer.name.empty()) layer.name = fmt::format("{}_{}", to_string(layer.op), network_.layers.size());
  network_.tensors.push_back({layer.name + "_out", channels, height, width, 1.0, zero_point, false});
  network_.layers.push_back(std::move(layer));
  return static_cast<int>(network_.tensors.size()) - 1;
}

void NetworkBuilder::set_window(QLayer& layer, const LayerShape& s) const {
  layer.kernel_h = s.kernel_h;
  layer.kernel_w = s.kernel_w;
  layer.stride_h = s.stride_h;
  layer.stride_w = s.stride_w;
  layer.dilation_h = s.dilation_h;
  layer.dilation_w = s.dilation_w;
  layer.pad_top = s.pad_top;
  layer.pad_left = s.pad_left;
  layer.pad_bottom = s.pad_bottom;
  layer.pad_right = s.pad_right;
}

int NetworkBuilder::conv(const LayerShape& s, int input) {
  const QTensorInfo in = tensor(resolve(input));
  QLayer layer;
  layer.op = QOp::kConv;
  layer.inputs = {resolve(input)};
  set_window(layer, s);
  layer.groups = s.groups;
  const int64_t c = in.channels / s.groups, area = s.kernel_h * s.kernel_w;
  layer.weights = Int8Tensor({s.channels_out, c, s.kernel_h, s.kernel_w});
  std::vector<int> order;
  for (int64_t m = 0; m < s.channels_out; ++m) {
    for (int64_t k = 0; k < area; ++k) {
      for (int64_t first = 0; first < c; first += s.group) {
        const int64_t n = std::min<int64_t>(s.group, c - first);
        order.resize(static_cast<size_t>(n));
        std::iota(order.begin(), order.end(), 0);
        std::shuffle(order.begin(), order.end(), random_);
        const int64_t kept = s.keep == 0 ? n : std::min<int64_t>(n, s.keep);
        for (int64_t i = 0; i < kept; ++i) {
          // -128 is legal and rare; zeros among kept weights happen.
          const int w = uniform(0, 63) == 0 ? -128 : uniform(-127, 127);
          layer.weights.data[static_cast<size_t>(((m * c) + first + order[static_cast<size_t>(i)]) * area + k)] =
              static_cast<int8_t>(w);
        }
      }
    }
  }
  const double terms = static_cast<double>(c * area) * (s.keep == 0 ? 1.0 : std::min(1.0, static_cast<double>(s.keep) / s.group));
  const int64_t taps = c * area;
  for (int64_t m = 0; m < s.channels_out; ++m) {
    int64_t sum = 0;
    for (int64_t i = 0; i < taps; ++i) sum += layer.weights.data[static_cast<size_t>(m * taps + i)];
    layer.bias.push_back(static_cast<int32_t>(uniform(-3000, 3000) - in.zero_point * sum));
    layer.requant.push_back(scale_for(50.0 / (73.0 * 73.0 * std::sqrt(std::max(1.0, terms)))));
  }
  const int zp = s.relu ? -128 : uniform(-20, 20);
  if (uniform(0, 3) == 0) {
    layer.lo = -100;
    layer.hi = 90;
  }
  layer.keep = s.keep;
  layer.group_size = s.keep == 0 ? 0 : s.group;
  return add_layer(layer, s.channels_out,
                   out_size(in.height, s.pad_top, s.pad_bottom, s.kernel_h, s.stride_h, s.dilation_h),
                   out_size(in.width, s.pad_left, s.pad_right, s.kernel_w, s.stride_w, s.dilation_w), zp);
}

int NetworkBuilder::depthwise(LayerShape s, int input) {
  s.groups = tensor(resolve(input)).channels;
  s.channels_out = s.groups;
  s.keep = 0;
  return conv(s, input);
}

int NetworkBuilder::fully_connected(int64_t channels_out, int keep, int group, int input) {
  LayerShape s;
  s.channels_out = channels_out;
  s.kernel_h = tensor(resolve(input)).height;
  s.kernel_w = tensor(resolve(input)).width;
  s.keep = keep;
  s.group = group;
  return conv(s, input);
}

int NetworkBuilder::max_pool(const LayerShape& s, int input) {
  const QTensorInfo in = tensor(resolve(input));
  QLayer layer;
  layer.op = QOp::kMaxPool;
  layer.inputs = {resolve(input)};
  set_window(layer, s);
  return add_layer(layer, in.channels,
                   out_size(in.height, s.pad_top, s.pad_bottom, s.kernel_h, s.stride_h, s.dilation_h),
                   out_size(in.width, s.pad_left, s.pad_right, s.kernel_w, s.stride_w, s.dilation_w), in.zero_point);
}

int NetworkBuilder::average_pool(const LayerShape& s, bool count_include_pad, int input) {
  const QTensorInfo in = tensor(resolve(input));
  QLayer layer;
  layer.op = QOp::kAveragePool;
  layer.inputs = {resolve(input)};
  layer.count_include_pad = count_include_pad;
  set_window(layer, s);
  for (int64_t n = 1; n <= s.kernel_h * s.kernel_w; ++n) layer.requant.push_back(scale_for(1.0 / static_cast<double>(n)));
  return add_layer(layer, in.channels,
                   out_size(in.height, s.pad_top, s.pad_bottom, s.kernel_h, s.stride_h, 1),
                   out_size(in.width, s.pad_left, s.pad_right, s.kernel_w, s.stride_w, 1), uniform(-20, 20));
}

int NetworkBuilder::global_average_pool(int input) {
  LayerShape s;
  s.kernel_h = tensor(resolve(input)).height;
  s.kernel_w = tensor(resolve(input)).width;
  return average_pool(s, false, input);
}

int NetworkBuilder::add(int a, int b, bool relu) {
  const QTensorInfo ia = tensor(a), ib = tensor(b);
  QLayer layer;
  layer.op = QOp::kAdd;
  layer.inputs = {a, b};
  constexpr int limit = (1 << kAddMultiplierBits) - 1;
  const int ma = uniform(limit / 4, limit * 3 / 4);
  layer.ma = static_cast<uint32_t>(ma);
  layer.mb = static_cast<uint32_t>(uniform(limit / 8, limit - ma));
  layer.add_shift = uniform(21, 23);
  layer.add_constant = -static_cast<int32_t>(ia.zero_point * static_cast<int64_t>(layer.ma) +
                                             ib.zero_point * static_cast<int64_t>(layer.mb));
  return add_layer(layer, ia.channels, ia.height, ia.width, relu ? -128 : uniform(-20, 20));
}

int NetworkBuilder::concat(const std::vector<int>& inputs) {
  QLayer layer;
  layer.op = QOp::kConcat;
  layer.inputs = inputs;
  int64_t channels = 0;
  const QTensorInfo first = tensor(inputs.at(0));
  // Inputs of a concatenation share the zero point of its output.
  for (int i : inputs) {
    channels += tensor(i).channels;
    network_.tensors.at(static_cast<size_t>(i)).zero_point = first.zero_point;
    for (QLayer& l : network_.layers) {
      if (l.output == i) l.output_zero_point = first.zero_point;
    }
  }
  return add_layer(layer, channels, first.height, first.width, first.zero_point);
}

int NetworkBuilder::identity(int input) {
  const QTensorInfo in = tensor(resolve(input));
  QLayer layer;
  layer.op = QOp::kIdentity;
  layer.inputs = {resolve(input)};
  layer.requant = {scale_for(1.0)};
  return add_layer(layer, in.channels, in.height, in.width, uniform(-20, 20));
}

QNetwork NetworkBuilder::build() const {
  QNetwork n = network_;
  n.output = static_cast<int>(n.tensors.size()) - 1;
  validate(n);
  return n;
}

Int8Tensor NetworkBuilder::random_input() {
  const QTensorInfo& in = tensor(0);
  Int8Tensor t({in.channels, in.height, in.width});
  for (int8_t& v : t.data) v = static_cast<int8_t>(uniform(-128, 127));
  return t;
}

QNetwork unconstrained(QNetwork network, uint32_t seed) {
  std::minstd_rand random(seed);
  for (QLayer& layer : network.layers) {
    if (layer.keep == 0) continue;
    auto& weights = layer.weights.data;
    for (size_t i = weights.size() - 1; i > 0; --i) std::swap(weights[i], weights[random() % (i + 1)]);
    layer.keep = layer.group_size = 0;
  }
  return network;
}

QNetwork narrow(QNetwork network, int multiplier_bits, int accumulator_bits, int add_bits) {
  const int64_t limit = int64_t{1} << (accumulator_bits - 1);
  for (QLayer& layer : network.layers) {
    int halvings = 0;
    const auto channels = static_cast<int64_t>(layer.bias.size());
    for (int64_t m = 0; m < channels; ++m) {
      const int64_t count = layer.weights.size() / channels;
      int64_t sum = std::abs(int64_t{layer.bias[static_cast<size_t>(m)]});
      for (int64_t i = 0; i < count; ++i) sum += 128 * std::abs(int{layer.weights.data[static_cast<size_t>(m * count + i)]});
      while (sum >> halvings >= limit) ++halvings;
    }
    for (int8_t& w : layer.weights.data) w = static_cast<int8_t>(w / (1 << halvings));
    for (int32_t& b : layer.bias) b /= 1 << halvings;
    for (Requantisation& r : layer.requant) {
      r.shift = std::max(0, r.shift - halvings);
      while (r.multiplier >> multiplier_bits != 0) {
        r.multiplier >>= 1;
        r.shift = std::max(0, r.shift - 1);
      }
      if (r.shift != 0) r.multiplier |= 1U;
    }
    if (layer.op != QOp::kAdd) continue;
    while ((layer.ma + layer.mb) >> add_bits != 0) {
      layer.ma >>= 1;
      layer.mb >>= 1;
      --layer.add_shift;
    }
    const auto zero = [&](size_t i) { return network.tensors[static_cast<size_t>(layer.inputs[i])].zero_point; };
    layer.add_constant = -static_cast<int32_t>(zero(0) * int64_t{layer.ma} + zero(1) * int64_t{layer.mb});
  }
  return network;
}

}  // namespace aap::verif
