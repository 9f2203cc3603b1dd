// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE prune
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "prune/prune.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

int64_t nonzero(const FloatTensor& t) {
  int64_t count = 0;
  for (float v : t.data) count += v != 0.0F ? 1 : 0;
  return count;
}

// A 1x1 convolution with the given weights, one output channel, not the first layer.
Graph one_layer(const std::vector<float>& weights) {
  const int64_t c = static_cast<int64_t>(weights.size());
  GraphBuilder b({2, 4, 4});
  std::string x = b.conv("first", "input", b.normal({c, 2, 1, 1}, 1.0F));
  x = b.conv("layer", x, FloatTensor({1, c, 1, 1}, weights));
  return b.finish(x);
}

std::vector<float> pruned(const std::vector<float>& weights, int group, int keep) {
  Graph graph = one_layer(weights);
  PruneOptions options;
  options.group = group;
  options.keep = keep;
  prune(graph, plan(graph, options));
  return graph.float_constant("layer.w").data;
}

LayerPlan find(const std::vector<LayerPlan>& layers, const std::string& name) {
  for (const LayerPlan& l : layers) {
    if (l.name == name) return l;
  }
  BOOST_FAIL("no layer " + name);
  return {};
}

using Floats = std::vector<float>;

}  // namespace

BOOST_AUTO_TEST_CASE(keeps_the_largest_magnitudes_of_each_group) {
  BOOST_TEST(pruned({1, -4, 3, 2, 9, 8, -7, 6}, 4, 2) == Floats({0, -4, 3, 0, 9, 8, 0, 0}));
}

BOOST_AUTO_TEST_CASE(ties_keep_the_lower_channel) {
  BOOST_TEST(pruned({2, -2, 2, -2, 1, 1, 1, 1}, 4, 2) == Floats({2, -2, 0, 0, 1, 1, 0, 0}));
}

BOOST_AUTO_TEST_CASE(tail_keeps_at_most_k_of_its_own_channels) {
  BOOST_TEST(pruned({1, 2, 3, 4, 5}, 4, 2) == Floats({0, 0, 3, 4, 5}));
  BOOST_TEST(pruned({1, 2, 3, 4, 5, 6, 7}, 4, 2) == Floats({0, 0, 3, 4, 0, 6, 7}));
}

BOOST_AUTO_TEST_CASE(keep_one_and_keep_all) {
  BOOST_TEST(pruned({1, 2, -3, 0}, 4, 1) == Floats({0, 0, -3, 0}));
  BOOST_TEST(pruned({1, 2, -3, 0}, 4, 4) == Floats({1, 2, -3, 0}));
}

BOOST_AUTO_TEST_CASE(channels_lt_group) {
  BOOST_TEST(pruned({1, 2, 3}, 16, 2) == Floats({0, 2, 3}));
  const Graph graph = one_layer({1, 2, 3});
  PruneOptions options;
  const LayerPlan l = find(plan(graph, options), "layer");  // 3 channels, keep 4: nothing to prune
  BOOST_CHECK(l.rule == PruneRule::kDense);
  BOOST_TEST(l.kept == 3);
}

BOOST_AUTO_TEST_CASE(constant_zero_huge_and_subnormal_weights) {
  BOOST_TEST(pruned(Floats(8, 0.5F), 4, 1) == Floats({0.5F, 0, 0, 0, 0.5F, 0, 0, 0}));
  BOOST_TEST(pruned(Floats(8, 0.0F), 4, 1) == Floats(8, 0.0F));
  const float huge = std::numeric_limits<float>::max();
  BOOST_TEST(pruned({1, huge, -huge, 2}, 4, 2) == Floats({0, huge, -huge, 0}));
  const float tiny = std::numeric_limits<float>::denorm_min();
  BOOST_TEST(pruned({tiny, 2 * tiny, 0, 3 * tiny}, 4, 2) == Floats({0, 2 * tiny, 0, 3 * tiny}));
}

BOOST_AUTO_TEST_CASE(refuses_nan_and_infinity_naming_the_tensor) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Graph graph = one_layer({1, bad, 3, 4, 5});
    BOOST_CHECK_EXCEPTION(plan(graph, {}), InputError, [](const InputError& e) {
      return std::string(e.what()).find("'layer.w' element 1") != std::string::npos;
    });
  }
}

BOOST_AUTO_TEST_CASE(groups_run_along_channels_at_each_kernel_position) {
  GraphBuilder b({4, 6, 6});
  const std::string x = b.conv("first", "input", b.normal({20, 4, 1, 1}, 1.0F));
  Graph graph = b.finish(b.conv("layer", x, b.normal({3, 20, 3, 2}, 1.0F), 1, {1, 1, 1, 0}));
  const FloatTensor before = graph.float_constant("layer.w");
  prune(graph, plan(graph, {}));
  const FloatTensor& w = graph.float_constant("layer.w");
  for (int64_t m = 0; m < 3; ++m) {
    for (int64_t y = 0; y < 3; ++y) {
      for (int64_t x2 = 0; x2 < 2; ++x2) {
        int head = 0;
        float smallest_kept = std::numeric_limits<float>::infinity(), largest_dropped = 0.0F;
        for (int64_t c = 0; c < 16; ++c) {
          const float v = w.at4(m, c, y, x2), old = std::fabs(before.at4(m, c, y, x2));
          head += v != 0.0F ? 1 : 0;
          if (v != 0.0F) smallest_kept = std::min(smallest_kept, old);
          if (v == 0.0F) largest_dropped = std::max(largest_dropped, old);
        }
        BOOST_TEST(head == 4);
        BOOST_TEST(smallest_kept >= largest_dropped);
        for (int64_t c = 16; c < 20; ++c) BOOST_TEST(w.at4(m, c, y, x2) != 0.0F);  // tail of 4
      }
    }
  }
  BOOST_TEST(graph.metadata.at("aap.group") == "16");
  BOOST_TEST(graph.metadata.at("aap.keep.layer") == "4");
  BOOST_TEST(graph.metadata.count("aap.keep.first") == 0U);
}

BOOST_AUTO_TEST_CASE(every_layer_has_a_rule_and_a_reason) {
  GraphBuilder b({3, 8, 8});
  std::string x = b.conv("stem", "input", b.normal({32, 3, 3, 3}, 1.0F));
  x = b.op("Relu", "relu", {x});
  x = b.conv("depthwise", x, b.normal({32, 1, 3, 3}, 1.0F), 32);
  x = b.conv("grouped", x, b.normal({64, 16, 1, 1}, 1.0F), 2);
  x = b.max_pool("pool", x, 2);
  x = b.op("Flatten", "flatten", {x});
  x = b.gemm("fc1", x, b.normal({20, 64 * 16}, 1.0F), true);
  x = b.op("Relu", "relu2", {x});
  x = b.gemm("fc2", x, b.normal({20, 10}, 1.0F), false);
  Graph graph = b.finish(x);
  const std::vector<LayerPlan> layers = plan(graph, {});
  BOOST_TEST(layers.size() == 5U);
  for (const LayerPlan& l : layers) BOOST_TEST(!l.reason.empty());

  BOOST_CHECK(find(layers, "stem").rule == PruneRule::kDense);
  BOOST_TEST(find(layers, "stem").reason == "first layer has 3 channels, fewer than a group of 16");
  BOOST_TEST(find(layers, "stem").kept == 32 * 27);
  BOOST_CHECK(find(layers, "depthwise").rule == PruneRule::kDepthwise);
  BOOST_TEST(find(layers, "depthwise").kept == 32 * 9);
  BOOST_CHECK(find(layers, "grouped").rule == PruneRule::kAap);
  BOOST_TEST(find(layers, "grouped").kept == 64 * 4);
  const LayerPlan fc1 = find(layers, "fc1");
  BOOST_TEST(fc1.shape == Shape({20, 64, 4, 4}));
  BOOST_TEST(fc1.kept == 20 * 16 * 16);
  const LayerPlan fc2 = find(layers, "fc2");
  BOOST_TEST(fc2.output_last);
  BOOST_TEST(fc2.shape == Shape({10, 20, 1, 1}));
  BOOST_TEST(fc2.kept == 10 * 8);  // a group of 16 and a tail of 4

  prune(graph, layers);
  for (const LayerPlan& l : layers) BOOST_TEST(nonzero(graph.float_constant(l.weight)) == l.kept);
  // fc1: at each of the 16 positions, 4 of each 16 channels.
  const std::vector<float>& w = graph.float_constant("fc1.w").data;
  for (size_t m = 0; m < 20; ++m) {
    for (size_t p = 0; p < 16; ++p) {
      for (size_t c0 = 0; c0 < 64; c0 += 16) {
        int count = 0;
        for (size_t c = c0; c < c0 + 16; ++c) count += w[m * 1024 + c * 16 + p] != 0.0F ? 1 : 0;
        BOOST_TEST(count == 4);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(own_k_by_layer_and_for_fully_connected) {
  GraphBuilder b({16, 2, 2});
  std::string x = b.conv("a", "input", b.normal({32, 16, 1, 1}, 1.0F));
  x = b.conv("b", x, b.normal({32, 32, 1, 1}, 1.0F));
  x = b.op("Flatten", "flatten", {x});
  Graph graph = b.finish(b.gemm("fc", x, b.normal({128, 10}, 1.0F), false));
  PruneOptions options;
  options.fully_connected_keep = 1;
  options.keep_of["b"] = 16;
  const auto layers = plan(graph, options);
  BOOST_CHECK(find(layers, "a").rule == PruneRule::kAap);  // a first layer with a full group
  BOOST_CHECK(find(layers, "b").rule == PruneRule::kDense);
  BOOST_TEST(find(layers, "fc").keep == 1);
  BOOST_TEST(find(layers, "fc").kept == 10 * 4 * 2);
  options.keep_of["nowhere"] = 2;
  BOOST_CHECK_THROW(plan(graph, options), InputError);
  for (const auto& [g, k] : {std::pair{16, 0}, {16, 17}, {0, 1}, {300, 4}}) {
    PruneOptions bad;
    bad.group = g;
    bad.keep = k;
    BOOST_CHECK_THROW(plan(graph, bad), InputError);
  }
}

BOOST_AUTO_TEST_CASE(unconstrained_keeps_exactly_as_many_in_each_layer) {
  GraphBuilder b({24, 8, 8});
  std::string x = b.conv("a", "input", b.normal({40, 24, 3, 3}, 1.0F));
  x = b.conv("b", x, FloatTensor({40, 40, 1, 1}, 0.25F));  // all ties
  x = b.op("Flatten", "flatten", {x});
  Graph aap_graph = b.finish(b.gemm("fc", x, b.normal({2560, 10}, 1.0F), false));
  std::vector<float>& some = aap_graph.float_constant("a.w").data;
  for (size_t i = 0; i < some.size(); i += 2) some[i] = 0.0F;  // groups with fewer non-zeros than K
  Graph free_graph = aap_graph;
  PruneOptions options;
  prune(aap_graph, plan(aap_graph, options));
  options.method = PruneRule::kUnconstrained;
  prune(free_graph, plan(free_graph, options));
  for (const char* name : {"a.w", "b.w", "fc.w"}) {
    BOOST_TEST(nonzero(aap_graph.float_constant(name)) == nonzero(free_graph.float_constant(name)));
  }
  BOOST_TEST(free_graph.metadata.at("aap.method") == "unconstrained");
  BOOST_TEST(free_graph.metadata.count("aap.keep.a") == 0U);
}

BOOST_AUTO_TEST_CASE(pruning_twice_changes_nothing) {
  GraphBuilder b({24, 4, 4});
  Graph graph = b.finish(b.conv("a", "input", b.normal({8, 24, 3, 3}, 1.0F)));
  prune(graph, plan(graph, {}));
  const std::vector<float> once = graph.float_constant("a.w").data;
  prune(graph, plan(graph, {}));
  BOOST_TEST(graph.float_constant("a.w").data == once);
}
