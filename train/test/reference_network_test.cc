// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE train_reference
#include "train/reference_network.h"

#include <boost/test/unit_test.hpp>
#include <set>
#include <string>

using namespace aap;

BOOST_AUTO_TEST_CASE(keeps_its_limits) {
  const NetworkCost cost = network_cost(reference_network(1));
  BOOST_TEST(cost.macs == 4518976);
  BOOST_TEST(cost.weights == 137920);
  BOOST_TEST(cost.macs <= kReferenceMacLimit);
  BOOST_TEST(cost.weights <= kReferenceWeightLimit);
}

BOOST_AUTO_TEST_CASE(shapes_of_the_stages) {
  const Graph graph = reference_network(1);
  auto shapes = infer_shapes(graph);
  BOOST_TEST((shapes.at("stem/relu") == Shape{1, 32, 28, 28}));
  BOOST_TEST((shapes.at("block1/relu") == Shape{1, 64, 14, 14}));
  BOOST_TEST((shapes.at("block2/relu") == Shape{1, 128, 7, 7}));
  BOOST_TEST((shapes.at("block3/relu") == Shape{1, 256, 4, 4}));
  BOOST_TEST((shapes.at("logits") == Shape{1, 10}));
}

// Batch normalisation stays apart, names are unique and readable, every input is defined before its
// use.
BOOST_AUTO_TEST_CASE(nodes_are_ordered_and_named) {
  const Graph graph = reference_network(1);
  BOOST_TEST(unsupported_float_nodes(graph).empty());
  std::set<std::string> defined = {"image"};
  std::set<std::string> names;
  int batch_norms = 0, convs = 0, adds = 0;
  for (const Node& node : graph.nodes) {
    BOOST_TEST(names.insert(node.name).second, node.name << " is there twice");
    for (const std::string& input : node.inputs) {
      BOOST_TEST((defined.count(input) == 1 || graph.is_constant(input)),
                 input << " is not defined");
    }
    if (node.op == "Conv") {
      ++convs;
      BOOST_TEST(node.inputs.size() == 2U, node.name << " has a bias");
    }
    batch_norms += node.op == "BatchNormalization" ? 1 : 0;
    adds += node.op == "Add" ? 1 : 0;
    defined.insert(node.outputs.at(0));
  }
  BOOST_TEST(convs == 13);
  BOOST_TEST(batch_norms == convs);
  BOOST_TEST(adds == 3);
  BOOST_TEST(names.count("stem/conv") == 1U);
  BOOST_TEST(names.count("block1/dw") == 1U);
  BOOST_TEST(graph.metadata.at("aap.input_mean") == "0.2860");
}

BOOST_AUTO_TEST_CASE(seed_decides_the_weights) {
  const auto weights = [](uint32_t seed) {
    return reference_network(seed).float_constant("block2/pw.weight").data;
  };
  BOOST_TEST((weights(5) == weights(5)));
  BOOST_TEST((weights(5) != weights(6)));
}
