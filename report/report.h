// SPDX-License-Identifier: Apache-2.0
// What a user reads at the end: one JSON of figures and one self-contained HTML page with drawn charts.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace aap {

// Results of `aap run --json`, `aap compile --json`, `aap prune --json`; null where there is none.
struct ReportInputs {
  nlohmann::ordered_json prune;         // aap prune
  nlohmann::ordered_json float_run;     // aap run --engine float
  nlohmann::ordered_json dense_golden;  // aap run --engine golden, dense int8
  nlohmann::ordered_json pruned_golden;
  nlohmann::ordered_json untrained_golden;  // pruned, re-calibrated, not retrained
  nlohmann::ordered_json rtl;           // aap run --engine rtl, pruned
  nlohmann::ordered_json rtl_dense;     // the same with K = G
  nlohmann::ordered_json model;         // aap run --engine model, pruned
};

// Keys accuracy.*, rtl.*, sim.*, layers. Throws InputError naming the missing result.
nlohmann::ordered_json make_report(const ReportInputs& inputs);

// The page: summary, accuracy and cycle charts (inline SVG), the table of layers.
std::string html_page(const nlohmann::ordered_json& report);

// The same for a terminal.
std::string text_page(const nlohmann::ordered_json& report);

}  // namespace aap
