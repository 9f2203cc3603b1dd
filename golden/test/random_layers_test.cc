// SPDX-License-Identifier: Apache-2.0
// Golden against a second implementation that shares nothing with it: sums are scattered from each
// input value to the outputs that see it (golden gathers), on x - zx with the folded bias unfolded,
// and rounding is done by the floating-point unit: an accumulator below 2^31 times m below 2^24 is
// exact in the 64-bit mantissa of x86's long double, and so is the division by 2^t.
#define BOOST_TEST_MODULE golden_random_layers
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cfloat>
#include <cmath>
#include <random>

#include "golden/test/one_layer.h"

using namespace aap;
using aap::test::OneLayer;

namespace {

static_assert(LDBL_MANT_DIG >= 56, "the second implementation needs 56 bits");

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t in(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(engine_() % static_cast<uint64_t>(hi - lo + 1));
  }
  template <size_t n>
  int64_t one_of(const int64_t (&list)[n]) {
    return list[in(0, n - 1)];
  }
  std::vector<int8_t> values(int64_t n, int zero_percent = 0) {
    std::vector<int8_t> v(static_cast<size_t>(n));
    for (int8_t& x : v) {
      x = in(0, 99) < zero_percent ? int8_t{0} : static_cast<int8_t>(in(-128, 127));
    }
    return v;
  }

 private:
  std::mt19937_64 engine_;
};

int8_t round_and_clamp(long double acc, uint32_t m, int t, const QLayer& layer) {
  const long double y = rintl(ldexpl(acc * m, -t)) + layer.output_zero_point;
  return static_cast<int8_t>(std::min<long double>(layer.hi, std::max<long double>(layer.lo, y)));
}

// Calls f(output index, tap index, input index) for all pairs of input and output value of one
// channel plane that a tap connects.
template <typename F>
void each_connection(const QLayer& l, const QTensorInfo& x, const QTensorInfo& y, F f) {
  for (int64_t iy = 0; iy < x.height; ++iy) {
    for (int64_t ix = 0; ix < x.width; ++ix) {
      for (int64_t tap = 0; tap < l.kernel_h * l.kernel_w; ++tap) {
        const int64_t down = iy + l.pad_top - tap / l.kernel_w * l.dilation_h;
        const int64_t right = ix + l.pad_left - tap % l.kernel_w * l.dilation_w;
        if (down < 0 || right < 0 || down % l.stride_h != 0 || right % l.stride_w != 0) continue;
        const int64_t oy = down / l.stride_h, ox = right / l.stride_w;
        if (oy >= y.height || ox >= y.width) continue;
        f(static_cast<size_t>(oy * y.width + ox), tap, static_cast<size_t>(iy * x.width + ix));
      }
    }
  }
}

std::vector<int8_t> second_conv(const OneLayer& one, const std::vector<int8_t>& in) {
  const QLayer& l = one.layer;
  const QTensorInfo &x = one.net.tensors[0], &y = one.net.tensors[1];
  const int64_t taps = l.kernel_h * l.kernel_w;
  const int64_t in_group = x.channels / l.groups, out_group = y.channels / l.groups;
  const auto in_plane = static_cast<size_t>(x.height * x.width);
  std::vector<int8_t> out;
  for (int64_t m = 0; m < y.channels; ++m) {
    const int8_t* w = &l.weights.data[static_cast<size_t>(m * in_group * taps)];
    long double bias = l.bias[static_cast<size_t>(m)];
    for (int64_t i = 0; i < in_group * taps; ++i) bias += x.zero_point * w[i];
    std::vector<long double> sums(static_cast<size_t>(y.height * y.width), bias);
    for (int64_t c = 0; c < in_group; ++c) {
      const int8_t* plane = &in[static_cast<size_t>(m / out_group * in_group + c) * in_plane];
      each_connection(l, x, y, [&](size_t o, int64_t tap, size_t i) {
        sums[o] += static_cast<long double>(plane[i] - x.zero_point) * w[c * taps + tap];
      });
    }
    const Requantisation r = l.requant[static_cast<size_t>(m)];
    for (const long double s : sums) out.push_back(round_and_clamp(s, r.multiplier, r.shift, l));
  }
  return out;
}

std::vector<int8_t> second_pool(const OneLayer& one, const std::vector<int8_t>& in) {
  const QLayer& l = one.layer;
  const QTensorInfo &x = one.net.tensors[0], &y = one.net.tensors[1];
  const auto out_plane = static_cast<size_t>(y.height * y.width);
  const auto in_plane = static_cast<size_t>(x.height * x.width);
  std::vector<int8_t> out;
  for (size_t c = 0; c < static_cast<size_t>(x.channels); ++c) {
    std::vector<long double> sums(out_plane, 0);
    std::vector<size_t> counts(out_plane, 0);
    std::vector<int8_t> largest(out_plane, -128);
    each_connection(l, x, y, [&](size_t o, int64_t, size_t i) {
      const int8_t value = in[c * in_plane + i];
      sums[o] += value - x.zero_point;
      ++counts[o];
      largest[o] = std::max(largest[o], value);
    });
    for (size_t o = 0; o < out_plane; ++o) {
      if (l.op == QOp::kMaxPool) {
        out.push_back(static_cast<int8_t>(std::min<int>(l.hi, std::max<int>(l.lo, largest[o]))));
        continue;
      }
      const size_t n =
          l.count_include_pad ? static_cast<size_t>(l.kernel_h * l.kernel_w) : counts[o];
      const Requantisation r = l.requant[n - 1];
      out.push_back(round_and_clamp(sums[o], r.multiplier, r.shift, l));
    }
  }
  return out;
}

void random_window(Random& random, QLayer& l) {
  l.kernel_h = random.one_of({1, 1, 2, 3, 3, 5, 7});
  l.kernel_w = random.one_of({1, 1, 2, 3, 3, 5, 7});
  l.stride_h = random.one_of({1, 1, 2, 3});
  l.stride_w = random.one_of({1, 1, 2, 3});
  l.dilation_h = random.one_of({1, 1, 2, 3});
  l.dilation_w = random.one_of({1, 1, 2, 3});
}

void random_clamp(Random& random, QLayer& l) {
  if (random.in(0, 2) != 0) return;
  l.lo = static_cast<int>(random.in(-128, 20));
  l.hi = static_cast<int>(random.in(l.lo, 127));
}

int64_t out_size(int64_t in, int64_t pads, int64_t kernel, int64_t stride, int64_t dilation) {
  const int64_t room = in + pads - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

// A factor that brings sums of about `size` into the range of int8, with its own width of m.
Requantisation random_requantisation(Random& random, double size) {
  Requantisation r;
  r.multiplier = static_cast<uint32_t>(random.in(1, (int64_t{1} << random.in(1, 24)) - 1));
  const double shift = std::log2(size * r.multiplier / 60.0);
  r.shift = static_cast<int>(std::min(63.0, std::max(0.0, std::round(shift))));
  return r;
}

struct Tally {
  int layers = 0;
  int64_t values = 0, inside = 0;  // inside: not clamped

  void compare(const OneLayer& one, const std::vector<int8_t>& in,
               const std::vector<int8_t>& expected) {
    const QLayer& l = one.layer;
    const std::vector<int8_t> got = one.run(in).data;
    BOOST_REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      BOOST_REQUIRE_MESSAGE(got[i] == expected[i], "layer " << layers << " value " << i << " is "
                                                            << int{got[i]} << ", expected "
                                                            << int{expected[i]});
      if (got[i] > l.lo && got[i] < l.hi) ++inside;
    }
    values += static_cast<int64_t>(got.size());
    ++layers;
  }
};

// An op with the random window on a random input, output shape filled in; false when nothing is
// left.
bool make_window_layer(Random& random, QOp op, int64_t channels, int64_t out_channels,
                       OneLayer& made) {
  const Shape in{channels, random.in(1, 14), random.in(1, 14)};
  OneLayer one(op, in, static_cast<int>(random.in(-128, 127)), {1, 1, 1},
               static_cast<int>(random.in(-128, 127)));
  QLayer& l = one.layer;
  random_window(random, l);
  one.pads(random.in(0, 4), random.in(0, 4), random.in(0, 4), random.in(0, 4));
  QTensorInfo& y = one.net.tensors[1];
  y.channels = out_channels;
  y.height = out_size(in[1], l.pad_top + l.pad_bottom, l.kernel_h, l.stride_h, l.dilation_h);
  y.width = out_size(in[2], l.pad_left + l.pad_right, l.kernel_w, l.stride_w, l.dilation_w);
  random_clamp(random, l);
  made = one;
  return y.height > 0 && y.width > 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(convolutions) {
  Tally tally;
  for (uint64_t seed = 1; tally.layers < 400; ++seed) {
    Random random(seed);
    const int64_t groups = random.one_of({1, 1, 1, 2, 3, 8});
    const int64_t in_group = random.in(0, 2) == 0 ? 1 : random.in(1, 20);
    const int64_t out_group = random.in(0, 2) == 0 ? 1 : random.in(1, 6);
    OneLayer one(QOp::kConv, {1, 1, 1}, 0, {1, 1, 1});
    if (!make_window_layer(random, QOp::kConv, groups * in_group, groups * out_group, one)) {
      continue;
    }
    one.layer.groups = groups;
    const Shape shape{groups * out_group, in_group, one.layer.kernel_h, one.layer.kernel_w};
    std::vector<int32_t> bias;
    for (int64_t m = 0; m < shape[0]; ++m) {
      bias.push_back(static_cast<int32_t>(random.in(-20000, 20000)));
    }
    one.weights(shape, random.values(element_count(shape), seed % 2 == 0 ? 75 : 0), bias);
    const double size = 10000.0 * std::sqrt(in_group * shape[2] * shape[3]);
    for (Requantisation& r : one.layer.requant) r = random_requantisation(random, size);
    const QTensorInfo& x = one.net.tensors[0];
    const std::vector<int8_t> in = random.values(x.channels * x.height * x.width);
    tally.compare(one, in, second_conv(one, in));
  }
  BOOST_TEST_MESSAGE(tally.layers << " layers, " << tally.values << " values, " << tally.inside
                                  << " not clamped");
  BOOST_TEST(tally.inside > tally.values / 3);
}

// Large enough that the rows are worked on in blocks.
BOOST_AUTO_TEST_CASE(convolutions_in_several_blocks) {
  Tally tally;
  for (const int64_t stride : {1, 2}) {
    Random random(static_cast<uint64_t>(stride));
    const int64_t size = 40, out = (size + 2 - 3) / stride + 1;
    OneLayer one(QOp::kConv, {40, size, size}, 3, {3, out, out}, -4);
    one.weights({3, 40, 3, 3}, random.values(3 * 40 * 9, 50), {1, 2, 3});
    one.pads(1, 1, 1, 1);
    one.layer.stride_h = one.layer.stride_w = stride;
    for (Requantisation& r : one.layer.requant) r = random_requantisation(random, 100000);
    const std::vector<int8_t> in = random.values(40 * size * size);
    tally.compare(one, in, second_conv(one, in));
  }
  BOOST_TEST(tally.inside > tally.values / 3);
}

BOOST_AUTO_TEST_CASE(pools) {
  Tally tally;
  for (uint64_t seed = 1; tally.layers < 400; ++seed) {
    Random random(seed);
    const QOp op = seed % 2 == 0 ? QOp::kMaxPool : QOp::kAveragePool;
    const int64_t channels = random.in(1, 6);
    OneLayer one(op, {1, 1, 1}, 0, {1, 1, 1});
    if (!make_window_layer(random, op, channels, channels, one)) continue;
    QLayer& l = one.layer;
    // ONNX wants pads below the kernel: a window of padding alone has no average.
    const int64_t max_h = std::min(l.kernel_h - 1, l.dilation_h == 1 ? l.kernel_h : int64_t{0});
    const int64_t max_w = std::min(l.kernel_w - 1, l.dilation_w == 1 ? l.kernel_w : int64_t{0});
    one.pads(std::min(l.pad_top, max_h), std::min(l.pad_left, max_w), std::min(l.pad_bottom, max_h),
             std::min(l.pad_right, max_w));
    QTensorInfo &x = one.net.tensors[0], &y = one.net.tensors[1];
    y.height = out_size(x.height, l.pad_top + l.pad_bottom, l.kernel_h, l.stride_h, l.dilation_h);
    y.width = out_size(x.width, l.pad_left + l.pad_right, l.kernel_w, l.stride_w, l.dilation_w);
    if (y.height < 1 || y.width < 1) continue;
    if (op == QOp::kMaxPool) {
      y.zero_point = l.output_zero_point = x.zero_point;
    } else {
      l.count_include_pad = random.in(0, 1) == 1;
      for (int64_t n = 1; n <= l.kernel_h * l.kernel_w; ++n) {
        l.requant.push_back(random_requantisation(random, 150.0 * std::sqrt(n)));
      }
    }
    const std::vector<int8_t> in = random.values(x.channels * x.height * x.width);
    tally.compare(one, in, second_pool(one, in));
  }
  BOOST_TEST(tally.inside > tally.values / 3);
}

BOOST_AUTO_TEST_CASE(adds) {
  Tally tally;
  for (uint64_t seed = 1; tally.layers < 100; ++seed) {
    Random random(seed);
    const int64_t width = random.in(1, 40);
    const int za = static_cast<int>(random.in(-128, 127));
    const int zb = static_cast<int>(random.in(-128, 127));
    OneLayer one(QOp::kAdd, {2, 3, width}, za, {2, 3, width},
                 static_cast<int>(random.in(-128, 127)));
    // The second operand is the first through a ReLU and another zero point.
    one.net.tensors.push_back({"b", 2, 3, width, 1.0, zb, false});
    QLayer shift;
    shift.op = QOp::kIdentity;
    shift.name = "b";
    shift.inputs = {0};
    shift.output = 2;
    shift.output_zero_point = zb;
    shift.lo = zb;
    shift.requant = {{static_cast<uint32_t>(random.in(1, 9)), static_cast<int>(random.in(0, 3))}};
    QLayer& l = one.layer;
    l.inputs = {0, 2};
    l.add_shift = static_cast<int>(random.in(0, 31));
    const int64_t limit = (int64_t{1} << kAddMultiplierBits) - 1;
    const int64_t unit = std::min(limit, int64_t{1} << l.add_shift);
    l.ma = static_cast<uint32_t>(random.in(0, unit));
    l.mb = static_cast<uint32_t>(random.in(0, std::min(unit, limit - l.ma)));
    l.add_constant =
        -static_cast<int32_t>(za * static_cast<int64_t>(l.ma) + zb * static_cast<int64_t>(l.mb));
    random_clamp(random, l);
    one.net.layers = {shift, l};
    const std::vector<int8_t> in = random.values(6 * width);
    const auto values = Golden(one.net).run(Int8Tensor({2, 3, width}, in));
    for (size_t i = 0; i < in.size(); ++i) {
      const int8_t b =
          round_and_clamp(in[i] - za, shift.requant[0].multiplier, shift.requant[0].shift, shift);
      BOOST_REQUIRE(values[2].data[i] == b);
      const long double sum =
          static_cast<long double>(in[i] - za) * l.ma + static_cast<long double>(b - zb) * l.mb;
      BOOST_REQUIRE(values[1].data[i] == round_and_clamp(sum, 1, l.add_shift, l));
    }
    ++tally.layers;
  }
}
