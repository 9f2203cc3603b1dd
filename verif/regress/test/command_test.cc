// SPDX-License-Identifier: Apache-2.0
// aap regress from the outside.
#define BOOST_TEST_MODULE regress_command
#include <boost/test/unit_test.hpp>

#include <nlohmann/json.hpp>

#include "cli/test/run_aap.h"
#include "verif/regress/test/suite_folder.h"

namespace {

using cli_test::aap;
using cli_test::Output;
using regress_test::kGood;
using regress_test::read_file;
using regress_test::replaced;

struct Bench {
  regress_test::Folder folder;
  explicit Bench(const std::string& text) { folder.write(text); }
  std::string options() const { return " --suites '" + folder.suites() + "' --out '" + (folder / "out") + "'"; }
  Output run(const std::string& more) const { return aap("regress all" + options() + " " + more); }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// faulty[0] expects a code that it cannot give.
std::string planted() { return replaced(kGood, "result: READ_SLVERR", "result: WATCHDOG"); }

}  // namespace

BOOST_AUTO_TEST_CASE(a_planted_failure_gives_exit_1_and_a_command_that_repeats_it) {
  const Bench b(planted());
  const Output o = b.run("-j 2 --junit " + (b.folder / "j.xml") + " --json " + (b.folder / "r.json") + " --html " + (b.folder / "r.html"));
  BOOST_TEST(o.code == 1);
  BOOST_TEST(o.err.empty(), "progress without a terminal: " << o.err);
  BOOST_TEST(has(o.out, "FAIL faulty[0] (error READ_SLVERR): ended with READ_SLVERR"), o.out);
  BOOST_TEST(has(o.out, "all: 6 cases: 5 passed, 1 failed, 0 unstable"), o.out);
  const auto json = nlohmann::json::parse(read_file(b.folder / "r.json"));
  const auto failed = json.at("results").at(4);
  BOOST_TEST(failed.at("case") == "faulty[0]");
  BOOST_TEST(cli_test::fs::file_size(failed.at("waves").get<std::string>()) > 1000U);
  BOOST_TEST(has(read_file(b.folder / "j.xml"), "<failure type=\"error READ_SLVERR\""));
  BOOST_TEST(has(read_file(b.folder / "r.html"), "error READ_SLVERR: 1</h2>"));

  const std::string repeat = failed.at("repeat");
  BOOST_TEST(has(o.out, "repeat: " + repeat), o.out);
  BOOST_REQUIRE(repeat.rfind("aap ", 0) == 0);
  const Output again = aap(repeat.substr(4));
  BOOST_TEST(again.code == 1);
  BOOST_TEST(has(again.out, failed.at("message").get<std::string>()), again.out);
  BOOST_TEST(has(again.out, "seed " + std::to_string(failed.at("seed").get<uint32_t>())), again.out);
  BOOST_TEST(has(again.out, "all: 1 cases: 0 passed, 1 failed"), again.out);
}

BOOST_AUTO_TEST_CASE(failed_and_resume_run_what_is_left) {
  const Bench b(planted());
  cli_test::refuses("regress all" + b.options() + " --failed", "--failed needs");
  BOOST_TEST(b.run("--only faulty").code == 1);
  BOOST_TEST(has(b.run("--failed --dry-run").out, "\n1 cases\n"));
  const Output failed = b.run("--failed");
  BOOST_TEST(failed.code == 1);
  BOOST_TEST(has(failed.out, "all: 1 cases: 0 passed, 1 failed"), failed.out);
  const Output resumed = b.run("--resume -j 2");  // faulty[1] passed, values have not run
  BOOST_TEST(has(resumed.out, "1 of 6 cases passed before"), resumed.out);
  BOOST_TEST(has(resumed.out, "all: 6 cases: 5 passed, 1 failed"), resumed.out);
  b.folder.write(replaced(kGood, "stall_percent: [0, 20]", "stall_percent: [0, 30]"));
  const Output mended = b.run("--resume -j 2");  // values[2], values[3] and faulty[0] have changed
  BOOST_TEST(mended.code == 0);
  BOOST_TEST(has(mended.out, "3 of 6 cases passed before"), mended.out);
  cli_test::refuses("regress all" + b.options() + " --failed", "no selected case failed");
}

BOOST_AUTO_TEST_CASE(lists_without_running) {
  const Bench b(kGood);
  const Output o = b.run("--dry-run");
  BOOST_TEST(o.code == 0);
  BOOST_TEST(has(o.out, "values[2] seed "), o.out);
  BOOST_TEST(has(o.out, "\n6 cases\n"), o.out);
  BOOST_TEST(!cli_test::fs::exists(b.folder / "out"));
  BOOST_TEST(has(b.run("--dry-run --shard 2/4").out, "\n2 cases\n"));
}

BOOST_AUTO_TEST_CASE(bad_requests_are_refused) {
  const Bench b(kGood);
  const std::string all = "regress all" + b.options();
  cli_test::refuses("regress none" + b.options(), "no suite is named 'none'");
  cli_test::refuses(all + " --only nothing", "--only: 'nothing'");
  cli_test::refuses(all + " --shard 3/2", "--shard");
  cli_test::refuses(all + " --shard 7/7", "selects nothing");
  cli_test::refuses(all + " --seed 5", "legal is one");
  cli_test::refuses(all + " --only 'values[0]' --seed 010", "010");
  cli_test::refuses(all + " --only 'values[0]' --seed 4294967296", "4294967295");
  cli_test::refuses(all + " -j 0", "jobs");
  cli_test::refuses(all + " --failed --resume", "--failed");
}
