// SPDX-License-Identifier: Apache-2.0
#include "verif/networks/small.h"

namespace aap::verif {

NetworkBuilder every_layer(uint32_t seed) {
  NetworkBuilder b(seed, 8, 5, 4);
  LayerShape s;
  s.channels_out = 8;
  s.kernel_h = s.kernel_w = 3;
  s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = 1;
  s.keep = 2;
  s.group = 8;
  const int first = b.conv(s);
  const int second = b.conv(s);
  b.add(first, second, true);
  LayerShape p;
  p.kernel_h = p.kernel_w = 2;
  p.stride_h = p.stride_w = 2;
  b.max_pool(p);
  b.depthwise(s);
  b.fully_connected(5);
  return b;
}

NetworkBuilder every_pool(uint32_t seed) {
  NetworkBuilder b(seed, 16, 5, 4);
  LayerShape s;
  s.kernel_h = 3;
  s.kernel_w = 2;
  s.pad_top = s.pad_left = 1;
  const int a = b.average_pool(s, false, 0);
  const int c = b.average_pool(s, true, 0);
  const int all = b.concat({a, c});
  b.identity(all);
  b.global_average_pool();
  return b;
}

}  // namespace aap::verif
