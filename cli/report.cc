// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include <fmt/format.h>

#include <fstream>
#include <memory>

#include "cli/cli.h"

namespace aap::cli {
namespace {

using Json = nlohmann::ordered_json;

Json read_json(const std::string& path, bool required) {
  std::ifstream in(path);
  if (!in) {
    if (required) throw_input("{}: cannot be opened", path);
    return {};
  }
  try {
    return Json::parse(in);
  } catch (const Json::exception& e) {
    throw_input("{}: not JSON: {}", path, e.what());
  }
}

int run_report(const std::string& folder, bool json) {
  ReportInputs in;
  in.prune = read_json(folder + "/prune.json", true);
  in.float_run = read_json(folder + "/float.json", true);
  in.dense_golden = read_json(folder + "/int8_dense.json", true);
  in.pruned_golden = read_json(folder + "/int8_pruned.json", true);
  in.untrained_golden = read_json(folder + "/int8_untrained.json", false);
  in.rtl = read_json(folder + "/rtl.json", true);
  in.rtl_dense = read_json(folder + "/rtl_dense.json", true);
  in.model = read_json(folder + "/model.json", false);
  Json report;
  std::string html, text;
  try {
    report = make_report(in);
    html = html_page(report);
    text = text_page(report);
  } catch (const Json::exception& e) {
    throw_input("{}: results of another kind: {}", folder, e.what());
  }
  write_file(folder + "/report.json", report.dump(2) + "\n");
  write_file(folder + "/report.html", html);
  if (json) print_json(report);
  else fmt::print("{}\n{}/report.json\n{}/report.html\n", text, folder, folder);
  return report["rtl"]["mismatches"] == 0 && report["rtl"]["dense_mismatches"] == 0 ? kOk : kMismatch;
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("report", "Put the results in a folder together: report.json, report.html, a table");
  sub->footer("Example:\n  aap report out/demo\nReads prune, float, int8_dense, int8_pruned, rtl, rtl_dense (.json, as --json prints them).");
  auto folder = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("folder", *folder, "folder with the results")->required();
  sub->add_flag("--json", *json, "the report on stdout as JSON");
  sub->callback([=, &action] { action = [=] { return run_report(*folder, *json); }; });
}

}  // namespace aap::cli
