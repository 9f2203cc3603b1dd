// SPDX-License-Identifier: Apache-2.0
#include "model/qnetwork.h"

#include <algorithm>

namespace aap {
namespace {

constexpr int64_t kMaxExtent = int64_t{1} << 24;

// Checks one layer; every message names it.
class LayerCheck {
 public:
  LayerCheck(const QNetwork& network, const QLayer& layer) : n_(network), l_(layer) {}

  void run() {
    check_tensors();
    const QTensorInfo& y = n_.tensors[static_cast<size_t>(l_.output)];
    range("lo", l_.lo, -128, 127);
    range("hi", l_.hi, l_.lo, 127);
    if (l_.output_zero_point != y.zero_point) {
      fail("output zero point is {}, its tensor's {}", l_.output_zero_point, y.zero_point);
    }
    for (const Requantisation& r : l_.requant) {
      range("multiplier", r.multiplier, 1, (1 << 24) - 1);
      range("shift", r.shift, 0, 63);
    }
    switch (l_.op) {
      case QOp::kConv:
        return check_conv(input(0), y);
      case QOp::kMaxPool:
      case QOp::kAveragePool:
        return check_pool(input(0), y);
      case QOp::kAdd:
        return check_add(input(0), input(1), y);
      case QOp::kConcat:
        return check_concat(y);
      case QOp::kIdentity:
        same_shape(input(0), y);
        return entries("requantisations", l_.requant.size(), 1);
    }
    fail("operator {} is unknown", static_cast<int>(l_.op));
  }

 private:
  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) const {
    throw_input("network '{}': layer '{}' ({}): {}", n_.name, l_.name, to_string(l_.op),
                fmt::format(text, std::forward<Args>(args)...));
  }

  void range(const char* what, int64_t value, int64_t low, int64_t high) const {
    if (value < low || value > high) fail("{} is {}, legal is {}..{}", what, value, low, high);
  }

  void entries(const char* what, size_t count, int64_t legal) const {
    if (static_cast<int64_t>(count) != legal) fail("has {} {}, legal is {}", count, what, legal);
  }

  const QTensorInfo& input(size_t i) const { return n_.tensors[static_cast<size_t>(l_.inputs[i])]; }

  void check_tensors() const {
    const size_t least = l_.op == QOp::kAdd ? 2 : 1;
    const size_t most = l_.op == QOp::kConcat ? 4096 : least;
    if (l_.inputs.size() < least || l_.inputs.size() > most) {
      fail("has {} inputs, legal is {}..{}", l_.inputs.size(), least, most);
    }
    const int64_t last = static_cast<int64_t>(n_.tensors.size()) - 1;
    for (int t : l_.inputs) range("input tensor", t, 0, last);
    range("output tensor", l_.output, 0, last);
  }

  void same_shape(const QTensorInfo& a, const QTensorInfo& b) const {
    if (a.channels != b.channels || a.height != b.height || a.width != b.width) {
      fail("tensors '{}' of {}x{}x{} and '{}' of {}x{}x{} must have one shape", a.name, a.channels,
           a.height, a.width, b.name, b.channels, b.height, b.width);
    }
  }

  // Window numbers and the output extent that follows from them.
  void check_window(const QTensorInfo& x, const QTensorInfo& y) const {
    for (int64_t v :
         {l_.kernel_h, l_.kernel_w, l_.stride_h, l_.stride_w, l_.dilation_h, l_.dilation_w}) {
      range("kernel, stride or dilation", v, 1, kMaxExtent);
    }
    for (int64_t v : {l_.pad_top, l_.pad_left, l_.pad_bottom, l_.pad_right}) {
      range("pad", v, 0, kMaxExtent);
    }
    const int64_t room_h =
        x.height + l_.pad_top + l_.pad_bottom - (l_.kernel_h - 1) * l_.dilation_h - 1;
    const int64_t room_w =
        x.width + l_.pad_left + l_.pad_right - (l_.kernel_w - 1) * l_.dilation_w - 1;
    if (room_h < 0 || room_w < 0 || y.height != room_h / l_.stride_h + 1 ||
        y.width != room_w / l_.stride_w + 1) {
      fail("output of {}x{} does not follow from input {}x{} and the window", y.height, y.width,
           x.height, x.width);
    }
  }

  void check_conv(const QTensorInfo& x, const QTensorInfo& y) const {
    check_window(x, y);
    range("groups", l_.groups, 1, x.channels);
    if (x.channels % l_.groups != 0 || y.channels % l_.groups != 0) {
      fail("{} groups do not divide {} input and {} output channels", l_.groups, x.channels,
           y.channels);
    }
    const Shape expected = {y.channels, x.channels / l_.groups, l_.kernel_h, l_.kernel_w};
    if (l_.weights.shape != expected || l_.weights.size() != element_count(expected)) {
      fail("weights are [{}], legal is [{}]", fmt::join(l_.weights.shape, ", "),
           fmt::join(expected, ", "));
    }
    entries("biases", l_.bias.size(), y.channels);
    entries("requantisations", l_.requant.size(), y.channels);
  }

  void check_pool(const QTensorInfo& x, const QTensorInfo& y) const {
    check_window(x, y);
    if (x.channels != y.channels) fail("{} channels in, {} out", x.channels, y.channels);
    const int64_t most_h = (l_.kernel_h - 1) * l_.dilation_h;
    const int64_t most_w = (l_.kernel_w - 1) * l_.dilation_w;
    range("pad at the top", l_.pad_top, 0, most_h);
    range("pad at the bottom", l_.pad_bottom, 0, most_h);
    range("pad at the left", l_.pad_left, 0, most_w);
    range("pad at the right", l_.pad_right, 0, most_w);
    if (l_.op == QOp::kMaxPool) {
      entries("requantisations", l_.requant.size(), 0);
      same_quantisation(x, y);
    } else {
      entries("requantisations", l_.requant.size(), l_.kernel_h * l_.kernel_w);
    }
  }

  void same_quantisation(const QTensorInfo& x, const QTensorInfo& y) const {
    if (x.zero_point != y.zero_point || x.scale != y.scale) {
      fail("tensors '{}' (scale {}, zero point {}) and '{}' ({}, {}) must share both", x.name,
           x.scale, x.zero_point, y.name, y.scale, y.zero_point);
    }
  }

  void check_add(const QTensorInfo& a, const QTensorInfo& b, const QTensorInfo& y) const {
    same_shape(a, y);
    same_shape(b, y);
    constexpr int64_t limit = (int64_t{1} << kAddMultiplierBits) - 1;
    range("multiplier of a", l_.ma, 0, limit);
    range("multiplier of b", l_.mb, 0, limit - l_.ma);
    range("shift of the sum", l_.add_shift, 0, 31);
    const int64_t constant =
        -(a.zero_point * static_cast<int64_t>(l_.ma) + b.zero_point * static_cast<int64_t>(l_.mb));
    if (l_.add_constant != constant) {
      fail("constant of the sum is {}, the zero points give {}", l_.add_constant, constant);
    }
  }

  void check_concat(const QTensorInfo& y) const {
    int64_t channels = 0;
    for (size_t i = 0; i < l_.inputs.size(); ++i) {
      const QTensorInfo& x = input(i);
      channels += x.channels;
      same_quantisation(x, y);
      if (x.height != y.height || x.width != y.width) {
        fail("input '{}' is {}x{}, the output {}x{}", x.name, x.height, x.width, y.height, y.width);
      }
    }
    if (channels != y.channels) fail("inputs have {} channels, output {}", channels, y.channels);
  }

  const QNetwork& n_;
  const QLayer& l_;
};

void check_tensor(const QNetwork& network, const QTensorInfo& t) {
  for (int64_t v : {t.channels, t.height, t.width}) {
    if (v < 1 || v > kMaxExtent) {
      throw_input("network '{}': tensor '{}' is {}x{}x{}, legal is 1..{} each", network.name,
                  t.name, t.channels, t.height, t.width, kMaxExtent);
    }
  }
  if (t.channels * t.height > (int64_t{1} << 31) / t.width) {
    throw_input("network '{}': tensor '{}' has more than 2^31 values", network.name, t.name);
  }
  if (t.zero_point < -128 || t.zero_point > 127) {
    throw_input("network '{}': tensor '{}': zero point is {}, legal is -128..127", network.name,
                t.name, t.zero_point);
  }
  if (!(t.scale > 0.0) || t.scale > 3.5e38) {
    throw_input("network '{}': tensor '{}': scale is {}, legal is positive and finite",
                network.name, t.name, t.scale);
  }
}

}  // namespace

const char* to_string(QOp op) {
  switch (op) {
    case QOp::kConv:
      return "Conv";
    case QOp::kMaxPool:
      return "MaxPool";
    case QOp::kAveragePool:
      return "AveragePool";
    case QOp::kAdd:
      return "Add";
    case QOp::kConcat:
      return "Concat";
    case QOp::kIdentity:
      return "Identity";
  }
  return "unknown";
}

void validate(const QNetwork& network) {
  const auto count = static_cast<int64_t>(network.tensors.size());
  for (const QTensorInfo& t : network.tensors) check_tensor(network, t);
  for (int index : {network.input, network.output}) {
    if (index < 0 || index >= count) {
      throw_input("network '{}': input or output is tensor {}, legal is 0..{}", network.name, index,
                  count - 1);
    }
  }
  std::vector<bool> known(network.tensors.size(), false);
  known[static_cast<size_t>(network.input)] = true;
  for (const QLayer& layer : network.layers) {
    LayerCheck(network, layer).run();
    for (int t : layer.inputs) {
      if (!known[static_cast<size_t>(t)]) {
        throw_input("network '{}': layer '{}' reads tensor '{}' before it is computed",
                    network.name, layer.name, network.tensors[static_cast<size_t>(t)].name);
      }
    }
    if (known[static_cast<size_t>(layer.output)]) {
      throw_input("network '{}': layer '{}' computes tensor '{}' a second time", network.name,
                  layer.name, network.tensors[static_cast<size_t>(layer.output)].name);
    }
    known[static_cast<size_t>(layer.output)] = true;
  }
  if (!known[static_cast<size_t>(network.output)]) {
    throw_input("network '{}': nothing computes the output '{}'", network.name,
                network.tensors[static_cast<size_t>(network.output)].name);
  }
}

}  // namespace aap
