// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE prune_study
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "model/error.h"
#include "prune/study/study_statistics.h"

using namespace aap;
using namespace aap::study;

BOOST_AUTO_TEST_CASE(accuracy_counts_scored_images_only) {
  BOOST_TEST(accuracy("11-0-1") == 75.0);
  BOOST_CHECK_THROW(accuracy("---"), InputError);
}

BOOST_AUTO_TEST_CASE(mean_and_spread_over_runs) {
  const Summary s = summarise({"1100", "1110", "1000"});
  BOOST_TEST(s.mean == 50.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(s.spread == 25.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(summarise({"10"}).spread == 0.0);
}

BOOST_AUTO_TEST_CASE(differences_are_paired) {
  // Each method is wrong on half of the images, but always on the same ones: no doubt at all.
  Marks half(1000, '0'), better;
  for (size_t i = 0; i < 500; ++i) half[2 * i] = '1';
  Difference d = paired_difference({half}, {half});
  BOOST_TEST(d.mean == 0.0);
  BOOST_TEST(d.high == 0.0);
  // Ten images more: p = 0.01, so the error is sqrt(p (1 - p) / 999).
  better = half;
  for (size_t i = 0; i < 10; ++i) better[2 * i + 1] = '1';
  d = paired_difference({better}, {half});
  BOOST_TEST(d.mean == 1.0, boost::test_tools::tolerance(1e-9));
  const double width = 1.96 * 100.0 * std::sqrt(0.01 * 0.99 / 999);
  BOOST_TEST(d.low == 1.0 - width, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(d.high == 1.0 + width, boost::test_tools::tolerance(1e-9));
  // Runs that differ add their own doubt.
  const Difference two = paired_difference({better, half}, {half, half});
  BOOST_TEST(two.mean == 0.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(two.high - two.low > 2 * 1.96 * 0.49);
  BOOST_CHECK_THROW(paired_difference({"1-"}, {"11"}), InputError);
  BOOST_CHECK_THROW(paired_difference({"1"}, {}), InputError);
}
