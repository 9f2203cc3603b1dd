// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE obs
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "model/float_executor.h"
#include "model/float_walk.h"
#include "prune/check.h"
#include "prune/obs.h"
#include "prune/obs_moments.h"
#include "prune/obs_score.h"
#include "prune/obs_target.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

Graph network(GraphBuilder& b, bool batch_norm) {
  std::string x = b.conv("stem", "input", b.normal({32, 3, 3, 3}, 0.4F), 1, {}, 1, true);
  x = b.op("Relu", "stem.relu", {x});
  std::string y = b.conv("dw", x, b.normal({32, 1, 3, 3}, 0.4F), 32);
  y = b.conv("pw", y, b.normal({32, 32, 1, 1}, 0.2F));
  if (batch_norm) y = b.batch_norm("pw.bn", y, 32);
  x = b.op("Relu", "relu2", {b.op("Add", "add", {x, y})});
  x = b.conv("grouped", x, b.normal({16, 16, 3, 3}, 0.1F), 2, {}, 2);
  x = b.op("Relu", "relu3", {x});
  x = b.op("Flatten", "flatten", {x});
  x = b.gemm("fc", x, b.normal({10, 16 * 16}, 0.1F), true);
  return b.finish(x);
}

// The same plan with every score "magnitude".
std::vector<LayerPlan> layers_by_magnitude(std::vector<LayerPlan> layers) {
  for (LayerPlan& layer : layers) layer.score = "magnitude";
  return layers;
}

double output_error(const Graph& dense, const Graph& pruned, const FloatTensor& images) {
  const FloatTensor a = FloatExecutor(dense).run(images), b = FloatExecutor(pruned).run(images);
  double error = 0.0, energy = 0.0;
  for (size_t i = 0; i < a.data.size(); ++i) {
    error += std::pow(static_cast<double>(a.data[i]) - b.data[i], 2);
    energy += std::pow(static_cast<double>(a.data[i]), 2);
  }
  return error / energy;
}

}  // namespace

BOOST_AUTO_TEST_CASE(past_a_relu_only_what_passes_counts) {
  GraphBuilder b({1, 2, 2});
  std::string x = b.conv("c", "input", FloatTensor({1, 1, 1, 1}, {1.0F}));
  x = b.batch_norm("bn", x, 1);
  x = b.op("Relu", "relu", {b.op("Add", "add", {x, "input"})});
  Graph graph = b.finish(x);
  graph.float_constant("bn.scale").data = {2.0F};
  graph.float_constant("bn.bias").data = {1.0F};
  graph.float_constant("bn.mean").data = {0.5F};
  graph.float_constant("bn.var").data = {1.0F - 1e-5F};
  ReadersOf readers;
  for (const Node& node : graph.nodes) {
    for (const std::string& input : node.inputs) readers[input].push_back(&node);
  }
  const Behind found = behind(graph, readers, graph.nodes[0]);
  BOOST_REQUIRE(found.bn != nullptr);
  BOOST_REQUIRE(found.add != nullptr);
  BOOST_TEST(found.other == "input");
  BOOST_TEST(found.relu);
  // p = 2 y + other; the other branch brings 0.2 more now than in the dense network.
  const Shape shape = {1, 1, 2, 2};
  const FloatTensor dense(shape, {1.0F, -1.0F, -1.0F, 2.0F}), other_dense(shape),
      other(shape, {0.2F, 0.2F, 0.2F, 0.2F});
  const LayerTarget target(graph, found, dense, &other_dense, &other);
  const std::vector<float> linear = {0.9F, -1.1F, -1.1F, 1.9F};
  for (size_t i = 0; i < 4; ++i) BOOST_TEST(target.linear().data[i] == linear[i], boost::test_tools::tolerance(1e-5F));
  // Positive in the dense network: as before. Negative there: as it is, or just below 0.
  const FloatTensor now(shape, {0.0F, -5.0F, 3.0F, 9.0F});
  const std::vector<float> past = {0.9F, -5.0F, -0.1F, 1.9F};
  for (size_t i = 0; i < 4; ++i) BOOST_TEST(target.past_relu(now).data[i] == past[i], boost::test_tools::tolerance(1e-4F));
}

BOOST_AUTO_TEST_CASE(moments_are_those_of_the_convolution) {
  // x^T H x for a row of weights is the variance of its output over all pixels, by definition.
  GraphBuilder b({8, 7, 7}, 4);
  const FloatTensor w = b.normal({6, 4, 3, 3}, 0.5F);
  const Graph graph = b.finish(b.conv("c", "input", w, 2, {1, 1, 1, 1}, 2));
  const FloatTensor images = b.normal({5, 8, 7, 7}, 1.0F);
  const FloatTensor y = FloatExecutor(graph).run(images);
  PruneOptions options;
  options.group = 4;
  options.keep = 2;
  const LayerPlan layer = plan(graph, options).at(0);
  for (int64_t part = 0; part < 2; ++part) {
    const ColumnOrder order = column_order(layer, part);
    const LayerMoments m = layer_moments(graph.nodes[0], layer, order, images, y, part);
    BOOST_TEST(m.samples == 5 * 4 * 4);
    for (int64_t r = 0; r < 3; ++r) {
      double quadratic = 0.0, linear = 0.0, mean = 0.0;
      for (size_t i = 0; i < order.feature.size(); ++i) {
        const auto at = static_cast<size_t>((part * 3 + r) * 36);
        const double wi = w.data[at + static_cast<size_t>(order.feature[i])];
        mean += wi * m.mean_x[i];
        linear += wi * m.cross[static_cast<size_t>(r) * 36 + i];
        for (size_t j = 0; j < order.feature.size(); ++j) {
          quadratic +=
              wi * m.hessian[i * 36 + j] * w.data[at + static_cast<size_t>(order.feature[j])];
        }
      }
      const auto row = static_cast<size_t>(r);
      BOOST_TEST(quadratic == m.energy[row], boost::test_tools::tolerance(1e-4));
      BOOST_TEST(linear == m.energy[row], boost::test_tools::tolerance(1e-4));
      BOOST_TEST(mean == m.mean_y[row], boost::test_tools::tolerance(1e-3));
    }
  }
}

BOOST_AUTO_TEST_CASE(whole_networks_keep_k_of_g_and_come_closer_to_the_dense_output) {
  for (const bool batch_norm : {false, true}) {
    for (const bool match : {true, false}) {
      GraphBuilder b({3, 8, 8}, 21);
      const Graph dense = network(b, batch_norm);
      const FloatTensor images = b.normal({60, 3, 8, 8}, 1.0F),
                        fresh = b.normal({40, 3, 8, 8}, 1.0F);
      PruneOptions options;
      Graph magnitude = dense, second = dense;
      prune(magnitude, plan(dense, options));
      options.score = "obs";
      const std::vector<LayerPlan> layers = plan(dense, options);
      ObsOptions obs;
      obs.match_dense = match;
      obs.recalibrate = false;
      const std::vector<ObsLayer> report = obs_prune(second, layers, images, obs);
      BOOST_TEST(report.size() == 3U);  // pw, grouped, fc
      for (const ObsLayer& layer : report) {
        BOOST_TEST_CONTEXT(layer.name) {
          BOOST_TEST(layer.error < layer.error_magnitude);
          BOOST_TEST(layer.error > 0.0);
        }
      }
      const CheckReport check = check_pruned(second);
      BOOST_TEST(check.ok());
      BOOST_TEST(check.layers.size() == 3U);
      BOOST_TEST(output_error(dense, second, fresh) < 0.85 * output_error(dense, magnitude, fresh));
    }
  }
}

BOOST_AUTO_TEST_CASE(rounds_past_the_relu_come_closer_to_the_dense_output) {
  GraphBuilder b({3, 8, 8}, 21);
  const Graph dense = network(b, true);
  const FloatTensor images = b.normal({200, 3, 8, 8}, 1.0F), fresh = b.normal({100, 3, 8, 8}, 1.0F);
  PruneOptions options;
  options.score = "obs";
  double before = 0.0;
  for (const int rounds : {0, 3}) {
    Graph graph = dense;
    ObsOptions obs;
    obs.relu_rounds = rounds;
    obs_prune(graph, plan(graph, options), images, obs);
    BOOST_TEST(check_pruned(graph).ok());
    const double error = output_error(dense, graph, fresh);
    if (rounds > 0) BOOST_TEST(error < 0.98 * before);
    before = error;
  }
}

BOOST_AUTO_TEST_CASE(inputs_without_any_variance_leave_finite_weights) {
  GraphBuilder b({3, 8, 8}, 21);
  Graph graph = network(b, true);
  PruneOptions options;
  options.score = "obs";
  obs_prune(graph, plan(graph, options), FloatTensor({4, 3, 8, 8}));
  for (float v : FloatExecutor(graph).run(b.normal({2, 3, 8, 8}, 1.0F)).data)
    BOOST_TEST(std::isfinite(v));
}

BOOST_AUTO_TEST_CASE(the_score_of_the_plan_decides_which_layers_are_solved) {
  GraphBuilder b({3, 8, 8}, 21);
  const Graph dense = network(b, true);
  const FloatTensor images = b.normal({40, 3, 8, 8}, 1.0F);
  Graph graph = dense;
  const std::vector<LayerPlan> layers = plan_recipe(
      graph, parse_recipe("group: 16\ndefaults: {method: aap, keep: 4}\nlayers:\n"
                          "  - {name: pw, score: obs}\n  - {name: grouped, method: unconstrained}\n",
                          "r.yaml"));
  const std::vector<ObsLayer> report = obs_prune(graph, layers, images);
  BOOST_REQUIRE(report.size() == 1U);
  BOOST_TEST(report[0].name == "pw");
  BOOST_TEST(check_pruned(graph).ok());
  // The others are as prune() leaves them, bit for bit.
  Graph magnitude = dense;
  prune(magnitude, layers_by_magnitude(layers));
  for (const char* name : {"grouped.w", "fc.w"}) {
    BOOST_TEST((graph.float_constant(name).data == magnitude.float_constant(name).data), name);
  }
  BOOST_TEST((graph.float_constant("pw.w").data != magnitude.float_constant("pw.w").data));
  BOOST_TEST((graph.metadata == magnitude.metadata));
}

BOOST_AUTO_TEST_CASE(the_score_is_what_removal_costs) {
  // A weight that goes alone, the others of its row refitted: the growth of the squared error.
  GraphBuilder b({6, 4, 4}, 4);
  const Graph graph = b.finish(b.conv("c", "input", b.normal({3, 6, 1, 1}, 0.5F)));
  FloatTensor images = b.normal({30, 6, 4, 4}, 1.0F);
  for (int64_t i = 0; i < images.size() - 16; ++i) {  // neighbours look alike
    images.data[static_cast<size_t>(i)] += 0.8F * images.data[static_cast<size_t>(i + 16)];
  }
  PruneOptions options;
  options.group = 4;
  options.keep = 2;
  options.prune_first_layer = true;
  const LayerPlan layer = plan(graph, options).at(0);
  const std::vector<float> weights = layer_weights(graph, layer);
  const std::vector<float> scores = obs_scorer(images)(graph, layer, weights);
  const ColumnOrder order = column_order(layer, 0);
  LayerMoments m = layer_moments(graph.nodes[0], layer, order, images,
                                 FloatExecutor(graph).run(images), 0);
  damp(m.hessian, 6, kObsDamping);
  for (size_t i = 0; i < weights.size(); ++i) {
    const size_t row = i / 6;
    std::vector<double> w(weights.begin() + static_cast<int64_t>(row * 6),
                          weights.begin() + static_cast<int64_t>(row * 6 + 6)),
        q = w;
    q[i % 6] = 0.0;
    obs_refit_rows({q.data(), 1, 6, 6, 1}, {w.data(), 1, 6, 6}, {m.hessian.data(), 6, 6, 6});
    const double growth = quadratic_error({q.data(), 1, 6, 6}, {w.data(), 1, 6, 6},
                                          {m.hessian.data(), 6, 6, 6});
    BOOST_TEST(scores[i] == growth, boost::test_tools::tolerance(1e-4));
  }
  BOOST_CHECK_THROW(obs_scorer(FloatTensor())(graph, layer, weights), InputError);
}

BOOST_AUTO_TEST_CASE(refuses_what_it_cannot_do_and_shared_weights) {
  GraphBuilder b({3, 8, 8}, 21);
  Graph graph = network(b, true);
  const FloatTensor images = b.normal({2, 3, 8, 8}, 1.0F);
  PruneOptions options;
  options.score = "obs";
  options.method = PruneRule::kUnconstrained;  // needs the scorer
  BOOST_CHECK_THROW(obs_prune(graph, plan(graph, options), images), InputError);
  options.method = PruneRule::kAap;
  const std::vector<LayerPlan> layers = plan(graph, options);
  BOOST_CHECK_THROW(obs_prune(graph, layers, FloatTensor({0, 3, 8, 8})), InputError);
  graph.nodes.push_back(GraphBuilder::make("Conv", "again", {"pw.out", "pw.w"}));
  BOOST_CHECK_THROW(obs_prune(graph, layers, images), InputError);
}

BOOST_AUTO_TEST_CASE(walk_gives_what_the_executor_gives_and_sees_changed_constants) {
  GraphBuilder b({3, 8, 8}, 8);
  Graph graph = network(b, true);
  const FloatTensor images = b.normal({3, 3, 8, 8}, 1.0F);
  FloatWalk walk(graph, images, 2);
  while (walk.next().name != "fc") walk.advance();
  BOOST_TEST(walk.has("flatten.out"));
  BOOST_TEST(!walk.has("stem.out"));
  BOOST_CHECK_THROW(walk.value("stem.out"), InputError);
  for (float& v : graph.float_constant("fc.w").data) v *= 2.0F;
  walk.advance();
  BOOST_TEST(walk.done());
  const FloatTensor expected = FloatExecutor(graph).run(images);
  BOOST_TEST(walk.value(graph.outputs[0].name).data == expected.data);
}
