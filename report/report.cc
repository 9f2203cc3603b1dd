// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include <fmt/format.h>

#include "model/error.h"
#include "spec/cycle_counts.h"

namespace aap {
namespace {

using Json = nlohmann::ordered_json;

const Json& need(const Json& object, const char* key, const char* what) {
  const auto it = object.find(key);
  if (it == object.end()) throw_input("report: {} has no '{}'", what, key);
  return *it;
}

}  // namespace

Json make_report(const ReportInputs& in) {
  Json report;
  report["accuracy"]["float"] = need(in.float_run, "accuracy", "the float run");
  report["accuracy"]["int8_dense"] = need(in.dense_golden, "accuracy", "the dense golden run");
  report["accuracy"]["int8_pruned"] = need(in.pruned_golden, "accuracy", "the pruned golden run");
  if (!in.untrained_golden.is_null()) {
    report["accuracy"]["int8_pruned_without_retraining"] =
        need(in.untrained_golden, "accuracy", "the golden run without retraining");
  }
  report["accuracy"]["images"] = need(in.pruned_golden, "images", "the pruned golden run");

  const double cycles = need(in.rtl, "cycles_per_image", "the RTL run").get<double>();
  const double dense = need(in.rtl_dense, "cycles_per_image", "the dense RTL run").get<double>();
  Json& rtl = report["rtl"];
  rtl["config"] = need(in.rtl, "config", "the RTL run");
  rtl["seed"] = need(in.rtl, "seed", "the RTL run");
  rtl["images"] = need(in.rtl, "images", "the RTL run");
  rtl["values_compared"] = need(in.rtl, "values_compared", "the RTL run");
  rtl["mismatches"] = need(in.rtl, "mismatches", "the RTL run");
  rtl["accuracy"] = need(in.rtl, "accuracy", "the RTL run");
  rtl["cycles"] = need(in.rtl, "cycles", "the RTL run");
  rtl["cycles_per_image"] = cycles;
  rtl["cycles_per_image_dense"] = dense;
  rtl["dense_images"] = need(in.rtl_dense, "images", "the dense RTL run");
  rtl["dense_mismatches"] = need(in.rtl_dense, "mismatches", "the dense RTL run");
  rtl["speedup_vs_dense"] = dense / cycles;
  rtl["mac_use"] = need(in.rtl, "mac_use", "the RTL run");
  rtl["mac_use_dense"] = need(in.rtl_dense, "mac_use", "the dense RTL run");
  for (const CycleCause& cause : kCycleCauses) rtl[cause.key] = need(in.rtl, cause.key, "the RTL run");
  report["sim"]["kcycles_per_second"] = need(in.rtl, "kcycles_per_second", "the RTL run");
  if (!in.model.is_null()) {
    report["model"]["cycles_per_image"] = need(in.model, "cycles_per_image", "the model run");
    report["model"]["mismatches"] = need(in.model, "mismatches", "the model run");
  }

  const Json& layers = need(in.rtl, "layers", "the RTL run");
  const Json& dense_layers = need(in.rtl_dense, "layers", "the dense RTL run");
  report["layers"] = Json::array();
  for (size_t i = 0; i < layers.size(); ++i) {
    Json row = layers[i];
    if (i < dense_layers.size()) row["cycles_dense"] = dense_layers[i]["cycles"];
    report["layers"].push_back(row);
  }
  if (in.prune.is_object() && in.prune.contains("weights")) {
    report["weights"] = in.prune["weights"];
    report["weights_kept"] = in.prune["kept"];
  }
  return report;
}

std::string text_page(const Json& r) {
  std::string out = fmt::format("{:<24} {:<14} {:>13} {:>3} {:>6} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7} {:>8} {:>8}\n", "layer", "op",
                                "out CxHxW", "k", "K of G", "MAC dense", "MAC kept", "cycles", "K = G", "ideal", "MAC use",
                                "weight B", "index B");
  for (const Json& l : r["layers"]) {
    out += fmt::format(
        "{:<24} {:<14} {:>13} {:>3} {:>6} {:>9} {:>9} {:>8} {:>8} {:>8} {:>6.1f}% {:>8} {:>8}\n", l["name"].get<std::string>(),
        l["op"].get<std::string>(),
        fmt::format("{}x{}x{}", l["out_channels"].get<int64_t>(), l["out_height"].get<int64_t>(), l["out_width"].get<int64_t>()),
        fmt::format("{}x{}", l["kernel_h"].get<int64_t>(), l["kernel_w"].get<int64_t>()),
        fmt::format("{}/{}", l["keep"].get<int>(), l["group"].get<int>()), l["macs_dense"].get<int64_t>(),
        l["macs_kept"].get<int64_t>(), l["cycles"].get<uint64_t>(), l.value("cycles_dense", uint64_t{0}),
        l["ideal_cycles"].get<int64_t>(), 100 * l["mac_use"].get<double>(), l["weight_bytes"].get<int64_t>(),
        l["index_bytes"].get<int64_t>());
  }
  const Json& a = r["accuracy"];
  out += fmt::format("\naccuracy on {} test images: float {:.2f} %, dense int8 {:.2f} %, pruned int8 {:.2f} %",
                     a["images"].get<int64_t>(), a["float"].get<double>(), a["int8_dense"].get<double>(),
                     a["int8_pruned"].get<double>());
  if (a.contains("int8_pruned_without_retraining")) {
    out += fmt::format(" (without retraining {:.2f} %)", a["int8_pruned_without_retraining"].get<double>());
  }
  const Json& t = r["rtl"];
  out += fmt::format(
      "\nRTL, configuration {}: {} images, {} values compared, {} mismatches, {} cycles in all, {:.0f} per image\n"
      "speed-up against K = G on the same RTL: {:.2f} ({:.0f} cycles per image), MAC use {:.1f} %\n"
      "simulation: {:.0f} kcycle/s on one core\n",
      t["config"].get<std::string>(), t["images"].get<int64_t>(), t["values_compared"].get<uint64_t>(),
      t["mismatches"].get<uint64_t>(), t["cycles"].get<uint64_t>(), t["cycles_per_image"].get<double>(),
      t["speedup_vs_dense"].get<double>(), t["cycles_per_image_dense"].get<double>(), 100 * t["mac_use"].get<double>(),
      r["sim"]["kcycles_per_second"].get<double>());
  return out;
}

}  // namespace aap
