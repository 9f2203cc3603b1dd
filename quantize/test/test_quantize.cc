// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE quantize
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>

#include "golden/certify.h"
#include "golden/golden.h"
#include "golden/requantise.h"
#include "model/float_executor.h"
#include "model/qimport.h"
#include "prune/test/graphs.h"
#include "quantize/calibrate.h"
#include "quantize/quantize.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

Dataset random_images(Shape image, int64_t n, unsigned seed) {
  Dataset d;
  d.name = "random";
  d.image_shape = image;
  std::mt19937 random(seed);
  for (int64_t i = 0; i < n * element_count(image); ++i) {
    d.pixels.push_back(static_cast<uint8_t>(random() % 256));
  }
  d.labels.assign(static_cast<size_t>(n), 0);
  return d;
}

// Every kind of layer: stem, depthwise separable block with a residual, concatenation, all pools,
// Gemm.
Graph everything() {
  GraphBuilder b({3, 12, 12}, 5);
  b.graph().metadata = {{"aap.input_mean", "0.5"},
                        {"aap.input_std", "0.25"},
                        {"aap.group", "16"},
                        {"aap.keep.point", "4"}};
  std::string x = b.conv("stem", "input", b.normal({16, 3, 3, 3}, 0.3F));
  x = b.batch_norm("stem_bn", x, 16);
  x = b.op("Relu", "stem_relu", {x});
  std::string y = b.conv("depth", x, b.normal({16, 1, 3, 3}, 0.4F), 16);
  y = b.batch_norm("depth_bn", y, 16);
  b.graph().constants["zero"] = FloatTensor({}, 0.0F);
  b.graph().constants["six"] = FloatTensor({}, 6.0F);
  y = b.op("Clip", "relu6", {y, "zero", "six"});
  FloatTensor w = b.normal({16, 16, 1, 1}, 0.4F);
  for (size_t i = 0; i < w.data.size(); ++i) w.data[i] *= i % 4 == 0 ? 1.0F : 0.0F;
  y = b.conv("point", y, w);
  y = b.batch_norm("point_bn", y, 16);
  x = b.op("Add", "residual", {x, y});
  x = b.op("Relu", "residual_relu", {x});
  const std::string z = b.conv("branch", x, b.normal({8, 16, 1, 1}, 0.4F), 1, {}, 1, true);
  x = b.op("Concat", "concat", {x, z});
  x = b.max_pool("max_pool", x, 2);
  x = b.max_pool("average_pool", x, 2);
  b.graph().nodes.back().op = "AveragePool";
  x = b.conv("grouped", x, b.normal({12, 12, 3, 3}, 0.2F), 2);
  x = b.op("Relu", "grouped_relu", {x});
  x = b.op("GlobalAveragePool", "global", {x});
  x = b.op("Flatten", "flatten", {x});
  x = b.gemm("fc", x, b.normal({10, 12}, 0.5F), true);
  return b.finish(x);
}

// Runs golden and the float network; returns the largest difference in steps of the output.
double worst_steps(const Graph& float_graph, const Graph& quantised, const Dataset& images) {
  const QNetwork network = import_quantised(quantised);
  const Golden golden(network);
  const QTensorInfo& out = network.tensors[static_cast<size_t>(network.output)];
  const FloatExecutor executor(float_graph);
  double worst = 0.0;
  const int64_t size = element_count(images.image_shape);
  for (int64_t i = 0; i < images.count(); ++i) {
    const auto q = golden.run_output(quantise_input(network, images.pixels.data() + i * size));
    const auto f = executor.run(images.batch(i, 1, network.preprocessing));
    BOOST_REQUIRE(q.data.size() == f.data.size());
    for (size_t j = 0; j < f.data.size(); ++j) {
      worst = std::max(worst, std::fabs(f.data[j] / out.scale - (q.data[j] - out.zero_point)));
    }
  }
  return worst;
}

const Node& node_named(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes) {
    if (node.name == name) return node;
  }
  BOOST_FAIL("no node " + name);
  return graph.nodes.front();
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_kind_of_layer_agrees_with_float_within_a_few_steps) {
  const Graph graph = everything();
  const Dataset images = random_images({3, 12, 12}, 40, 1);
  const Graph quantised = quantise(graph, images, {});
  const double worst = worst_steps(graph, quantised, images);
  BOOST_TEST_MESSAGE("largest difference: " << worst << " steps of the output");
  BOOST_TEST(worst < 12.0);
  BOOST_TEST(worst > 0.0);
}

BOOST_AUTO_TEST_CASE(multipliers_are_short_and_node_names_and_metadata_stay) {
  const Graph graph = everything();
  const Dataset images = random_images({3, 12, 12}, 16, 1);
  for (const int bits : {12, 16}) {
    QuantizeOptions options;
    options.multiplier_bits = bits;
    const Graph quantised = quantise(graph, images, options);
    BOOST_TEST(quantised.metadata.at("aap.keep.point") == "4");
    BOOST_TEST(quantised.metadata.at("aap.group") == "16");
    const QNetwork network = import_quantised(quantised);
    BOOST_TEST(network.preprocessing.mean[0] == 0.5F);
    int checked = 0;
    for (const QLayer& layer : network.layers) {
      for (const Requantisation& r : layer.requant) {
        // Averages: the full window; shorter ones occur only at borders.
        if (layer.op == QOp::kAveragePool && &r != &layer.requant.back()) continue;
        BOOST_TEST((r.multiplier >> bits) == 0U, layer.name << " has multiplier " << r.multiplier);
        ++checked;
      }
      if (layer.name == "point") BOOST_TEST(layer.keep == 4);
    }
    BOOST_TEST(checked > 50);
  }
}

BOOST_AUTO_TEST_CASE(zero_weights_stay_zero_and_others_survive) {
  const Graph graph = everything();
  const Graph quantised = quantise(graph, random_images({3, 12, 12}, 8, 1), {});
  const Node& point = node_named(quantised, "point");
  const auto& q = std::get<Tensor<int8_t>>(quantised.constants.at(point.inputs.at(3)));
  const auto& w = graph.float_constant("point.w");
  BOOST_REQUIRE(q.shape == w.shape);
  int survivors = 0;
  for (size_t i = 0; i < w.data.size(); ++i) {
    if (w.data[i] == 0.0F) BOOST_TEST(static_cast<int>(q.data[i]) == 0);
    survivors += q.data[i] != 0 ? 1 : 0;
  }
  BOOST_TEST(survivors > 50);
}

BOOST_AUTO_TEST_CASE(relu_and_relu6_cost_no_node) {
  const Graph quantised = quantise(everything(), random_images({3, 12, 12}, 8, 1), {});
  for (const Node& node : quantised.nodes) {
    // The Relu before the concatenation shares its range with a branch that goes below zero.
    if (node.op == "Clip") BOOST_TEST(node.name == "residual_relu_clip");
    BOOST_TEST(node.op != "Relu");
  }
}

BOOST_AUTO_TEST_CASE(multipliers_of_residual_adds_are_exact) {
  const QNetwork network =
      import_quantised(quantise(everything(), random_images({3, 12, 12}, 16, 1), {}));
  int adds = 0;
  for (const QLayer& layer : network.layers) {
    if (layer.op != QOp::kAdd) continue;
    ++adds;
    const auto scale = [&](int t) { return network.tensors[static_cast<size_t>(t)].scale; };
    const double unit = std::ldexp(scale(layer.output), -layer.add_shift);
    BOOST_TEST(layer.ma * unit == scale(layer.inputs[0]));
    BOOST_TEST(layer.mb * unit == scale(layer.inputs[1]));
  }
  BOOST_TEST(adds == 1);
}

BOOST_AUTO_TEST_CASE(zero_and_nearly_zero_channels) {
  GraphBuilder b({4, 5, 5}, 9);
  FloatTensor w = b.normal({6, 4, 3, 3}, 0.3F);
  for (size_t i = 0; i < 36; ++i) w.data[i] = 0.0F;     // channel 0: bias alone
  for (size_t i = 36; i < 72; ++i) w.data[i] = 1e-40F;  // channel 1: subnormal
  std::string x = b.conv("c", "input", w, 1, {}, 1, true);
  b.graph().constants["c.b"] = FloatTensor({6}, {1.5F, -0.7F, 0.0F, 0.2F, 3.0F, 0.1F});
  x = b.op("Flatten", "flatten", {x});
  x = b.gemm("fc", x, b.normal({150, 4}, 0.2F), false);
  const Graph graph = b.finish(x);
  const Dataset images = random_images({4, 5, 5}, 20, 2);
  BOOST_TEST(worst_steps(graph, quantise(graph, images, {}), images) < 6.0);
}

BOOST_AUTO_TEST_CASE(softmax_stays_on_the_host) {
  GraphBuilder b({2, 4, 4}, 9);
  std::string x = b.op("Flatten", "flatten", {"input"});
  x = b.gemm("fc", x, b.normal({32, 4}, 0.2F), false);
  x = b.op("Softmax", "softmax", {x});
  const Graph quantised = quantise(b.finish(x), random_images({2, 4, 4}, 20, 2), {});
  BOOST_TEST(import_quantised(quantised).softmax_on_host);
}

BOOST_AUTO_TEST_CASE(same_seed_same_network_and_another_seed_another) {
  const Graph graph = everything();
  const Dataset images = random_images({3, 12, 12}, 40, 1);
  QuantizeOptions options;
  options.calibration_images = 4;
  const auto scales = [&] {
    const Graph q = quantise(graph, images, options);
    std::vector<float> out;
    for (const auto& [name, constant] : q.constants) {
      if (const auto* t = std::get_if<FloatTensor>(&constant)) {
        out.insert(out.end(), t->data.begin(), t->data.end());
      }
    }
    return out;
  };
  const auto first = scales();
  BOOST_CHECK(first == scales());
  options.seed = 2;
  BOOST_CHECK(first != scales());
}

BOOST_AUTO_TEST_CASE(percentiles_of_a_known_distribution) {
  RangeCounter counter;
  std::vector<float> values;
  for (int i = 0; i <= 10000; ++i) values.push_back(static_cast<float>(i) / 100.0F - 20.0F);
  counter.add({values.begin(), values.begin() + 3000});
  counter.add({values.begin() + 3000, values.end()});
  BOOST_TEST(counter.minimum() == -20.0F);
  BOOST_TEST(counter.maximum() == 80.0F);
  BOOST_TEST(std::fabs(counter.percentile(50.0) - 30.0F) < 0.1F);
  BOOST_TEST(std::fabs(counter.percentile(99.0) - 79.0F) < 0.1F);
  BOOST_TEST(std::fabs(counter.percentile(1.0) + 19.0F) < 0.1F);
  BOOST_TEST(counter.percentile(100.0) == 80.0F);
}

BOOST_AUTO_TEST_CASE(refuses_what_it_cannot_do_with_one_line) {
  const Graph graph = everything();
  const auto refused = [&](const Graph& g, const Dataset& d, const QuantizeOptions& o,
                           const std::string& part) {
    BOOST_CHECK_EXCEPTION(quantise(g, d, o), InputError, [&](const InputError& e) {
      const std::string text = e.what();
      return text.find(part) != std::string::npos && text.find('\n') == std::string::npos;
    });
  };
  const Dataset images = random_images({3, 12, 12}, 4, 1);
  refused(graph, random_images({3, 11, 12}, 4, 1), {}, "3 x 11 x 12");
  refused(graph, random_images({3, 12, 12}, 0, 1), {}, "has no images");
  QuantizeOptions options;
  options.percentile = 20.0;
  refused(graph, images, options, "percentile is 20");
  options = {};
  options.multiplier_bits = 30;
  refused(graph, images, options, "multiplier_bits is 30");
  options = {};
  options.calibration_images = 0;
  refused(graph, images, options, "calibration_images is 0");
  Graph bad = graph;
  bad.float_constant("stem.w").data[3] = std::nanf("");
  refused(bad, images, {}, "not finite");
  bad = graph;
  bad.metadata["aap.input_std"] = "fast";
  refused(bad, images, {}, "'aap.input_std' is 'fast'");
}

// Residual blocks one after the other: results of adds are operands of the next.
Graph residual_chain() {
  GraphBuilder b({3, 9, 9}, 6);
  std::string x = b.conv("stem", "input", b.normal({8, 3, 3, 3}, 0.3F));
  x = b.op("Relu", "stem_relu", {x});
  for (int i = 0; i < 4; ++i) {
    const std::string n = std::to_string(i);
    const std::string y = b.conv("conv" + n, x, b.normal({8, 8, 3, 3}, 0.15F + 0.05F * i));
    x = b.op("Add", "add" + n, {y, x});
    x = b.op("Relu", "relu" + n, {x});
  }
  x = b.op("GlobalAveragePool", "global", {x});
  x = b.op("Flatten", "flatten", {x});
  x = b.gemm("fc", x, b.normal({10, 8}, 0.5F), true);
  return b.finish(x);
}

// Every accumulator of every channel of the certificate's convolutions.
int64_t brute_force(const QNetwork& network, const Certificate& certificate) {
  int64_t differing = 0;
  for (const CertifiedLayer& l : certificate.layers) {
    if (l.domain != "accumulators") continue;
    const auto layer = std::find_if(network.layers.begin(), network.layers.end(),
                                    [&](const QLayer& q) { return q.name == l.name; });
    for (const CertifiedChannel& c : l.channels) {
      const float scale = std::ldexp(static_cast<float>(c.requant.multiplier), -c.requant.shift);
      for (int64_t acc = c.lowest; acc < c.lowest + c.reachable; ++acc) {
        const int mine =
            requantise(acc, c.requant, layer->output_zero_point, layer->lo, layer->hi);
        const int theirs = std::clamp<int>(onnx_requantise(acc, scale, layer->output_zero_point),
                                           layer->lo, layer->hi);
        differing += mine != theirs ? 1 : 0;
      }
    }
  }
  return differing;
}

// Certified over every accumulator, pair and sum that a layer can reach; without the option it is not.
BOOST_AUTO_TEST_CASE(exact_scales_leave_no_differing_value) {
  for (const Graph& graph : {everything(), residual_chain()}) {
    const Dataset images = random_images({3, graph.inputs[0].shape[2], graph.inputs[0].shape[3]}, 40, 9);
    QuantizeOptions options;
    options.calibration_images = 40;
    const Graph usual = quantise(graph, images, options);
    options.exact = true;
    const Graph exact = quantise(graph, images, options);
    const Certificate before = certify(usual, import_quantised(usual));
    const Certificate after = certify(exact, import_quantised(exact));
    for (const CertifiedLayer& l : after.layers) {
      BOOST_TEST(l.differing() == 0, l.name << ": " << l.differing() << " differ");
      BOOST_TEST(l.function_of_accumulator, l.name);
    }
    BOOST_TEST(after.exact());
    int64_t in_convolutions = 0;
    for (const CertifiedLayer& l : before.layers) {
      if (l.domain == "accumulators") in_convolutions += l.differing();
    }
    BOOST_TEST(in_convolutions == brute_force(import_quantised(usual), before));
    BOOST_TEST(before.differing() > 0);
    // The result stays as near to the float network.
    const double usual_steps = worst_steps(graph, usual, images);
    const double exact_steps = worst_steps(graph, exact, images);
    BOOST_TEST_MESSAGE("largest error in output steps: " << usual_steps << ", exact " << exact_steps);
    BOOST_TEST(exact_steps < 2.0 * usual_steps + 4.0);
  }
}
