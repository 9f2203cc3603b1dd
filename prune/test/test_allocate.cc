// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE allocate
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "prune/allocate.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

std::vector<LayerChoices> random_layers(size_t count, unsigned seed, bool whole_costs) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> draw(0.0, 1.0);
  std::vector<LayerChoices> layers;
  for (size_t i = 0; i < count; ++i) {
    LayerChoices layer{"layer" + std::to_string(i), {}};
    const double size = 1.0 + 20.0 * draw(random);
    for (const int keep : {1, 2, 4, 8, 16}) {
      const double cost = size * keep * (0.8 + 0.4 * draw(random));
      const double loss = keep == 16 ? 0.0 : draw(random) / keep;
      layer.choices.push_back({keep, whole_costs ? std::round(cost) : cost, loss});
    }
    layers.push_back(layer);
  }
  return layers;
}

// Every combination; the best `wanted` with `limited` within the budget, infinite where none is.
double best_by_trying_all(const std::vector<LayerChoices>& layers, double budget, bool limit_cost,
                          size_t at = 0, double limited = 0.0, double wanted = 0.0) {
  if (limited > budget) return INFINITY;
  if (at == layers.size()) return wanted;
  double best = INFINITY;
  for (const KeepChoice& c : layers[at].choices) {
    best = std::min(best, best_by_trying_all(layers, budget, limit_cost, at + 1,
                                             limited + (limit_cost ? c.cost : c.loss),
                                             wanted + (limit_cost ? c.loss : c.cost)));
  }
  return best;
}

double sum_of(const std::vector<LayerChoices>& layers, const Allocation& a, bool cost) {
  double sum = 0.0;
  for (const LayerChoices& layer : layers) {
    for (const KeepChoice& c : layer.choices) {
      if (c.keep == a.keep_of.at(layer.name)) sum += cost ? c.cost : c.loss;
    }
  }
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_CASE(as_good_as_trying_all_combinations) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    const std::vector<LayerChoices> layers = random_layers(6, seed, seed % 2 == 0);
    for (const double share : {0.1, 0.25, 0.5, 0.9, 1.5}) {
      double all = 0.0;
      for (const LayerChoices& l : layers) all += l.choices.back().cost;
      const double budget = all * share;
      const double best = best_by_trying_all(layers, budget, true);
      BOOST_REQUIRE(std::isfinite(best));
      const Allocation a = allocate_by_cost(layers, budget);
      BOOST_TEST(a.loss == best, boost::test_tools::tolerance(1e-9));
      BOOST_TEST(a.cost <= budget * (1 + 1e-9));
      BOOST_TEST(a.cost == sum_of(layers, a, true), boost::test_tools::tolerance(1e-9));
      BOOST_TEST(a.loss == sum_of(layers, a, false), boost::test_tools::tolerance(1e-9));
      const Allocation b = allocate_by_loss(layers, share);
      BOOST_TEST(b.cost == best_by_trying_all(layers, share, false),
                 boost::test_tools::tolerance(1e-9));
      BOOST_TEST(b.loss <= share * (1 + 1e-9));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_hundred_layers_stay_within_the_budget_and_near_the_best) {
  const std::vector<LayerChoices> layers = random_layers(100, 3, false);
  double all = 0.0;
  for (const LayerChoices& l : layers) all += l.choices.back().cost;
  const Allocation a = allocate_by_cost(layers, 0.3 * all);
  BOOST_TEST(a.cost <= 0.3 * all * (1 + 1e-9));
  // The dual bound: for any price of cost, no allocation can lose less than this.
  double bound = 0.0;
  for (double price = 1e-5; price < 1.0; price *= 1.02) {
    double sum = -price * 0.3 * all;
    for (const LayerChoices& l : layers) {
      double least = INFINITY;
      for (const KeepChoice& c : l.choices) least = std::min(least, c.loss + price * c.cost);
      sum += least;
    }
    bound = std::max(bound, sum);
  }
  BOOST_TEST(bound > 0.1);
  BOOST_TEST(a.loss >= bound * (1 - 1e-9));
  BOOST_TEST(a.loss < bound * 1.01);
}

BOOST_AUTO_TEST_CASE(budgets_that_cannot_be_met_and_bad_numbers_are_refused) {
  std::vector<LayerChoices> layers = random_layers(3, 1, true);
  BOOST_CHECK_THROW(allocate_by_cost(layers, 1.0), InputError);
  BOOST_CHECK_THROW(allocate_by_cost(layers, -1.0), InputError);
  BOOST_CHECK_THROW(allocate_by_cost(layers, NAN), InputError);
  BOOST_TEST(allocate_by_loss(layers, 0.0).keep_of.at("layer1") == 16);
  layers[1].choices[0].loss = NAN;
  BOOST_CHECK_THROW(allocate_by_cost(layers, 1e9), InputError);
  layers[1].choices.clear();
  BOOST_CHECK_THROW(allocate_by_cost(layers, 1e9), InputError);
  BOOST_TEST(allocate_by_cost({}, 0.0).keep_of.empty());
}

BOOST_AUTO_TEST_CASE(a_layer_that_hurts_more_keeps_more) {
  GraphBuilder b({3, 8, 8}, 5);
  std::string x = b.op("Relu", "r0", {b.conv("c0", "input", b.normal({32, 3, 3, 3}, 0.4F))});
  // Only one weight a group matters here, so that keep 1 loses little ...
  FloatTensor easy = b.normal({32, 32, 1, 1}, 1e-3F);
  for (size_t m = 0; m < 32; ++m) {
    easy.data[m * 32 + m % 16] = 1.0F;
    easy.data[m * 32 + 16 + (m * 5 + m / 16) % 16] = 1.0F;
  }
  x = b.op("Relu", "r1", {b.conv("easy", x, easy)});
  // ... and here all of them do.
  x = b.conv("hard", x, b.normal({32, 32, 1, 1}, 0.3F));
  const Graph graph = b.finish(x);
  PruneOptions options;
  const std::vector<LayerPlan> layers = plan(graph, options);
  const auto cost = [](const std::string&, int keep) { return 100.0 * keep; };
  const std::vector<LayerChoices> table =
      layer_choices(graph, layers, {1, 2, 4, 8, 16}, b.normal({50, 3, 8, 8}, 1.0F), cost);
  BOOST_REQUIRE(table.size() == 2U);  // c0 has too few channels
  for (const LayerChoices& layer : table) {
    BOOST_REQUIRE(layer.choices.size() == 5U);
    for (size_t i = 1; i < 5; ++i) {
      BOOST_TEST(layer.choices[i].loss < layer.choices[i - 1].loss);
      BOOST_TEST(layer.choices[i].cost > layer.choices[i - 1].cost);
    }
    BOOST_TEST(layer.choices[4].loss == 0.0);
  }
  const Allocation a = allocate_by_cost(table, 900.0);
  BOOST_TEST(a.keep_of.at("easy") == 1);
  BOOST_TEST(a.keep_of.at("hard") == 8);
  const std::vector<LayerPlan> planned = with_keep(graph, layers, a.keep_of);
  for (const LayerPlan& layer : planned) {
    if (layer.name == "hard") BOOST_TEST(layer.keep == 8);
    if (layer.name == "easy") BOOST_TEST(layer.keep == 1);
  }
}
