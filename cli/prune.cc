// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/certify.h"
#include "cli/cli.h"
#include "compile/program.h"
#include "model/graph.h"
#include "prune/bn_recalibration.h"
#include "prune/check.h"
#include "prune/prune.h"

namespace aap::cli {
namespace {

struct PruneArguments {
  std::string input, output, method = "aap";
  PruneOptions options;
  std::vector<std::string> keep_of;
  int64_t recalibrate = 0;
  bool plan_only = false, json = false;
  int threads = default_threads();
  DataOptions data;
};

std::string shape_text(const Shape& shape) { return fmt::format("{}", fmt::join(shape, "x")); }

int run_prune(PruneArguments& a) {
  a.options.method = a.method == "aap" ? PruneRule::kAap : PruneRule::kUnconstrained;
  for (const std::string& text : a.keep_of) {
    const size_t equals = text.rfind('=');
    const std::string digits = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos) {
      throw_input("--keep-of '{}': legal is NODE=K", text);
    }
    a.options.keep_of[text.substr(0, equals)] = std::stoi(digits);
  }
  if (!a.plan_only && a.output.empty()) throw_input("--output is missing (or give --plan)");
  Graph graph = read_onnx(a.input);
  const std::vector<LayerPlan> layers = in_file(a.input, [&] { return plan(graph, a.options); });
  nlohmann::ordered_json j = {{"input", a.input}, {"method", a.method}, {"group", a.options.group}, {"keep", a.options.keep}};
  int64_t weights = 0, kept = 0;
  for (const LayerPlan& l : layers) {
    weights += l.weights;
    kept += l.kept;
    j["layers"].push_back({{"name", l.name}, {"op", l.op}, {"shape", l.shape}, {"rule", to_string(l.rule)},
                           {"reason", l.reason}, {"keep", l.keep}, {"group", l.group},
                           {"weights", l.weights}, {"kept", l.kept}});
  }
  j["weights"] = weights;
  j["kept"] = kept;
  if (!a.json) {
    fmt::print("{:<28} {:<8} {:>14} {:>8} {:>9} {:>9}  {}\n", "layer", "op", "shape", "K of G", "weights", "kept", "rule and reason");
    for (const LayerPlan& l : layers) {
      fmt::print("{:<28} {:<8} {:>14} {:>8} {:>9} {:>9}  {}{}{}\n", l.name, l.op, shape_text(l.shape),
                 fmt::format("{}/{}", l.keep, l.group), l.weights, l.kept, to_string(l.rule),
                 l.reason.empty() ? "" : ": ", l.reason);
    }
    fmt::print("{} of {} weights kept\n", kept, weights);
  }
  if (!a.plan_only) {
    in_file(a.input, [&] { prune(graph, layers); });
    if (a.recalibrate > 0) {
      const Dataset data = a.data.load();
      const int64_t n = std::min(a.recalibrate, data.count());
      const RecalibrationReport r = in_file(a.input, [&] {
        return recalibrate_batch_norm(graph, data.batch(0, n, preprocessing_of(graph.metadata, graph.name)), a.threads);
      });
      j["recalibrated_layers"] = r.layers;
      if (!a.json) fmt::print("batch norm re-calibrated: {} layers on {} images\n", r.layers, n);
    }
    write_onnx(graph, a.output);
    j["output"] = a.output;
  }
  if (a.json) print_json(j);
  return kOk;
}

int run_check(const std::string& file, bool json, bool require_exact) {
  if (is_program_file(file)) {
    const Program p = read_program(file);
    if (json) {
      print_json({{"file", file}, {"kind", "program"}, {"config", p.config_name}, {"ok", true}});
    } else {
      fmt::print("{}: program for {} (configuration {}), checksum good\n", file, p.network, p.config_name);
    }
    return kOk;
  }
  const std::optional<QuantisedCheck> quantised = check_quantised(file);
  const bool pruned = !quantised || quantised->pruned;  // a float network must have something to prove
  const CheckReport report = pruned ? check_pruned_file(file) : CheckReport{};
  const bool certified = !require_exact || (quantised && quantised->certificate.exact());
  if (json) {
    nlohmann::ordered_json j = {{"file", file}, {"kind", "onnx"}, {"ok", report.ok() && certified}};
    j["layers"] = nlohmann::ordered_json::array();
    for (const CheckedLayer& l : report.layers) {
      j["layers"].push_back({{"name", l.node}, {"tensor", l.tensor}, {"keep", l.keep}, {"group", l.group},
                             {"groups", l.groups}, {"groups_below", l.groups_below}, {"most", l.most},
                             {"weights", l.weights}, {"nonzero", l.nonzero}});
    }
    if (!report.ok()) j["violation"] = report.violation->message();
    if (quantised) j["certificate"] = certificate_json(quantised->certificate);
    print_json(j);
  } else {
    for (const CheckedLayer& l : report.layers) {
      fmt::print("{:<28} keep {} of {}: {} groups, at most {} non-zero, {} groups with fewer than {}\n", l.node,
                 l.keep, l.group, l.groups, l.most, l.groups_below, l.keep);
    }
    if (pruned) fmt::print("{}: {}\n", file, report.ok() ? "every group holds" : report.violation->message());
    if (quantised) print_certificate(quantised->certificate);
  }
  if (require_exact && !quantised) throw_input("{}: is a float network; --exact is for quantised ones", file);
  return report.ok() && certified ? kOk : kMismatch;
}

}  // namespace

void add_prune(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("prune", "Keep K of every G weights of each layer");
  sub->footer("Examples:\n  aap prune net.onnx --keep 4 --group 16 --plan\n"
              "  aap prune net.onnx --keep 4 --group 16 --recalibrate 512 -o pruned.onnx\n"
              "  aap prune net.onnx --method unconstrained --keep 4 -o rival.onnx");
  auto a = std::make_shared<PruneArguments>();
  sub->add_option("input", a->input, "float ONNX file")->required();
  sub->add_option("-o,--output", a->output, "ONNX file to write");
  sub->add_option("--keep", a->options.keep, "K")->capture_default_str();
  sub->add_option("--group", a->options.group, "G")->capture_default_str();
  sub->add_option("--method", a->method, "aap, or unconstrained magnitude at the same count per layer")
      ->check(CLI::IsMember({"aap", "unconstrained"}))->capture_default_str();
  sub->add_option("--keep-of", a->keep_of, "NODE=K for one layer; may be repeated");
  sub->add_option("--fc-keep", a->options.fully_connected_keep, "K of fully connected layers, 0 is --keep")->capture_default_str();
  sub->add_flag("--prune-first", a->options.prune_first_layer, "prune the first layer too");
  sub->add_option("--recalibrate", a->recalibrate, "training images for batch norm re-calibration, 0 is none")
      ->check(CLI::Range(int64_t{0}, int64_t{60000}))->capture_default_str();
  sub->add_option("--threads", a->threads)->check(CLI::Range(1, 256))->capture_default_str();
  sub->add_flag("--plan", a->plan_only, "show the plan, write nothing");
  sub->add_flag("--json", a->json, "result as JSON");
  a->data.add(*sub, "train");
  sub->callback([a, &action] { action = [a] { return run_prune(*a); }; });
}

void add_check(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("check", "Prove K of G on a written ONNX file and certify its multipliers, or the checksum of a program");
  sub->footer("Examples:\n  aap check pruned.onnx\n  aap check pruned_int8.onnx --exact\n"
              "Exit code 1 names the first group that has too many weights. Of a quantised network it also says for\n"
              "how many accumulator values of each channel fp32 ONNX runtimes give another result.");
  auto file = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  auto exact = std::make_shared<bool>(false);
  sub->add_option("file", *file, "ONNX or program file")->required();
  sub->add_flag("--json", *json, "result as JSON");
  sub->add_flag("--exact", *exact, "exit code 1 when any value differs from fp32 ONNX runtimes");
  sub->callback([=, &action] { action = [=] { return run_check(*file, *json, *exact); }; });
}

}  // namespace aap::cli
