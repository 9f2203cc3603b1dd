// SPDX-License-Identifier: Apache-2.0
// Windows of convolutions and pools: ONNX's attributes as explicit numbers.
#include <algorithm>

#include "model/graph.h"
#include "model/shapes.h"

namespace aap {
namespace {

constexpr int64_t kMaxExtent = int64_t{1} << 24;  // keeps all products below in 64 bits

std::vector<int64_t> pair_of(const Node& node, const char* key, size_t count, int64_t fallback,
                             int64_t low) {
  std::vector<int64_t> v = node.attr_ints(key, std::vector<int64_t>(count, fallback));
  if (v.size() != count) {
    throw_input("node '{}' ({}): attribute '{}' has {} entries, legal is {} (two dimensions)",
                node.name, node.op, key, v.size(), count);
  }
  for (int64_t x : v) {
    if (x < low || x > kMaxExtent) {
      throw_input("node '{}' ({}): attribute '{}' holds {}, legal is {}..{}", node.name, node.op,
                  key, x, low, kMaxExtent);
    }
  }
  return v;
}

// One dimension: given pads or a SAME rule in, pads and output extent out.
struct Axis {
  int64_t in, kernel, stride, dilation, pad_begin, pad_end;
};

int64_t resolve(const Node& node, Axis& a, const std::string& auto_pad, bool ceil_mode) {
  const int64_t extent = (a.kernel - 1) * a.dilation + 1;
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    const int64_t out = (a.in + a.stride - 1) / a.stride;
    const int64_t total = std::max<int64_t>((out - 1) * a.stride + extent - a.in, 0);
    a.pad_begin = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    a.pad_end = total - a.pad_begin;
    return out;
  }
  if (auto_pad == "VALID") a.pad_begin = a.pad_end = 0;
  const int64_t room = a.in + a.pad_begin + a.pad_end - extent;
  if (room < 0) {
    throw_input("node '{}' ({}): window of {} is larger than the padded input of {}", node.name,
                node.op, extent, a.in + a.pad_begin + a.pad_end);
  }
  int64_t out = room / a.stride + 1;
  if (ceil_mode && room % a.stride != 0 && out * a.stride < a.in + a.pad_begin) {
    // One more window, which starts inside the input and hangs over its end.
    a.pad_end = out * a.stride + extent - a.in - a.pad_begin;
    ++out;
  }
  return out;
}

}  // namespace

Window2d window_of(const Node& node, int64_t kernel_h, int64_t kernel_w, int64_t in_h,
                   int64_t in_w) {
  for (int64_t v : {kernel_h, kernel_w, in_h, in_w}) {
    if (v < 1 || v > kMaxExtent) {
      throw_input("node '{}' ({}): kernel {}x{} over input {}x{}, legal is 1..{}", node.name,
                  node.op, kernel_h, kernel_w, in_h, in_w, kMaxExtent);
    }
  }
  const auto strides = pair_of(node, "strides", 2, 1, 1);
  const auto dilations = pair_of(node, "dilations", 2, 1, 1);
  const auto pads = pair_of(node, "pads", 4, 0, 0);
  const std::string auto_pad = node.attr_string("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID" && auto_pad != "SAME_UPPER" &&
      auto_pad != "SAME_LOWER") {
    throw_input("node '{}' ({}): auto_pad is '{}', legal are NOTSET, VALID, SAME_UPPER, SAME_LOWER",
                node.name, node.op, auto_pad);
  }
  const bool ceil_mode = node.attr_int("ceil_mode", 0) != 0;
  Axis h{in_h, kernel_h, strides[0], dilations[0], pads[0], pads[2]};
  Axis w{in_w, kernel_w, strides[1], dilations[1], pads[1], pads[3]};
  Window2d window;
  window.out_h = resolve(node, h, auto_pad, ceil_mode);
  window.out_w = resolve(node, w, auto_pad, ceil_mode);
  window.kernel_h = kernel_h;
  window.kernel_w = kernel_w;
  window.stride_h = h.stride;
  window.stride_w = w.stride;
  window.dilation_h = h.dilation;
  window.dilation_w = w.dilation;
  window.pad_top = h.pad_begin;
  window.pad_bottom = h.pad_end;
  window.pad_left = w.pad_begin;
  window.pad_right = w.pad_end;
  return window;
}

Window2d pool_window(const Node& node, const Shape& in) {
  if (in.size() != 4) {
    throw_input("node '{}' ({}): input has rank {}, legal is 4 (N, C, H, W)", node.name, node.op,
                in.size());
  }
  const auto kernel = node.attr_ints("kernel_shape", {});
  if (kernel.size() != 2) {
    throw_input("node '{}' ({}): attribute 'kernel_shape' has {} entries, legal is 2", node.name,
                node.op, kernel.size());
  }
  const Window2d w = window_of(node, kernel[0], kernel[1], in[2], in[3]);
  // A window that lies in the padding alone has no maximum and no average.
  if (w.pad_top > (w.kernel_h - 1) * w.dilation_h || w.pad_left > (w.kernel_w - 1) * w.dilation_w ||
      w.pad_bottom > (w.kernel_h - 1) * w.dilation_h ||
      w.pad_right > (w.kernel_w - 1) * w.dilation_w) {
    throw_input("node '{}' ({}): pads {},{},{},{} are not smaller than the window", node.name,
                node.op, w.pad_top, w.pad_left, w.pad_bottom, w.pad_right);
  }
  return w;
}

Window2d conv_window(const Node& node, const Shape& in, const Shape& w) {
  if (in.size() != 4 || w.size() != 4) {
    throw_input("node '{}' ({}): input has rank {}, weights {}; legal is 4 (two dimensions)",
                node.name, node.op, in.size(), w.size());
  }
  const int64_t group = node.attr_int("group", 1);
  if (group < 1 || group > in[1] || in[1] % group != 0 || w[1] != in[1] / group || w[0] < 1 ||
      w[0] % group != 0) {
    throw_input("node '{}' ({}): {} input channels, weights {}x{}x{}x{} and group {} do not agree",
                node.name, node.op, in[1], w[0], w[1], w[2], w[3], group);
  }
  const auto kernel = node.attr_ints("kernel_shape", {w[2], w[3]});
  if (kernel != std::vector<int64_t>{w[2], w[3]}) {
    throw_input("node '{}' ({}): kernel_shape does not agree with weights of {}x{}", node.name,
                node.op, w[2], w[3]);
  }
  return window_of(node, w[2], w[3], in[2], in[3]);
}

}  // namespace aap
