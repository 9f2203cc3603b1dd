// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE golden_evaluate
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "golden/test/one_layer.h"
#include "model/error.h"

using namespace aap;
using aap::test::OneLayer;

namespace {

// 1 x 2 x 2 input; two outputs, the sums of the upper and of the lower row: class 0 is "brighter
// above" (and a tie), class 1 "brighter below".
QNetwork brighter_row() {
  OneLayer one(QOp::kConv, {1, 2, 2}, -128, {2, 1, 1});
  one.weights({2, 1, 2, 2}, {1, 1, 0, 0, 0, 0, 1, 1}, {0, 0});
  one.layer.requant.assign(2, {1, 2});
  one.net.tensors[0].scale = 1.0F / 255.0F;
  one.net.layers = {one.layer};
  return one.net;
}

Dataset images() {
  Dataset d;
  d.name = "made";
  d.image_shape = {1, 2, 2};
  for (int i = 0; i < 40; ++i) {
    const bool below = i % 3 == 0;
    const uint8_t bright = static_cast<uint8_t>(200 + i);
    for (const bool lower : {false, false, true, true}) {
      d.pixels.push_back(lower == below ? bright : uint8_t{7});
    }
    // Every fourth label is wrong.
    d.labels.push_back(static_cast<uint8_t>((below ? 1 : 0) ^ (i % 4 == 0 ? 1 : 0)));
  }
  return d;
}

}  // namespace

BOOST_AUTO_TEST_CASE(quantise_input_by_hand) {
  QNetwork net = brighter_row();
  const uint8_t pixels[] = {0, 255, 1, 128};
  BOOST_TEST(quantise_input(net, pixels).data == (std::vector<int8_t>{-128, 127, -127, 0}));
  net.tensors[0].zero_point = 0;  // saturates above
  BOOST_TEST(quantise_input(net, pixels).data == (std::vector<int8_t>{0, 127, 1, 127}));
  net.preprocessing.mean = {1.0F};  // and below
  net.preprocessing.std = {0.5F};
  BOOST_TEST(quantise_input(net, pixels).data == (std::vector<int8_t>{-128, 0, -128, -128}));
  net.preprocessing.mean = {0.0F};
  net.preprocessing.std = {1.0F};
  net.tensors[0].scale = 2.0F;  // 1 / 2 is a half and goes to even
  const uint8_t white[] = {255, 255, 255, 0};
  BOOST_TEST(quantise_input(net, white).data == (std::vector<int8_t>{0, 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(quantise_input_is_dataset_batch_quantised) {
  QNetwork net = brighter_row();
  net.preprocessing.mean = {0.286F};
  net.preprocessing.std = {0.353F};
  net.tensors[0].scale = 0.0111F;
  net.tensors[0].zero_point = -55;
  Dataset d;
  d.name = "every pixel value";
  d.image_shape = {1, 2, 2};
  for (int i = 0; i < 256; ++i) d.pixels.push_back(static_cast<uint8_t>(i));
  d.labels.assign(64, 0);
  const FloatTensor batch = d.batch(0, 64, net.preprocessing);
  for (size_t image = 0; image < 64; ++image) {
    const Int8Tensor q = quantise_input(net, &d.pixels[image * 4]);
    for (size_t i = 0; i < 4; ++i) {
      const double exact = std::nearbyint(batch.data[image * 4 + i] / 0.0111F) - 55;
      BOOST_TEST(q.data[i] == std::min(127.0, std::max(-128.0, exact)));
    }
  }
}

BOOST_AUTO_TEST_CASE(argmax_takes_the_first_of_equals) {
  BOOST_TEST(argmax(Int8Tensor({4, 1, 1}, {-5, 3, 3, 1})) == 1);
  BOOST_TEST(argmax(Int8Tensor({2, 1, 1}, {-128, -128})) == 0);
  BOOST_CHECK_THROW(argmax(Int8Tensor()), InputError);
}

BOOST_AUTO_TEST_CASE(accuracy_does_not_depend_on_threads) {
  const QNetwork net = brighter_row();
  const Dataset d = images();
  for (const int threads : {1, 2, 5}) {
    int64_t calls = 0;
    const double accuracy = evaluate(net, d, 0, 40, threads, [&](int64_t done, int64_t total) {
      BOOST_TEST(done == ++calls);
      BOOST_TEST(total == 40);
    });
    BOOST_TEST(accuracy == 75.0);
    BOOST_TEST(calls == 40);
  }
  BOOST_TEST(evaluate(net, d, 1, 3) == 100.0);
  BOOST_TEST(evaluate(net, d, 36, 100) == 75.0);  // cut at the end: 36..39
}

BOOST_AUTO_TEST_CASE(bad_requests_are_refused) {
  const QNetwork net = brighter_row();
  Dataset d = images();
  BOOST_CHECK_THROW(evaluate(net, d, 40, 1), InputError);
  BOOST_CHECK_THROW(evaluate(net, d, -1, 1), InputError);
  BOOST_CHECK_THROW(evaluate(net, d, 0, 0), InputError);
  BOOST_CHECK_THROW(evaluate(net, d, 0, 1, 0), InputError);
  d.image_shape = {1, 4, 1};
  BOOST_CHECK_THROW(evaluate(net, d, 0, 1), InputError);
}

BOOST_AUTO_TEST_CASE(an_error_in_a_thread_reaches_the_caller) {
  QNetwork net = brighter_row();
  net.layers[0].bias = {INT32_MAX, 0};
  for (const int threads : {1, 3}) {
    BOOST_CHECK_THROW(evaluate(net, images(), 0, 40, threads), InputError);
  }
}
