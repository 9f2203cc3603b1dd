// SPDX-License-Identifier: Apache-2.0
// Import and golden together against real arithmetic: every form of graph, every value equal.
#define BOOST_TEST_MODULE golden_graphs
#include <boost/test/unit_test.hpp>
#include <random>

#include "golden/golden.h"
#include "golden/test/real_arithmetic.h"
#include "model/qimport.h"
#include "verif/networks/graphs.h"

using namespace aap;
using aap::test::Real;
using aap::test::RealArithmetic;

namespace {

// One input as a set: floats or integers in the layout of the graph's input.
Dataset one_input(const Graph& graph, const Shape& shape, std::mt19937& random) {
  Dataset d;
  d.name = "made";
  d.image_shape = Shape(shape.begin() + 1, shape.end());
  d.labels = {0};
  const int64_t count = element_count(shape);
  for (int64_t i = 0; i < count; ++i) {
    switch (graph.inputs[0].type) {
      case DataType::kFloat:
        d.kind = DataKind::kFloat;
        d.values.push_back(std::ldexp(static_cast<float>(static_cast<int>(random() % 400) - 200), -5));
        break;
      case DataType::kInt8:
        d.kind = DataKind::kInt8;
        d.values.push_back(static_cast<float>(static_cast<int>(random() % 256) - 128));
        break;
      default:
        d.kind = DataKind::kBytes;
        d.pixels.push_back(static_cast<uint8_t>(random()));
    }
  }
  return d;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_form_as_in_real_arithmetic) {
  for (const verif::NamedGraph& named : verif::integer_graphs()) {
    bool varied = false;  // one result of equal values says nothing
    for (uint32_t seed = 1; seed <= 5; ++seed) {
      BOOST_TEST_CONTEXT("graph " << named.name << " seed " << seed) {
        const Graph graph = named.build(seed);
        const QNetwork network = import_quantised(graph);
        for (const QLayer& layer : network.layers) BOOST_TEST(layer.bias_error.empty(), layer.name);
        RealArithmetic reference(graph);
        const Golden golden(network);
        std::mt19937 random(seed);
        const Shape& shape = reference.shape(graph.inputs[0].name);
        const Dataset data = one_input(graph, shape, random);
        std::vector<double> values(data.values.begin(), data.values.end());
        if (values.empty()) values.assign(data.pixels.begin(), data.pixels.end());
        const Real want = reference.run(Real(shape, values));
        const FloatTensor got = host_output(network, golden.run_output(quantise_input(network, data, 0)));
        BOOST_REQUIRE_EQUAL(got.size(), want.size());
        int64_t different = 0;
        for (size_t i = 0; i < got.data.size(); ++i) {
          different += static_cast<double>(got.data[i]) != want.data[i] ? 1 : 0;
          varied = varied || got.data[i] != got.data[0];
        }
        BOOST_TEST(different == 0);
      }
    }
    BOOST_TEST(varied, named.name);
  }
}
