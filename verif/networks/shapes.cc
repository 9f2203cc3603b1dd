// SPDX-License-Identifier: Apache-2.0
#include "verif/networks/shapes.h"

namespace aap::verif {
namespace {

// Channels out, kernel, pad: the usual square layer.
LayerShape square(int64_t m, int64_t kernel, int64_t pad, int keep = 0) {
  LayerShape s;
  s.channels_out = m;
  s.kernel_h = s.kernel_w = kernel;
  s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = pad;
  s.keep = keep;
  return s;
}

LayerShape strided(LayerShape s, int64_t stride) {
  s.stride_h = s.stride_w = stride;
  return s;
}

LayerShape rectangular(int64_t m, int64_t kh, int64_t kw, int64_t ph, int64_t pw, int keep) {
  LayerShape s = square(m, 1, 0, keep);
  s.kernel_h = kh;
  s.kernel_w = kw;
  s.pad_top = s.pad_bottom = ph;
  s.pad_left = s.pad_right = pw;
  return s;
}

NamedNetwork single(const std::string& name, const std::string& reason, int64_t c, int64_t h, int64_t w,
                    const LayerShape& shape) {
  return {name, reason, [=](uint32_t seed) {
            NetworkBuilder b(seed, c, h, w);
            b.conv(shape);
            return b.build();
          }};
}

QNetwork residual_block(uint32_t seed) {
  NetworkBuilder b(seed, 32, 9, 9);
  const int start = b.conv(square(32, 1, 0, 4));
  b.depthwise(square(32, 3, 1));
  const int end = b.conv(square(32, 1, 0, 4));
  b.add(end, start, true);
  b.conv(square(16, 1, 0, 4));
  return b.build();
}

QNetwork add_of_pools(uint32_t seed) {
  NetworkBuilder b(seed, 16, 8, 8);
  const int p = b.max_pool(strided(square(16, 2, 0), 2));
  const int q = b.average_pool(strided(square(16, 2, 0), 2), false, 0);
  b.add(p, q);
  return b.build();
}

QNetwork pools(uint32_t seed, bool count_include_pad) {
  NetworkBuilder b(seed, 20, 11, 10);
  b.max_pool(strided(square(20, 3, 1), 2));
  b.average_pool(square(20, 3, 1), count_include_pad);
  b.global_average_pool();
  return b.build();
}

QNetwork concatenation(uint32_t seed) {
  NetworkBuilder b(seed, 16, 7, 7);
  const int a = b.conv(square(32, 1, 0, 4));
  const int c = b.conv(square(48, 3, 1, 4), 0);
  b.concat({a, c});
  b.conv(square(16, 1, 0, 4));
  return b.build();
}

QNetwork classifier(uint32_t seed) {
  NetworkBuilder b(seed, 3, 12, 12);
  b.conv(strided(square(24, 3, 1), 2));
  b.conv(square(40, 3, 1, 4));
  b.max_pool(strided(square(40, 2, 0), 2));
  b.fully_connected(10, 4);
  return b.build();
}

std::vector<NamedNetwork> make_tails() {
  std::vector<NamedNetwork> list = {
      single("channels_lt_group", "one partly filled group", 3, 9, 9, square(16, 3, 1)),
      single("one_channel", "a grey image, one channel in every group", 1, 12, 12, square(32, 3, 1)),
      single("channels_not_multiple_of_group", "a tail group", 40, 6, 6, square(32, 1, 0, 4)),
      single("outputs_not_multiple_of_pes", "a partly used tile of output channels", 32, 6, 6, square(50, 1, 0, 4)),
      single("one_output_channel", "one PE busy", 32, 6, 6, square(1, 3, 1, 4)),
      single("many_output_channels", "many tiles of output channels", 16, 4, 4, square(200, 1, 0, 4)),
      single("one_pixel_image", "1 x 1 image", 64, 1, 1, square(32, 1, 0, 4)),
      single("one_pixel_image_padded", "more padding than image", 16, 1, 1, square(16, 3, 1, 4)),
      single("stride_3", "windows that skip pixels", 16, 13, 14, strided(square(16, 3, 1, 4), 3)),
      single("stride_2_kernel_1", "pixels never read", 32, 9, 9, strided(square(32, 1, 0, 4), 2)),
      single("kernel_7x7", "49 positions", 8, 12, 12, strided(square(16, 7, 3), 2)),
      single("kernel_1x7", "a row of positions", 16, 9, 9, rectangular(16, 1, 7, 0, 3, 4)),
      single("kernel_7x1", "a column of positions", 16, 9, 9, rectangular(16, 7, 1, 3, 0, 4)),
      single("padding_larger_than_half_kernel", "windows of padding alone", 16, 5, 5, square(16, 3, 3, 4)),
      single("asymmetric_padding", "pads differ on every side", 16, 6, 7, [] {
        LayerShape s = square(16, 3, 0, 4);
        s.pad_top = 2;
        s.pad_left = 0;
        s.pad_bottom = 1;
        s.pad_right = 2;
        return s;
      }()),
      single("dilation_2", "positions far apart", 16, 11, 11, [] {
        LayerShape s = square(16, 3, 2, 4);
        s.dilation_h = s.dilation_w = 2;
        return s;
      }()),
      single("grouped_convolution", "PEs of a tile need different groups", 64, 5, 5, [] {
        LayerShape s = square(64, 3, 1, 4);
        s.groups = 4;
        return s;
      }()),
      single("keep_1", "one row a step", 32, 6, 6, square(32, 3, 1, 1)),
      single("keep_all", "dense", 32, 5, 5, square(32, 3, 1, 16)),
      single("long_reduction", "more rows than the weight buffer: partial sums", 256, 4, 4, square(32, 3, 1, 4)),
      single("long_reduction_dense", "several passes", 128, 3, 3, square(16, 3, 1)),
      single("wide_image", "tiles in width", 16, 3, 150, square(16, 3, 1, 4)),
      single("tall_image", "tiles in height", 16, 150, 3, square(16, 3, 1, 4)),
      {"depthwise_stride_2", "keep 1 of G", [](uint32_t seed) {
         NetworkBuilder b(seed, 48, 9, 9);
         b.depthwise(strided(square(48, 3, 1), 2));
         return b.build();
       }},
      {"residual_block", "add fused into the convolution", residual_block},
      {"add_of_pools", "an add that no convolution can take in", add_of_pools},
      {"pools_without_padding_counted", "border windows have divisors of their own", [](uint32_t s) { return pools(s, false); }},
      {"pools_with_padding_counted", "one divisor", [](uint32_t s) { return pools(s, true); }},
      {"concatenation", "placement in one feature map", concatenation},
      {"classifier", "image to classes", classifier},
  };
  return list;
}

std::vector<NamedNetwork> make_grid() {
  return {{"residual_block", "add, depthwise, 1x1", residual_block},
          {"classifier", "tails, pooling, fully connected", classifier},
          {"pools_without_padding_counted", "max and average", [](uint32_t s) { return pools(s, false); }},
          single("long_reduction", "partial sums", 128, 4, 4, square(32, 3, 1, 4))};
}

}  // namespace

const std::vector<NamedNetwork>& tail_networks() {
  static const std::vector<NamedNetwork> list = make_tails();
  return list;
}

const std::vector<NamedNetwork>& grid_networks() {
  static const std::vector<NamedNetwork> list = make_grid();
  return list;
}

}  // namespace aap::verif
