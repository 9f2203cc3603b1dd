// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "report/report.h"
#include "spec/cycle_counts.h"

namespace aap {
namespace {

using Json = nlohmann::ordered_json;

std::string escape(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '&') out += "&amp;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}

constexpr const char* kColours[] = {"#9aa5b1", "#2f6fb0", "#1d3557"};

struct Series {
  std::string name;
  std::vector<double> values;
};

// Horizontal grouped bars, one group a label.
std::string bars(const std::vector<std::string>& labels, const std::vector<Series>& series, const std::string& unit) {
  const int label_width = 190, plot = 560, bar = 11, gap = 8;
  const int group = static_cast<int>(series.size()) * bar + gap;
  const int height = static_cast<int>(labels.size()) * group + 34;
  double most = 1e-9;
  for (const Series& s : series) {
    for (double v : s.values) most = std::max(most, v);
  }
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" role=\"img\" font-family=\"sans-serif\" font-size=\"11\">\n",
      label_width + plot + 90, height, label_width + plot + 90, height);
  for (size_t s = 0; s < series.size(); ++s) {
    svg += fmt::format("<rect x=\"{}\" y=\"4\" width=\"10\" height=\"10\" fill=\"{}\"/><text x=\"{}\" y=\"13\">{}</text>\n",
                       label_width + static_cast<int>(s) * 190, kColours[s % 3], label_width + 14 + static_cast<int>(s) * 190,
                       escape(series[s].name));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    const int y = 24 + static_cast<int>(i) * group;
    svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", label_width - 6,
                       y + static_cast<int>(series.size()) * bar / 2 + 4, escape(labels[i]));
    for (size_t s = 0; s < series.size(); ++s) {
      const double v = series[s].values[i];
      const double w = plot * v / most;
      const int top = y + static_cast<int>(s) * bar;
      svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"{}\"/><text x=\"{:.1f}\" y=\"{}\">{}{}</text>\n",
                         label_width, top, w, bar - 1, kColours[s % 3], label_width + w + 4, top + bar - 2,
                         v >= 1000 || v == static_cast<int64_t>(v) ? fmt::format("{:.0f}", v) : fmt::format("{:.2f}", v), unit);
    }
  }
  return svg + "</svg>\n";
}

std::string card(const std::string& value, const std::string& what) {
  return fmt::format("<div class=\"card\"><b>{}</b><span>{}</span></div>\n", escape(value), escape(what));
}

}  // namespace

std::string html_page(const Json& r) {
  const Json& a = r["accuracy"];
  const Json& t = r["rtl"];
  std::string page = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AAP report</title><style>
body{font:14px/1.45 sans-serif;margin:24px auto;max-width:1180px;color:#1c2733;padding:0 16px}
h1{font-size:22px}h2{font-size:16px;margin-top:28px}
.cards{display:flex;flex-wrap:wrap;gap:12px}.card{border:1px solid #d5dce3;border-radius:6px;padding:10px 16px}
.card b{display:block;font-size:20px}.card span{color:#5a6775}
table{border-collapse:collapse;font-size:12px}td,th{padding:3px 8px;border-bottom:1px solid #e3e8ec;text-align:right}
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}
.wide{overflow-x:auto}p.note{color:#5a6775;max-width:80ch}
</style></head><body>
<h1>Accelerator-aware pruning: what was pruned, run and compared</h1>
<div class="cards">
)";
  page += card(fmt::format("{:.2f}x", t["speedup_vs_dense"].get<double>()), "speed-up against K = G on the same RTL");
  page += card(fmt::format("{:.2f} %", a["int8_pruned"].get<double>()),
               fmt::format("accuracy, pruned int8, {} images", a["images"].get<int64_t>()));
  page += card(fmt::format("{:.2f} %", a["int8_dense"].get<double>()), "accuracy, dense int8");
  page += card(fmt::format("{}", t["mismatches"].get<uint64_t>()),
               fmt::format("mismatches in {} values of {} images", t["values_compared"].get<uint64_t>(), t["images"].get<int64_t>()));
  page += card(fmt::format("{:.0f}", t["cycles_per_image"].get<double>()), "cycles per image, transfers included");
  page += card(fmt::format("{:.1f} %", 100 * t["mac_use"].get<double>()), "MAC use, whole network");
  page += card(fmt::format("{:.0f} kcycle/s", r["sim"]["kcycles_per_second"].get<double>()), "simulation speed, one core");
  page += "</div>\n<h2>Accuracy on the test images (percent)</h2>\n";
  std::vector<std::string> names{"float", "dense int8"};
  std::vector<double> values{a["float"].get<double>(), a["int8_dense"].get<double>()};
  if (a.contains("int8_pruned_without_retraining")) {
    names.emplace_back("pruned, not retrained");
    values.push_back(a["int8_pruned_without_retraining"].get<double>());
  }
  names.emplace_back("pruned int8");
  values.push_back(a["int8_pruned"].get<double>());
  page += bars(names, {{"accuracy", values}}, " %");

  std::vector<std::string> labels;
  Series dense{"cycles, K = G", {}}, kept{"cycles, pruned", {}}, ideal{"ideal cycles, pruned", {}}, use{"MAC use", {}};
  for (const Json& l : r["layers"]) {
    labels.push_back(l["name"].get<std::string>());
    dense.values.push_back(l.value("cycles_dense", 0.0));
    kept.values.push_back(l["cycles"].get<double>());
    ideal.values.push_back(l["ideal_cycles"].get<double>());
    use.values.push_back(100 * l["mac_use"].get<double>());
  }
  page += "<h2>Cycles per layer</h2>\n" + bars(labels, {dense, kept, ideal}, "");
  page += "<h2>MAC use per layer (percent of multiplier slots that hold a kept weight)</h2>\n" + bars(labels, {use}, " %");

  std::vector<std::string> causes;
  Series spent{"cycles", {}};
  for (const CycleCause& cause : kCycleCauses) {
    causes.emplace_back(cause.text);
    spent.values.push_back(t[cause.key].get<double>());
  }
  page += "<h2>Where execute's cycles went (first image)</h2>\n" + bars(causes, {spent}, "");
  page += "<h2>Layers</h2>\n<div class=\"wide\"><table><tr><th>layer</th><th>op</th><th>output</th><th>kernel</th><th>K of G</th>"
          "<th>MAC dense</th><th>MAC kept</th><th>cycles K = G</th><th>cycles</th><th>array cycles</th><th>ideal</th><th>MAC use</th>"
          "<th>weight bytes</th><th>index bytes</th><th>read</th><th>written</th></tr>\n";
  for (const Json& l : r["layers"]) {
    page += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}x{}x{}</td><td>{}x{}</td><td>{}/{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td>{}</td><td>{}</td><td>{:.1f} %</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        escape(l["name"].get<std::string>()), escape(l["op"].get<std::string>()), l["out_channels"].get<int64_t>(),
        l["out_height"].get<int64_t>(), l["out_width"].get<int64_t>(), l["kernel_h"].get<int64_t>(),
        l["kernel_w"].get<int64_t>(), l["keep"].get<int>(), l["group"].get<int>(), l["macs_dense"].get<int64_t>(),
        l["macs_kept"].get<int64_t>(), l.value("cycles_dense", uint64_t{0}), l["cycles"].get<uint64_t>(),
        l["array_cycles"].get<int64_t>(), l["ideal_cycles"].get<int64_t>(), 100 * l["mac_use"].get<double>(),
        l["weight_bytes"].get<int64_t>(), l["index_bytes"].get<int64_t>(), l["read_bytes"].get<int64_t>(),
        l["write_bytes"].get<int64_t>());
  }
  page += "</table></div>\n<p class=\"note\">cycles: from the previous layer's last write response to this one's, one image, "
          "transfers included. array cycles: rows of weights issued and waits for the drain, without transfers. ideal: kept MACs / "
          "multipliers. MAC use: kept MACs / (multipliers x cycles).</p>\n</body></html>\n";
  return page;
}

}  // namespace aap
