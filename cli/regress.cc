// SPDX-License-Identifier: Apache-2.0
#include "cli/regress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "model/error.h"
#include "spec/strict_yaml.h"
#include "verif/dut.h"
#include "verif/regress/results.h"
#include "verif/regress/runner.h"
#include "verif/regress/suite.h"

namespace aap::cli {
namespace {

constexpr const char* kFolder = "verif/suites";
constexpr const char* kOut = "out/regress";

struct RegressArguments {
  std::string suite, folder = kFolder, out = kOut, shard, seed, junit, json, html;
  std::vector<std::string> only;
  int jobs = 1;
  bool failed = false, resume = false, dry_run = false;
};

std::vector<regress::Case> select(const RegressArguments& a) {
  std::vector<regress::Case> cases = regress::suite_cases(regress::load_suites(a.folder), a.suite);
  if (!a.only.empty()) cases = regress::only_cases(cases, a.only);
  if (!a.shard.empty()) cases = regress::shard_cases(cases, a.shard);
  if (!a.seed.empty()) {
    const int64_t seed = strict_integer(a.seed, "aap regress", "--seed");
    if (seed < 0 || seed > 0xffffffff) throw_input("--seed: {}, legal is 0..4294967295", seed);
    if (cases.size() != 1) throw_input("--seed: {} cases are selected, legal is one (--only NAME[index])", cases.size());
    cases[0].seed = static_cast<uint32_t>(seed);
  }
  return cases;
}

std::string state_path(const RegressArguments& a) {
  std::string shard = a.shard;
  std::replace(shard.begin(), shard.end(), '/', 'o');
  return fmt::format("{}/{}{}.json", a.out, a.suite, shard.empty() ? "" : "." + shard);
}

int list_cases(const std::vector<regress::Case>& cases) {
  for (const regress::Case& c : cases) fmt::print("{} seed {} {}\n", c.id(), c.seed, c.text());
  fmt::print("{} cases\n", cases.size());
  return kOk;
}

void print_failure(const regress::Report& report, const regress::Entry& e) {
  fmt::print("{} {} ({}): {}\n  seed {}: {}\n{}  repeat: {}\n", e.result.status == "fail" ? "FAIL" : "UNSTABLE", e.c.id(),
             e.result.cause, e.result.message, e.c.seed, e.c.text(),
             e.result.waves.empty() ? "" : fmt::format("  waves: {}\n", e.result.waves),
             regress::repeat_command(report, e.c));
  std::fflush(stdout);
}

int run_regress(const RegressArguments& a) {
  std::vector<regress::Case> cases = select(a);
  const std::string path = state_path(a);
  regress::State state(path);
  if (a.failed) {
    if (!state.found()) throw_input("{}: no results of an earlier run, which --failed needs", path);
    cases.erase(std::remove_if(cases.begin(), cases.end(), [&](const auto& c) { return !state.failed(c.id()); }), cases.end());
    if (cases.empty()) throw_input("--failed: no selected case failed in the last run ({})", path);
  }
  if (a.dry_run) return list_cases(cases);
  std::error_code error;
  std::filesystem::create_directories(a.out, error);

  regress::Report report;
  report.suite = a.suite;
  if (a.folder != kFolder) report.options += fmt::format(" --suites '{}'", a.folder);
  if (a.out != kOut) report.options += fmt::format(" --out '{}'", a.out);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<regress::Case> todo;
  std::map<std::string, regress::Entry> done;
  for (const regress::Case& c : cases) {
    const std::string digest = regress::digest_of(c);
    if (a.resume && state.passed(c.id(), digest)) {
      done[c.id()] = {c, state.result(c.id()), digest};
    } else {
      todo.push_back(c);
      if (!a.failed) state.forget(c.id());  // a failure stays one until its case has run again
    }
  }
  state.save(true);
  if (!done.empty()) fmt::print("{} of {} cases passed before\n", done.size(), cases.size());

  ProgressLine progress("regress " + a.suite);
  regress::RunOptions options;
  options.jobs = a.jobs;
  options.folder = fmt::format("{}/{}", a.out, a.suite);
  options.can_trace = [](const regress::Case& c) {
    return !verif::find_dut(std::filesystem::path(c.config).stem().string(), true).empty();
  };
  regress::run_cases(todo, options, regress::run_case, [&](const regress::Case& c, const regress::CaseResult& result) {
    const regress::Entry entry{c, result, regress::digest_of(c)};
    done[c.id()] = entry;
    state.put(entry);
    state.save(result.status != "pass");
    if (result.status != "pass") print_failure(report, entry);
    progress(static_cast<int64_t>(done.size()), static_cast<int64_t>(cases.size()));
  });
  state.save(true);

  for (const regress::Case& c : cases) report.entries.push_back(done.at(c.id()));
  report.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!a.junit.empty()) write_file(a.junit, regress::junit_report(report));
  if (!a.json.empty()) write_file(a.json, regress::json_report(report).dump(2) + "\n");
  if (!a.html.empty()) write_file(a.html, regress::html_report(report));
  fmt::print("{}: {} cases: {} passed, {} failed, {} unstable; {:.1f} s\n", a.suite, report.entries.size(),
             report.count("pass"), report.count("fail"), report.count("unstable"), report.wall_seconds);
  return report.count("pass") == static_cast<int>(report.entries.size()) ? kOk : kMismatch;
}

}  // namespace

void add_regress(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("regress", "Run a regression suite: tests described in YAML on the Verilated accelerator");
  sub->footer("Examples:\n  aap regress smoke\n  aap regress ci -j 2 --junit out/ci.xml --html out/ci.html\n"
              "  aap regress ci --failed\n  aap regress nightly --shard 1/4 --resume\n"
              "Suites and their keys: verif/regress/README.md");
  auto a = std::make_shared<RegressArguments>();
  sub->add_option("suite", a->suite, "name of a suite")->required();
  sub->add_option("--suites", a->folder, "folder of YAML files")->capture_default_str();
  sub->add_option("--out", a->out, "folder for results, logs and waves")->capture_default_str();
  sub->add_option("-j,--jobs", a->jobs, "cases at a time")->check(CLI::Range(1, 1024))->capture_default_str();
  sub->add_option("--only", a->only, "tests or cases: NAME or NAME[index], separated by commas")->delimiter(',');
  sub->add_option("--seed", a->seed, "another seed for the one case selected");
  auto* failed = sub->add_flag("--failed", a->failed, "only the cases that failed in the last run");
  sub->add_flag("--resume", a->resume, "skip the cases that passed in the last run and have not changed, nor their simulator")
      ->excludes(failed);
  sub->add_option("--shard", a->shard, "i/n: every n-th case from the i-th");
  sub->add_flag("--dry-run", a->dry_run, "list the cases and run none");
  sub->add_option("--junit", a->junit, "JUnit XML to write");
  sub->add_option("--json", a->json, "results as JSON to write");
  sub->add_option("--html", a->html, "page to write, failures by cause");
  sub->callback([a, &action] { action = [a] { return run_regress(*a); }; });
}

}  // namespace aap::cli
