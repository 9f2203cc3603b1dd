// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE bias_recalibration
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "model/float_executor.h"
#include "prune/bias_recalibration.h"
#include "prune/prune.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

Graph network(GraphBuilder& b) {
  std::string x =
      b.op("Relu", "r1", {b.conv("c1", "input", b.normal({32, 3, 3, 3}, 0.4F), 1, {}, 1, true)});
  x = b.op("Relu", "r2", {b.conv("c2", x, b.normal({32, 32, 3, 3}, 0.15F))});  // no bias yet
  x = b.batch_norm("bn", b.conv("c3", x, b.normal({16, 32, 1, 1}, 0.2F)), 16);
  x = b.gemm("fc", b.op("Flatten", "flatten", {x}), b.normal({10, 16 * 36}, 0.1F), true);
  return b.finish(x);
}

// Largest |mean - dense mean| and |deviation / dense deviation - 1| over channels of a node.
std::pair<double, double> worst(const Graph& graph, const Graph& dense, const FloatTensor& images,
                                const std::string& name) {
  const auto moments = [&](const Graph& g) {
    std::vector<std::pair<double, double>> out;
    FloatExecutor(g).run(images, 1, [&](const Node& node, const FloatTensor& y) {
      if (node.name != name) return;
      const int64_t n = y.shape[0], c = y.shape[1], area = y.size() / (n * c);
      for (int64_t ci = 0; ci < c; ++ci) {
        double sum = 0.0, squares = 0.0;
        for (int64_t i = 0; i < n * area; ++i) {
          const double v = y.data[static_cast<size_t>((i / area * c + ci) * area + i % area)];
          sum += v;
          squares += v * v;
        }
        const auto count = static_cast<double>(n * area);
        out.emplace_back(sum / count, std::sqrt(squares / count - sum * sum / count / count));
      }
    });
    return out;
  };
  const auto a = moments(graph), b = moments(dense);
  double mean = 0.0, deviation = 0.0;
  for (size_t c = 0; c < a.size(); ++c) {
    mean = std::max(mean, std::fabs(a[c].first - b[c].first));
    deviation = std::max(deviation, std::fabs(a[c].second / b[c].second - 1.0));
  }
  return {mean, deviation};
}

}  // namespace

BOOST_AUTO_TEST_CASE(means_become_the_dense_ones_where_no_batch_norm_follows) {
  for (const bool variance : {false, true}) {
    GraphBuilder b({3, 6, 6}, 3);
    const Graph dense = network(b);
    const FloatTensor images = b.normal({30, 3, 6, 6}, 1.0F);
    Graph graph = dense;
    PruneOptions options;
    options.keep = 8;
    prune(graph, plan(graph, options));
    BOOST_TEST(worst(graph, dense, images, "c2").first > 0.05);
    BiasOptions bias;
    bias.variance = variance;
    const BiasReport report = recalibrate_biases(graph, dense, images, bias);
    BOOST_TEST(report.layers == 3);  // c3 has a BatchNormalization behind it
    BOOST_TEST(report.largest_shift > 0.0);
    for (const char* name : {"c1", "c2", "fc"}) {
      BOOST_TEST(worst(graph, dense, images, name).first < 1e-4);
      if (variance) BOOST_TEST(worst(graph, dense, images, name).second < 1e-3);
    }
    BOOST_TEST(graph.float_constant("c3.w").data != dense.float_constant("c3.w").data);
    BOOST_TEST(graph.nodes[4].inputs.size() == 2U);
    // Zeros stay zero.
    const auto zeros = [](const Graph& g) {
      const auto& w = g.float_constant("c2.w").data;
      return std::count(w.begin(), w.end(), 0.0F);
    };
    BOOST_TEST(zeros(graph) == 32 * 32 * 9 / 2);
  }
}

BOOST_AUTO_TEST_CASE(refuses_a_dense_network_of_other_nodes) {
  GraphBuilder b({3, 6, 6}, 3);
  const Graph dense = network(b);
  Graph graph = dense;
  graph.nodes[0].name = "other";
  BOOST_CHECK_THROW(recalibrate_biases(graph, dense, b.normal({2, 3, 6, 6}, 1.0F)), InputError);
}
