// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE obs
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "model/float_executor.h"
#include "model/float_walk.h"
#include "prune/check.h"
#include "prune/obs.h"
#include "prune/obs_moments.h"
#include "prune/obs_score.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

std::vector<double> random_values(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> draw;
  std::vector<double> out(n);
  for (double& v : out) v = draw(random);
  return out;
}

// X X^T of n variables with correlations, well conditioned.
std::vector<double> random_hessian(int64_t n, unsigned seed) {
  const int64_t samples = 3 * n;
  std::vector<double> x = random_values(static_cast<size_t>(n * samples), seed);
  for (int64_t i = 1; i < n; ++i) {
    for (int64_t s = 0; s < samples; ++s) {
      x[static_cast<size_t>(i * samples + s)] +=
          0.7 * x[static_cast<size_t>((i - 1) * samples + s)];
    }
  }
  std::vector<double> h(static_cast<size_t>(n * n), 0.0);
  add_product(1.0, {x.data(), n, samples, samples}, {x.data(), samples, n, 1, samples},
              {h.data(), n, n, n, 1});
  return h;
}

std::vector<ColumnGroup> groups_of(int64_t columns, int64_t group, int64_t keep) {
  std::vector<ColumnGroup> groups;
  for (int64_t at = 0; at < columns; at += group) {
    const int64_t size = std::min(group, columns - at);
    groups.push_back({at, size, std::min(keep, size)});
  }
  return groups;
}

int64_t most_in_a_group(const std::vector<double>& row, const std::vector<ColumnGroup>& groups) {
  int64_t most = 0;
  for (const ColumnGroup& g : groups) {
    int64_t count = 0;
    for (int64_t i = 0; i < g.size; ++i) count += row[static_cast<size_t>(g.first + i)] != 0.0;
    most = std::max(most, count - g.keep);
  }
  return most;  // above what is legal
}

struct Problem {
  int64_t rows, columns;
  std::vector<double> w, hessian;
  std::vector<ColumnGroup> groups;
};

Problem random_problem(int64_t rows, int64_t columns, int64_t group, int64_t keep, unsigned seed) {
  return {rows, columns, random_values(static_cast<size_t>(rows * columns), seed),
          random_hessian(columns, seed + 1), groups_of(columns, group, keep)};
}

double error_of(const Problem& p, const std::vector<double>& q) {
  return quadratic_error({q.data(), p.rows, p.columns, p.columns},
                         {p.w.data(), p.rows, p.columns, p.columns},
                         {p.hessian.data(), p.columns, p.columns, p.columns});
}

std::vector<double> by_magnitude(const Problem& p) {
  std::vector<double> q = p.w;
  for (int64_t r = 0; r < p.rows; ++r) {
    for (const ColumnGroup& g : p.groups) {
      std::vector<size_t> at;
      for (int64_t i = 0; i < g.size; ++i)
        at.push_back(static_cast<size_t>(r * p.columns + g.first + i));
      std::sort(at.begin(), at.end(),
                [&](size_t a, size_t b) { return std::fabs(q[a]) > std::fabs(q[b]); });
      for (size_t i = static_cast<size_t>(g.keep); i < at.size(); ++i) q[at[i]] = 0.0;
    }
  }
  return q;
}

std::vector<double> by_obs(const Problem& p, ObsOrder order) {
  std::vector<double> q = p.w, h = p.hessian;
  obs_prune_rows({q.data(), p.rows, p.columns, p.columns, 1},
                 {h.data(), p.columns, p.columns, p.columns, 1}, p.groups, order);
  return q;
}

void refit(const Problem& p, std::vector<double>& q) {
  obs_refit_rows({q.data(), p.rows, p.columns, p.columns, 1},
                 {p.w.data(), p.rows, p.columns, p.columns},
                 {p.hessian.data(), p.columns, p.columns, p.columns});
}

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

BOOST_AUTO_TEST_CASE(products_and_factors_are_exact_for_any_size) {
  for (const int64_t n : {1, 2, 7, 64, 65, 100, 193}) {
    const std::vector<double> h = random_hessian(n, 3);
    std::vector<double> l = h, product(h.size(), 0.0);
    BOOST_REQUIRE(cholesky({l.data(), n, n, n, 1}));
    double worst = 0.0, largest = 0.0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        double sum = 0.0;
        for (int64_t k = 0; k <= j; ++k) {
          sum += l[static_cast<size_t>(i * n + k)] * l[static_cast<size_t>(j * n + k)];
        }
        worst = std::max(worst, std::fabs(sum - h[static_cast<size_t>(i * n + j)]));
        largest = std::max(largest, std::fabs(h[static_cast<size_t>(i * n + j)]));
      }
    }
    BOOST_TEST(worst < 1e-12 * largest);
    std::vector<double> inverse = h;
    BOOST_REQUIRE(invert_symmetric({inverse.data(), n, n, n, 1}));
    add_product(1.0, {h.data(), n, n, n}, {inverse.data(), n, n, n}, {product.data(), n, n, n, 1});
    for (int64_t i = 0; i < n * n; ++i) {
      BOOST_TEST(std::fabs(product[static_cast<size_t>(i)] - (i % (n + 1) == 0 ? 1.0 : 0.0)) <
                 1e-8);
    }
  }
  std::vector<double> singular = {1.0, 1.0, 1.0, 1.0};
  BOOST_TEST(!cholesky({singular.data(), 2, 2, 2, 1}));
}

BOOST_AUTO_TEST_CASE(every_order_keeps_k_of_g_and_beats_magnitude) {
  const int64_t cases[][3] = {{64, 16, 4}, {64, 16, 1}, {50, 16, 3},
                              {300, 8, 2}, {32, 32, 5}, {12, 16, 4}};
  for (const auto& [columns, group, keep] : cases) {
    Problem p = random_problem(9, columns, group, keep, 11);
    const double magnitude = error_of(p, by_magnitude(p));
    for (const ObsOrder order : {ObsOrder::kColumns, ObsOrder::kRows}) {
      BOOST_TEST_CONTEXT(columns << " columns, keep " << keep << " of " << group << ", order "
                                 << static_cast<int>(order)) {
        std::vector<double> q = by_obs(p, order);
        for (int64_t r = 0; r < p.rows; ++r) {
          const auto row = q.begin() + r * columns;
          BOOST_TEST(most_in_a_group({row, row + columns}, p.groups) == 0);
        }
        const double error = error_of(p, q);
        if (columns > keep) BOOST_TEST(error < 0.8 * magnitude);
        refit(p, q);
        BOOST_TEST(error_of(p, q) <= error * (1 + 1e-9) + 1e-9);
        // In their own order, rows already have the best weights for what they keep.
        if (order == ObsOrder::kRows)
          BOOST_TEST(error_of(p, q) == error, boost::test_tools::tolerance(1e-6));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(one_group_in_columns_order_is_the_textbook_elimination) {
  // With a single group both orders are Optimal Brain Surgeon, computed in two ways.
  const Problem p = random_problem(20, 16, 16, 4, 5);
  const std::vector<double> a = by_obs(p, ObsOrder::kColumns), b = by_obs(p, ObsOrder::kRows);
  for (size_t i = 0; i < a.size(); ++i) BOOST_TEST(std::fabs(a[i] - b[i]) < 1e-9);
}

BOOST_AUTO_TEST_CASE(no_correlation_means_magnitude_and_no_update) {
  Problem p = random_problem(6, 48, 16, 4, 9);
  std::fill(p.hessian.begin(), p.hessian.end(), 0.0);
  for (int64_t i = 0; i < 48; ++i) p.hessian[static_cast<size_t>(i * 49)] = 2.0;
  const std::vector<double> expected = by_magnitude(p);
  for (const ObsOrder order : {ObsOrder::kColumns, ObsOrder::kRows}) {
    const std::vector<double> q = by_obs(p, order);
    for (size_t i = 0; i < q.size(); ++i) BOOST_TEST(std::fabs(q[i] - expected[i]) < 1e-12);
  }
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
