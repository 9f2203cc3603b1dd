// SPDX-License-Identifier: Apache-2.0
// ONNX's node tests (Debian: libonnx-testdata) for all integer and QLinear operators of golden's
// set, found by looking through every test: a model that touches int8 or uint8 is either run or in
// the list of those left out, with the reason.
#define BOOST_TEST_MODULE golden_nodes
#include <onnx/onnx_pb.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "golden/node_eval.h"
#include "model/error.h"

using namespace aap;
namespace fs = std::filesystem;

namespace {

const char kTests[] = "/usr/share/libonnx-testdata/data/node";

// Integer tests outside the operator set, and why.
const std::map<std::string, std::string> kLeftOut = {
    {"test_add_uint8", "Add on raw bytes wraps; residual adds of the product carry scales"},
    {"test_sub_uint8", "no subtraction in the operator set"},
    {"test_mul_uint8", "no element-wise product in the operator set"},
    {"test_div_uint8", "no division in the operator set"},
    {"test_mod_uint8", "no remainder in the operator set"},
    {"test_mod_mixed_sign_int8", "no remainder in the operator set"},
    {"test_max_int8", "no element-wise maximum in the operator set"},
    {"test_max_uint8", "no element-wise maximum in the operator set"},
    {"test_min_int8", "no element-wise minimum in the operator set"},
    {"test_min_uint8", "no element-wise minimum in the operator set"},
    {"test_bitshift_left_uint8", "no shifts in the operator set"},
    {"test_bitshift_right_uint8", "no shifts in the operator set"},
    {"test_dynamicquantizelinear", "scales that depend on the data; the product's are constants"},
    {"test_dynamicquantizelinear_expanded", "as dynamicquantizelinear"},
    {"test_dynamicquantizelinear_max_adjusted", "as dynamicquantizelinear"},
    {"test_dynamicquantizelinear_max_adjusted_expanded", "as dynamicquantizelinear"},
    {"test_dynamicquantizelinear_min_adjusted", "as dynamicquantizelinear"},
    {"test_dynamicquantizelinear_min_adjusted_expanded", "as dynamicquantizelinear"},
};

// What Debian 12's libonnx-testdata holds of the set; fewer found means that nothing was tested.
const std::set<std::string> kAtLeast = {"test_basic_convinteger",
                                        "test_convinteger_with_padding",
                                        "test_convinteger_without_padding",
                                        "test_matmulinteger",
                                        "test_qlinearconv",
                                        "test_qlinearmatmul_2D",
                                        "test_qlinearmatmul_3D",
                                        "test_quantizelinear",
                                        "test_quantizelinear_axis",
                                        "test_dequantizelinear",
                                        "test_dequantizelinear_axis",
                                        "test_maxpool_2d_uint8",
                                        "test_clip_default_int8_max",
                                        "test_clip_default_int8_min",
                                        "test_clip_default_int8_inbounds"};

template <typename Message>
Message read_message(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  Message message;
  BOOST_REQUIRE_MESSAGE(file && message.ParseFromIstream(&file), "cannot read " << path);
  return message;
}

bool touches_bytes(const onnx::ModelProto& model) {
  const auto is_byte = [](const onnx::ValueInfoProto& v) {
    const int type = v.type().tensor_type().elem_type();
    return type == onnx::TensorProto::INT8 || type == onnx::TensorProto::UINT8;
  };
  for (const auto& v : model.graph().input()) {
    if (is_byte(v)) return true;
  }
  for (const auto& v : model.graph().output()) {
    if (is_byte(v)) return true;
  }
  return false;
}

template <typename T>
Constant from_raw(const onnx::TensorProto& t) {
  Tensor<T> out(Shape(t.dims().begin(), t.dims().end()));
  BOOST_REQUIRE(t.raw_data().size() == out.data.size() * sizeof(T));
  std::memcpy(out.data.data(), t.raw_data().data(), t.raw_data().size());
  return out;
}

Constant tensor_of(const fs::path& path) {
  const auto t = read_message<onnx::TensorProto>(path);
  switch (t.data_type()) {
    case onnx::TensorProto::FLOAT:
      return from_raw<float>(t);
    case onnx::TensorProto::UINT8:
      return from_raw<uint8_t>(t);
    case onnx::TensorProto::INT8:
      return from_raw<int8_t>(t);
    case onnx::TensorProto::INT32:
      return from_raw<int32_t>(t);
    default:
      throw_input("{}: element type {}", path.string(), t.data_type());
  }
}

// Values compared; integers and floats alike must be equal.
size_t require_equal(const Constant& got, const Constant& expected) {
  BOOST_REQUIRE(got.index() == expected.index());
  return std::visit(
      [&](const auto& want) {
        const auto& have = std::get<std::decay_t<decltype(want)>>(got);
        BOOST_TEST(have.shape == want.shape, boost::test_tools::per_element());
        BOOST_REQUIRE(have.data.size() == want.data.size());
        for (size_t i = 0; i < want.data.size(); ++i) {
          BOOST_REQUIRE_MESSAGE(have.data[i] == want.data[i],
                                "value " << i << " is " << double(have.data[i]) << ", expected "
                                         << double(want.data[i]));
        }
        return want.data.size();
      },
      expected);
}

size_t run_test(const fs::path& folder) {
  const Graph graph = read_onnx((folder / "model.onnx").string());
  size_t compared = 0;
  for (const auto& set : fs::directory_iterator(folder)) {
    if (!set.is_directory()) continue;
    std::vector<Constant> inputs;
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      inputs.push_back(tensor_of(set.path() / fmt::format("input_{}.pb", i)));
    }
    const std::vector<Constant> outputs = run_integer_graph(graph, inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      compared += require_equal(outputs[i], tensor_of(set.path() / fmt::format("output_{}.pb", i)));
    }
  }
  return compared;
}

// One node over graph inputs x0, x1, ...; "" leaves an optional input out.
Graph one_node(const std::string& op, size_t inputs,
               std::map<std::string, Attribute> attributes = {}) {
  Graph graph;
  graph.name = "made";
  Node node{op, "", "node", {}, {"y"}, std::move(attributes)};
  for (size_t i = 0; i < inputs; ++i) {
    node.inputs.push_back("x" + std::to_string(i));
    graph.inputs.push_back({node.inputs.back(), DataType::kFloat, {}});
  }
  graph.nodes = {node};
  graph.outputs = {{"y", DataType::kFloat, {}}};
  return graph;
}

FloatTensor scale(float value) { return FloatTensor(Shape{}, value); }
Int8Tensor zero(int8_t value) { return Int8Tensor(Shape{}, value); }

}  // namespace

BOOST_AUTO_TEST_CASE(onnx_node_tests) {
  // Nothing compared is a failure, not a skip.
  BOOST_REQUIRE_MESSAGE(fs::exists(kTests), kTests << " is absent: install libonnx-testdata");
  std::set<std::string> ran;
  for (const auto& entry : fs::directory_iterator(kTests)) {
    const std::string name = entry.path().filename().string();
    if (!fs::exists(entry.path() / "model.onnx") || kLeftOut.count(name) != 0) continue;
    if (!touches_bytes(read_message<onnx::ModelProto>(entry.path() / "model.onnx"))) continue;
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(run_test(entry.path()) > 0U);
      ran.insert(name);
    }
  }
  for (const std::string& name : kAtLeast) {
    BOOST_TEST(ran.count(name) == 1U, name << " was not run");
  }
  BOOST_TEST_MESSAGE(ran.size() << " node tests run, " << kLeftOut.size() << " left out");
}

BOOST_AUTO_TEST_CASE(tests_left_out_are_refused_by_name) {
  for (const auto& [name, reason] : kLeftOut) {
    const fs::path model = fs::path(kTests) / name / "model.onnx";
    if (!fs::exists(model)) continue;
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(!reason.empty());
      const Graph graph = read_onnx(model.string());
      BOOST_CHECK_THROW(run_integer_graph(graph, {}), InputError);
    }
  }
}

BOOST_AUTO_TEST_CASE(qlinear_conv_int8_with_weight_zero_points_a_channel_bias_and_groups) {
  const Graph graph = one_node("QLinearConv", 9, {{"group", int64_t{2}}});
  const Constant y = run_integer_graph(
      graph, {Int8Tensor({1, 2, 1, 2}, {3, 5, -4, 10}), scale(0.5F), zero(1),
              Int8Tensor({2, 1, 1, 1}, {7, -3}), FloatTensor({2}, {1.0F, 0.25F}),
              Int8Tensor({2}, {2, -1}), scale(1.0F), zero(-10), Tensor<int32_t>({2}, {1, -2})})[0];
  // (x - 1): 2, 4 / -5, 9; (w - zw): 5, -2; + bias: 11, 21 / 8, -20; times 1/2, 1/8:
  // 5.5 -> 6, 10.5 -> 10 / 1, -2.5 -> -2; minus 10.
  BOOST_TEST(std::get<Int8Tensor>(y).data == (std::vector<int8_t>{-4, 0, -9, -12}));
}

BOOST_AUTO_TEST_CASE(qlinear_matmul_uint8_saturates_and_broadcasts) {
  const Graph graph = one_node("QLinearMatMul", 8);
  const Tensor<uint8_t> z(Shape{}, uint8_t{100});
  const Constant y = run_integer_graph(
      graph, {Tensor<uint8_t>({2, 1, 2}, {101, 102, 0, 255}), scale(1.0F), z,
              Int8Tensor({2, 1}, {1, 3}), FloatTensor({1}, {0.5F}), zero(0), scale(1.0F), z})[0];
  // 1 + 6 = 7 -> 3.5 -> 4; -100 + 465 = 365 -> 182.5 -> 182; plus 100, saturated
  BOOST_TEST(std::get<Tensor<uint8_t>>(y).data == (std::vector<uint8_t>{104, 255}));
  BOOST_TEST(std::get<Tensor<uint8_t>>(y).shape == (Shape{2, 1, 1}));
}

BOOST_AUTO_TEST_CASE(matmul_integer_zero_points_of_rows_and_columns) {
  const Graph graph = one_node("MatMulInteger", 4);
  const Constant y =
      run_integer_graph(graph, {Int8Tensor({2, 1}, {5, 6}), Int8Tensor({1, 2}, {7, 8}),
                                Int8Tensor({2}, {1, 2}), Int8Tensor({2}, {3, -4})})[0];
  BOOST_TEST(std::get<Tensor<int32_t>>(y).data == (std::vector<int32_t>{16, 48, 16, 48}));
}

BOOST_AUTO_TEST_CASE(conv_integer_stride_dilation_auto_pad) {
  const Graph graph =
      one_node("ConvInteger", 2,
               {{"strides", std::vector<int64_t>{2, 2}}, {"auto_pad", std::string("SAME_UPPER")}});
  const Constant y = run_integer_graph(graph, {Int8Tensor({1, 1, 1, 5}, {1, 2, 3, 4, 5}),
                                               Int8Tensor({1, 1, 1, 3}, {1, 10, 100})})[0];
  BOOST_TEST(std::get<Tensor<int32_t>>(y).data == (std::vector<int32_t>{210, 432, 54}));
}

BOOST_AUTO_TEST_CASE(quantize_linear_rounds_half_to_even_and_saturates) {
  const Graph graph = one_node("QuantizeLinear", 3);
  const FloatTensor x({6}, {0.5F, 1.5F, -0.5F, -2.5F, 1e9F, -1e9F});
  const Constant y = run_integer_graph(graph, {x, scale(1.0F), zero(1)})[0];
  BOOST_TEST(std::get<Int8Tensor>(y).data == (std::vector<int8_t>{1, 3, 1, -1, 127, -128}));
}

BOOST_AUTO_TEST_CASE(bad_nodes_are_refused) {
  BOOST_CHECK_THROW(run_integer_graph(one_node("Sin", 0), {}), InputError);
  BOOST_CHECK_THROW(run_integer_graph(one_node("MatMulInteger", 2), {}), InputError);
  BOOST_CHECK_THROW(
      run_integer_graph(one_node("MatMulInteger", 2), {Int8Tensor({2, 2}), Int8Tensor({3, 2})}),
      InputError);
  BOOST_CHECK_THROW(run_integer_graph(one_node("ConvInteger", 2),
                                      {Int8Tensor({1, 3, 4, 4}), Int8Tensor({1, 2, 1, 1})}),
                    InputError);
  BOOST_CHECK_THROW(run_integer_graph(one_node("MaxPool", 1), {Int8Tensor({1, 1, 2, 2})}),
                    InputError);
  BOOST_CHECK_THROW(run_integer_graph(one_node("Clip", 1), {FloatTensor({1})}), InputError);
}
