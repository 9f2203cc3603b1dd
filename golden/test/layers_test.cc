// SPDX-License-Identifier: Apache-2.0
// Every QOp on cases small enough to check by hand.
#define BOOST_TEST_MODULE golden_layers
#include <boost/test/unit_test.hpp>
#include <string>

#include "golden/test/one_layer.h"
#include "model/error.h"

using namespace aap;
using aap::test::OneLayer;
using Values = std::vector<int8_t>;

BOOST_AUTO_TEST_CASE(conv_1x1_is_a_dot_product_over_channels) {
  OneLayer one(QOp::kConv, {3, 1, 2}, 0, {2, 1, 2});
  one.weights({2, 3, 1, 1}, {1, 2, 3, -1, 0, 4}, {10, -5});
  // Pixel 0 is (1, 2, 3), pixel 1 is (-4, 5, -6).
  BOOST_TEST(one.run({1, -4, 2, 5, 3, -6}).data == (Values{24, -2, 6, -25}));
}

BOOST_AUTO_TEST_CASE(conv_padding_reads_the_zero_point) {
  // All inputs are the zero point, so every output is the bias, at the border too.
  OneLayer one(QOp::kConv, {1, 2, 2}, 5, {1, 2, 2}, 1);
  one.weights({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}, {40});
  one.pads(1, 1, 1, 1);
  BOOST_TEST(one.run({5, 5, 5, 5}).data == (Values{41, 41, 41, 41}));
  // One step above it at the top left: every output sees it through another tap.
  BOOST_TEST(one.run({6, 5, 5, 5}).data == (Values{46, 45, 43, 42}));
}

BOOST_AUTO_TEST_CASE(conv_padding_larger_than_half_the_kernel) {
  OneLayer one(QOp::kConv, {1, 1, 1}, -7, {1, 3, 5});
  one.weights({1, 1, 1, 3}, {1, 10, 100}, {0});
  one.pads(1, 3, 1, 3);
  // x - zx = 1 in the middle, all else padding: row 1 is the kernel reversed inside zeros.
  BOOST_TEST(one.run({-6}).data == (Values{0, 0, 0, 0, 0, 0, 100, 10, 1, 0, 0, 0, 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(conv_asymmetric_padding) {
  OneLayer one(QOp::kConv, {1, 2, 2}, 0, {1, 2, 2});
  one.weights({1, 1, 2, 2}, {1, 2, 3, 4}, {0});
  one.pads(1, 0, 0, 1);
  // padded: 0 0 0 / 1 2 0 / 3 4 0
  BOOST_TEST(one.run({1, 2, 3, 4}).data == (Values{11, 6, 30, 14}));
}

BOOST_AUTO_TEST_CASE(conv_stride_3) {
  OneLayer one(QOp::kConv, {1, 1, 8}, 0, {1, 1, 3});
  one.weights({1, 1, 1, 2}, {1, 10}, {0});
  one.layer.stride_w = 3;
  BOOST_TEST(one.run({1, 2, 3, 4, 5, 6, 7, 8}).data == (Values{21, 54, 87}));
}

BOOST_AUTO_TEST_CASE(conv_dilation_2) {
  OneLayer one(QOp::kConv, {1, 5, 1}, 0, {1, 1, 1});
  one.weights({1, 1, 3, 1}, {1, 10, -20}, {0});
  one.layer.dilation_h = 2;
  BOOST_TEST(one.run({1, 100, 3, 100, 5}).data == (Values{-69}));
}

BOOST_AUTO_TEST_CASE(conv_grouped) {
  OneLayer one(QOp::kConv, {4, 1, 1}, 0, {2, 1, 1});
  one.weights({2, 2, 1, 1}, {1, 2, 3, 4}, {0, 0});
  one.layer.groups = 2;
  BOOST_TEST(one.run({1, 2, 3, 4}).data == (Values{5, 25}));
}

BOOST_AUTO_TEST_CASE(conv_depthwise_with_two_outputs_a_channel) {
  OneLayer one(QOp::kConv, {2, 1, 1}, 0, {4, 1, 1});
  one.weights({4, 1, 1, 1}, {1, 2, 3, 4}, {0, 0, 0, 0});
  one.layer.groups = 2;
  BOOST_TEST(one.run({5, 7}).data == (Values{5, 10, 21, 28}));
}

BOOST_AUTO_TEST_CASE(conv_fully_connected_reads_channel_row_column) {
  OneLayer one(QOp::kConv, {2, 2, 1}, 0, {1, 1, 1});
  one.weights({1, 2, 2, 1}, {1, 2, 3, 4}, {0});
  BOOST_TEST(one.run({1, 2, 3, -4}).data == (Values{-2}));
}

BOOST_AUTO_TEST_CASE(conv_requantises_each_channel_with_its_own_multiplier) {
  OneLayer one(QOp::kConv, {1, 1, 1}, 0, {4, 1, 1}, 10);
  one.weights({4, 1, 1, 1}, {1, 1, 1, -1}, {0, 0, 0, 0});
  one.layer.requant = {{1, 1}, {3, 1}, {1, 63}, {1, 1}};
  one.layer.lo = 9;
  one.layer.hi = 14;
  // 5/2 = 2.5 -> 2; 7.5 -> 8, clamped; 0; -2.5 -> -2, clamped
  BOOST_TEST(one.run({5}).data == (Values{12, 14, 10, 9}));
}

BOOST_AUTO_TEST_CASE(conv_extreme_operands) {
  OneLayer one(QOp::kConv, {3, 1, 1}, 127, {2, 1, 1});
  one.weights({2, 3, 1, 1}, {-128, -128, -128, 127, 127, 127}, {0, 0});
  one.layer.requant.assign(2, {1, 10});
  // (-128 - 127) * -128 * 3 = 97920, / 1024 = 95.6; -97155 / 1024 = -94.9
  BOOST_TEST(one.run({-128, -128, -128}).data == (Values{96, -95}));
}

BOOST_AUTO_TEST_CASE(conv_accumulator_outside_int32_names_layer_channel_and_pixel) {
  OneLayer one(QOp::kConv, {1, 2, 3}, 0, {2, 2, 3});
  one.weights({2, 1, 1, 1}, {1, 1}, {0, INT32_MAX - 1});
  one.layer.requant.assign(2, {1, 31});
  BOOST_TEST(one.run({0, 0, 0, 0, 0, 1}).data[11] == 1);
  try {
    one.run({0, 0, 0, 0, 0, 2});
    BOOST_ERROR("no exception");
  } catch (const InputError& e) {
    BOOST_TEST(std::string(e.what()) ==
               "layer 'layer': accumulator of channel 1 at pixel (1, 2) is 2147483648, legal is "
               "-2147483648..2147483647");
  }
}

BOOST_AUTO_TEST_CASE(conv_names_the_pixel_of_a_large_layer) {
  OneLayer one(QOp::kConv, {600, 40, 40}, 0, {1, 40, 40});  // worked on in blocks of rows
  one.weights({1, 600, 1, 1}, Values(600, 1), {INT32_MAX});
  Values in(600 * 40 * 40, 0);
  in[38 * 40 + 7] = 1;
  BOOST_CHECK_EXCEPTION(one.run(in), InputError, [](const InputError& e) {
    return std::string(e.what()).find("channel 0 at pixel (38, 7)") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(conv_longest_reductions) {
  // 131,071 products of -128 * -128 just fit int32; one more does not, and is caught, not wrapped.
  for (const int64_t channels : {int64_t{131071}, int64_t{131072}}) {
    OneLayer one(QOp::kConv, {channels, 1, 1}, 0, {1, 1, 1});
    const Values all(static_cast<size_t>(channels), -128);
    one.weights({1, channels, 1, 1}, all, {0});
    one.layer.requant = {{1, 25}};
    if (channels == 131071) {
      BOOST_TEST(one.run(all).data == (Values{64}));
    } else {
      BOOST_CHECK_THROW(one.run(all), InputError);
    }
  }
}

BOOST_AUTO_TEST_CASE(max_pool_padding_never_wins) {
  OneLayer one(QOp::kMaxPool, {1, 2, 2}, 0, {1, 3, 3});
  one.layer.kernel_h = one.layer.kernel_w = 2;
  one.pads(1, 1, 1, 1);
  BOOST_TEST(one.run({-100, -50, -128, -7}).data ==
             (Values{-100, -50, -50, -100, -7, -7, -128, -7, -7}));
}

BOOST_AUTO_TEST_CASE(max_pool_stride_dilation_and_clamp) {
  OneLayer one(QOp::kMaxPool, {2, 1, 6}, 0, {2, 1, 2});
  one.layer.kernel_w = 2;
  one.layer.dilation_w = 3;
  one.layer.stride_w = 2;
  one.layer.hi = 50;
  // windows {0, 3} and {2, 5}
  BOOST_TEST(one.run({1, 99, 3, 4, 99, 2, 60, 0, -9, 0, 0, -8}).data == (Values{4, 3, 50, -8}));
}

BOOST_AUTO_TEST_CASE(average_pool_excluding_padding_divides_by_what_it_counts) {
  OneLayer one(QOp::kAveragePool, {1, 1, 3}, 10, {1, 1, 3}, -3);
  one.layer.kernel_w = 3;
  one.pads(0, 1, 0, 1);
  one.layer.requant = {{1, 0}, {1, 1}, {1, 2}};  // made-up factors 1, 1/2, 1/4 for n = 1, 2, 3
  // x - zx = 4, 8, -22: sums 12, -10, -14
  BOOST_TEST(one.run({14, 18, -12}).data == (Values{3, -5, -10}));  // -10 / 4 = -2.5 -> -2
}

BOOST_AUTO_TEST_CASE(average_pool_including_padding_has_one_divisor) {
  OneLayer one(QOp::kAveragePool, {1, 1, 3}, 10, {1, 1, 3}, 0);
  one.layer.kernel_w = 3;
  one.layer.count_include_pad = true;
  one.pads(0, 1, 0, 1);
  one.layer.requant = {{1, 0}, {1, 1}, {1, 2}};
  BOOST_TEST(one.run({14, 18, -12}).data == (Values{3, -2, -4}));  // -14 / 4 = -3.5 -> -4
}

BOOST_AUTO_TEST_CASE(average_pool_global) {
  OneLayer one(QOp::kAveragePool, {2, 2, 2}, -128, {2, 1, 1}, -128);
  one.layer.kernel_h = one.layer.kernel_w = 2;
  one.layer.requant.assign(4, {1, 2});
  // sums of x + 128: 4 * 255 -> 255; 2 -> 0.5 -> 0
  BOOST_TEST(one.run({127, 127, 127, 127, -128, -127, -127, -128}).data == (Values{127, -128}));
}

BOOST_AUTO_TEST_CASE(add_by_hand) {
  OneLayer one(QOp::kAdd, {1, 1, 4}, 3, {1, 1, 4}, -1);
  one.net.tensors.push_back({"b", 1, 1, 4, 1.0, 3, false});
  QLayer make_b;  // b = a, halved
  make_b.op = QOp::kIdentity;
  make_b.name = "b";
  make_b.inputs = {0};
  make_b.output = 2;
  make_b.output_zero_point = 3;
  make_b.requant = {{1, 1}};
  QLayer sum = one.layer;
  sum.inputs = {0, 2};
  sum.ma = 3;
  sum.mb = 2;
  sum.add_shift = 2;
  sum.add_constant = -(3 * 3 + 3 * 2);
  one.net.layers = {make_b, sum};
  const auto values = Golden(one.net).run(Int8Tensor({1, 1, 4}, {5, 8, 3, -128}));
  // a - za = 2, 5, 0, -131; halved to even 1, 2, 0, -66 (-65.5)
  BOOST_TEST(values[2].data == (Values{4, 5, 3, -63}));
  // (3a + 2b) / 4 = 8/4, 19/4, 0, -525/4 = -131.25; plus -1, clamped
  BOOST_TEST(values[1].data == (Values{1, 4, -1, -128}));
}

BOOST_AUTO_TEST_CASE(add_rounds_halves_to_even) {
  OneLayer one(QOp::kAdd, {1, 1, 4}, 0, {1, 1, 4});
  one.layer.inputs = {0, 0};
  one.layer.ma = 1;
  one.layer.mb = 0;
  one.layer.add_shift = 1;
  BOOST_TEST(one.run({1, 3, -1, -3}).data == (Values{0, 2, 0, -2}));
}

BOOST_AUTO_TEST_CASE(concat_places_inputs_in_order) {
  OneLayer one(QOp::kConcat, {2, 1, 2}, 0, {4, 1, 2});
  one.layer.inputs = {0, 0};
  BOOST_TEST(one.run({1, 2, 3, 4}).data == (Values{1, 2, 3, 4, 1, 2, 3, 4}));
}

BOOST_AUTO_TEST_CASE(identity_requantises) {
  OneLayer one(QOp::kIdentity, {1, 1, 5}, 2, {1, 1, 5}, 1);
  one.layer.requant = {{3, 1}};
  one.layer.lo = 1;  // ReLU
  // x - zx = 1, 3, -5, 40, 100: 1.5, 4.5, -7.5, 60, 150
  BOOST_TEST(one.run({3, 5, -3, 42, 102}).data == (Values{3, 5, 1, 61, 127}));
}

BOOST_AUTO_TEST_CASE(every_tensor_is_returned_and_wrong_images_are_refused) {
  OneLayer one(QOp::kIdentity, {1, 1, 2}, 0, {1, 1, 2});
  one.layer.requant = {{1, 0}};
  one.net.layers = {one.layer};
  const Golden golden(one.net);
  const auto values = golden.run(Int8Tensor({1, 1, 2}, {4, -4}));
  BOOST_REQUIRE(values.size() == 2U);
  BOOST_TEST(values[0].data == (Values{4, -4}));
  BOOST_TEST(values[1].data == (Values{4, -4}));
  BOOST_TEST(values[1].shape == (Shape{1, 1, 2}));
  BOOST_CHECK_THROW(golden.run(Int8Tensor({1, 2, 1}, {4, -4})), InputError);
  BOOST_CHECK_THROW(golden.run(Int8Tensor()), InputError);
}

BOOST_AUTO_TEST_CASE(a_network_that_breaks_the_rules_is_refused) {
  OneLayer one(QOp::kConv, {1, 1, 1}, 0, {1, 1, 1});
  one.weights({1, 1, 1, 1}, {1}, {0});
  one.layer.bias.clear();
  BOOST_CHECK_THROW(one.run({1}), InputError);
}
