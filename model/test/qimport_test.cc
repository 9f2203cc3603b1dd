// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE qimport
#include "model/qimport.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>

using namespace aap;

namespace {

#define CHECK_HAS(text, part) \
  BOOST_TEST(std::string(text).find(part) != std::string::npos, "'" << part << "' in: " << text)

float random_scale(std::mt19937& random) {
  std::uniform_real_distribution<float> exponent(-12.0F, 2.0F), mantissa(1.0F, 2.0F);
  return std::ldexp(mantissa(random), static_cast<int>(exponent(random)));
}

// Builds QLinear graphs; scales and zero points are constants named after the value.
struct Builder {
  Graph g;
  bool uint8 = false;

  explicit Builder(Shape input, bool use_uint8 = false) : uint8(use_uint8) {
    g.name = "net";
    g.inputs = {{"x", DataType::kFloat, std::move(input)}};
    params("q", 0.5F, 3);
    node("QuantizeLinear", "", {"x", "q_s", "q_z"}, "q");
  }
  void params(const std::string& value, float scale, int zero) {
    g.constants[value + "_s"] = FloatTensor(Shape{}, scale);
    if (uint8) {
      g.constants[value + "_z"] = Tensor<uint8_t>(Shape{}, static_cast<uint8_t>(zero + 128));
    } else {
      g.constants[value + "_z"] = Tensor<int8_t>(Shape{}, static_cast<int8_t>(zero));
    }
  }
  Node& node(const std::string& op, const std::string& domain, std::vector<std::string> in,
             const std::string& out) {
    Node n;
    n.op = op;
    n.domain = domain;
    n.name = "n_" + out;
    n.inputs = std::move(in);
    n.outputs = {out};
    g.nodes.push_back(n);
    return g.nodes.back();
  }
  // weights 1, 2, 3, ... (mod 11) - 5
  Node& conv(const std::string& from, const std::string& to, Shape w, float scale, int zero) {
    Int8Tensor weights(w);
    for (size_t i = 0; i < weights.data.size(); ++i) {
      weights.data[i] = static_cast<int8_t>(i % 11) - 5;
    }
    g.constants[to + "_w"] = weights;
    std::vector<float> scales;
    for (int64_t m = 0; m < w[0]; ++m) scales.push_back(0.25F * static_cast<float>(m + 1));
    g.constants[to + "_ws"] = FloatTensor({w[0]}, scales);
    g.constants[to + "_wz"] = Int8Tensor({w[0]}, int8_t{0});
    g.constants[to + "_b"] = Tensor<int32_t>({w[0]}, 100);
    params(to, scale, zero);
    return node("QLinearConv", "",
                {from, from + "_s", from + "_z", to + "_w", to + "_ws", to + "_wz", to + "_s",
                 to + "_z", to + "_b"},
                to);
  }
  Graph output(const std::string& value, DataType type = DataType::kInt8) {
    g.outputs = {{value, type, {}}};
    return g;
  }
};

std::string error_of(const Graph& g) {
  try {
    import_quantised(g);
  } catch (const InputError& error) {
    BOOST_TEST(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
  return "no error";
}

}  // namespace

BOOST_AUTO_TEST_CASE(requantisation_is_exact_and_smallest) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const float sx = random_scale(random), sw = random_scale(random), sy = random_scale(random);
    const float product = sx * sw;
    const float ratio = product / sy;
    const Requantisation r = requantisation_of(sx, sw, sy);
    BOOST_REQUIRE(std::ldexp(static_cast<double>(r.multiplier), -r.shift) ==
                  static_cast<double>(ratio));
    BOOST_REQUIRE((r.multiplier >= 1 && r.multiplier < (1U << 24)));
    BOOST_REQUIRE((r.shift >= 0 && r.shift <= 63));
    BOOST_REQUIRE((r.multiplier % 2 == 1 || r.shift == 0));
  }
  BOOST_TEST(requantisation_of(1, 1, 1).multiplier == 1U);
  BOOST_TEST(requantisation_of(1, 1, 1).shift == 0);
  BOOST_TEST(requantisation_of(4, 3, 1).multiplier == 12U);  // never below shift 0
  BOOST_TEST(requantisation_of(4, 3, 1).shift == 0);
  BOOST_TEST(requantisation_of(0.375F, 1, 1).multiplier == 3U);
  BOOST_TEST(requantisation_of(0.375F, 1, 1).shift == 3);
}

BOOST_AUTO_TEST_CASE(requantisation_at_its_limits) {
  BOOST_TEST(requantisation_of(16777215.0F, 1, 1).multiplier == 16777215U);
  BOOST_CHECK_THROW(requantisation_of(16777216.0F * 2, 1, 1), InputError);
  const float infinite = std::numeric_limits<float>::infinity();
  for (float bad : {0.0F, -1.0F, infinite, std::nanf("")}) {
    BOOST_CHECK_THROW(requantisation_of(bad, 1, 1), InputError);
    BOOST_CHECK_THROW(requantisation_of(1, bad, 1), InputError);
    BOOST_CHECK_THROW(requantisation_of(1, 1, bad), InputError);
    BOOST_CHECK_THROW(average_requantisation(bad, 1, 2), InputError);
    BOOST_CHECK_THROW(add_multipliers(1, 0, 1, 0, bad), InputError);
  }
  BOOST_CHECK_THROW(requantisation_of(1e30F, 1e30F, 1), InputError);    // overflows
  BOOST_CHECK_THROW(requantisation_of(1e-30F, 1e-30F, 1), InputError);  // becomes 0
  BOOST_CHECK_THROW(average_requantisation(1, 1, 0), InputError);
  // Too small for shift 63: every int32 accumulator still rounds to 0, as with the exact value.
  for (float tiny : {1e-13F, 1.17e-38F, 1e-20F}) {
    const Requantisation r = requantisation_of(tiny, 1, 1);
    BOOST_TEST(r.shift == 63);
    BOOST_TEST(std::ldexp(static_cast<double>(r.multiplier), 31 - r.shift) < 0.5);
    BOOST_TEST(static_cast<double>(tiny) * 2147483648.0 < 0.5);
  }
  const float third = 0.3F / 0.7F;
  const Requantisation a = average_requantisation(0.3F, 0.7F, 49);
  BOOST_TEST(std::ldexp(static_cast<double>(a.multiplier), -a.shift) ==
             static_cast<double>(third / 49.0F));
}

BOOST_AUTO_TEST_CASE(add_multipliers_are_bounded_and_nearest) {
  std::mt19937 random(2);
  for (int i = 0; i < 100000; ++i) {
    const float sa = random_scale(random), sb = random_scale(random), sy = random_scale(random);
    const int za = static_cast<int>(random() % 256) - 128;
    const int zb = static_cast<int>(random() % 256) - 128;
    const double a = double(sa) / double(sy), b = double(sb) / double(sy);
    const AddMultipliers m = add_multipliers(sa, za, sb, zb, sy);
    BOOST_REQUIRE((int64_t{m.ma} + m.mb < 1 << 23 && m.shift >= 0 && m.shift <= 31));
    // The nearest at the largest shift that fits, without a common factor of 2.
    int t = 31;
    const auto at = [&t](double v) { return std::nearbyint(std::ldexp(v, t)); };
    while (at(a) + at(b) >= 1 << 23) --t;
    BOOST_REQUIRE((std::ldexp(m.ma, t - m.shift) == at(a) && std::ldexp(m.mb, t - m.shift) == at(b)));
    BOOST_REQUIRE((m.shift == 0 || ((m.ma | m.mb) & 1U) == 1U));
    BOOST_REQUIRE(m.constant == -(za * int64_t{m.ma} + zb * int64_t{m.mb}));
  }
  // Ties go to the even neighbour, and a sum of 2^23 does not fit.
  constexpr float kUnit = 1.0F / (1 << 22);
  const auto with_one = [](float b) { return add_multipliers(1.0F, 0, b, 0, 1.0F); };
  BOOST_TEST((with_one(2.5F * kUnit).mb == 1U && with_one(2.5F * kUnit).shift == 21));  // 2 of 2^22, halved
  BOOST_TEST((with_one(3.5F * kUnit).mb == 1U && with_one(3.5F * kUnit).shift == 20));  // 4 of 2^22
  BOOST_TEST((with_one(3.0F * kUnit).mb == 3U && with_one(3.0F * kUnit).shift == 22));
  BOOST_TEST((with_one(1.0F).ma == 1U && with_one(1.0F).mb == 1U && with_one(1.0F).shift == 0));
  // 2^22 + 2^22 - 1/2 would be a sum of 2^23; the shift of 21 has the tie between 2^21 - 1 and 2^21.
  BOOST_TEST((with_one(1.0F - kUnit / 2).mb == 1U && with_one(1.0F - kUnit / 2).shift == 0));
  BOOST_TEST((with_one(1.0F - kUnit).mb == (1U << 22) - 1 && with_one(1.0F - kUnit).shift == 22));
  BOOST_CHECK_THROW(with_one(8388607.0F), InputError);
  BOOST_TEST(with_one(8388606.0F).shift == 0);
}

BOOST_AUTO_TEST_CASE(convolution_with_folded_bias_and_clip) {
  for (const bool uint8 : {false, true}) {
    Builder b({-1, 2, 5, 5}, uint8);
    Node& conv = b.conv("q", "c", {3, 2, 3, 3}, 2.0F, -7);
    conv.attributes["pads"] = std::vector<int64_t>{1, 1, 1, 1};
    if (uint8) {
      b.g.constants["lo"] = Tensor<uint8_t>(Shape{}, uint8_t{121});
      b.g.constants["hi"] = Tensor<uint8_t>(Shape{}, uint8_t{200});
    } else {
      b.g.constants["lo"] = Int8Tensor(Shape{}, int8_t{-7});
      b.g.constants["hi"] = Int8Tensor(Shape{}, int8_t{72});
    }
    b.node("Clip", "", {"c", "lo", "hi"}, "y");
    b.g.metadata = {{"aap.group", "16"}, {"aap.keep.n_c", "4"}, {"aap.input_mean", "0.25"}};
    const QNetwork n = import_quantised(b.output("y"));
    BOOST_REQUIRE_EQUAL(n.layers.size(), 1U);
    const QLayer& l = n.layers[0];
    BOOST_TEST((l.op == QOp::kConv && l.lo == -7 && l.hi == 72));
    BOOST_TEST((l.group_size == 16 && l.keep == 4));
    BOOST_TEST(n.preprocessing.mean == std::vector<float>{0.25F});
    BOOST_TEST((n.tensors[0].zero_point == 3 && n.tensors[0].from_uint8 == uint8));
    BOOST_TEST(n.tensors[1].name == "y");
    for (size_t m = 0; m < 3; ++m) {
      int sum = 0;
      for (size_t i = 0; i < 18; ++i) sum += l.weights.data[m * 18 + i];
      BOOST_TEST(l.bias[m] == 100 - 3 * sum);
      const double ratio = 0.5 * 0.25 * static_cast<double>(m + 1) / 2.0;
      BOOST_TEST(std::ldexp(l.requant[m].multiplier, -l.requant[m].shift) == ratio);
    }
  }
}

BOOST_AUTO_TEST_CASE(clip_with_two_readers_is_a_layer) {
  Builder b({-1, 2, 5, 5});
  b.conv("q", "c", {2, 2, 1, 1}, 2.0F, -7);
  b.node("Relu", "", {"c"}, "r");
  b.params("y", 3.0F, 5);
  b.node("QLinearAdd", "com.microsoft", {"c", "c_s", "c_z", "r", "c_s", "c_z", "y_s", "y_z"}, "y");
  const QNetwork n = import_quantised(b.output("y"));
  BOOST_REQUIRE_EQUAL(n.layers.size(), 3U);
  BOOST_TEST((n.layers[0].lo == -128 && n.layers[0].hi == 127));
  BOOST_TEST((n.layers[1].op == QOp::kIdentity && n.layers[1].lo == 0));
  BOOST_TEST((n.layers[1].requant[0].multiplier == 1 && n.layers[1].requant[0].shift == 0));
  const AddMultipliers m = add_multipliers(2.0F, -7, 2.0F, -7, 3.0F);
  BOOST_TEST((n.layers[2].op == QOp::kAdd && n.layers[2].ma == m.ma &&
              n.layers[2].add_constant == m.constant && n.layers[2].output_zero_point == 5));
}

BOOST_AUTO_TEST_CASE(uint8_weights) {
  Builder b({-1, 1, 2, 2});
  b.conv("q", "c", {1, 1, 1, 2}, 2.0F, 0);
  b.g.constants["c_w"] = Tensor<uint8_t>({1, 1, 1, 2}, {0, 255});
  b.g.constants["c_wz"] = Tensor<uint8_t>({1}, uint8_t{128});
  const QNetwork n = import_quantised(b.output("c"));
  BOOST_TEST((n.layers[0].weights.data == std::vector<int8_t>{-128, 127}));
  b.g.constants["c_wz"] = Tensor<uint8_t>({1}, uint8_t{127});
  const std::string text = error_of(b.g);
  CHECK_HAS(text, "'n_c' (QLinearConv)");
  CHECK_HAS(text, "128, legal is -128..127");
}

BOOST_AUTO_TEST_CASE(fully_connected_pools_and_softmax) {
  Builder b({-1, 3, 4, 4});
  b.node("MaxPool", "", {"q"}, "m").attributes["kernel_shape"] = std::vector<int64_t>{2, 2};
  b.g.nodes.back().attributes["strides"] = std::vector<int64_t>{2, 2};
  b.node("Flatten", "", {"m"}, "f");
  // [K][N] for QLinearMatMul, [N][K] for QGemm with transB: both become [M][C][KH][KW].
  Int8Tensor w({12, 5});
  for (size_t i = 0; i < w.data.size(); ++i) w.data[i] = static_cast<int8_t>(i);
  b.g.constants["w"] = w;
  b.g.constants["w_s"] = FloatTensor(Shape{}, 0.125F);
  b.g.constants["w_z"] = Int8Tensor(Shape{}, int8_t{0});
  b.params("y", 1.0F, 2);
  b.node("QLinearMatMul", "", {"f", "q_s", "q_z", "w", "w_s", "w_z", "y_s", "y_z"}, "y");
  b.g.constants["w2"] = Int8Tensor({2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  b.g.constants["b2"] = Tensor<int32_t>({2}, {1000, -1000});
  b.params("z", 1.0F, 0);
  b.node("QGemm", "com.microsoft", {"y", "y_s", "y_z", "w2", "w_s", "w_z", "b2", "z_s", "z_z"}, "z")
      .attributes["transB"] = int64_t{1};
  b.node("DequantizeLinear", "", {"z", "z_s", "z_z"}, "d");
  b.node("Softmax", "", {"d"}, "p");
  const QNetwork n = import_quantised(b.output("p", DataType::kFloat));
  BOOST_REQUIRE_EQUAL(n.layers.size(), 3U);
  BOOST_TEST(n.softmax_on_host);
  BOOST_TEST((n.layers[0].op == QOp::kMaxPool && n.tensors[1].height == 2));
  const QLayer& fc = n.layers[1];
  BOOST_TEST(fc.weights.shape == (Shape{5, 3, 2, 2}));
  for (int64_t m = 0; m < 5; ++m) {
    for (int64_t k = 0; k < 12; ++k) {
      BOOST_TEST(fc.weights.data[static_cast<size_t>(m * 12 + k)] == k * 5 + m);
    }
  }
  BOOST_TEST((fc.kernel_h == 2 && fc.kernel_w == 2));
  BOOST_TEST(n.layers[2].weights.data[7] == 8);
  BOOST_TEST(n.layers[2].bias[0] == 1000 - 2 * 15);
  BOOST_TEST(n.tensors[static_cast<size_t>(n.output)].name == "z");
}

BOOST_AUTO_TEST_CASE(averages_and_concat) {
  Builder b({-1, 2, 3, 3});
  b.params("g", 0.75F, -1);
  b.node("QLinearGlobalAveragePool", "com.microsoft", {"q", "q_s", "q_z", "g_s", "g_z"}, "g")
      .attributes["channels_last"] = int64_t{0};
  b.params("a", 0.5F, 3);
  Node& pool =
      b.node("QLinearAveragePool", "com.microsoft", {"q", "q_s", "q_z", "a_s", "a_z"}, "a");
  pool.attributes["kernel_shape"] = std::vector<int64_t>{3, 3};
  b.node("QLinearConcat", "com.microsoft", {"a_s", "a_z", "a", "a_s", "a_z", "g", "g_s", "g_z"},
         "y")
      .attributes["axis"] = int64_t{1};
  const QNetwork n = import_quantised(b.output("y"));
  BOOST_REQUIRE_EQUAL(n.layers.size(), 4U);
  BOOST_TEST((n.layers[0].kernel_h == 3 && n.layers[0].requant.size() == 9U));
  const Requantisation r = average_requantisation(0.5F, 0.75F, 9);
  BOOST_TEST((n.layers[0].requant[8].multiplier == r.multiplier &&
              n.layers[0].requant[8].shift == r.shift));
  // Another scale than the output's is changed before the values are placed.
  BOOST_TEST((n.layers[2].op == QOp::kIdentity && n.layers[2].output_zero_point == 3));
  BOOST_TEST((n.layers[3].op == QOp::kConcat && n.tensors.back().channels == 4));
}

BOOST_AUTO_TEST_CASE(integer_input) {
  Builder b({-1, 2, 3, 3});
  b.g.nodes.clear();
  b.g.inputs = {{"q", DataType::kInt8, {-1, 2, 3, 3}}};
  b.node("MaxPool", "", {"q"}, "m").attributes["kernel_shape"] = std::vector<int64_t>{1, 1};
  b.g.constants["m_s"] = b.g.constants["q_s"];
  b.g.constants["m_z"] = b.g.constants["q_z"];
  b.conv("m", "c", {2, 2, 1, 1}, 1.0F, 0);
  const QNetwork n = import_quantised(b.output("c"));
  BOOST_TEST((n.tensors[0].scale == 0.5 && n.tensors[0].zero_point == 3));
}

BOOST_AUTO_TEST_CASE(all_refused_nodes_are_listed) {
  Builder b({-1, 2, 5, 5});
  b.conv("q", "c", {2, 2, 1, 1}, 2.0F, -7);
  Graph g = b.output("c");
  g.nodes[1].op = "Conv";
  g.nodes.push_back(g.nodes[1]);
  g.nodes.back().op = "LSTM";
  g.nodes.back().name = "second";
  g.nodes.back().outputs = {"d"};
  const std::string text = error_of(g);
  CHECK_HAS(text, "'n_c' (Conv)");
  CHECK_HAS(text, "'second' (LSTM)");

  Builder two({-1, 2, 5, 5});
  two.conv("q", "c", {2, 2, 1, 1}, 2.0F, -7);
  two.conv("q", "d", {2, 2, 1, 1}, 2.0F, -7);
  two.g.constants["c_ws"] = FloatTensor({2}, {1.0F, 0.0F});
  two.g.constants["d_b"] = Tensor<int32_t>({2}, INT32_MAX);
  two.g.constants["d_w"] = Int8Tensor({2, 2, 1, 1}, int8_t{-5});
  const std::string both = error_of(two.output("c"));
  CHECK_HAS(both, "'n_c' (QLinearConv): scale 'c_ws' holds 0");
  CHECK_HAS(both, "'n_d' (QLinearConv): bias of channel 0");
}

BOOST_AUTO_TEST_CASE(disagreeing_scales_and_metadata_are_refused) {
  Builder b({-1, 2, 5, 5});
  b.conv("q", "c", {2, 2, 1, 1}, 2.0F, -7);
  b.g.constants["other"] = FloatTensor(Shape{}, 0.7F);
  Graph g = b.output("c");
  g.nodes[1].inputs[1] = "other";
  CHECK_HAS(error_of(g), "its producer states 0.5");
  g = b.output("c");
  g.metadata["aap.keep.n_c"] = "4";
  CHECK_HAS(error_of(g), "'aap.group' is not");
  g.metadata["aap.group"] = "16";
  g.metadata["aap.keep.n_c"] = "17";
  CHECK_HAS(error_of(g), "'aap.keep.n_c' is '17', legal is 1..16");
}

BOOST_AUTO_TEST_CASE(validation_names_the_broken_rule) {
  Builder b({-1, 2, 5, 5});
  b.conv("q", "c", {2, 2, 1, 1}, 2.0F, -7);
  const QNetwork good = import_quantised(b.output("c"));
  auto error = [&](const std::function<void(QNetwork&)>& change) -> std::string {
    QNetwork n = good;
    change(n);
    try {
      validate(n);
    } catch (const InputError& e) {
      return e.what();
    }
    return "no error";
  };
  CHECK_HAS(error([](QNetwork&) {}), "no error");
  CHECK_HAS(error([](QNetwork& n) { n.layers[0].requant[1].multiplier = 1 << 24; }), "multiplier");
  CHECK_HAS(error([](QNetwork& n) { n.layers[0].requant[1].shift = 64; }), "layer 'n_c'");
  CHECK_HAS(error([](QNetwork& n) { n.layers[0].bias.pop_back(); }), "1 biases");
  CHECK_HAS(error([](QNetwork& n) { n.layers[0].weights.shape[0] = 3; }), "weights");
  CHECK_HAS(error([](QNetwork& n) { n.layers[0].stride_h = 2; }), "does not follow");
  CHECK_HAS(error([](QNetwork& n) { n.layers[0].lo = 128; }), "lo is 128");
  CHECK_HAS(error([](QNetwork& n) { n.layers[0].inputs[0] = 9; }), "input tensor");
  CHECK_HAS(error([](QNetwork& n) { n.layers[0].inputs[0] = 1; }), "before it is computed");
  CHECK_HAS(error([](QNetwork& n) { n.tensors[0].zero_point = 200; }), "zero point is 200");
  CHECK_HAS(error([](QNetwork& n) { n.output = 7; }), "legal is 0..1");
  CHECK_HAS(error([](QNetwork& n) { n.layers.clear(); }), "nothing computes");
}

BOOST_AUTO_TEST_CASE(resnet20_of_onnxruntime) {
  const std::string path = "../shared/real/resnet20.qop_u8s8_pc.onnx";
  if (!std::filesystem::exists(path)) {
    BOOST_TEST_MESSAGE("SKIPPED: " << path << " is not there");
    return;
  }
  const QNetwork n = import_quantised(read_onnx(path));
  BOOST_TEST(n.layers.size() == 32U);  // 21 convolutions, 9 sums, an average, a matrix
  BOOST_TEST(n.tensors[0].from_uint8);
}

namespace {

// The nodes that make a float value of integers and back; scales as Builder::params states them.
void dequantize(Builder& b, const std::string& value, const std::string& to) {
  b.node("DequantizeLinear", "", {value, value + "_s", value + "_z"}, to);
}
void quantize(Builder& b, const std::string& value, const std::string& to, float scale, int zero) {
  b.params(to, scale, zero);
  b.node("QuantizeLinear", "", {value, to + "_s", to + "_z"}, to);
}
// Conv of a dequantised value with dequantised weights 1, 2, 3, ... (mod 11) - 5.
Node& float_conv(Builder& b, const std::string& from, const std::string& to, Shape w) {
  Int8Tensor weights(w);
  for (size_t i = 0; i < weights.data.size(); ++i) {
    weights.data[i] = static_cast<int8_t>(i % 11) - 5;
  }
  std::vector<float> scales;
  for (int64_t m = 0; m < w[0]; ++m) scales.push_back(0.25F * static_cast<float>(m + 1));
  b.g.constants[to + "_w"] = weights;
  b.g.constants[to + "_ws"] = FloatTensor({w[0]}, scales);
  b.node("DequantizeLinear", "", {to + "_w", to + "_ws"}, to + "_wd").attributes["axis"] =
      int64_t{0};
  return b.node("Conv", "", {from, to + "_wd"}, to);
}

}  // namespace

BOOST_AUTO_TEST_CASE(qdq_convolution_with_two_readers) {
  Builder b({-1, 2, 5, 5});
  dequantize(b, "q", "x1");
  float_conv(b, "x1", "c", {3, 2, 3, 3}).inputs.push_back("bias");
  b.g.constants["bias"] = FloatTensor({3}, {1.0F, -0.5F, 0.3F});  // steps are 1/8, 1/4, 3/8
  b.node("Relu", "", {"c"}, "r");
  quantize(b, "r", "rq", 0.5F, -100);
  quantize(b, "c", "cq", 2.0F, -7);  // the same convolution without the clamp
  dequantize(b, "rq", "rd");
  dequantize(b, "cq", "cd");
  b.node("Add", "", {"rd", "cd"}, "s");
  b.node("Clip", "", {"s", "", "six"}, "s6");
  b.g.constants["six"] = FloatTensor(Shape{}, 6.0F);
  quantize(b, "s6", "y", 1.0F, 4);
  const QNetwork n = import_quantised(b.output("y"));
  BOOST_REQUIRE_EQUAL(n.layers.size(), 3U);
  BOOST_TEST((n.layers[0].lo == -100 && n.layers[0].hi == 127 && n.layers[1].lo == -128));
  BOOST_TEST(n.layers[0].name != n.layers[1].name);
  for (const QLayer* l : {&n.layers[0], &n.layers[1]}) {
    const int integers[] = {8, -2, 1};  // of the bias: 0.3 / (3/8) is 0.8
    for (size_t m = 0; m < 3; ++m) {
      int sum = 0;
      for (size_t i = 0; i < 18; ++i) sum += l->weights.data[m * 18 + i];
      BOOST_TEST(l->bias[m] == integers[m] - 3 * sum);
    }
    BOOST_REQUIRE_EQUAL(l->bias_error.size(), 3U);
    BOOST_TEST(std::fabs(l->bias_error[2] + 0.2) < 1e-6);
  }
  BOOST_TEST((n.layers[2].op == QOp::kAdd && n.layers[2].lo == -128 && n.layers[2].hi == 10));
}

BOOST_AUTO_TEST_CASE(float_result_without_scale_is_refused) {
  Builder b({-1, 2, 5, 5});
  dequantize(b, "q", "x1");
  float_conv(b, "x1", "c", {2, 2, 1, 1});
  b.node("Add", "", {"c", "x1"}, "s");
  quantize(b, "s", "y", 1.0F, 0);
  CHECK_HAS(error_of(b.output("y")),
            "'n_s' (Add): input 'c' is the float result of 'n_c', which no QuantizeLinear");
}

namespace {

// DequantizeLinear -> Conv -> QuantizeLinear, to be broken in one place.
Graph one_qdq_convolution() {
  Builder b({-1, 2, 5, 5});
  dequantize(b, "q", "x1");
  float_conv(b, "x1", "c", {2, 2, 3, 3});
  quantize(b, "c", "y", 1.0F, 0);
  return b.output("y");
}

Node& node_of(Graph& g, const std::string& op) {
  for (Node& n : g.nodes) {
    if (n.op == op) return n;
  }
  throw_input("no {}", op);
}

// A node between the two ends of the graph.
Node& insert(Graph& g, const std::string& op, std::vector<std::string> inputs) {
  Node n;
  n.op = op;
  n.name = "odd";
  n.inputs = std::move(inputs);
  n.outputs = {"odd_out"};
  g.nodes.insert(g.nodes.begin() + 2, n);
  node_of(g, "Conv").inputs[0] = "odd_out";
  return g.nodes[2];
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_unsupported_form_is_named) {
  struct Case {
    const char* what;
    std::function<void(Graph&)> break_it;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"nothing", [](Graph&) {}, "no error"},
      {"blocked", [](Graph& g) { g.nodes[1].attributes["block_size"] = int64_t{32}; },
       "'n_x1' (DequantizeLinear): block_size is 32"},
      {"scale per channel of an activation",
       [](Graph& g) { g.constants["q_s"] = FloatTensor({2}, 0.5F); }, "one scale, not one a channel"},
      {"scale per input channel of a weight",
       [](Graph& g) { g.nodes[2].attributes["axis"] = int64_t{1}; }, "for each output channel, dimension 0"},
      {"weight zero point that does not fit",
       [](Graph& g) {
         g.constants["c_wz"] = Int8Tensor({2}, {0, 127});
         g.constants["c_w"] = Int8Tensor({2, 2, 3, 3}, int8_t{-2});
         g.nodes[2].inputs.push_back("c_wz");
       },
       "less its zero point 127 is -129, legal is -128..127"},
      {"int32 weights", [](Graph& g) { g.constants["c_w"] = Tensor<int32_t>({2, 2, 3, 3}, 5); },
       "weight 'c_wd' is not int8 or uint8"},
      {"float weights",
       [](Graph& g) {
         g.constants["w"] = FloatTensor({2, 2, 3, 3}, 1.0F);
         node_of(g, "Conv").inputs[1] = "w";
       },
       "weight 'w' is float"},
      {"weights that are computed", [](Graph& g) { node_of(g, "Conv").inputs[1] = "x1"; },
       "'n_c' (Conv)"},
      {"dynamic quantisation", [](Graph& g) { g.nodes[0].op = "DynamicQuantizeLinear"; },
       "dynamic quantisation: scales are computed at run time"},
      {"integer convolution without scale", [](Graph& g) { node_of(g, "Conv").op = "ConvInteger"; },
       "dynamic quantisation: its result has no scale"},
      {"16-bit output", [](Graph& g) { g.nodes.back().attributes["output_dtype"] = int64_t{5}; },
       "output_dtype is 5"},
      {"int32 zero point", [](Graph& g) { g.constants["y_z"] = Tensor<int32_t>(Shape{}, 0); },
       "zero point 'y_z' is not one int8 or uint8 value"},
      {"unquantised input", [](Graph& g) { g.nodes[1].inputs = {"x", "q_s", "q_z"}; }, "its input is float"},
      {"float result", [](Graph& g) { g.outputs[0].name = "c"; },
       "output: input 'c' is the float result of 'n_c'"},
      {"padding with another value",
       [](Graph& g) {
         g.constants["pads"] = Tensor<int64_t>({8}, {0, 0, 1, 1, 0, 0, 1, 1});
         g.constants["one"] = FloatTensor(Shape{}, 1.0F);
         insert(g, "Pad", {"x1", "pads", "one"});
       },
       "'odd' (Pad): pads with 1, legal is 0"},
      {"reflection",
       [](Graph& g) {
         g.constants["pads"] = Tensor<int64_t>({8}, {0, 0, 1, 1, 0, 0, 1, 1});
         insert(g, "Pad", {"x1", "pads"}).attributes["mode"] = std::string("reflect");
       },
       "mode is 'reflect'"},
      {"cropping",
       [](Graph& g) {
         g.constants["pads"] = Tensor<int64_t>({8}, {0, 0, -1, 0, 0, 0, 0, 0});
         insert(g, "Pad", {"x1", "pads"});
       },
       "has pads -1 and 0"},
      {"mixed layouts",
       [](Graph& g) {
         // Of the network's input it would be the host's; of a layer's result nobody can do it.
         Node pool = insert(g, "MaxPool", {"x1"});
         pool.attributes["kernel_shape"] = std::vector<int64_t>{1, 1};
         pool.name = "pool";
         pool.outputs = {"pooled"};
         g.nodes[2] = pool;
         insert(g, "Transpose", {"pooled"}).attributes["perm"] = std::vector<int64_t>{0, 1, 3, 2};
         std::swap(g.nodes[2], g.nodes[3]);
       },
       "dimensions are not N, C, H, W of the image"},
      {"a view that cuts an axis",
       [](Graph& g) {
         Node n = g.nodes.back();
         n.op = "Reshape";
         n.name = "cut";
         n.inputs = {"y", "shape3"};
         n.outputs = {"z"};
         g.constants["shape3"] = Tensor<int64_t>({4}, {1, 3, 2, 3});
         g.nodes.push_back(n);
         g.outputs[0].name = "z";
       },
       "'cut' (Reshape): its new shape [1, 3, 2, 3] cuts"},
      {"constant added to an activation",
       [](Graph& g) {
         g.constants["k"] = FloatTensor(Shape{}, 1.0F);
         insert(g, "Add", {"x1", "k"});
       },
       "'odd' (Add): adds the constant 'k'"},
      {"broadcast",
       [](Graph& g) {
         Node n = g.nodes[1];
         n.op = "GlobalAveragePool";
         n.name = "gap";
         n.inputs = {"x1"};
         n.outputs = {"mean"};
         g.nodes.insert(g.nodes.begin() + 2, n);
         n.op = "QuantizeLinear";
         n.name = "gap_q";
         n.inputs = {"mean", "q_s", "q_z"};
         n.outputs = {"mean_q"};
         g.nodes.insert(g.nodes.begin() + 3, n);
         n.op = "DequantizeLinear";
         n.name = "gap_d";
         n.inputs = {"mean_q", "q_s", "q_z"};
         n.outputs = {"mean_d"};
         g.nodes.insert(g.nodes.begin() + 4, n);
         n.op = "Add";
         n.name = "odd";
         n.inputs = {"x1", "mean_d"};
         n.outputs = {"odd_out"};
         g.nodes.insert(g.nodes.begin() + 5, n);
         node_of(g, "Conv").inputs[0] = "odd_out";
       },
       "'odd' (Add): broadcasts"},
      {"batch norm between", [](Graph& g) { insert(g, "BatchNormalization", {"x1"}); },
       "fold it into the convolution"},
      {"average over channels",
       [](Graph& g) { insert(g, "ReduceMean", {"x1"}).attributes["axes"] = std::vector<int64_t>{1}; },
       "'odd' (ReduceMean): is not over height and width alone"},
      {"float network",
       [](Graph& g) {
         Node conv = node_of(g, "Conv");
         conv.inputs = {"x", "w"};
         g.constants["w"] = FloatTensor({2, 2, 3, 3}, 1.0F);
         g.nodes = {conv};
         g.outputs[0].name = "c";
       },
       "is a float network"},
  };
  for (const Case& c : cases) {
    Graph g = one_qdq_convolution();
    c.break_it(g);
    const std::string text = error_of(g);
    BOOST_TEST(text.find(c.message) != std::string::npos, c.what << ": '" << c.message << "' in: " << text);
  }
}

BOOST_AUTO_TEST_CASE(softmax_and_layout_are_for_the_host) {
  Builder b({-1, 4, 3, 2});  // N, H, W, C
  dequantize(b, "q", "x1");
  b.node("Transpose", "", {"x1"}, "t").attributes["perm"] = std::vector<int64_t>{0, 3, 1, 2};
  float_conv(b, "t", "c", {5, 2, 4, 3});
  quantize(b, "c", "cq", 1.0F, 0);
  dequantize(b, "cq", "cd");
  b.node("Flatten", "", {"cd"}, "f");
  b.node("Softmax", "", {"f"}, "p");
  quantize(b, "p", "y", 1.0F / 256, -128);
  const QNetwork n = import_quantised(b.output("y"));
  BOOST_TEST((n.tensors[0].channels == 2 && n.tensors[0].height == 4 && n.tensors[0].width == 3));
  BOOST_TEST(n.tensors[0].name == "q");
  BOOST_REQUIRE_EQUAL(n.input_order.size(), 24U);
  for (int64_t c = 0; c < 2; ++c) {
    for (int64_t i = 0; i < 12; ++i) BOOST_TEST(n.input_order[static_cast<size_t>(c * 12 + i)] == i * 2 + c);
  }
  BOOST_TEST((n.softmax_on_host && !n.output_real && n.softmax_params->zero_point == -128));
  BOOST_TEST(n.tensors[static_cast<size_t>(n.output)].name == "cq");
}
