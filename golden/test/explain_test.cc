// SPDX-License-Identifier: Apache-2.0
// Explanations on values made here: each cause is found where it is, and nothing else is excused.
#define BOOST_TEST_MODULE golden_explain
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "golden/explain.h"
#include "model/qimport.h"

using namespace aap;

namespace {

struct OneNode {
  Graph graph;
  OneNode(const std::string& op, const std::string& domain, float sx, float sy, int zy) {
    graph.name = "one_node";
    graph.inputs = {{"x", DataType::kInt8, {1, 1, 1, 256}}};
    graph.outputs = {{"y", DataType::kInt8, {}}};
    scalar("sx", sx, "zx", 0);
    scalar("sy", sy, "zy", zy);
    Node node;
    node.op = op;
    node.domain = domain;
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
};

// All 256 values as one image.
Int8Tensor all_values() {
  Int8Tensor x({1, 1, 256});
  for (size_t i = 0; i < 256; ++i) x.data[i] = static_cast<int8_t>(static_cast<int>(i) - 128);
  return x;
}

// What a comparison makes of `runtime` as the runtime's output for all_values().
LayerComparison compared(const Graph& graph, const std::vector<int>& runtime) {
  NetworkComparison comparison(graph, import_quantised(graph));
  Int8Tensor y({1, 1, 256});
  for (size_t i = 0; i < 256; ++i) y.data[i] = static_cast<int8_t>(runtime[i]);
  comparison.add({{"x", all_values()}, {"y", y}});
  BOOST_REQUIRE(comparison.layers().size() == 1U);
  return comparison.layers()[0];
}

std::vector<int> golden_values(const Graph& graph) {
  const Int8Tensor y = Golden(import_quantised(graph)).run_output(all_values());
  return {y.data.begin(), y.data.end()};
}

// 1x1 convolution with weight w.
Graph convolution(int w, float sw, float sx, float sy) {
  OneNode one("QLinearConv", "", sx, sy, 3);
  one.graph.constants["w"] = Tensor<int8_t>({1, 1, 1, 1}, static_cast<int8_t>(w));
  one.scalar("sw", sw, "zw", 0);
  one.inputs({"w", "sw", "zw", "sy", "zy"});
  return one.graph;
}

Graph sum(float sx, float sy, int zy) {
  OneNode one("QLinearAdd", "com.microsoft", sx, sy, zy);
  one.inputs({"x", "sx", "zx", "sy", "zy"});
  return one.graph;
}

}  // namespace

BOOST_AUTO_TEST_CASE(equal_values_are_equal) {
  const Graph g = convolution(77, 0.013F, 0.37F, 0.61F);
  const LayerComparison c = compared(g, golden_values(g));
  BOOST_TEST(c.of(Cause::kEqual) == 256);
  BOOST_TEST(c.values() == 256);
}

// A step more than golden is no tie, wherever it is; nor is one behind a saturation.
BOOST_AUTO_TEST_CASE(a_step_away_from_a_half_is_unexplained) {
  const Graph g = convolution(77, 0.013F, 0.37F, 0.61F);
  for (const int step : {-1, 1, 2}) {
    std::vector<int> values = golden_values(g);
    for (int& v : values) v = std::clamp(v + step, -128, 127);
    const LayerComparison c = compared(g, values);
    BOOST_TEST(c.of(Cause::kUnexplained) == c.values() - c.of(Cause::kEqual));
    BOOST_TEST(c.of(Cause::kUnexplained) > 200);
    BOOST_TEST(!c.first_unexplained.empty());
  }
}

// An accumulator whose product with the scale rounds to a half in fp32 but is none.
BOOST_AUTO_TEST_CASE(a_tie_of_fp32) {
  bool found = false;
  for (int w = 3; w < 128 && !found; w += 2) {
    for (int i = 1; i < 400 && !found; ++i) {
      const float sw = 0.0123F + static_cast<float>(i) * 1e-6F;
      const Graph g = convolution(w, sw, 0.5F, 0.5F);
      const QNetwork n = import_quantised(g);
      const Requantisation r = n.layers[0].requant[0];
      const float scale = std::ldexp(static_cast<float>(r.multiplier), -r.shift);
      std::vector<int> values = golden_values(g), runtime = values;
      int differing = 0;
      for (size_t v = 0; v < 256; ++v) {
        runtime[v] = onnx_requantise((static_cast<int>(v) - 128) * int64_t{w}, scale, 3);
        differing += runtime[v] != values[v] ? 1 : 0;
      }
      if (differing == 0) continue;
      found = true;
      const LayerComparison c = compared(g, runtime);
      BOOST_TEST(c.of(Cause::kFp32Tie) == differing);
      BOOST_TEST(c.of(Cause::kUnexplained) == 0);
      // The runtime's formula says so for these values alone.
      for (int& v : values) v = std::clamp(v + 1, -128, 127);
      BOOST_TEST(compared(g, values).of(Cause::kUnexplained) > 200);
    }
  }
  BOOST_TEST(found);
}

// x + x at half the scale: every odd sum is a tie. With an odd zero point the runtime rounds the other way.
BOOST_AUTO_TEST_CASE(exact_ties_and_the_zero_point) {
  const Graph g = sum(0.25F, 1.0F, 5);
  std::vector<int> runtime(256);
  int differing = 0;
  const std::vector<int> golden = golden_values(g);
  for (int x = -128; x <= 127; ++x) {
    const auto i = static_cast<size_t>(x + 128);
    runtime[i] = static_cast<int>(std::clamp(std::nearbyint(0.5 * x + 5.0), -128.0, 127.0));
    differing += runtime[i] != golden[i] ? 1 : 0;
  }
  BOOST_TEST(differing == 128);
  BOOST_TEST(compared(g, runtime).of(Cause::kZeroPointOrder) == differing);
  for (size_t i = 0; i < 256; ++i) runtime[i] = golden[i] + (golden[i] < 0 ? 1 : -1);
  const LayerComparison c = compared(g, runtime);
  BOOST_TEST(c.of(Cause::kUnexplained) > 128);
}

// Ratios that 23 bits do not hold: the exact sum is on the other side of a half.
BOOST_AUTO_TEST_CASE(short_multipliers) {
  int differing = 0;
  for (int i = 0; i < 50000 && differing == 0; ++i) {
    const float sx = 0.3F + static_cast<float>(i) * 1.37e-6F, sy = 0.71F;
    const Graph g = sum(sx, sy, 0);
    const std::vector<int> golden = golden_values(g);
    std::vector<int> runtime(256);
    for (int x = -128; x <= 127; ++x) {
      const long double exact = 2.0L * sx * x / sy;
      runtime[static_cast<size_t>(x + 128)] =
          static_cast<int>(std::clamp(std::nearbyint(exact), -128.0L, 127.0L));
    }
    for (size_t v = 0; v < 256; ++v) differing += runtime[v] != golden[v] ? 1 : 0;
    if (differing != 0) {
      BOOST_TEST(compared(g, runtime).of(Cause::kMultiplierWidth) == differing);
    }
  }
  BOOST_TEST(differing > 0);
}

// DequantizeLinear, Conv with a float bias, QuantizeLinear: the bias lies between two integers.
BOOST_AUTO_TEST_CASE(a_bias_between_integers) {
  OneNode one("DequantizeLinear", "", 0.5F, 0.25F, 0);
  Graph& g = one.graph;
  g.nodes[0].outputs = {"xf"};
  g.nodes[0].name = "real";
  g.constants["w"] = Tensor<int8_t>({1, 1, 1, 1}, int8_t{1});
  one.scalar("sw", 0.5F, "zw", 0);
  g.constants["bias"] = Tensor<float>({1}, 0.125F * 0.9F);  // 0.45 of sx * sw; a step of the output is 1
  const auto add = [&](const std::string& op, const std::string& name, std::vector<std::string> in,
                       const std::string& out) {
    Node n;
    n.op = op;
    n.name = name;
    n.inputs = std::move(in);
    n.outputs = {out};
    g.nodes.push_back(n);
  };
  add("DequantizeLinear", "weights", {"w", "sw", "zw"}, "wf");
  add("Conv", "layer", {"xf", "wf", "bias"}, "f");
  g.constants["sy"] = Tensor<float>({}, 0.5F);  // so that every odd accumulator is a tie without the bias
  add("QuantizeLinear", "out", {"f", "sy", "zy"}, "y");
  const std::vector<int> golden = golden_values(g);
  std::vector<int> runtime(256);
  int differing = 0;
  for (int x = -128; x <= 127; ++x) {
    const auto i = static_cast<size_t>(x + 128);
    runtime[i] = static_cast<int>(std::clamp(std::nearbyint((0.25 * x + 0.1125) / 0.5), -128.0, 127.0));
    differing += runtime[i] != golden[i] ? 1 : 0;
  }
  BOOST_TEST(differing == 64);
  const LayerComparison c = compared(g, runtime);
  BOOST_TEST(c.of(Cause::kBiasRounding) == differing);
  BOOST_TEST(c.of(Cause::kUnexplained) == 0);
}

// Nothing may differ behind max pooling of integers that the runtime has.
BOOST_AUTO_TEST_CASE(max_pooling_excuses_nothing) {
  Graph g = convolution(77, 0.013F, 0.37F, 0.61F);
  Node pool;
  pool.op = "MaxPool";
  pool.name = "pool";
  pool.inputs = {"y"};
  pool.outputs = {"p"};
  pool.attributes["kernel_shape"] = std::vector<int64_t>{1, 2};
  g.nodes.push_back(pool);
  g.outputs[0].name = "p";
  const QNetwork n = import_quantised(g);
  const auto values = Golden(n).run(all_values());
  NamedValues named = {{"x", all_values()}, {"y", values[1]}, {"p", values[2]}};
  named["p"].data[100] = static_cast<int8_t>(named["p"].data[100] + 1);
  NetworkComparison comparison(g, n);
  comparison.add(named);
  BOOST_TEST(comparison.layers()[1].of(Cause::kUnexplained) == 1);
  BOOST_TEST(comparison.layers()[0].of(Cause::kEqual) == 256);
}
