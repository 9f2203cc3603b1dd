// SPDX-License-Identifier: Apache-2.0
// Certification against brute force: every accumulator, every pair, every input.
#define BOOST_TEST_MODULE golden_certify
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "golden/certify.h"
#include "golden/requantise.h"
#include "model/qimport.h"

using namespace aap;

namespace {

std::mt19937 engine(1);
int64_t in(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(engine() % static_cast<uint64_t>(high - low + 1));
}

struct Pair {
  StepFunction contract, runtime;
};
Pair functions(Requantisation r, int zero_point, int lo, int hi) {
  const float scale = std::ldexp(static_cast<float>(r.multiplier), -r.shift);
  return {[=](int64_t acc) { return requantise(acc, r, zero_point, lo, hi); },
          [=](int64_t acc) {
            return std::clamp<int>(onnx_requantise(acc, scale, zero_point), lo, hi);
          }};
}

int64_t brute_force(const Pair& f, AccumulatorRange range) {
  int64_t n = 0;
  for (int64_t acc = range.low; acc <= range.high; ++acc) {
    n += f.contract(acc) != f.runtime(acc) ? 1 : 0;
  }
  return n;
}

// A graph of one QLinear operator on int8, [1, c, h, w], zero points and scales as given.
struct OneNode {
  Graph graph;

  OneNode(const std::string& op, Shape input, float sx, int zx, float sy, int zy) {
    graph.name = "one_node";
    graph.inputs = {{"x", DataType::kInt8, std::move(input)}};
    graph.outputs = {{"y", DataType::kInt8, {}}};
    scalar("sx", sx, "zx", zx);
    scalar("sy", sy, "zy", zy);
    Node node;
    node.op = op;
    node.domain = op == "QLinearConv" ? "" : "com.microsoft";
    node.name = "layer";
    node.inputs = {"x", "sx", "zx"};
    node.outputs = {"y"};
    graph.nodes = {node};
  }
  void scalar(const std::string& scale, float s, const std::string& zero, int z) {
    graph.constants[scale] = Tensor<float>({}, s);
    graph.constants[zero] = Tensor<int8_t>({}, static_cast<int8_t>(z));
  }
  void inputs(const std::vector<std::string>& names) {
    auto& all = graph.nodes[0].inputs;
    all.insert(all.end(), names.begin(), names.end());
  }
  Certificate certified() const { return certify(graph, import_quantised(graph)); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(bisection_counts_what_brute_force_counts) {
  int64_t all = 0, with_differences = 0;
  for (int i = 0; i < 300; ++i) {
    const int bits = static_cast<int>(in(12, 24));
    const Requantisation r{static_cast<uint32_t>(in(1 << (bits - 1), (1 << bits) - 1)) | 1U,
                           bits + static_cast<int>(in(4, 13))};
    const int zero_point = static_cast<int>(in(-128, 127));
    const int lo = in(0, 1) == 0 ? -128 : static_cast<int>(in(-128, 0));
    const int hi = in(0, 1) == 0 ? 127 : static_cast<int>(in(lo, 127));
    const int64_t low = in(-300000, 1000);
    const AccumulatorRange range{low, low + in(0, 400000)};
    const Pair f = functions(r, zero_point, lo, hi);
    const int64_t expected = brute_force(f, range);
    const int64_t counted = count_differences(f.contract, f.runtime, range);
    BOOST_REQUIRE_MESSAGE(counted == expected, "multiplier " << r.multiplier << " shift " << r.shift
                                                             << ": counted " << counted
                                                             << ", brute force " << expected);
    all += expected;
    with_differences += expected != 0 ? 1 : 0;
  }
  BOOST_TEST_MESSAGE(all << " differing accumulators in " << with_differences << " of 300 channels");
  BOOST_TEST(with_differences > 20);
}

// Functions that differ by more than a step, so that the intervals between thresholds overlap.
BOOST_AUTO_TEST_CASE(functions_far_apart) {
  for (int i = 0; i < 50; ++i) {
    const auto one = static_cast<double>(in(1, 100)) / 50.0;
    const auto two = static_cast<double>(in(1, 100)) / 50.0;
    const int64_t shift = in(-200, 200);
    const auto f = [](double gain, int64_t offset) {
      return [=](int64_t acc) {
        return static_cast<int>(std::clamp(std::floor(static_cast<double>(acc + offset) * gain), -128.0, 127.0));
      };
    };
    const Pair pair{f(one, 0), f(two, shift)};
    const AccumulatorRange range{in(-1000, 0), in(0, 1000)};
    BOOST_TEST(count_differences(pair.contract, pair.runtime, range) == brute_force(pair, range));
  }
}

// The bound of docs/numerics.md: m * |acc| < 2^24 wherever the output does not saturate.
BOOST_AUTO_TEST_CASE(nothing_differs_where_the_product_fits_fp32) {
  for (int i = 0; i < 200; ++i) {
    const int shift = static_cast<int>(in(0, 16));
    const Requantisation r{static_cast<uint32_t>(in(1, 0xffffff)), shift};
    const Pair f = functions(r, static_cast<int>(in(-128, 127)), -128, 127);
    BOOST_TEST(count_differences(f.contract, f.runtime, {-(1 << 23), 1 << 23}) == 0);
  }
}

// Every input of two taps, so the range and the count are those of real accumulators.
BOOST_AUTO_TEST_CASE(a_convolution_of_two_taps) {
  int64_t differing = 0;
  for (int i = 0; i < 200; ++i) {
    OneNode one("QLinearConv", {1, 2, 1, 1}, 0.4123F, static_cast<int>(in(-20, 20)), 0.37F,
                static_cast<int>(in(-50, 50)));
    one.graph.constants["w"] = Tensor<int8_t>(
        {1, 2, 1, 1}, {static_cast<int8_t>(in(-128, 127)), static_cast<int8_t>(in(-128, 127))});
    one.scalar("sw", 0.01F + static_cast<float>(in(0, 1000)) * 1.7e-5F, "zw", 0);
    one.graph.constants["b"] = Tensor<int32_t>({1}, static_cast<int32_t>(in(-3000, 3000)));
    one.inputs({"w", "sw", "zw", "sy", "zy", "b"});
    const QNetwork network = import_quantised(one.graph);
    const QLayer& layer = network.layers[0];
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int a = -128; a <= 127; ++a) {
      for (int b = -128; b <= 127; ++b) {
        const int64_t acc = layer.bias[0] + a * layer.weights.data[0] + b * layer.weights.data[1];
        low = std::min(low, acc);
        high = std::max(high, acc);
      }
    }
    const Certificate c = one.certified();
    BOOST_REQUIRE(c.layers.size() == 1U);
    BOOST_TEST(c.layers[0].channels[0].reachable == high - low + 1);
    const Pair f = functions(layer.requant[0], layer.output_zero_point, -128, 127);
    BOOST_TEST(c.differing() == brute_force(f, {low, high}));
    differing += c.differing();
  }
  BOOST_TEST(differing > 0);
}

// A producer's clamp bounds the accumulators; padding reaches the zero point even where it does not.
BOOST_AUTO_TEST_CASE(the_range_follows_clamp_and_padding) {
  QLayer layer;
  layer.weights = Int8Tensor({1, 1, 1, 2}, {3, -5});
  layer.bias = {10};
  const AccumulatorRange r = reachable(layer, 0, 0, 20, 100);
  BOOST_TEST(r.low == 10 + 3 * 20 - 5 * 100);
  BOOST_TEST(r.high == 10 + 3 * 100 - 5 * 20);
  layer.pad_left = 1;
  const AccumulatorRange padded = reachable(layer, 0, 0, 20, 100);
  BOOST_TEST(padded.low == 10 - 5 * 100);
  BOOST_TEST(padded.high == 10 + 3 * 100);
}

// QLinearAdd: a dyadic sum differs on its ties when the zero point is odd, nowhere when it is even;
// other ratios differ here and there.
BOOST_AUTO_TEST_CASE(residual_adds) {
  const auto add = [](float sa, float sb, float sy, int zy) {
    OneNode one("QLinearAdd", {1, 1, 1, 1}, sa, 3, sy, zy);
    one.scalar("sb", sb, "zb", 3);
    // Both operands are the input, which has one scale; the second goes through a change of scale.
    one.graph.nodes.insert(one.graph.nodes.begin(), Node{});
    Node& pool = one.graph.nodes[0];
    pool.op = "QLinearGlobalAveragePool";
    pool.domain = "com.microsoft";
    pool.name = "other";
    pool.inputs = {"x", "sx", "zx", "sb", "zb"};
    pool.outputs = {"other"};
    auto& all = one.graph.nodes[1].inputs;
    all.insert(all.end(), {"other", "sb", "zb", "sy", "zy"});
    const Certificate c = one.certified();
    BOOST_REQUIRE(c.layers.size() == 2U);
    BOOST_TEST(c.layers[1].reachable() == 65536);
    return c.layers[1].differing();
  };
  BOOST_TEST(add(0.5F, 0.5F, 1.0F, 4) == 0);
  // a + b - 6 odd, not saturated: half of what is inside.
  const int64_t odd = add(0.5F, 0.5F, 1.0F, 5);
  int64_t expected = 0;
  for (int a = -131; a <= 124; ++a) {
    for (int b = -131; b <= 124; ++b) {
      const double v = 0.5 * (a + b);
      const double contract = std::clamp(std::nearbyint(v) + 5, -128.0, 127.0);
      const double runtime = std::clamp(std::nearbyint(v + 5), -128.0, 127.0);
      expected += contract != runtime ? 1 : 0;
    }
  }
  BOOST_TEST(expected > 10000);
  BOOST_TEST(odd == expected);
  int64_t differing = 0;
  for (int i = 0; i < 100 && differing == 0; ++i) {
    differing = add(0.03718233F + static_cast<float>(i) * 1e-4F, 0.04594127F, 0.06271828F, 0);
  }
  BOOST_TEST(differing > 0);
}

BOOST_AUTO_TEST_CASE(averages) {
  // 4 values at the same scale: quarters, so the only ties are exact, and an even zero point keeps
  // them equal; an odd one does not (QLinearAveragePool adds it before rounding).
  const auto average = [](int zy, float sy) {
    OneNode one("QLinearAveragePool", {1, 1, 4, 4}, 0.5F, 3, sy, zy);
    one.inputs({"sy", "zy"});
    one.graph.nodes[0].attributes["kernel_shape"] = std::vector<int64_t>{2, 2};
    return one.certified();
  };
  BOOST_TEST(average(4, 0.5F).differing() == 0);
  BOOST_TEST(average(4, 0.5F).exact());
  // Sums that are 2 mod 4 and do not saturate, -512..496 less both ends' saturated ones.
  BOOST_TEST(average(5, 0.5F).differing() > 200);
  BOOST_TEST(average(4, 0.5F).layers[0].channels[0].reachable == 4 * 255 + 1);
}

BOOST_AUTO_TEST_CASE(a_sum_of_floats_that_is_not_exact_is_no_proof) {
  OneNode one("QLinearAveragePool", {1, 1, 4, 4}, 0.1F, 3, 0.1F, 4);
  one.inputs({"sy", "zy"});
  one.graph.nodes[0].attributes["kernel_shape"] = std::vector<int64_t>{2, 2};
  BOOST_TEST(!one.certified().exact());
  BOOST_TEST(!one.certified().layers[0].function_of_accumulator);
}
