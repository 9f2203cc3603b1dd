// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE float_executor
#include "model/float_executor.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "model/dataset.h"
#include "model/test/node_test.h"
#include "model/npy.h"

using namespace aap;

namespace {

const std::string kReal = "../shared/real/";

bool present(const std::string& path) {
  if (std::filesystem::exists(path)) return true;
  BOOST_TEST_MESSAGE("SKIPPED: " << path << " is not there");
  return false;
}

Graph one_node(Node node, const Shape& input) {
  Graph graph;
  graph.name = "one";
  graph.inputs = {{"x", DataType::kFloat, input}};
  graph.outputs = {{"y", DataType::kFloat, {}}};
  node.name = "n";
  node.inputs.insert(node.inputs.begin(), "x");
  node.outputs = {"y"};
  graph.nodes = {node};
  return graph;
}

FloatTensor random_tensor(const Shape& shape, unsigned seed) {
  FloatTensor t(shape);
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(-1.0F, 1.0F);
  for (float& v : t.data) v = value(random);
  return t;
}

// Seven loops, straight from ONNX's definition.
FloatTensor plain_conv(const FloatTensor& x, const FloatTensor& w, const Window2d& win,
                       int64_t groups) {
  FloatTensor y(Shape{x.shape[0], w.shape[0], win.out_h, win.out_w});
  const int64_t per_group = w.shape[0] / groups;
  for (int64_t n = 0; n < y.shape[0]; ++n)
    for (int64_t m = 0; m < y.shape[1]; ++m)
      for (int64_t oh = 0; oh < win.out_h; ++oh)
        for (int64_t ow = 0; ow < win.out_w; ++ow) {
          double sum = 0;
          for (int64_t c = 0; c < w.shape[1]; ++c)
            for (int64_t kh = 0; kh < win.kernel_h; ++kh)
              for (int64_t kw = 0; kw < win.kernel_w; ++kw) {
                const int64_t ih = oh * win.stride_h - win.pad_top + kh * win.dilation_h;
                const int64_t iw = ow * win.stride_w - win.pad_left + kw * win.dilation_w;
                if (ih < 0 || iw < 0 || ih >= x.shape[2] || iw >= x.shape[3]) continue;
                sum += double(w.at4(m, c, kh, kw)) *
                       double(x.at4(n, m / per_group * w.shape[1] + c, ih, iw));
              }
          y.at4(n, m, oh, ow) = static_cast<float>(sum);
        }
  return y;
}

double largest_difference(const FloatTensor& a, const FloatTensor& b) {
  BOOST_REQUIRE_EQUAL(a.data.size(), b.data.size());
  BOOST_REQUIRE(!a.data.empty());
  double worst = 0;
  for (size_t i = 0; i < a.data.size(); ++i) {
    worst = std::max(worst, std::fabs(double(a.data[i]) - double(b.data[i])));
  }
  return worst;
}

}  // namespace

BOOST_AUTO_TEST_CASE(convolution_by_hand) {
  Node node;
  node.op = "Conv";
  node.inputs = {"w", "b"};
  Graph graph = one_node(node, {-1, 1, 2, 2});
  graph.constants["w"] = FloatTensor({1, 1, 2, 2}, {1, 2, 3, 4});
  graph.constants["b"] = FloatTensor({1}, {0.5F});
  const FloatTensor y = FloatExecutor(graph).run(FloatTensor({1, 1, 2, 2}, {5, 6, 7, 8}));
  BOOST_TEST(y.shape == (Shape{1, 1, 1, 1}));
  BOOST_TEST(y.data[0] == 5 + 12 + 21 + 32 + 0.5F);
}

BOOST_AUTO_TEST_CASE(convolutions_against_plain_loops) {
  struct Case {
    const char* why;
    int64_t c, h, w, m, groups, kh, kw, sh, sw, dh, dw, pt, pl, pb, pr;
  };
  const Case cases[] = {
      {"pointwise", 8, 7, 7, 9, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0},
      {"pointwise, stride", 8, 7, 7, 9, 1, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0},
      {"pointwise, pads", 3, 4, 4, 5, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1},
      {"3x3, tail of a panel", 3, 9, 11, 13, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
      {"1x7, stride 3", 4, 9, 20, 6, 1, 1, 7, 1, 3, 1, 1, 0, 3, 0, 3},
      {"dilation", 5, 12, 12, 4, 1, 3, 3, 1, 1, 2, 3, 2, 3, 2, 3},
      {"grouped", 6, 8, 8, 9, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
      {"depthwise", 7, 10, 10, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
      {"depthwise, stride 2, uneven pads", 7, 10, 9, 7, 7, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1},
      {"depthwise, two per channel", 4, 6, 6, 8, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
      {"fully connected", 6, 5, 4, 33, 1, 5, 4, 1, 1, 1, 1, 0, 0, 0, 0},
      {"pads larger than the kernel", 2, 3, 3, 2, 1, 2, 2, 1, 1, 1, 1, 3, 3, 4, 4},
      {"1x1 image, padded 3x3", 16, 1, 1, 5, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
      {"one output channel", 3, 5, 5, 1, 1, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0},
  };
  for (const Case& t : cases) {
    BOOST_TEST_CONTEXT(t.why) {
      Node node;
      node.op = "Conv";
      node.inputs = {"w"};
      node.attributes["group"] = t.groups;
      node.attributes["strides"] = std::vector<int64_t>{t.sh, t.sw};
      node.attributes["dilations"] = std::vector<int64_t>{t.dh, t.dw};
      node.attributes["pads"] = std::vector<int64_t>{t.pt, t.pl, t.pb, t.pr};
      Graph graph = one_node(node, {-1, t.c, t.h, t.w});
      const FloatTensor w = random_tensor({t.m, t.c / t.groups, t.kh, t.kw}, 1);
      graph.constants["w"] = w;
      const FloatTensor x = random_tensor({2, t.c, t.h, t.w}, 2);
      const FloatTensor y = FloatExecutor(graph).run(x, 2);
      const Window2d win = window_of(graph.nodes[0], t.kh, t.kw, t.h, t.w);
      BOOST_TEST(win.out_h == (t.h + t.pt + t.pb - t.dh * (t.kh - 1) - 1) / t.sh + 1);
      const FloatTensor expected = plain_conv(x, w, win, t.groups);
      BOOST_TEST(y.shape == expected.shape);
      BOOST_TEST(largest_difference(y, expected) < 1e-5);
    }
  }
}

BOOST_AUTO_TEST_CASE(onnx_node_tests) {
  if (!present(test::kNodeTests)) return;
  // Tests that match the patterns and are outside the operator set, each with its reason.
  const std::map<std::string, std::string> skipped = {
      {"test_averagepool_1d_default", "one dimension"},
      {"test_averagepool_3d_default", "three dimensions"},
      {"test_batchnorm_epsilon_training_mode", "training"},
      {"test_batchnorm_example_training_mode", "training"},
      {"test_clip_default_int8_inbounds", "int8"},
      {"test_clip_default_int8_max", "int8"},
      {"test_clip_default_int8_min", "int8"},
      {"test_add_uint8", "uint8"},
      {"test_maxpool_2d_uint8", "uint8"},
      {"test_reshape_allowzero_reordered", "no values"},
  };
  const char* prefixes[] = {"test_conv_",      "test_basic_conv_",    "test_batchnorm",
                            "test_relu",       "test_clip",           "test_add",
                            "test_maxpool_2d", "test_averagepool",    "test_globalaveragepool",
                            "test_gemm",       "test_matmul_",        "test_flatten",
                            "test_reshape",    "test_concat",         "test_softmax",
                            "test_identity",   "test_dropout_default"};
  int run = 0;
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(test::kNodeTests)) {
    names.insert(entry.path().filename().string());
  }
  for (const std::string& name : names) {
    bool wanted = false;
    for (const char* prefix : prefixes) wanted = wanted || name.rfind(prefix, 0) == 0;
    if (!wanted) continue;
    auto skip = skipped.find(name);
    const bool other = name.find("_expanded") != std::string::npos ||
                       name.find("mask") != std::string::npos ||
                       name.find("sequence") != std::string::npos || name == "test_identity_opt";
    if (other || skip != skipped.end()) {
      BOOST_TEST_MESSAGE("SKIPPED: " << name << ": "
                                     << (other ? "another operator" : skip->second));
      continue;
    }
    BOOST_TEST_CONTEXT(name) {
      try {
        Constant first;
        const Graph graph = test::read_node_test(name, &first);
        const auto& x = std::get<FloatTensor>(first);
        const auto expected = std::get<FloatTensor>(
            test::read_tensor_file(test::kNodeTests + name + "/test_data_set_0/output_0.pb"));
        const FloatTensor y = FloatExecutor(graph).run(x, 2);
        BOOST_TEST(y.shape == expected.shape, "shape");
        for (size_t i = 0; i < expected.data.size() && i < y.data.size(); ++i) {
          const float tolerance = 1e-5F + 1e-4F * std::fabs(expected.data[i]);
          BOOST_TEST_REQUIRE(
              std::fabs(y.data[i] - expected.data[i]) <= tolerance,
              "value " << i << ": " << y.data[i] << ", expected " << expected.data[i]);
        }
        ++run;
      } catch (const std::exception& error) {
        BOOST_ERROR(error.what());
      }
    }
  }
  BOOST_TEST_MESSAGE(run << " node tests");
  BOOST_TEST(run >= 60);
}

BOOST_AUTO_TEST_CASE(threads_and_observer_do_not_change_results) {
  if (!present(kReal + "resnet20.onnx")) return;
  const Graph graph = read_onnx(kReal + "resnet20.onnx");
  const FloatTensor x = random_tensor({5, 3, 32, 32}, 3);
  const FloatExecutor executor(graph);
  const FloatTensor one = executor.run(x, 1);
  BOOST_TEST((executor.run(x, 3).data == one.data));
  size_t seen = 0;
  const FloatTensor watched = executor.run(x, 2, [&](const Node& node, const FloatTensor& value) {
    BOOST_TEST(&node == &graph.nodes[seen]);
    BOOST_TEST(value.shape[0] == 5);
    ++seen;
  });
  BOOST_TEST(seen == graph.nodes.size());
  BOOST_TEST((watched.data == one.data));
}

BOOST_AUTO_TEST_CASE(mnist_as_onnxruntime) {
  if (!present(kReal + "mnist.onnx")) return;
  const Graph graph = read_onnx(kReal + "mnist.onnx");
  const Dataset data =
      read_idx(kReal + "t10k-images-idx3-ubyte.gz", kReal + "t10k-labels-idx1-ubyte.gz");
  const FloatTensor oracle = std::get<FloatTensor>(read_npy(kReal + "mnist.ort.npy"));
  FloatTensor x = data.batch(0, data.count());
  for (float& v : x.data) v *= 255.0F;  // this network takes 0..255
  const FloatTensor y = FloatExecutor(graph).run(x, 2);
  double size = 0;
  for (float v : oracle.data) size = std::max(size, double(std::fabs(v)));
  BOOST_TEST_MESSAGE("mnist: largest difference " << largest_difference(y, oracle) << " of "
                                                  << size);
  BOOST_TEST(largest_difference(y, oracle) < 1e-5 * size);
}

BOOST_AUTO_TEST_CASE(resnet20_as_onnxruntime) {
  if (!present(kReal + "resnet20.onnx")) return;
  const Graph graph = read_onnx(kReal + "resnet20.onnx");
  const FloatTensor oracle = std::get<FloatTensor>(read_npy(kReal + "resnet20.ort.npy"));
  std::ifstream file(kReal + "cifar10_test1000.bin", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const int64_t count = 200;  // the rest says the same and takes longer
  FloatTensor x(Shape{count, 3, 32, 32});
  const float mean[] = {.485F, .456F, .406F}, std[] = {.229F, .224F, .225F};
  for (int64_t n = 0; n < count; ++n) {
    for (int64_t i = 0; i < 3072; ++i) {
      const auto byte = static_cast<uint8_t>(bytes.at(static_cast<size_t>(n * 3073 + 1 + i)));
      x.data[static_cast<size_t>(n * 3072 + i)] =
          (static_cast<float>(byte) / 255.0F - mean[i / 1024]) / std[i / 1024];
    }
  }
  const FloatTensor y = FloatExecutor(graph).run(x, 2);
  FloatTensor expected(Shape{count, 10});
  std::copy_n(oracle.data.begin(), expected.data.size(), expected.data.begin());
  BOOST_TEST(largest_difference(y, expected) < 1e-4);
}

BOOST_AUTO_TEST_CASE(unsupported_nodes_are_listed_at_once) {
  Graph graph;
  graph.name = "bad";
  graph.inputs = {{"x", DataType::kFloat, {-1, 4}}};
  graph.outputs = {{"z", DataType::kFloat, {-1, 4}}};
  Node a, b;
  a.op = "Tan";
  a.name = "first";
  a.inputs = {"x"};
  a.outputs = {"y"};
  b.op = "LSTM";
  b.name = "second";
  b.inputs = {"y"};
  b.outputs = {"z"};
  graph.nodes = {a, b};
  BOOST_TEST(unsupported_float_nodes(graph).size() == 2U);
  BOOST_CHECK_EXCEPTION(FloatExecutor{graph}, InputError, [](const InputError& e) {
    const std::string text = e.what();
    return text.find("first") != std::string::npos && text.find("LSTM") != std::string::npos;
  });
}
