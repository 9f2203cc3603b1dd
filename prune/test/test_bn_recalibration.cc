// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE bn_recalibration
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "model/float_executor.h"
#include "prune/bn_recalibration.h"
#include "prune/prune.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

// Two BNs in a chain and one on a branch, so that a wrong order of updates shows.
Graph network() {
  GraphBuilder b({3, 6, 6}, 3);
  std::string x = b.conv("c1", "input", b.normal({16, 3, 3, 3}, 0.5F));
  x = b.batch_norm("bn1", x, 16);
  x = b.op("Relu", "r1", {x});
  std::string y = b.conv("c2", x, b.normal({16, 16, 3, 3}, 0.5F));
  y = b.batch_norm("bn2", y, 16);
  x = b.op("Add", "add", {x, y});
  x = b.conv("c3", x, b.normal({8, 16, 1, 1}, 0.5F));
  x = b.batch_norm("bn3", x, 8);
  return b.finish(x);
}

// Largest deviation of (BN output - bias) / scale from mean 0 and variance 1.
double worst_deviation(const Graph& graph, const FloatTensor& images) {
  double worst = 0.0;
  FloatExecutor(graph).run(images, 1, [&](const Node& node, const FloatTensor& y) {
    if (node.op != "BatchNormalization") return;
    const auto& scale = graph.float_constant(node.inputs[1]).data;
    const auto& bias = graph.float_constant(node.inputs[2]).data;
    const size_t c = scale.size(), n = static_cast<size_t>(y.shape[0]);
    const size_t area = y.data.size() / (n * c);
    for (size_t ci = 0; ci < c; ++ci) {
      double sum = 0.0, squares = 0.0;
      for (size_t ni = 0; ni < n; ++ni) {
        for (size_t i = 0; i < area; ++i) {
          const double v = (y.data[(ni * c + ci) * area + i] - bias[ci]) / scale[ci];
          sum += v;
          squares += v * v;
        }
      }
      const double mean = sum / static_cast<double>(n * area);
      const double variance = squares / static_cast<double>(n * area) - mean * mean;
      worst = std::max({worst, std::fabs(mean), std::fabs(variance - 1.0)});
    }
  });
  return worst;
}

}  // namespace

BOOST_AUTO_TEST_CASE(statistics_of_the_pruned_network_are_restored_in_one_sweep) {
  Graph graph = network();
  GraphBuilder random({3, 6, 6}, 11);
  const FloatTensor images = random.normal({40, 3, 6, 6}, 1.0F);
  PruneOptions options;
  options.keep = 2;
  prune(graph, plan(graph, options));
  BOOST_TEST(worst_deviation(graph, images) > 0.5);
  const RecalibrationReport report = recalibrate_batch_norm(graph, images);
  BOOST_TEST(report.layers == 3);
  BOOST_TEST(report.largest_shift > 0.0);
  BOOST_TEST(worst_deviation(graph, images) < 1e-3);
}

BOOST_AUTO_TEST_CASE(constant_channels_stay_finite) {
  Graph graph = network();
  for (float& w : graph.float_constant("c2.w").data) w = 0.0F;
  GraphBuilder random({3, 6, 6}, 11);
  const FloatTensor images = random.normal({8, 3, 6, 6}, 1.0F);
  recalibrate_batch_norm(graph, images);
  for (float v : graph.float_constant("bn2.var").data) BOOST_TEST(v == 0.0F);
  for (float v : FloatExecutor(graph).run(images).data) BOOST_TEST(std::isfinite(v));
}

BOOST_AUTO_TEST_CASE(refuses_shared_statistics_and_no_images) {
  Graph graph = network();
  BOOST_CHECK_THROW(recalibrate_batch_norm(graph, FloatTensor({0, 3, 6, 6})), InputError);
  graph.nodes[4].inputs[3] = "bn1.mean";
  GraphBuilder random({3, 6, 6}, 11);
  BOOST_CHECK_THROW(recalibrate_batch_norm(graph, random.normal({2, 3, 6, 6}, 1.0F)), InputError);
}
