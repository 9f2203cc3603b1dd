// SPDX-License-Identifier: Apache-2.0
// The network as what the array does: every layer becomes a sparse weight function over (output
// channel, input channel, ky, kx) with a requantisation, or vanishes by placement. Internal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compile/compile.h"
#include "model/qnetwork.h"
#include "spec/config.h"

namespace aap::compiler {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Memory of one feature map, possibly of several tensors (concatenation).
struct Storage {
  int64_t planes = 0, height = 0, width = 0;
  int first_op = 0, last_op = 0;  // ops that write and read it; -1 is before the first
  uint64_t offset = 0;            // from the start of the maps' memory

  uint64_t plane_bytes(const Config& config) const {
    return static_cast<uint64_t>(height * width) * static_cast<uint64_t>(config.block_bytes());
  }
};

struct Plane {
  int storage = -1;
  int64_t plane = 0;
};

// Output pixels that share parameters: [y0, y1) x [x0, x1), and which.
struct Region {
  int64_t y0 = 0, y1 = 0, x0 = 0, x1 = 0;
  int params = 0;  // index of Op::requant where it is per region
};

struct Op {
  std::string name, kind;  // ONNX node name; as ProgramLayer::op
  const QLayer* layer = nullptr;
  bool conv = false;  // weights of `layer`; else weight 1 from channel source[m] to m
  bool max = false;
  std::vector<Plane> in;        // planes of B physical channels, as the array sees them
  std::vector<int32_t> source;  // one-to-one ops: physical input channel of each output channel
  int64_t in_channels = 0, height = 0, width = 0;
  int64_t out_channels = 0, out_height = 0, out_width = 0;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;
  int pad_value = 0;
  int64_t bias = 0;                     // one-to-one ops; convolutions have their own per channel
  std::vector<Requantisation> requant;  // conv: per channel; else per Region::params
  std::vector<Region> regions;
  int zp = 0, lo = -128, hi = 127;
  int output = -1;    // tensor
  int residual = -1;  // tensor, -1: none
  uint32_t add_ma = 0, add_mb = 0;
  int add_shift = 0, add_zp = 0, add_lo = -128, add_hi = 127;
  int32_t add_c = 0;
  bool placed = false;  // concatenation without work: no descriptors
  // Channel m mod G of a group is all that output channel m takes, and PEs share indices: the
  // array's diagonal mode.
  bool diagonal = false;

  // Calls f(index in group, weight) for the connected channels of physical group `group` (of G
  // channels) at (ky, kx) for output channel m; weights may be 0.
  template <typename F>
  void for_weights(int64_t m, int64_t group, int64_t g_size, int64_t ky, int64_t kx, F f) const {
    const int64_t p0 = group * g_size;
    if (!conv) {
      const int64_t p = source[static_cast<size_t>(m)] - p0;
      if (p >= 0 && p < g_size) f(static_cast<int>(p), 1);
      return;
    }
    const int64_t cg = in_channels / layer->groups;
    const int64_t c0 = m / (out_channels / layer->groups) * cg;
    for (int64_t p = std::max<int64_t>(p0, c0); p < p0 + g_size && p < c0 + cg; ++p) {
      f(static_cast<int>(p - p0), layer->weights.at4(m, p - c0, ky, kx));
    }
  }
  // Physical groups that output channel m is connected to: [first, last].
  std::pair<int64_t, int64_t> groups_of(int64_t m, int64_t g_size) const {
    if (!conv) {
      const int64_t g = source[static_cast<size_t>(m)] / g_size;
      return {g, g};
    }
    const int64_t cg = in_channels / layer->groups;
    const int64_t c0 = m / (out_channels / layer->groups) * cg;
    return {c0 / g_size, (c0 + cg - 1) / g_size};
  }
};

struct Lowered {
  std::vector<Op> ops;  // of the first image
  std::vector<Storage> storages;
  std::vector<Plane> tensors;  // first plane of each tensor of the network, image after image
  uint64_t map_bytes = 0;      // memory of all storages
  int images = 1;

  // The same operation on the maps of another image.
  Op of_image(const Op& op, int image) const;
};

// Fusion, placement of concatenations, memory of the feature maps. `network` must outlive the
// result.
Lowered lower(const QNetwork& network, const Config& config, bool keep_all);

// Gives every image feature maps of its own: storages and tensors image after image.
void replicate(Lowered& lowered, int images);

// Accumulator, multiplier and shift of every channel against the configuration. One row per layer
// and resource with the largest need.
std::vector<FitRow> check_arithmetic(const Op& op, const Config& config);

}  // namespace aap::compiler
