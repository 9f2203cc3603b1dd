// SPDX-License-Identifier: Apache-2.0
// Suite files: what they stand for, and what is refused by file and key.
#define BOOST_TEST_MODULE regress_suites
#include <boost/test/unit_test.hpp>

#include <set>

#include "model/error.h"
#include "verif/regress/suite.h"
#include "verif/regress/test/suite_folder.h"

namespace {

using namespace aap::regress;
using namespace regress_test;

void refused(const Folder& folder, const std::string& text, const std::string& part) {
  folder.write(text);
  try {
    load_suites(folder.suites());
    BOOST_ERROR("accepted: " << part);
  } catch (const aap::InputError& e) {
    const std::string what = e.what();
    BOOST_TEST(what.find(part) != std::string::npos, "'" << what << "' does not say " << part);
    BOOST_TEST(what.find("a.yaml") != std::string::npos, what);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_stands_for_the_cross_product_of_its_lists) {
  const Folder folder;
  folder.write(kGood);
  const auto cases = suite_cases(load_suites(folder.suites()), "all");
  BOOST_REQUIRE(cases.size() == 6U);
  BOOST_TEST(cases[3].id() == "values[3]");
  BOOST_TEST(cases[1].parameters.at("stall_percent") == "0");
  BOOST_TEST(cases[2].parameters.at("stall_percent") == "20");
  BOOST_TEST(cases[4].expect.result == "READ_SLVERR");
  BOOST_TEST(cases[5].expect.result == "READ_DECERR");
  BOOST_TEST(cases[5].parameters.at("beat") == "-1");
  BOOST_TEST(cases[5].parameters.count("result") == 0U);
}

BOOST_AUTO_TEST_CASE(seeds_are_the_crc_of_suite_test_and_index) {
  // zlib.crc32(b"all/values/0") and so on, of another program.
  BOOST_TEST(seed_of("all", "values", 0) == 1661988186U);
  BOOST_TEST(seed_of("all", "values", 1) == 336125388U);
  BOOST_TEST(seed_of("ci", "values", 0) == 3044771132U);
  const Folder folder;
  folder.write(kGood);
  const auto cases = suite_cases(load_suites(folder.suites()), "all");
  BOOST_TEST(cases[1].seed == seed_of("all", "values", 1));
}

BOOST_AUTO_TEST_CASE(shards_are_a_partition) {
  std::vector<Case> cases(23);
  for (size_t i = 0; i < cases.size(); ++i) cases[i].index = static_cast<int>(i);
  for (const int n : {1, 2, 5, 23}) {
    std::multiset<int> seen;
    for (int i = 1; i <= n; ++i) {
      for (const Case& c : shard_cases(cases, std::to_string(i) + "/" + std::to_string(n))) seen.insert(c.index);
    }
    BOOST_TEST(seen.size() == cases.size());
    BOOST_TEST(std::set<int>(seen.begin(), seen.end()).size() == cases.size());
  }
  for (const char* bad : {"", "1", "0/2", "3/2", "1/0", "01/2", "a/b", "1/2/3", "24/24"}) {
    BOOST_CHECK_THROW(shard_cases(cases, bad), aap::InputError);
  }
}

BOOST_AUTO_TEST_CASE(bad_files_are_refused_by_file_and_key) {
  const Folder folder;
  const auto bad = [&](const std::string& from, const std::string& to, const std::string& part) {
    refused(folder, replaced(kGood, from, to), part);
  };
  for (const std::string key : {"doc: A network.", "shows: values", "kind: network", "config: configs/board.yaml",
                                "parameters: {network: residual_block}", "seeds: 2", "expect: {result: done, irq: 1}",
                                "limits: {wall_seconds: 60, cycles: 400000}", "tags: [quick, other]"}) {
    bad("    " + key + "\n", "", "key '" + key.substr(0, key.find(':')) + "' is missing");
    bad("    " + key + "\n", "    " + key + "\n    " + key + "\n", "appears twice");
  }
  bad("    seeds: 2\n", "    seeds: 2\n    speed: 3\n", "key 'speed' is unknown");
  bad("seeds: 2", "seeds: 010", "key 'seeds' is '010'");
  bad("seeds: 2", "seeds: 0", "key 'seeds' is 0");
  bad("seeds: 2", "seeds: two", "key 'seeds'");
  bad("wall_seconds: 60", "wall_seconds: 1.5", "wall_seconds");
  bad("wall_seconds: 60, ", "", "key 'wall_seconds' is missing");
  bad("cycles: 400000}", "cycles: 400000, idle_cycles: 5}", "key 'idle_cycles' is unknown");
  bad(", idle_cycles: 2000", "", "key 'idle_cycles' is missing");
  bad("kind: network", "kind: networks", "key 'kind'");
  bad("config: configs/board.yaml", "config: configs/none.yaml", "configs/none.yaml");
  bad("config: configs/board.yaml", "config: []", "key 'config' is empty");
  bad("network: residual_block", "network: residual", "key 'network' is 'residual'");
  bad("[0, 20]", "[0, 020]", "key 'stall_percent' is '020'");
  bad("[0, 20]", "[0, 100]", "key 'stall_percent' is 100, legal is 0..99");
  bad("[0, 20]", "[]", "key 'stall_percent' is empty");
  bad("stall_percent: [", "network: [", "key 'network' appears twice");
  bad("stall_percent: [", "latency: [", "key 'latency' is unknown");
  bad("kind: network", "kind: cycles", "key 'stall_percent' is unknown for kind 'cycles'");
  bad("fault: read_response", "fault: read_respond", "key 'fault'");
  bad("fault: read_response, ", "", "key 'fault' is missing");
  bad("fault: read_response", "fault: abort", "key 'after' is missing");
  bad("response: SLVERR", "response: slverr", "key 'response'");
  bad("result: READ_DECERR", "result: READ_ERROR", "key 'result' is 'READ_ERROR'");
  bad("result: done", "result: WATCHDOG", "legal for kind 'network' is done");
  bad("irq: 1", "irq: 2", "key 'irq' is 2");
  bad("tags: [quick, other]", "tags: [quick, quick]", "twice");
  bad("name: faulty", "name: values", "test 'values' is also in");
  bad("name: faulty", "name: Faulty", "key 'name'");
  bad("tags: [quick]", "tags: [slow]", "no test has the tag 'slow'");
  bad("tags: [quick]", "names: [slow]", "no test is named 'slow'");
  bad("    tags: [quick]\n", "", "key 'tags' or 'names' is missing");
  bad("tags: [quick]", "tags: [quick]\n    without: [quick]", "select no test");
  bad("suites:", "suits:", "key 'suits' is unknown");
  refused(folder, "tests: []\nmore: 1\n", "key 'more' is unknown");
  refused(folder, "- 1\n", "not a map");
  refused(folder, "tests: {a: 1}\n", "key 'tests' is a map of keys");
}

BOOST_AUTO_TEST_CASE(unknown_suites_and_empty_selections_are_refused) {
  const Folder folder;
  BOOST_CHECK_THROW(load_suites(folder.suites()), aap::InputError);  // no file
  BOOST_CHECK_THROW(load_suites(folder / "none"), aap::InputError);
  folder.write(kGood);
  const SuiteFolder all = load_suites(folder.suites());
  BOOST_CHECK_THROW(suite_cases(all, "none"), aap::InputError);
  const auto cases = suite_cases(all, "all");
  BOOST_TEST(only_cases(cases, {"values", "faulty[1]"}).size() == 5U);
  BOOST_CHECK_THROW(only_cases(cases, {"values", "faulty[2]"}), aap::InputError);
}

BOOST_AUTO_TEST_CASE(the_suites_of_the_project_load) {
  const SuiteFolder all = load_suites("verif/suites");
  for (const char* suite : {"smoke", "ci", "nightly"}) BOOST_TEST(!suite_cases(all, suite).empty());
}
