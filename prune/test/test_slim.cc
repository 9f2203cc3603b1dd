// SPDX-License-Identifier: Apache-2.0
// A slimmed network computes what the network computes whose removed channels are zero.
#define BOOST_TEST_MODULE slim
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "model/float_executor.h"
#include "prune/prune.h"
#include "prune/slim.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

Recipe recipe_of(const std::string& rules) {
  return parse_recipe("group: 16\ndefaults: {method: dense}\nslim:\n" + rules, "r.yaml");
}

// Everything that channels pass: a residual block, depthwise, Concat, pooling, Reshape to features.
Graph network() {
  GraphBuilder b({3, 8, 8}, 11);
  std::string x = b.conv("stem", "input", b.normal({12, 3, 3, 3}, 0.4F), 1, {}, 1, true);
  x = b.op("Relu", "r0", {b.batch_norm("bn0", x, 12)});
  std::string y = b.conv("res/a", x, b.normal({10, 12, 3, 3}, 0.2F));
  y = b.op("Relu", "r1", {b.batch_norm("bn1", y, 10)});
  y = b.batch_norm("bn2", b.conv("res/b", y, b.normal({12, 10, 1, 1}, 0.4F)), 12);
  x = b.op("Relu", "r2", {b.op("Add", "sum", {x, y})});
  std::string z = b.conv("side", x, b.normal({6, 12, 1, 1}, 0.4F), 1, {}, 1, true);
  x = b.batch_norm("bn3", b.conv("dw", x, b.normal({12, 1, 3, 3}, 0.4F), 12, {}, 1, true), 12);
  x = b.op("Concat", "concat", {b.op("Relu", "r3", {x}), b.op("Relu", "r4", {z})});
  x = b.conv("pw", x, b.normal({9, 18, 1, 1}, 0.4F), 1, {}, 1, true);
  x = b.max_pool("pool", b.op("Relu", "r5", {x}), 2);
  b.graph().constants["target"] = Tensor<int64_t>({2}, {-1, 9 * 16});
  x = b.op("Reshape", "reshape", {x, "target"});
  x = b.op("Relu", "r6", {b.gemm("fc1", x, b.normal({20, 9 * 16}, 0.1F), true)});
  return b.finish(b.gemm("fc2", x, b.normal({20, 10}, 0.3F), false));
}

FloatTensor random_images() {
  GraphBuilder b({1, 1, 1}, 5);
  return b.normal({3, 3, 8, 8}, 1.0F);
}

// Sets the channels of a producer (with bias, or whose BatchNormalization `bn`) to give 0.
void silence(Graph& graph, const std::string& node, const std::string& bn, const std::vector<int64_t>& kept) {
  std::vector<std::string> constants = bn.empty() ? std::vector<std::string>{node + ".w", node + ".b"}
                                                  : std::vector<std::string>{bn + ".scale", bn + ".bias"};
  for (const std::string& name : constants) {
    FloatTensor& t = graph.float_constant(name);
    const int64_t row = t.size() / t.shape[0];
    for (int64_t c = 0; c < t.shape[0]; ++c) {
      if (std::find(kept.begin(), kept.end(), c) != kept.end()) continue;
      std::fill_n(t.data.begin() + c * row, row, 0.0F);
    }
  }
}

const SlimmedChannels& find(const std::vector<SlimmedChannels>& list, const std::string& producer) {
  for (const SlimmedChannels& s : list) {
    if (std::find(s.producers.begin(), s.producers.end(), producer) != s.producers.end()) return s;
  }
  throw InputError("nothing slimmed at " + producer);
}

double largest_difference(const Graph& a, const Graph& b) {
  const FloatTensor images = random_images();
  const FloatTensor x = FloatExecutor(a).run(images), y = FloatExecutor(b).run(images);
  BOOST_REQUIRE(x.shape == y.shape);
  double most = 0.0;
  for (size_t i = 0; i < x.data.size(); ++i) most = std::max(most, std::fabs(double{x.data[i]} - y.data[i]));
  return most;
}

void refuses(Graph graph, const std::string& rules, const std::string& part) {
  BOOST_CHECK_EXCEPTION(slim(graph, recipe_of(rules)), InputError, [&](const InputError& e) {
    BOOST_TEST(std::string(e.what()).find(part) != std::string::npos, e.what());
    return true;
  });
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_smaller_network_computes_what_silenced_channels_leave) {
  const Graph before = network();
  Graph graph = before;
  const auto slimmed = slim(graph, recipe_of("  - {name: \"res/a\", keep_percent: 50}\n"
                                             "  - {name: side, keep_percent: 50, score: l1}\n"
                                             "  - {name: pw, keep_percent: 70, score: l1}\n"));
  BOOST_TEST(slimmed.size() == 3U);
  BOOST_TEST(find(slimmed, "res/a").kept.size() == 5U);
  BOOST_TEST(find(slimmed, "side").kept.size() == 3U);
  BOOST_TEST(find(slimmed, "pw").kept.size() == 7U);  // 6.3 rounded up
  BOOST_TEST((graph.float_constant("res/a.w").shape == Shape{5, 12, 3, 3}));
  BOOST_TEST((graph.float_constant("res/b.w").shape == Shape{12, 5, 1, 1}));
  BOOST_TEST((graph.float_constant("pw.w").shape == Shape{7, 15, 1, 1}));
  BOOST_TEST((graph.float_constant("fc1.w").shape == Shape{20, 7 * 16}));
  BOOST_TEST(graph.metadata.at("aap.slim.res/a") == "5/10");
  // Kept are the largest |scale|.
  const std::vector<float>& gamma = before.float_constant("bn1.scale").data;
  std::vector<float> kept, gone;
  for (int64_t c = 0; c < 10; ++c) {
    const auto& k = find(slimmed, "res/a").kept;
    const bool stays = std::find(k.begin(), k.end(), c) != k.end();
    (stays ? kept : gone).push_back(std::fabs(gamma[static_cast<size_t>(c)]));
  }
  BOOST_TEST(*std::min_element(kept.begin(), kept.end()) >= *std::max_element(gone.begin(), gone.end()));

  Graph silent = before;
  silence(silent, "res/a", "bn1", find(slimmed, "res/a").kept);
  silence(silent, "side", "", find(slimmed, "side").kept);
  silence(silent, "pw", "", find(slimmed, "pw").kept);
  BOOST_TEST(largest_difference(graph, silent) < 1e-4);
  BOOST_TEST(largest_difference(graph, before) > 1e-3);  // the comparison can fail
}

BOOST_AUTO_TEST_CASE(channels_that_are_added_go_together) {
  const Graph before = network();
  Graph graph = before;
  const auto slimmed = slim(graph, recipe_of("  - {name: stem, keep_percent: 60}\n"
                                             "  - {name: \"res/b\", keep_percent: 60}\n"));
  BOOST_REQUIRE(slimmed.size() == 1U);
  const std::vector<int64_t>& kept = slimmed[0].kept;
  BOOST_TEST(kept.size() == 8U);  // 7.2 rounded up
  BOOST_TEST((graph.float_constant("dw.w").shape == Shape{8, 1, 3, 3}));
  Graph silent = before;
  silence(silent, "", "bn0", kept);
  silence(silent, "", "bn2", kept);
  silence(silent, "", "bn3", kept);  // the depthwise layer goes with them
  BOOST_TEST(largest_difference(graph, silent) < 1e-4);
  refuses(before, "  - {name: stem, keep_percent: 60}\n", "'stem' is added to 'res/b', which no rule names");
  refuses(before, "  - {name: stem, keep_percent: 60}\n  - {name: \"res/b\", keep_percent: 50}\n",
          "of which another rule keeps 50 percent");
}

BOOST_AUTO_TEST_CASE(aap_goes_on_top) {
  Graph graph = network();
  slim(graph, recipe_of("  - {name: \"res/a\", keep_percent: 50}\n"));
  PruneOptions options;
  options.group = 4;
  options.keep = 2;
  const auto layers = plan(graph, options);
  prune(graph, layers);
  BOOST_TEST(layers[2].name == "res/b");
  BOOST_TEST(layers[2].kept == 12 * (2 + 1));  // 5 channels left: a group of 4 and a tail of 1
  BOOST_TEST(FloatExecutor(graph).run(random_images()).size() == 30);
}

BOOST_AUTO_TEST_CASE(what_cannot_go_is_refused_by_name) {
  refuses(network(), "  - {name: nothing, keep_percent: 60}\n", "slim 'nothing' matches no convolution");
  refuses(network(), "  - {name: fc1, keep_percent: 60}\n", "slim 'fc1' matches no convolution");
  refuses(network(), "  - {name: dw, keep_percent: 60}\n", "'dw' are those of what it reads");
  refuses(network(), "  - {name: side, keep_percent: 60}\n", "no BatchNormalization reads 'side'; use score l1");
  GraphBuilder b({4, 4, 4});
  std::string x = b.conv("a", "input", b.normal({8, 4, 1, 1}, 1.0F));
  x = b.conv("grouped", x, b.normal({8, 4, 1, 1}, 1.0F), 2);
  const Graph graph = b.finish(b.conv("last", x, b.normal({4, 8, 1, 1}, 1.0F)));
  refuses(graph, "  - {name: last, keep_percent: 50, score: l1}\n", "'last' cannot go: the network's output");
  refuses(graph, "  - {name: a, keep_percent: 50, score: l1}\n", "'a' cannot go: grouped convolution 'grouped'");
  refuses(graph, "  - {name: grouped, keep_percent: 50, score: l1}\n", "'grouped' cannot go");
}
