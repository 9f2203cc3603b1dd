// SPDX-License-Identifier: Apache-2.0
// Processes: crashes, hangs, second runs; then cases that must fail on the accelerator.
#define BOOST_TEST_MODULE regress_runner
#include <boost/test/unit_test.hpp>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>

#include "verif/regress/results.h"
#include "verif/regress/runner.h"
#include "verif/regress/test/suite_folder.h"

namespace {

using namespace aap::regress;
using regress_test::Folder;

Case named(const std::string& name) {
  Case c;
  c.test = name;
  c.config = "configs/board.yaml";
  c.limits.wall_seconds = 20;
  return c;
}

std::map<std::string, CaseResult> run(const std::vector<Case>& cases, const CaseWork& work, bool trace = false) {
  const Folder folder;
  RunOptions options;
  options.jobs = 4;
  options.folder = folder / "out";
  if (trace) options.can_trace = [](const Case&) { return true; };
  std::map<std::string, CaseResult> results;
  run_cases(cases, options, work, [&](const Case& c, const CaseResult& r) { results[c.test] = r; });
  return results;
}

CaseResult failure(const std::string& message) {
  CaseResult r;
  r.status = "fail";
  r.cause = "values";
  r.message = message;
  return r;
}

Case accelerator_case(const std::string& kind, const Parameters& parameters, const std::string& result) {
  Case c = named(kind);
  c.kind = kind;
  c.parameters = parameters;
  c.seed = 7;
  c.expect = {result, true};
  c.limits = {60, 400000, 2000};
  return c;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_process_that_dies_is_a_failure_of_its_case_alone) {
  const auto results = run({named("good"), named("abort"), named("exit"), named("throw"), named("after")},
                           [](const Case& c, const std::string&) {
                             if (c.test == "abort") {
                               signal(SIGABRT, SIG_DFL);  // Boost.Test has a handler
                               std::abort();
                             }
                             if (c.test == "exit") _exit(3);
                             if (c.test == "throw") throw std::runtime_error("thrown");
                             return CaseResult{};
                           });
  BOOST_REQUIRE(results.size() == 5U);
  BOOST_TEST(results.at("good").status == "pass");
  BOOST_TEST(results.at("after").status == "pass");
  BOOST_TEST(results.at("abort").cause == "signal 6");
  BOOST_TEST(results.at("exit").cause == "exit 3");
  BOOST_TEST(results.at("throw").message == "thrown");
  for (const char* name : {"abort", "exit", "throw"}) BOOST_TEST(results.at(name).status == "fail");
}

BOOST_AUTO_TEST_CASE(a_hanging_case_is_killed_at_its_limit) {
  Case hang = named("hang");
  hang.limits.wall_seconds = 1;
  const auto begin = std::chrono::steady_clock::now();
  const auto results = run({hang, named("good")}, [](const Case& c, const std::string&) {
    signal(SIGTERM, SIG_IGN);
    while (c.test == "hang") usleep(1000);
    return CaseResult{};
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  BOOST_TEST(results.at("hang").status == "fail");
  BOOST_TEST(results.at("hang").cause == "wall limit");
  BOOST_TEST(results.at("good").status == "pass");
  BOOST_TEST(seconds >= 2);  // twice its limit
  BOOST_TEST(seconds < 15);
}

BOOST_AUTO_TEST_CASE(a_failure_runs_again_and_must_fail_the_same_way) {
  const auto results = run({named("stable"), named("passes"), named("differs")},
                           [](const Case& c, const std::string& waves) {
                             if (!waves.empty()) std::ofstream(waves) << "waves";
                             if (c.test == "stable") return failure("same");
                             if (waves.empty()) return failure("first");
                             return c.test == "passes" ? CaseResult{} : failure("second");
                           },
                           true);
  BOOST_TEST(results.at("stable").status == "fail");
  BOOST_TEST(results.at("stable").waves.find("stable_0.fst") != std::string::npos);
  BOOST_TEST(results.at("passes").status == "unstable");
  BOOST_TEST(results.at("differs").status == "unstable");
}

BOOST_AUTO_TEST_CASE(cases_that_must_fail_on_the_accelerator_do) {
  const Parameters network = {{"network", "residual_block"}};
  Parameters fault = network;
  fault.insert({{"fault", "read_response"}, {"response", "SLVERR"}, {"burst", "0"}, {"beat", "0"}});
  BOOST_TEST(run_case(accelerator_case("network", network, "done"), "").status == "pass");
  BOOST_TEST(run_case(accelerator_case("cycles", network, "done"), "").status == "pass");
  BOOST_TEST(run_case(accelerator_case("fault", fault, "READ_SLVERR"), "").status == "pass");
  BOOST_TEST(run_case(accelerator_case("fault", fault, "READ_DECERR"), "").cause == "error READ_SLVERR");
  Case c = accelerator_case("fault", fault, "READ_SLVERR");
  c.expect.irq = false;
  BOOST_TEST(run_case(c, "").cause == "interrupt");
  c = accelerator_case("fault", fault, "READ_SLVERR");
  c.parameters["burst"] = "100000";  // never reached: no fault, no error
  BOOST_TEST(run_case(c, "").cause == "error done");
  c = accelerator_case("network", network, "done");
  c.limits.cycles = 100;
  BOOST_TEST(run_case(c, "").cause == "cycle limit");
  c = accelerator_case("fault", network, "BUS_HUNG");
  c.parameters.insert({{"fault", "hang"}, {"burst", "4"}, {"watchdog", "2000"}, {"drain_limit", "5000"}});
  c.limits.idle_cycles = 1000;
  BOOST_TEST(run_case(c, "").cause == "idle limit");
}

BOOST_AUTO_TEST_CASE(reports_escape_what_they_show) {
  Report report;
  report.suite = "s";
  Case c = named("t");
  c.seed = 5;
  CaseResult r = failure("a < b & \"c\" \x01");
  report.entries = {{c, r, ""}, {named("u"), {}, ""}};
  const std::string xml = junit_report(report), html = html_report(report);
  for (const std::string& text : {xml, html}) {
    BOOST_TEST(text.find("a &lt; b &amp; &quot;c&quot; ?") != std::string::npos);
    BOOST_TEST(text.find("aap regress s --only &#39;t[0]&#39; --seed 5") != std::string::npos);
  }
  BOOST_TEST(xml.find("tests=\"2\" failures=\"1\"") != std::string::npos);
  BOOST_TEST(json_report(report).at("causes").at("values") == 1);
}
