// SPDX-License-Identifier: Apache-2.0
// The rivals of AAP, other scores than magnitude, and quantised graphs.
#define BOOST_TEST_MODULE methods
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "model/float_executor.h"
#include "prune/check.h"
#include "prune/prune.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

int64_t nonzero(const std::vector<float>& v) {
  return std::count_if(v.begin(), v.end(), [](float x) { return x != 0.0F; });
}

Graph two_layers(unsigned seed = 1) {
  GraphBuilder b({32, 6, 6}, seed);
  std::string x = b.conv("a", "input", b.normal({24, 32, 3, 3}, 1.0F));
  x = b.op("Relu", "relu", {x});
  x = b.max_pool("pool", x, 3);
  x = b.op("Flatten", "flatten", {x});
  return b.finish(b.gemm("fc", x, b.normal({10, 24 * 4}, 0.1F), true));
}

PruneOptions method(PruneRule rule, int keep = 4, int group = 16) {
  PruneOptions options;
  options.method = rule;
  options.keep = keep;
  options.group = group;
  return options;
}

std::vector<float> weights_of(const Graph& graph, const std::string& name) {
  return graph.float_constant(name + ".w").data;
}

Graph pruned(Graph graph, const PruneOptions& options, const Scorers& scorers = {}) {
  prune(graph, plan(graph, options), scorers);
  return graph;
}

}  // namespace

BOOST_AUTO_TEST_CASE(n_of_m_is_aap_of_that_group_on_convolutions) {
  BOOST_TEST(weights_of(pruned(two_layers(), method(PruneRule::kNOfM, 2, 4)), "a") ==
             weights_of(pruned(two_layers(), method(PruneRule::kAap, 2, 4)), "a"));
}

BOOST_AUTO_TEST_CASE(n_of_m_counts_features_of_fully_connected_layers_as_they_are_stored) {
  const Graph before = two_layers();
  const Graph graph = pruned(before, method(PruneRule::kNOfM, 2, 4));
  const std::vector<float> w = weights_of(graph, "fc"), old = weights_of(before, "fc");
  for (size_t first = 0; first < w.size(); first += 4) {
    std::vector<float> kept, dropped;
    for (size_t i = first; i < first + 4; ++i) (w[i] != 0.0F ? kept : dropped).push_back(std::fabs(old[i]));
    BOOST_REQUIRE(kept.size() == 2U);
    BOOST_TEST(std::min(kept[0], kept[1]) >= std::max(dropped[0], dropped[1]));
  }
  BOOST_TEST(graph.metadata.at("aap.n_of_m.fc") == "2:4");
  BOOST_TEST(graph.metadata.count("aap.keep.fc") == 0U);
  BOOST_TEST(check_pruned(graph).ok());
  Graph bad = graph;
  for (size_t i = 0; i < 4; ++i) bad.float_constant("fc.w").data[8 + i] = 1.0F;
  const CheckReport report = check_pruned(bad);
  BOOST_REQUIRE(!report.ok());
  BOOST_TEST(report.violation->count == 4);
  BOOST_TEST(report.violation->first_channel == 8);
}

BOOST_AUTO_TEST_CASE(sharing_outputs_keep_the_same_channels) {
  PruneOptions options = method(PruneRule::kAap);
  options.share = 4;
  const Graph before = two_layers();
  const Graph graph = pruned(before, options);
  const std::vector<float> w = weights_of(graph, "a"), old = weights_of(before, "a");
  for (size_t m = 0; m < 24; m += 4) {
    for (size_t c0 = 0; c0 < 32; c0 += 16) {
      for (size_t p = 0; p < 9; ++p) {
        std::vector<double> kept, dropped;
        for (size_t c = c0; c < c0 + 16; ++c) {
          int places = 0;
          double sum = 0.0;
          for (size_t s = 0; s < 4; ++s) {
            const size_t at = ((m + s) * 32 + c) * 9 + p;
            places += w[at] != 0.0F ? 1 : 0;
            sum += std::fabs(old[at]);
          }
          BOOST_REQUIRE(places == 0 || places == 4);
          (places == 4 ? kept : dropped).push_back(sum);
        }
        BOOST_REQUIRE(kept.size() == 4U);
        BOOST_REQUIRE(*std::min_element(kept.begin(), kept.end()) >=
                      *std::max_element(dropped.begin(), dropped.end()) - 1e-5);
      }
    }
  }
  BOOST_TEST(graph.metadata.at("aap.share.a") == "4");
  BOOST_TEST(check_pruned(graph).ok());
  // One output with a channel of its own: fine for K of G alone, not for sharing.
  Graph bad = graph;
  std::vector<float>& b = bad.float_constant("a.w").data;
  size_t from = 0, to = 0;
  while (b[from * 9] == 0.0F) ++from;
  while (b[to * 9] != 0.0F) ++to;
  std::swap(b[from * 9], b[to * 9]);
  const CheckReport report = check_pruned(bad);
  BOOST_REQUIRE(!report.ok());
  BOOST_TEST(report.violation->count == 5);
  BOOST_TEST(report.violation->message().find("and its 3 sharers") != std::string::npos,
             report.violation->message());
  bad.metadata.erase("aap.share.a");
  bad.metadata.erase("aap.share.fc");
  BOOST_TEST(check_pruned(bad).ok());
}

BOOST_AUTO_TEST_CASE(global_takes_the_largest_of_all_layers) {
  const Graph before = two_layers();
  Graph graph = before;
  const auto layers = plan(before, method(PruneRule::kGlobal));
  prune(graph, layers);
  const std::vector<float> a = weights_of(graph, "a"), fc = weights_of(graph, "fc");
  BOOST_TEST(nonzero(a) == layers[0].kept);
  BOOST_TEST(nonzero(fc) == layers[1].kept);
  BOOST_TEST(nonzero(a) + nonzero(fc) == 24 * 2 * 9 * 4 + 10 * 4 * (4 + 4));
  float smallest = std::numeric_limits<float>::infinity(), largest = 0.0F;
  for (const char* name : {"a", "fc"}) {
    const std::vector<float> w = weights_of(graph, name), old = weights_of(before, name);
    for (size_t i = 0; i < w.size(); ++i) {
      if (w[i] != 0.0F) smallest = std::min(smallest, std::fabs(old[i]));
      if (w[i] == 0.0F) largest = std::max(largest, std::fabs(old[i]));
    }
  }
  BOOST_TEST(smallest >= largest);
  BOOST_TEST(graph.metadata.at("aap.method") == "global");
}

BOOST_AUTO_TEST_CASE(random_depends_on_its_seed_alone) {
  PruneOptions options = method(PruneRule::kRandom);
  options.seed = 5;
  const Graph one = pruned(two_layers(), options);
  BOOST_TEST(weights_of(one, "a") == weights_of(pruned(two_layers(), options), "a"));
  options.keep_of["fc"] = 16;  // another layer left alone changes nothing here
  BOOST_TEST(weights_of(one, "a") == weights_of(pruned(two_layers(), options), "a"));
  options.seed = 6;
  BOOST_TEST(weights_of(one, "a") != weights_of(pruned(two_layers(), options), "a"));
  BOOST_TEST(nonzero(weights_of(one, "a")) == 24 * 32 * 9 / 4);
  BOOST_TEST(check_pruned(one).ok());
  // Every place is drawn about as often as any other.
  std::vector<int> count(16, 0);
  const std::vector<float> w = weights_of(one, "a");
  for (size_t i = 0; i < w.size(); ++i) count[i / 9 % 16] += w[i] != 0.0F ? 1 : 0;
  for (const int n : count) BOOST_TEST(std::abs(n - 108) < 45);  // five deviations of 9
}

BOOST_AUTO_TEST_CASE(wanda_is_weight_times_norm_of_what_it_meets) {
  // Strided, padded, grouped convolution and a fully connected layer, against the definition.
  GraphBuilder b({8, 7, 7}, 3);
  std::string x = b.conv("g", "input", b.normal({6, 4, 3, 3}, 1.0F), 2, {1, 1, 1, 1}, 2);
  x = b.op("Relu", "relu", {x});
  x = b.op("Flatten", "flatten", {x});
  Graph graph = b.finish(b.gemm("fc", x, b.normal({6 * 16, 5}, 1.0F), false));
  const FloatTensor images = b.normal({70, 8, 7, 7}, 1.0F);  // more than one batch
  const Scorer scorer = wanda_scorer(images);
  std::map<std::string, FloatTensor> values;
  FloatExecutor(graph).run(images, 1, [&](const Node& n, const FloatTensor& y) { values[n.outputs[0]] = y; });
  const auto layers = describe_layers(graph);
  const std::vector<float> w = layer_weights(graph, layers[0]);
  const std::vector<float> scores = scorer(graph, layers[0], w);
  for (int64_t m = 0; m < 6; ++m) {
    for (int64_t c = 0; c < 4; ++c) {
      for (int64_t p = 0; p < 9; ++p) {
        double sum = 0.0;
        for (int64_t n = 0; n < 70; ++n) {
          for (int64_t oy = 0; oy < 4; ++oy) {
            for (int64_t ox = 0; ox < 4; ++ox) {
              const int64_t y = 2 * oy - 1 + p / 3, xx = 2 * ox - 1 + p % 3;
              if (y < 0 || y > 6 || xx < 0 || xx > 6) continue;
              const double v = images.at4(n, (m / 3) * 4 + c, y, xx);
              sum += v * v;
            }
          }
        }
        const auto at = static_cast<size_t>((m * 4 + c) * 9 + p);
        BOOST_REQUIRE_CLOSE(scores[at], std::fabs(w[at]) * std::sqrt(sum), 1e-3);
      }
    }
  }
  const std::vector<float> fw = layer_weights(graph, layers[1]);
  const std::vector<float> fs = scorer(graph, layers[1], fw);
  const FloatTensor& in = values.at(x);
  for (size_t f = 0; f < 96; ++f) {
    double sum = 0.0;
    for (size_t n = 0; n < 70; ++n) sum += static_cast<double>(in.data[n * 96 + f]) * in.data[n * 96 + f];
    BOOST_REQUIRE_CLOSE(fs[3 * 96 + f], std::fabs(fw[3 * 96 + f]) * std::sqrt(sum), 1e-3);
    BOOST_TEST(fw[3 * 96 + f] == graph.float_constant("fc.w").data[f * 5 + 3]);
  }
}

BOOST_AUTO_TEST_CASE(scores_decide_and_bad_ones_are_refused) {
  PruneOptions options = method(PruneRule::kAap);
  options.score = "obs";
  const Graph before = two_layers();
  BOOST_CHECK_EXCEPTION(pruned(before, options), InputError, [](const InputError& e) {
    return std::string(e.what()) == "layer 'a': score 'obs' needs calibration images";
  });
  const auto constant = [](float value, size_t extra) {
    return Scorers{{"obs", [=](const Graph&, const LayerPlan&, const std::vector<float>& w) {
                      std::vector<float> s(w.size() + extra, value);
                      return s;
                    }}};
  };
  const Graph first = pruned(before, options, constant(1.0F, 0));  // ties: the lowest channels
  const std::vector<float> w = weights_of(first, "a"), old = weights_of(before, "a");
  for (size_t i = 0; i < w.size(); ++i) BOOST_REQUIRE(w[i] == (i / 9 % 16 < 4 ? old[i] : 0.0F));
  BOOST_CHECK_THROW(pruned(before, options, constant(-1.0F, 0)), InputError);
  BOOST_CHECK_THROW(pruned(before, options, constant(std::nanf(""), 0)), InputError);
  BOOST_CHECK_THROW(pruned(before, options, constant(1.0F, 1)), InputError);
}

BOOST_AUTO_TEST_CASE(given_keeps_replace_those_of_the_plan) {
  const Graph graph = two_layers();
  const auto layers = with_keep(graph, plan(graph, method(PruneRule::kAap)), {{"a", 7}, {"fc", 16}});
  BOOST_TEST(layers[0].keep == 7);
  BOOST_TEST(layers[0].kept == 24 * 2 * 9 * 7);
  BOOST_CHECK(layers[1].rule == PruneRule::kDense);
  BOOST_TEST(layers[1].kept == 960);
  BOOST_CHECK_THROW(with_keep(graph, layers, {{"relu", 3}}), InputError);
  BOOST_CHECK_THROW(with_keep(graph, layers, {{"a", 17}}), InputError);
}

namespace {

// The weights of `graph`'s layers as QDQ: int8 or uint8 constants behind DequantizeLinear, with a
// zero point for each output channel.
Graph as_qdq(Graph graph, bool per_channel) {
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    if (node.op != "Conv" && node.op != "Gemm") {
      nodes.push_back(node);
      continue;
    }
    const FloatTensor w = graph.float_constant(node.inputs[1]);
    const auto m = static_cast<size_t>(per_channel ? w.shape[0] : 1);
    const std::string name = node.name + ".q";
    Tensor<uint8_t> q(w.shape), zero({static_cast<int64_t>(m)});
    FloatTensor scale({static_cast<int64_t>(m)});
    for (size_t i = 0; i < m; ++i) {
      zero.data[i] = static_cast<uint8_t>(120 + i);
      scale.data[i] = 0.01F * static_cast<float>(1 + i % 3);
    }
    for (size_t i = 0; i < w.data.size(); ++i) {
      const size_t c = per_channel ? i / (w.data.size() / m) : 0;
      const float x = std::nearbyint(w.data[i] / scale.data[c]) + zero.data[c];
      q.data[i] = static_cast<uint8_t>(std::min(255.0F, std::max(0.0F, x)));
    }
    graph.constants.erase(node.inputs[1]);
    graph.constants[name] = q;
    graph.constants[name + ".s"] = per_channel ? scale : FloatTensor(Shape{}, scale.data);
    graph.constants[name + ".z"] = per_channel ? zero : Tensor<uint8_t>(Shape{}, zero.data);
    Node dequantise = GraphBuilder::make("DequantizeLinear", name + ".dq", {name, name + ".s", name + ".z"});
    if (per_channel) dequantise.attributes["axis"] = int64_t{0};
    node.inputs[1] = dequantise.outputs[0];
    nodes.push_back(dequantise);
    nodes.push_back(node);
  }
  graph.nodes = nodes;
  return graph;
}

}  // namespace

BOOST_AUTO_TEST_CASE(quantised_weights_go_to_their_zero_point) {
  for (const bool per_channel : {false, true}) {
    const Graph before = as_qdq(two_layers(), per_channel);
    Graph graph = before;
    const auto layers = plan(graph, method(PruneRule::kAap));
    BOOST_TEST(layers[0].weight == "a.q");
    prune(graph, layers);
    const auto& q = std::get<Tensor<uint8_t>>(graph.constants.at("a.q")).data;
    const auto& old = std::get<Tensor<uint8_t>>(before.constants.at("a.q")).data;
    int64_t kept = 0;
    for (size_t i = 0; i < q.size(); ++i) {
      const auto zero = static_cast<uint8_t>(120 + (per_channel ? i / (32 * 9) : 0));
      BOOST_REQUIRE(q[i] == old[i] || q[i] == zero);
      kept += q[i] != zero ? 1 : 0;
    }
    BOOST_TEST(kept == layers[0].kept);
    BOOST_TEST(kept <= 24 * 32 * 9 / 4);
    BOOST_TEST(kept > 24 * 32 * 9 / 5);
    BOOST_TEST(graph.float_constant("fc.b").data == before.float_constant("fc.b").data);  // biases stay
    BOOST_TEST(check_pruned(graph).ok());
    Graph bad = graph;
    auto& values = std::get<Tensor<uint8_t>>(bad.constants.at("a.q")).data;
    for (size_t c = 16; c < 32; ++c) values[(3 * 32 + c) * 9 + 4] = 0;
    const CheckReport report = check_pruned(bad);
    BOOST_REQUIRE(!report.ok());
    BOOST_TEST(report.violation->tensor == "a.q");
    BOOST_TEST(report.violation->output_channel == 3);
    BOOST_TEST(report.violation->count == 16);
    BOOST_CHECK_THROW(set_layer_weights(graph, layers[0], layer_weights(graph, layers[0])), InputError);
  }
}

BOOST_AUTO_TEST_CASE(extreme_tensors) {
  const float huge = std::numeric_limits<float>::max(), tiny = std::numeric_limits<float>::denorm_min();
  for (const PruneRule rule : {PruneRule::kAap, PruneRule::kNOfM, PruneRule::kUnconstrained,
                               PruneRule::kGlobal, PruneRule::kRandom}) {
    for (const float value : {0.0F, 0.5F, huge, tiny}) {
      for (const int keep : {1, 3, 4}) {
        GraphBuilder b({8, 2, 2});
        Graph graph = b.finish(b.conv("c", "input", FloatTensor({3, 8, 1, 1}, value)));
        const auto layers = plan(graph, method(rule, keep, 4));
        prune(graph, layers);
        const int64_t want = value == 0.0F ? 0 : 3 * 2 * keep;
        BOOST_TEST(nonzero(weights_of(graph, "c")) == want,
                   to_string(rule) << " keep " << keep << " of " << value);
        BOOST_TEST(layers[0].kept == want);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(one_weight_no_channels_and_more_group_than_channels) {
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{5, 3, 2, 2}}) {
    for (const PruneRule rule : {PruneRule::kAap, PruneRule::kUnconstrained, PruneRule::kGlobal}) {
      GraphBuilder b({16, 4, 4});
      const std::string x = b.conv("first", "input", b.normal({std::max<int64_t>(1, shape[1]), 16, 1, 1}, 1.0F));
      Graph graph = b.finish(b.conv("c", x, b.normal(shape, 1.0F)));
      const auto layers = plan(graph, method(rule, 2, 16));
      prune(graph, layers);
      const int64_t want = shape[0] * std::min<int64_t>(2, shape[1]) * shape[2] * shape[3];
      if (rule == PruneRule::kGlobal) {  // one count for both layers, wherever the largest are
        const int64_t both = want + 2 * shape[1];
        BOOST_TEST(nonzero(weights_of(graph, "first")) + nonzero(weights_of(graph, "c")) == both);
        BOOST_TEST(layers[0].kept + layers[1].kept == both);
        continue;
      }
      BOOST_TEST(nonzero(weights_of(graph, "c")) == want);
      BOOST_TEST(layers[1].kept == want);
    }
  }
}

BOOST_AUTO_TEST_CASE(layers_without_channels_are_refused_by_name) {
  GraphBuilder b({16, 4, 4});
  const Graph graph = b.finish(b.conv("empty", "input", b.normal({0, 16, 1, 1}, 1.0F)));
  BOOST_CHECK_EXCEPTION(plan(graph, method(PruneRule::kAap)), InputError, [](const InputError& e) {
    return std::string(e.what()).find("'empty'") != std::string::npos;
  });
}
