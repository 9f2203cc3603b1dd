// SPDX-License-Identifier: Apache-2.0
#include "prune/check.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>

#include "cli/certify.h"
#include "cli/cli.h"
#include "compile/check_program.h"
#include "compile/program.h"
#include "model/graph.h"
#include "spec/strict_yaml.h"

namespace aap::cli {
namespace {

struct CheckArguments {
  std::string file, config = "configs/board.yaml", network;
  bool json = false, exact = false;
};

// K by layer as the network's file claims it.
std::map<std::string, int> claims_of(const std::string& network) {
  const std::string prefix = "aap.keep.";
  std::map<std::string, int> keep_of;
  for (const auto& [key, value] : read_onnx(network).metadata) {
    if (key.rfind(prefix, 0) != 0) continue;
    keep_of[key.substr(prefix.size())] = static_cast<int>(strict_integer(value, network, key));
  }
  if (keep_of.empty()) throw_input("{}: has no 'aap.keep.<node>' metadata to hold the program to", network);
  return keep_of;
}

int run_check_program(const CheckArguments& a) {
  const Program p = read_program(a.file);
  const Config config = load_config(a.config);
  const ProgramCheck check =
      check_program(p, config, a.network.empty() ? std::map<std::string, int>{} : claims_of(a.network));
  if (a.json) {
    nlohmann::ordered_json j = {{"file", a.file}, {"kind", "program"}, {"config", p.config_name}, {"ok", check.ok()}};
    j["layers"] = nlohmann::ordered_json::array();
    for (const CheckedProgramLayer& l : check.layers) {
      j["layers"].push_back({{"name", l.name}, {"op", l.op}, {"keep", l.keep}, {"group", l.group},
                             {"groups", l.groups}, {"most", l.most}, {"nonzero", l.nonzero}});
    }
    if (!check.ok()) j["violation"] = check.violation->message();
    print_json(j);
  } else {
    for (const CheckedProgramLayer& l : check.layers) {
      fmt::print("{:<28} keep {} of {}: {} groups in all tiles, at most {} non-zero\n", l.name, l.keep, l.group,
                 l.groups, l.most);
    }
    fmt::print("{}: program for {} (configuration {}), checksum good, {}\n", a.file, p.network, p.config_name,
               check.ok() ? "every group holds" : check.violation->message());
  }
  return check.ok() ? kOk : kMismatch;
}

int run_check(const CheckArguments& a) {
  if (is_program_file(a.file)) {
    if (a.exact) throw_input("{}: is a program; --exact is for quantised networks", a.file);
    return run_check_program(a);
  }
  if (!a.network.empty()) throw_input("--network goes with a program file, {} is none", a.file);
  const std::optional<QuantisedCheck> quantised = check_quantised(a.file);
  if (a.exact && !quantised) throw_input("{}: is a float network; --exact is for quantised ones", a.file);
  const bool pruned = !quantised || quantised->pruned;  // a float network must have something to prove
  const CheckReport report = pruned ? check_pruned_file(a.file) : CheckReport{};
  const bool certified = !a.exact || quantised->certificate.exact();
  if (a.json) {
    nlohmann::ordered_json j = {{"file", a.file}, {"kind", "onnx"}, {"ok", report.ok() && certified}};
    j["layers"] = nlohmann::ordered_json::array();
    for (const CheckedLayer& l : report.layers) {
      j["layers"].push_back({{"name", l.node}, {"tensor", l.tensor}, {"keep", l.keep}, {"group", l.group},
                             {"share", l.share}, {"groups", l.groups}, {"groups_below", l.groups_below},
                             {"most", l.most}, {"weights", l.weights}, {"nonzero", l.nonzero}});
    }
    if (!report.ok()) j["violation"] = report.violation->message();
    if (quantised) j["certificate"] = certificate_json(quantised->certificate);
    print_json(j);
  } else {
    for (const CheckedLayer& l : report.layers) {
      fmt::print("{:<28} keep {} of {}{}: {} groups, at most {} non-zero, {} groups with fewer than {}\n", l.node,
                 l.keep, l.group, l.share > 1 ? fmt::format(" shared by {} outputs", l.share) : "", l.groups,
                 l.most, l.groups_below, l.keep);
    }
    if (pruned) fmt::print("{}: {}\n", a.file, report.ok() ? "every group holds" : report.violation->message());
    if (quantised) print_certificate(quantised->certificate);
  }
  return report.ok() && certified ? kOk : kMismatch;
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("check", "Prove K of G on a written ONNX file (and certify its multipliers) or on the weight rows of a program");
  sub->footer("Examples:\n  aap check pruned.onnx\n  aap check pruned_int8.onnx --exact\n  aap check pruned.aap --config configs/board.yaml --network pruned_int8.onnx\n"
              "Exit code 1 names the first group that has too many weights. Of a quantised network it also says for\n"
              "how many accumulator values of each channel fp32 ONNX runtimes give another result.");
  auto a = std::make_shared<CheckArguments>();
  sub->add_option("file", a->file, "ONNX or program file")->required();
  sub->add_option("--config", a->config, "configuration that a program was compiled for")->capture_default_str();
  sub->add_option("--network", a->network, "hold a program to the K that this ONNX file claims, not to its own");
  sub->add_flag("--json", a->json, "result as JSON");
  sub->add_flag("--exact", a->exact, "exit code 1 when any value differs from fp32 ONNX runtimes");
  sub->callback([a, &action] { action = [a] { return run_check(*a); }; });
}

}  // namespace aap::cli
