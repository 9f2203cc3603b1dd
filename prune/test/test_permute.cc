// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE permute
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <random>

#include "model/float_executor.h"
#include "prune/permute.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

PermuteUse random_use(int64_t channels, int64_t rows, int64_t group, int64_t keep, unsigned seed) {
  PermuteUse use;
  use.channels = channels;
  use.group = group;
  use.keep = keep;
  use.tail_keep = std::min(keep, channels % group == 0 ? group : channels % group);
  use.rows = rows;
  std::mt19937 random(seed);
  std::normal_distribution<float> draw(0.0F, 1.0F);
  std::vector<float> strength;
  for (int64_t c = 0; c < channels; ++c) strength.push_back(std::exp(draw(random)));
  for (int64_t i = 0; i < channels * rows; ++i) {
    use.scores.push_back(std::fabs(draw(random)) * strength[static_cast<size_t>(i / rows)]);
  }
  return use;
}

bool is_permutation_of_all(std::vector<int64_t> order) {
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

// Convolutions, residual sums, depthwise layers, concatenations, pools, in random order and sizes.
class RandomNetwork {
 public:
  explicit RandomNetwork(unsigned seed) : random_(seed), builder_({3, 12, 12}, seed) {}

  Graph make() {
    std::string x = conv("stem", "input", 3, channels_ = pick({16, 20, 32}), 3);
    for (int i = 0; i < 5; ++i) x = block("b" + std::to_string(i), x);
    if (random_() % 2 == 0) {
      x = builder_.op("GlobalAveragePool", "pool", {x});
      size_ = 1;
    }
    x = builder_.op("Flatten", "flatten", {x});
    x = builder_.gemm("fc1", x, builder_.normal({24, channels_ * size_ * size_}, 0.2F), true);
    x = builder_.op("Relu", "fc1.relu", {x});
    x = builder_.gemm("fc2", x, builder_.normal({24, 10}, 0.5F), false);
    return builder_.finish(x);
  }

 private:
  int64_t pick(std::vector<int64_t> values) { return values[random_() % values.size()]; }

  std::string conv(const std::string& name, const std::string& x, int64_t c, int64_t m, int64_t k,
                   int64_t groups = 1) {
    const float scale = 1.2F / std::sqrt(static_cast<float>(c / groups * k * k));
    // Rows and columns of different strength, as trained networks have them.
    FloatTensor w = builder_.normal({m, c / groups, k, k}, scale);
    const FloatTensor strength = builder_.normal({c / groups}, 0.8F);
    for (size_t i = 0; i < w.data.size(); ++i) {
      const size_t channel = i / static_cast<size_t>(k * k) % strength.data.size();
      w.data[i] *= std::exp(strength.data[channel]);
    }
    std::string y = builder_.conv(name, x, w, groups, {}, 1, random_() % 2 == 0);
    if (random_() % 2 == 0) y = builder_.batch_norm(name + ".bn", y, m);
    return random_() % 3 == 0 ? y : builder_.op("Relu", name + ".relu", {y});
  }

  std::string block(const std::string& name, const std::string& x) {
    const int64_t c = channels_;
    switch (random_() % 5) {
      case 0: {  // residual
        const std::string y = conv(name + ".2", conv(name + ".1", x, c, 24, 1), 24, c, 3);
        return builder_.op("Relu", name + ".relu", {builder_.op("Add", name + ".add", {x, y})});
      }
      case 1:  // depthwise and pointwise
        channels_ = pick({16, 24, 33});
        return conv(name + ".pw", conv(name + ".dw", x, c, c, 3, c), c, channels_, 1);
      case 2: {  // two branches, one of them what they read
        const std::string y = conv(name + ".1", x, c, 16, 3);
        channels_ = c + 16;
        return builder_.op(
            "Concat", name + ".cat",
            random_() % 2 == 0 ? std::vector<std::string>{x, y} : std::vector<std::string>{y, x});
      }
      case 3: {  // two branches of their own, read by two layers that are added
        const std::string y =
            builder_.op("Concat", name + ".cat",
                        {conv(name + ".1", x, c, 20, 1), conv(name + ".2", x, c, 16, 3)});
        channels_ = 32;
        return builder_.op("Add", name + ".add",
                           {conv(name + ".3", y, 36, 32, 1), conv(name + ".4", y, 36, 32, 3)});
      }
      default:
        if (size_ > 3) {
          size_ /= 2;
          return builder_.max_pool(name + ".pool", x, 2);
        }
        channels_ = pick({16, 48});
        return conv(name + ".conv", x, c, channels_, 3);
    }
  }

  std::mt19937 random_;
  GraphBuilder builder_;
  int64_t channels_ = 0, size_ = 12;
};

// Largest difference of two outputs over the largest output.
double difference(const FloatTensor& a, const FloatTensor& b) {
  BOOST_REQUIRE(a.shape == b.shape);
  double worst = 0.0, size = 0.0;
  for (size_t i = 0; i < a.data.size(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(a.data[i]) - b.data[i]));
    size = std::max(size, std::fabs(static_cast<double>(a.data[i])));
  }
  BOOST_REQUIRE(size > 0.0);
  return worst / size;
}

// Sum of magnitudes that pruning leaves in the layers of a plan that it prunes.
double kept_magnitude(Graph graph, const std::vector<LayerPlan>& layers) {
  prune(graph, layers);
  double sum = 0.0;
  for (const LayerPlan& layer : layers) {
    if (layer.rule != PruneRule::kAap) continue;
    for (float w : layer_weights(graph, layer)) sum += std::fabs(w);
  }
  return sum;
}

struct Outcome {
  double difference = 0.0, before = 0.0, after = 0.0;
  int64_t searched = 0;
  std::vector<PermutedChannels> report;
};

Outcome permute(Graph graph, const FloatTensor& images, int keep, int group) {
  PruneOptions options;
  options.keep = keep;
  options.group = group;
  const std::vector<LayerPlan> layers = plan(graph, options);
  Outcome out;
  out.before = kept_magnitude(graph, layers);
  const FloatTensor dense = FloatExecutor(graph).run(images);
  PermuteSearch search;
  search.limit = 3e7;
  out.report = permute_channels(graph, layers, search);
  out.difference = difference(dense, FloatExecutor(graph).run(images));
  out.after = kept_magnitude(graph, layers);
  for (const PermutedChannels& p : out.report) out.searched += p.reason.empty() ? 1 : 0;
  return out;
}

const PermutedChannels& made_by(const Outcome& outcome, const std::string& producer) {
  for (const PermutedChannels& p : outcome.report) {
    if (p.producer == producer) return p;
  }
  BOOST_FAIL("no channels of " + producer);
  throw;
}

}  // namespace

BOOST_AUTO_TEST_CASE(search_finds_the_best_order_of_six_channels) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    const PermuteUse use = random_use(6, 40, 2, 1, seed);
    std::vector<int64_t> order = {0, 1, 2, 3, 4, 5};
    double best = 0.0;
    do best = std::max(best, kept_score(use, order));
    while (std::next_permutation(order.begin(), order.end()));
    PermuteSearch options;
    options.limit = 1e6;
    const PermuteFound found = search_permutation(6, {&use}, options);
    BOOST_TEST(found.after == best, boost::test_tools::tolerance(2e-3));
    BOOST_TEST(found.bound >= best - 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(result_is_what_it_says_for_any_k_of_g_and_tails) {
  const int64_t cases[][3] = {{64, 16, 4}, {64, 16, 1}, {64, 16, 15}, {50, 16, 2}, {40, 8, 3},
                              {33, 32, 7}, {16, 16, 4}, {5, 16, 4},   {64, 4, 4},  {1, 4, 1}};
  for (const auto& [channels, group, keep] : cases) {
    const PermuteUse use = random_use(channels, 70, group, keep, 7);
    PermuteSearch options;
    options.limit = 2e7;
    const PermuteFound found = search_permutation(channels, {&use}, options);
    BOOST_TEST_CONTEXT(channels << " channels, keep " << keep << " of " << group) {
      BOOST_TEST(is_permutation_of_all(found.order));
      BOOST_TEST(found.after == kept_score(use, found.order), boost::test_tools::tolerance(1e-9));
      BOOST_TEST(found.after >= found.before);
      BOOST_TEST(found.after <= found.bound * (1 + 1e-9));
      const bool can_gain = channels > group && keep < group;
      BOOST_TEST((found.after > found.before) == can_gain);
      BOOST_TEST((search_permutation(channels, {&use}, options).order == found.order));
    }
  }
}

BOOST_AUTO_TEST_CASE(scores_of_zero_and_one_giant_are_no_trouble) {
  PermuteUse use = random_use(32, 20, 8, 2, 3);
  use.scores[5] = 1e30F;
  PermuteSearch options;
  options.limit = 1e7;
  BOOST_TEST(search_permutation(32, {&use}, options).after >= 1e30);
  std::fill(use.scores.begin(), use.scores.end(), 0.0F);
  BOOST_TEST(search_permutation(32, {&use}, options).after == 0.0);
}

BOOST_AUTO_TEST_CASE(two_readers_with_groups_that_do_not_line_up) {
  // The second reader sees the channels from its own channel 5 on.
  const PermuteUse first = random_use(48, 50, 16, 4, 1);
  PermuteUse second = random_use(60, 30, 8, 2, 2);
  second.offset = 5;
  PermuteSearch options;
  options.limit = 3e7;
  const PermuteFound found = search_permutation(48, {&first, &second}, options);
  BOOST_TEST(found.after > found.before);
  BOOST_TEST(found.after == kept_score(first, found.order) + kept_score(second, found.order),
             boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(random_networks_compute_the_same_and_keep_more) {
  int64_t searched = 0;
  for (unsigned seed = 1; seed <= 24; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      const Graph graph = RandomNetwork(seed).make();
      GraphBuilder random({3, 12, 12}, seed + 100);
      const Outcome o =
          permute(graph, random.normal({3, 3, 12, 12}, 1.0F), 1 + seed % 4, seed % 2 == 0 ? 16 : 8);
      BOOST_TEST(o.difference < 2e-5);
      BOOST_TEST(o.after > o.before);
      searched += o.searched;
    }
  }
  BOOST_TEST(searched > 24);
}

BOOST_AUTO_TEST_CASE(reported_scores_are_those_that_pruning_then_keeps) {
  GraphBuilder b({3, 8, 8}, 5);
  std::string x = b.conv("c1", "input", b.normal({32, 3, 3, 3}, 0.5F));
  x = b.conv("c2", b.op("Relu", "r1", {x}), b.normal({16, 32, 3, 3}, 0.5F));
  const Graph graph = b.finish(x);
  const Outcome o = permute(graph, b.normal({1, 3, 8, 8}, 1.0F), 4, 16);
  const PermutedChannels& p = made_by(o, "c1");
  BOOST_TEST(p.before == o.before, boost::test_tools::tolerance(1e-5));
  BOOST_TEST(p.after == o.after, boost::test_tools::tolerance(1e-5));
  BOOST_TEST(p.after <= p.bound);
  BOOST_TEST(p.bound <= p.total);
  BOOST_TEST(p.readers.size() == 1U);
}

BOOST_AUTO_TEST_CASE(channels_that_cannot_move_are_listed_with_the_reason) {
  GraphBuilder b({16, 6, 6}, 5);
  std::string x = b.conv("first", "input", b.normal({32, 16, 1, 1}, 0.5F));
  x = b.conv("grouped", x, b.normal({32, 16, 3, 3}, 0.3F), 2);
  x = b.op("Relu", "r", {x});
  std::string y = b.conv("shared1", x, b.normal({32, 32, 1, 1}, 0.3F));
  std::string z = b.conv("shared2", y, b.normal({32, 32, 1, 1}, 0.3F));
  for (Node& node : b.graph().nodes) {
    if (node.name == "shared2") node.inputs[1] = "shared1.w";
  }
  b.graph().constants.erase("shared2.w");
  x = b.conv("last", z, b.normal({32, 32, 1, 1}, 0.3F));
  const Graph graph = b.finish(x);
  const Outcome o = permute(graph, b.normal({1, 16, 6, 6}, 1.0F), 4, 16);
  BOOST_TEST(o.searched == 0);
  BOOST_TEST(o.difference == 0.0);
  BOOST_TEST(made_by(o, "input").reason.find("input") != std::string::npos);
  BOOST_TEST(made_by(o, "first").reason.find("'grouped'") != std::string::npos);
  BOOST_TEST(made_by(o, "shared1").reason.find("'shared1.w'") != std::string::npos);
  BOOST_TEST(made_by(o, "last").reason.find("output") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(reference_network) {
  const Graph graph = read_onnx("networks/fashion_mnist.onnx");
  GraphBuilder random({1, 28, 28}, 2);
  const Outcome o = permute(graph, random.normal({4, 1, 28, 28}, 1.0F), 4, 16);
  BOOST_TEST(o.difference < 2e-5);
  BOOST_TEST(o.after > o.before * 1.005);
  BOOST_TEST(o.searched == 4);  // 32, 64, 128 and 256 channels, each through depthwise and sums
}

BOOST_AUTO_TEST_CASE(resnet20_from_outside) {
  const std::string path = "../shared/real/resnet20.onnx";
  if (!std::filesystem::exists(path)) {
    BOOST_TEST_MESSAGE("SKIPPED: " << path << " is not there");
    return;
  }
  const Graph graph = read_onnx(path);
  GraphBuilder random({3, 32, 32}, 2);
  const Outcome o = permute(graph, random.normal({2, 3, 32, 32}, 1.0F), 4, 16);
  BOOST_TEST(o.difference < 2e-5);
  BOOST_TEST(o.after > o.before * 1.005);
}
