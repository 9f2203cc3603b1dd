// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <initializer_list>
#include <random>

#include "verif/networks/shapes.h"

namespace aap::verif {
namespace {

class Draw {
 public:
  explicit Draw(uint32_t seed) : random_(seed) {}
  int64_t between(int64_t lo, int64_t hi) { return lo + static_cast<int64_t>(random_() % static_cast<uint64_t>(hi - lo + 1)); }
  template <typename T>
  T one_of(std::initializer_list<T> list) {
    return list.begin()[between(0, static_cast<int64_t>(list.size()) - 1)];
  }

 private:
  std::mt19937 random_;
};

LayerShape random_window(Draw& draw, int64_t height, int64_t width) {
  LayerShape s;
  s.kernel_h = std::min<int64_t>(height, draw.one_of({1, 1, 2, 3, 3, 5}));
  s.kernel_w = std::min<int64_t>(width, draw.one_of({1, 1, 2, 3, 3, 5}));
  s.stride_h = draw.one_of({1, 1, 1, 2, 3});
  s.stride_w = draw.one_of({1, 1, 1, 2, 3});
  s.pad_top = draw.between(0, s.kernel_h - 1);
  s.pad_bottom = draw.between(0, s.kernel_h - 1);
  s.pad_left = draw.between(0, s.kernel_w - 1);
  s.pad_right = draw.between(0, s.kernel_w - 1);
  s.relu = draw.between(0, 1) != 0;
  return s;
}

}  // namespace

QNetwork random_network(uint32_t seed) {
  Draw draw(seed);
  NetworkBuilder b(seed, draw.one_of({1, 3, 8, 16, 20, 32, 48}), draw.between(3, 14), draw.between(3, 14));
  int last = 0;
  for (int64_t n = draw.between(1, 4); n > 0; --n) {
    const QTensorInfo in = b.tensor(last);
    LayerShape s = random_window(draw, in.height, in.width);
    s.keep = draw.one_of({0, 1, 2, 4, 8});
    switch (draw.between(0, 6)) {
      case 0:
        s.keep = 0;
        last = b.depthwise(s);
        break;
      case 1:
        last = draw.between(0, 1) != 0 ? b.max_pool(s) : b.average_pool(s, draw.between(0, 1) != 0);
        break;
      case 2: {  // a residual block
        LayerShape point;
        point.channels_out = in.channels;
        point.keep = draw.one_of({0, 4});
        last = b.add(b.conv(point), last, s.relu);
        break;
      }
      default:
        s.channels_out = draw.one_of({5, 16, 32, 40, 64});
        last = b.conv(s);
    }
  }
  return b.build();
}

}  // namespace aap::verif
