// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE train_loader
#include "train/load.h"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include "model/error.h"

BOOST_AUTO_TEST_CASE(absent_plugin_is_explained) {
  setenv("AAP_LIB_DIR", "/nonexistent/aap", 1);
  try {
    aap::load_trainer();
    BOOST_FAIL("no exception");
  } catch (const aap::InputError& error) {
    const std::string text = error.what();
    BOOST_TEST(text.find("/nonexistent/aap/libaap_train.so") != std::string::npos, text);
    BOOST_TEST(text.find("install libtorch-dev and rebuild") != std::string::npos, text);
  }
}
