// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "verif/regress/results.h"

namespace aap::regress {
namespace {

// For XML and HTML, in text and in attributes; control characters, which XML has none of, become '?'.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

std::map<std::string, std::vector<const Entry*>> by_cause(const Report& report) {
  std::map<std::string, std::vector<const Entry*>> buckets;
  for (const Entry& e : report.entries) {
    if (e.result.status != "pass") buckets[e.result.cause].push_back(&e);
  }
  return buckets;
}

}  // namespace

int Report::count(const std::string& status) const {
  return static_cast<int>(std::count_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.result.status == status; }));
}

std::string repeat_command(const Report& report, const Case& c) {
  return fmt::format("aap regress {}{} --only '{}' --seed {}", report.suite, report.options, c.id(), c.seed);
}

nlohmann::ordered_json json_report(const Report& report) {
  nlohmann::ordered_json j = {{"suite", report.suite}, {"cases", report.entries.size()}, {"passed", report.count("pass")},
                              {"failed", report.count("fail")}, {"unstable", report.count("unstable")},
                              {"wall_seconds", report.wall_seconds}, {"causes", nlohmann::ordered_json::object()},
                              {"results", nlohmann::ordered_json::array()}};
  for (const auto& [cause, list] : by_cause(report)) j["causes"][cause] = list.size();
  for (const Entry& e : report.entries) {
    nlohmann::ordered_json r = {{"case", e.c.id()}, {"kind", e.c.kind}, {"config", e.c.config}, {"parameters", e.c.parameters},
                                {"seed", e.c.seed}, {"expected", e.c.expect.result}, {"status", e.result.status},
                                {"cycles", e.result.cycles}, {"wall_seconds", e.result.wall_seconds}};
    if (e.c.kind == "fault") r["idle_cycles"] = e.result.idle_cycles;
    if (e.result.status != "pass") {
      r["cause"] = e.result.cause;
      r["message"] = e.result.message;
      r["waves"] = e.result.waves;
      r["repeat"] = repeat_command(report, e.c);
    }
    j["results"].push_back(r);
  }
  return j;
}

std::string junit_report(const Report& report) {
  const int failures = static_cast<int>(report.entries.size()) - report.count("pass");
  const std::string counts = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" time=\"{:.3f}\"",
                                         report.entries.size(), failures, report.wall_seconds);
  std::string xml = fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {0}>\n<testsuite name=\"{1}\" {0}>\n",
                                counts, escaped(report.suite));
  for (const Entry& e : report.entries) {
    xml += fmt::format("<testcase classname=\"{}.{}\" name=\"{}\" time=\"{:.3f}\"", escaped(report.suite), escaped(e.c.test),
                       escaped(e.c.id()), e.result.wall_seconds);
    if (e.result.status == "pass") {
      xml += "/>\n";
      continue;
    }
    xml += fmt::format(">\n<failure type=\"{}\" message=\"{}\">{}\nseed {}\n{}{}repeat: {}</failure>\n</testcase>\n",
                       escaped(e.result.cause), escaped(e.result.message), escaped(e.c.text()), e.c.seed,
                       e.result.waves.empty() ? "" : "waves: " + escaped(e.result.waves), e.result.waves.empty() ? "" : "\n",
                       escaped(repeat_command(report, e.c)));
  }
  return xml + "</testsuite>\n</testsuites>\n";
}

std::string html_report(const Report& report) {
  std::string page = fmt::format(R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Regression {0}</title><style>
body{{font:14px/1.45 sans-serif;margin:24px auto;max-width:1180px;color:#1c2733;padding:0 16px}}
h1{{font-size:22px}}h2{{font-size:16px;margin-top:28px}}
table{{border-collapse:collapse;font-size:12px}}td,th{{padding:3px 8px;border-bottom:1px solid #e3e8ec;text-align:left;vertical-align:top}}
.fail,.unstable{{color:#b3261e;font-weight:bold}}.pass{{color:#1b6e3c}}code{{font-size:12px;user-select:all}}
</style></head><body>
<h1>Regression {0}</h1>
<p>{1} cases: {2} passed, {3} failed, {4} unstable; {5:.1f} s.</p>
)",
                                 escaped(report.suite), report.entries.size(), report.count("pass"), report.count("fail"),
                                 report.count("unstable"), report.wall_seconds);
  for (const auto& [cause, list] : by_cause(report)) {
    page += fmt::format("<h2>{}: {}</h2>\n<table><tr><th>case</th><th>what</th><th>message</th><th>repeat</th></tr>\n",
                        escaped(cause), list.size());
    for (const Entry* e : list) {
      page += fmt::format("<tr><td>{}</td><td>{}</td><td>{}{}</td><td><code>{}</code></td></tr>\n", escaped(e->c.id()),
                          escaped(e->c.text()), escaped(e->result.message),
                          e->result.waves.empty() ? "" : "<br>waves: " + escaped(e->result.waves),
                          escaped(repeat_command(report, e->c)));
    }
    page += "</table>\n";
  }
  page += "<h2>All cases</h2>\n<table><tr><th>case</th><th>status</th><th>what</th><th>seed</th><th>cycles</th><th>s</th></tr>\n";
  for (const Entry& e : report.entries) {
    page += fmt::format("<tr><td>{0}</td><td class=\"{1}\">{1}</td><td>{2}</td><td>{3}</td><td>{4}</td><td>{5:.2f}</td></tr>\n",
                        escaped(e.c.id()), e.result.status, escaped(e.c.text()), e.c.seed, e.result.cycles,
                        e.result.wall_seconds);
  }
  return page + "</table>\n</body></html>\n";
}

}  // namespace aap::regress
