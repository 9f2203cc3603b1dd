// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compile/compile.h"
#include "compile/layout.h"
#include "compile/ops.h"

namespace aap {

namespace compiler {

std::vector<FitRow> smallest_needs(const Op& op, const Config& config, const LayerItems& items) {
  // The smallest tile is one pixel of one group; only a maximum cannot be cut into passes.
  int64_t words = 1, rows = items.keep(), steps = 1;
  if (op.max) {
    DataPool pool(1);
    const Layout layout =
        items.layout({config.superbanks(), items.planes(), 1, 1, config.weight_depth}, pool);
    int64_t plane_words = 0;
    words = activation_words(op, config, layout, 1, 1, &plane_words);
    for (const LanePlan& plan : layout.plans) {
      steps = std::max<int64_t>(steps, plan.steps);
      rows = std::max(rows, plan.rows(config, 0, plan.steps));
    }
  }
  std::vector<FitRow> result{
      {op.name, "activation words", "act_depth", words, config.act_depth, ""},
      {op.name, "weight rows", "weight_depth", rows, config.weight_depth, ""},
      {op.name, "table steps", "table_depth", steps, config.table_depth, ""},
      {op.name, "parameter entries", "param_depth", config.drain_cycles(), config.param_depth, ""}};
  return result;
}

}  // namespace compiler

bool FitReport::ok() const {
  return std::all_of(rows.begin(), rows.end(), [](const FitRow& r) { return r.ok(); });
}

FitReport fit(const QNetwork& network, const Config& config) {
  validate(network);
  FitReport report;
  const compiler::Lowered lowered = compiler::lower(network, config, false);
  for (const compiler::Op& op : lowered.ops) {
    if (op.placed) continue;
    const compiler::LayerItems items(op, config, false);
    for (auto& row : compiler::smallest_needs(op, config, items)) report.rows.push_back(row);
    for (auto& row : compiler::check_arithmetic(op, config)) report.rows.push_back(row);
  }
  const auto space = int64_t{1} << config.axi_addr_width;
  report.rows.push_back({"", "bytes of feature maps", "axi_addr_width",
                         static_cast<int64_t>(lowered.map_bytes), space, ""});
  return report;
}

}  // namespace aap
