// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE spec
#include <boost/test/unit_test.hpp>

#include "model/error.h"
#include "spec/config.h"
#include "spec/strict_yaml.h"

namespace {

std::string text_of(const aap::Config& config) {
  std::string text;
  for (const auto& [key, value] : config.entries()) text += key + ": " + value + "\n";
  return text;
}

aap::Config board() { return aap::load_config("configs/board.yaml"); }

// The text with one line replaced.
std::string with(const std::string& key, const std::string& value) {
  std::string out;
  for (const auto& [k, v] : board().entries()) out += k + ": " + (k == key ? value : v) + "\n";
  return out;
}

void refuses(const std::string& text, const std::string& part) {
  try {
    aap::parse_config(text, "x.yaml");
    BOOST_ERROR("accepted, but should name: " + part);
  } catch (const aap::InputError& e) {
    const std::string what = e.what();
    BOOST_TEST(what.find(part) != std::string::npos, what);
    BOOST_TEST(what.find("x.yaml") == 0U, what);
    BOOST_TEST(what.find('\n') == std::string::npos);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(both_configurations_load) {
  const aap::Config b = board();
  BOOST_TEST(b.multipliers() == 128);
  BOOST_TEST(b.row_beats() == 12);
  BOOST_TEST(b.drain_cycles() == 4);
  const aap::Config s = aap::load_config("configs/small.yaml");
  BOOST_TEST(s.multipliers() == 16);
  BOOST_TEST(s.row_beats() == 6);
  BOOST_TEST(s.hash() != b.hash());
}

BOOST_AUTO_TEST_CASE(shared_indices_are_counted_once) {
  const aap::Config dense = aap::load_config("configs/board_dense.yaml");
  BOOST_TEST(dense.multipliers() == 128);
  BOOST_TEST(dense.row_bits() == 128 * 8);
  BOOST_TEST(dense.offset_bits() == 12);
  const aap::Config shared = aap::parse_config(with("share", "4"), "x.yaml");
  BOOST_TEST(shared.row_bits() == 128 * 8 + 32 * 4);
  std::string deep;
  for (const auto& [key, value] : dense.entries()) deep += key + ": " + (key == "act_depth" ? "8192" : value) + "\n";
  refuses(deep, "'act_depth' is 8192, legal is 64..4096");
}

BOOST_AUTO_TEST_CASE(window_has_keys_of_its_own) {
  const aap::Config c = aap::load_config("verif/grid/window_w256_t16_p16.yaml");
  BOOST_TEST(c.lanes == 16);
  BOOST_TEST(c.multipliers() == 256);
  BOOST_TEST(c.row_bits() == 16 * (16 * (8 + 8 + 1) + 1));
  BOOST_TEST(aap::parse_config(text_of(c), "x.yaml").hash() == c.hash());
  const auto changed = [&](const std::string& key, const std::string& value) {
    std::string text;
    for (const auto& [k, v] : c.entries()) text += k + ": " + (k == key ? value : v) + "\n";
    return text;
  };
  refuses(changed("window", "512"), "'window' is 512, legal is 16..256");
  refuses(changed("window_multipliers", "3"), "'window_multipliers' is 3, legal is 1, 2, 4, 8, 16");
  refuses(changed("residual_passes", "3"), "'residual_passes' is 3, legal is 1");
  refuses(changed("share", "2"), "'share' is 2, legal is 1");
}

BOOST_AUTO_TEST_CASE(text_round_trip_keeps_the_hash) {
  BOOST_TEST(aap::parse_config(text_of(board()), "x.yaml").hash() == board().hash());
  BOOST_TEST(aap::parse_config(with("name", "other"), "x.yaml").hash() == board().hash());
  BOOST_TEST(aap::parse_config(with("act_depth", "1024"), "x.yaml").hash() != board().hash());
}

BOOST_AUTO_TEST_CASE(bad_keys_and_numbers) {
  refuses(text_of(board()) + "group: 16\n", "'group' appears twice");
  refuses(text_of(board()) + "grop: 16\n", "'grop' is unknown");
  refuses("name: x\n", "'select' is missing");
  refuses(with("lanes", "010"), "'lanes' is '010'");
  refuses(with("lanes", "4.0"), "'lanes' is '4.0'");
  refuses(with("lanes", "0x4"), "'lanes' is '0x4'");
  refuses(with("lanes", "99999999999999999999"), "'lanes'");
  refuses(with("lanes", "[1]"), "plain scalars");
  refuses("a: [", "not YAML");
  refuses("- 1\n- 2\n", "not a map");
  refuses("", "not a map");
}

BOOST_AUTO_TEST_CASE(illegal_values_name_the_legal_range) {
  refuses(with("group", "5"), "'group' is 5, legal is 4, 8, 16");
  refuses(with("lanes", "3"), "'lanes' is 3");
  refuses(with("requantisers", "16"), "'requantisers'");
  refuses(with("pes", "16"), "requantisers");  // 16 / 8 < 4
  refuses(with("act_depth", "1000"), "powers of two");
  refuses(with("accumulator_width", "40"), "20..32");
  refuses(with("residual_passes", "2"), "'residual_passes' is 2, legal is 1, 3");
  aap::Config narrow = board();
  narrow.residual_passes = 3;
  narrow.accumulator_width = 20;
  narrow.add_multiplier_width = 20;
  refuses(text_of(narrow), "'add_multiplier_width' is 20, legal with residual_passes 3 is below");
  refuses(with("add_multiplier_width", "24"), "'add_multiplier_width' is 24, legal is 16..23");
  refuses(with("max_row_cycles", "3"), "'max_row_cycles' is 3, legal is 1, 2");
  refuses(with("max_row_cycles", "2"), "'max_row_cycles' is 2, legal is 1 with more than one lane");
  refuses(with("outstanding", "3"), "'outstanding' is 3, legal is 1, 2, 4, 8, 16");
  refuses(with("select", "NONE"), "legal is GROUP");
  refuses(with("select", "DENSE"), "'share' is 1, legal with DENSE is pes = 32");
  refuses(with("share", "3"), "'share' is 3, legal are powers of two");
  refuses(with("share", "64"), "'share' is 64, legal is 1..32");
  refuses(with("name", "Bad-Name"), "'name'");
}

BOOST_AUTO_TEST_CASE(missing_file_is_named) {
  BOOST_CHECK_EXCEPTION(aap::load_config("/nowhere.yaml"), aap::InputError, [](const auto& e) {
    return std::string(e.what()).find("/nowhere.yaml") == 0;
  });
}
