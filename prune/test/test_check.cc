// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE check
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "prune/check.h"
#include "prune/prune.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

Graph pruned_network(bool trans_b) {
  GraphBuilder b({3, 8, 8}, 7);
  std::string x = b.conv("stem", "input", b.normal({20, 3, 3, 3}, 1.0F));
  x = b.op("Relu", "relu", {x});
  x = b.conv("mid", x, b.normal({24, 20, 3, 3}, 1.0F));
  const std::string y = b.conv("other", x, b.normal({16, 24, 1, 1}, 1.0F));
  x = b.op("Concat", "concat", {x, y});
  x = b.max_pool("pool", x, 2);
  x = b.op("Flatten", "flatten", {x});
  x = b.gemm("fc", x, b.normal(trans_b ? Shape{10, 640} : Shape{640, 10}, 1.0F), trans_b);
  Graph graph = b.finish(x);
  prune(graph, plan(graph, {}));
  return graph;
}

struct TempFile {
  std::string path = (std::filesystem::temp_directory_path() /
                      ("aap_test_check_" + std::to_string(::getpid()) + ".onnx"))
                         .string();
  ~TempFile() { std::remove(path.c_str()); }
};

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(accepts_what_the_pruner_wrote) {
  for (const bool trans_b : {false, true}) {
    const TempFile file;
    write_onnx(pruned_network(trans_b), file.path);
    const CheckReport report = check_pruned_file(file.path);
    BOOST_TEST(report.ok());
    BOOST_TEST(report.layers.size() == 3U);
    for (const CheckedLayer& l : report.layers) {
      BOOST_TEST(l.groups_below == 0);
      BOOST_TEST(l.most == 4);
    }
    // 40 channels (two groups and a tail of 8) at 16 positions, 10 outputs.
    BOOST_TEST(report.layers[2].groups == 10 * 16 * 3);
    BOOST_TEST(report.layers[2].nonzero == 10 * 16 * 12);
  }
}

BOOST_AUTO_TEST_CASE(names_a_planted_violation_in_a_convolution) {
  Graph graph = pruned_network(true);
  FloatTensor& w = graph.float_constant("mid.w");
  for (int64_t c = 0; c < 16; ++c) {
    if (w.at4(5, c, 2, 1) == 0.0F) {
      w.at4(5, c, 2, 1) = 1e-30F;
      break;
    }
  }
  const CheckReport report = check_pruned(graph);
  BOOST_REQUIRE(!report.ok());
  const CheckViolation& v = *report.violation;
  BOOST_TEST(v.tensor == "mid.w");
  BOOST_TEST(v.output_channel == 5);
  BOOST_TEST(v.kernel_y == 2);
  BOOST_TEST(v.kernel_x == 1);
  BOOST_TEST(v.group_index == 0);
  BOOST_TEST(v.count == 5);
  BOOST_TEST(mentions(v.message(), "'mid.w' output channel 5, kernel position (2, 1), group 0"));
}

BOOST_AUTO_TEST_CASE(names_a_planted_violation_after_flatten) {
  for (const bool trans_b : {false, true}) {
    Graph graph = pruned_network(trans_b);
    std::vector<float>& w = graph.float_constant("fc.w").data;
    // Output 3, channel group 1 (16..31), position 9: set all.
    for (size_t c = 16; c < 32; ++c) {
      const size_t feature = c * 16 + 9;
      w[trans_b ? 3 * 640 + feature : feature * 10 + 3] = 1.0F;
    }
    const CheckReport report = check_pruned(graph);
    BOOST_REQUIRE(!report.ok());
    BOOST_TEST(report.violation->output_channel == 3);
    BOOST_TEST(report.violation->kernel_x == 9);
    BOOST_TEST(report.violation->group_index == 1);
    BOOST_TEST(report.violation->count == 16);
  }
}

BOOST_AUTO_TEST_CASE(pruning_along_the_flattened_axis_is_caught) {
  // K of 16 consecutive entries of C*KH*KW is the wrong group.
  Graph graph = pruned_network(true);
  std::vector<float>& w = graph.float_constant("mid.w").data;
  for (size_t i = 0; i < w.size(); ++i) {
    const size_t first = i / 16 * 3 % 13;
    w[i] = i % 16 >= first && i % 16 < first + 4 ? 1.0F : 0.0F;
  }
  BOOST_TEST(!check_pruned(graph).ok());
}

BOOST_AUTO_TEST_CASE(counts_groups_with_fewer_weights) {
  Graph graph = pruned_network(true);
  FloatTensor& w = graph.float_constant("mid.w");
  for (int64_t c = 0; c < 16; ++c) w.at4(0, c, 0, 0) = 0.0F;
  const CheckReport report = check_pruned(graph);
  BOOST_TEST(report.ok());
  BOOST_TEST(report.layers[0].groups_below == 1);
}

BOOST_AUTO_TEST_CASE(reads_quantised_weights_and_zero_points) {
  Graph graph;
  graph.inputs.push_back({"x", DataType::kInt8, {-1, 32, 1, 1}});
  graph.outputs.push_back({"y", DataType::kInt8, {}});
  Node node;
  node.op = "QLinearConv";
  node.name = "conv";
  node.inputs = {"x", "xs", "xz", "w", "ws", "wz", "ys", "yz"};
  node.outputs = {"y"};
  graph.nodes.push_back(node);
  Tensor<uint8_t> w({1, 32, 1, 1}, 128);
  for (size_t i : {0, 5, 6, 15, 16}) w.data[i] = 3;
  graph.constants["w"] = w;
  graph.constants["wz"] = Tensor<uint8_t>({}, 128);
  graph.metadata = {{"aap.group", "16"}, {"aap.keep.conv", "4"}};
  CheckReport report = check_pruned(graph);
  BOOST_TEST(report.ok());
  BOOST_TEST(report.layers[0].nonzero == 5);
  BOOST_TEST(report.layers[0].groups_below == 1);
  std::get<Tensor<uint8_t>>(graph.constants["w"]).data[7] = 0;
  report = check_pruned(graph);
  BOOST_REQUIRE(!report.ok());
  BOOST_TEST(report.violation->count == 5);
}

BOOST_AUTO_TEST_CASE(refuses_where_there_is_nothing_to_prove) {
  Graph graph = pruned_network(true);
  const auto refused = [](const Graph& g, const std::string& part) {
    BOOST_CHECK_EXCEPTION(check_pruned(g), InputError,
                          [&](const InputError& e) { return mentions(e.what(), part); });
  };
  Graph g = graph;
  g.metadata.clear();
  refused(g, "nothing to prove");
  g = graph;
  g.metadata["aap.keep.gone"] = "4";
  refused(g, "'aap.keep.gone' names no node");
  for (const char* bad : {"0", "17", "4x", "", "-1"}) {
    g = graph;
    g.metadata["aap.keep.mid"] = bad;
    refused(g, "'aap.keep.mid'");
  }
  g = graph;
  g.metadata.erase("aap.group");
  refused(g, "'aap.group' is missing");
  g = graph;
  g.metadata["aap.keep.relu"] = "4";
  refused(g, "has no weights");
}
