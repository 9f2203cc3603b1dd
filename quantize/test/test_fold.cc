// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE quantize_fold
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "model/float_executor.h"
#include "prune/test/graphs.h"
#include "quantize/fold.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

void same_function(const Graph& a, const Graph& b, const FloatTensor& images) {
  const FloatTensor ya = FloatExecutor(a).run(images), yb = FloatExecutor(b).run(images);
  BOOST_REQUIRE(ya.shape == yb.shape);
  for (size_t i = 0; i < ya.data.size(); ++i) {
    BOOST_TEST(std::fabs(ya.data[i] - yb.data[i]) < 1e-4F * (1.0F + std::fabs(ya.data[i])));
  }
}

int count(const Graph& graph, const std::string& op) {
  int n = 0;
  for (const Node& node : graph.nodes) n += node.op == op ? 1 : 0;
  return n;
}

}  // namespace

BOOST_AUTO_TEST_CASE(batch_norm_goes_into_conv_or_becomes_depthwise) {
  GraphBuilder b({3, 6, 6});
  std::string x = b.batch_norm("bn0", "input", 3);  // nothing before it
  x = b.conv("c1", x, b.normal({8, 3, 3, 3}, 0.5F), 1, {}, 1, true);
  x = b.batch_norm("bn1", x, 8);
  x = b.op("Relu", "r1", {x});
  const std::string y = b.conv("c2", x, b.normal({8, 1, 3, 3}, 0.5F), 8);
  const std::string z = b.batch_norm("bn2", y, 8);  // y has two readers: cannot be folded
  x = b.op("Add", "add", {y, z});
  x = b.op("Identity", "same", {x});
  x = b.op("GlobalAveragePool", "gap", {x});
  const Graph graph = b.finish(x);
  const Graph folded = fold(graph);
  BOOST_TEST(count(folded, "BatchNormalization") == 0);
  BOOST_TEST(count(folded, "Identity") == 0);
  BOOST_TEST(count(folded, "Conv") == 4);  // two, and two of BNs
  BOOST_TEST(unsupported_folded_nodes(folded).empty());
  same_function(graph, folded, b.normal({3, 3, 6, 6}, 1.0F));
}

BOOST_AUTO_TEST_CASE(matmul_and_constant_add_become_gemm) {
  GraphBuilder b({4, 3, 3});
  std::string x = b.conv("c", "input", b.normal({6, 4, 3, 3}, 0.5F));
  b.graph().constants["offset"] = b.normal({1, 6, 1, 1}, 1.0F);
  x = b.op("Add", "channel_add", {"offset", x});
  x = b.op("Flatten", "flatten", {x});
  b.graph().constants["w"] = b.normal({54, 5}, 0.3F);
  x = b.op("MatMul", "mm", {x, "w"});
  b.graph().constants["bias"] = b.normal({5}, 1.0F);
  x = b.op("Add", "bias_add", {x, "bias"});
  x = b.gemm("fc", x, b.normal({7, 5}, 0.3F), true);
  b.graph().nodes.back().attributes["alpha"] = 0.5F;
  b.graph().nodes.back().attributes["beta"] = 2.0F;
  const Graph graph = b.finish(x);
  const Graph folded = fold(graph);
  BOOST_TEST(count(folded, "Add") == 0);
  BOOST_TEST(count(folded, "Gemm") == 2);
  BOOST_TEST(unsupported_folded_nodes(folded).empty());
  same_function(graph, folded, b.normal({3, 4, 3, 3}, 1.0F));
}

BOOST_AUTO_TEST_CASE(shared_weights_are_separated) {
  GraphBuilder b({4, 3, 3});
  std::string x = b.conv("a", "input", b.normal({4, 4, 1, 1}, 0.5F));
  x = b.batch_norm("bn", x, 4);
  x = b.conv("b", x, b.normal({4, 4, 1, 1}, 0.5F));
  b.graph().nodes.back().inputs[1] = "a.w";
  const Graph graph = b.finish(x);
  same_function(graph, fold(graph), b.normal({2, 4, 3, 3}, 1.0F));
}

BOOST_AUTO_TEST_CASE(zero_weights_stay_zero) {
  GraphBuilder b({4, 3, 3});
  FloatTensor w = b.normal({4, 4, 1, 1}, 0.5F);
  w.data[5] = 0.0F;
  std::string x = b.conv("a", "input", w);
  x = b.batch_norm("bn", x, 4);
  const Graph folded = fold(b.finish(x));
  BOOST_TEST(folded.float_constant("a.w").data[5] == 0.0F);
}

BOOST_AUTO_TEST_CASE(unsupported_nodes_are_all_listed) {
  GraphBuilder b({4, 3, 3});
  std::string x = b.op("Softmax", "early", {"input"});
  b.graph().constants["k"] = FloatTensor({1}, 1.0F);
  x = b.op("Add", "plus", {x, "k"});
  x = b.op("Relu", "relu", {x});
  const auto list = unsupported_folded_nodes(fold(b.finish(x)));
  BOOST_REQUIRE(list.size() == 2U);
  BOOST_TEST(list[0].node == "early");
  BOOST_TEST(list[1].node == "plus");
}
