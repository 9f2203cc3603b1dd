// SPDX-License-Identifier: Apache-2.0
// Wave files: written, limited to the cycle window, with a saved view whose signals exist.
#define BOOST_TEST_MODULE trace
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>

#include "verif/test/check_network.h"

namespace {

namespace fs = std::filesystem;
using namespace aap;

uintmax_t traced_size(const fs::path& path, uint64_t first, uint64_t last) {
  verif::SessionOptions options;
  options.trace = {path.string(), first, last};
  const std::string difference =
      verif::check_network(verif::grid_networks()[3], load_config("configs/board.yaml"), 1, options);
  BOOST_TEST(difference.empty(), difference);
  return fs::file_size(path);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_window_limits_the_file_and_a_view_lies_beside_it) {
  const fs::path folder = fs::temp_directory_path() / ("aap_trace_test_" + std::to_string(getpid()));
  fs::create_directories(folder);
  const uintmax_t narrow = traced_size(folder / "narrow.fst", 500, 600);
  const uintmax_t wide = traced_size(folder / "wide.fst", 500, 3000);
  BOOST_TEST(narrow > 0U);
  BOOST_TEST(narrow < wide);
  std::ifstream view(folder / "wide.gtkw");
  const std::string text((std::istreambuf_iterator<char>(view)), {});
  BOOST_TEST(text.find("wide.fst") != std::string::npos);
  BOOST_TEST(text.find("m_axi_rvalid") != std::string::npos);
  fs::remove_all(folder);
}

BOOST_AUTO_TEST_CASE(an_unwritable_wave_file_is_refused) {
  verif::SessionOptions options;
  options.trace.path = "/nowhere/x.fst";
  const std::string difference =
      verif::check_network(verif::grid_networks()[3], load_config("configs/board.yaml"), 1, options);
  BOOST_TEST(difference.find("/nowhere/x.fst") != std::string::npos, difference);
}
