// SPDX-License-Identifier: Apache-2.0
// aap-differential: the C++ half of scripts/differential.sh and scripts/oracle.sh.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "compile/compile.h"
#include "model/qimport.h"
#include "model/whole_file.h"
#include "spec/config.h"
#include "verif/differential/random_graph.h"
#include "verif/differential/runtime_case.h"
#include "verif/program_run.h"

namespace aap::differential {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string out, form = "both", config = "configs/board.yaml", json, list;
  uint32_t seed = 1;
  int64_t count = 200, images = 0, rtl = 0;
  bool layers = false, equal = false;
  std::vector<std::string> folders;
};

constexpr int64_t kImages = 3;

// One folder a graph, FORM_SEED; even seeds are QDQ graphs unless a form is given.
int generate(const Arguments& a) {
  for (int64_t i = 0; i < a.count; ++i) {
    const uint32_t seed = a.seed + static_cast<uint32_t>(i);
    const std::string form = a.form != "both" ? a.form : seed % 2 == 0 ? "qdq" : "qlinear";
    const Graph graph = form == "mutant"    ? random_mutant(seed)
                        : form == "qlinear" ? random_qlinear_graph(seed)
                                            : random_qdq_graph(seed);
    const std::string folder = fmt::format("{}/{}_{}", a.out, form, seed);
    write_case(folder, graph, random_inputs(graph, seed, kImages), random_ir_version(seed));
    fmt::print("{}\n", folder);
  }
  return 0;
}

// "scripts/differential.sh --form qdq --seed 12 --count 1", from the folder's name.
std::string repeat_command(const std::string& folder) {
  const std::string name = std::filesystem::path(folder).filename().string();
  const size_t bar = name.rfind('_');
  if (bar == std::string::npos) return "";
  return fmt::format("scripts/differential.sh --form {} --seed {} --count 1", name.substr(0, bar),
                     name.substr(bar + 1));
}

bool is_mutant(const std::string& folder) {
  return std::filesystem::path(folder).filename().string().rfind("mutant_", 0) == 0;
}

// Empty when RTL equals golden on image 0, or the compiler's reason; throws on a difference.
std::string run_rtl(const std::string& folder, const Config& config) {
  const QNetwork network = import_quantised(read_onnx(folder + "/graph.onnx"));
  Program program;
  try {
    program = compile(network, config, {});
  } catch (const InputError& error) {
    return error.what();
  }
  verif::ProgramRun run(program, config, {});
  const NamedValues values = RuntimeValues(folder).image(network, 0);
  const Int8Tensor& input =
      values.at(network.tensors[static_cast<size_t>(network.input)].name);
  const verif::JobResult job = run.run(input);
  if (!job.done || job.error != isa::Error::kNone) {
    throw_input("the accelerator reports {} at {}", isa::to_string(job.error), job.error_address);
  }
  const verif::Comparison c = run.compare(Golden(network).run(input));
  if (c.first) throw_input("RTL differs from golden: {}", c.first->to_string());
  return "";
}

Json counts(const LayerComparison& l) {
  Json j;
  for (size_t c = 0; c < kCauses; ++c) j[to_string(static_cast<Cause>(c))] = l.count[c];
  return j;
}

struct Summary {
  int64_t graphs = 0, failures = 0, differing_graphs = 0, rtl_equal = 0, rtl_refused = 0;
  int64_t mutants_refused = 0, mutants_without_runtime = 0;
  LayerComparison total;
  int64_t input_values = 0, output_values = 0, output_differences = 0;
  std::map<std::string, int64_t> operators;  // layers compared, by the file's operator
  Json cases = Json::array();
};

void add(const CaseResult& r, bool layers, Summary& s) {
  for (size_t c = 0; c < kCauses; ++c) s.total.count[c] += r.total.count[c];
  s.total.widest_bound = std::max(s.total.widest_bound, r.total.widest_bound);
  s.input_values += r.input_values;
  s.output_values += r.output_values;
  s.output_differences += r.output_differences;
  s.differing_graphs += r.total.of(Cause::kEqual) != r.total.values() ? 1 : 0;
  for (const LayerComparison& l : r.layers) ++s.operators[l.op];
  if (!layers) return;
  Json j = {{"case", std::filesystem::path(r.folder).filename().string()},
            {"images", r.images},
            {"input_values", r.input_values},
            {"output_values", r.output_values},
            {"output_differences", r.output_differences},
            {"largest_output_difference", r.largest_output_difference},
            {"output_differences_by_cause", r.output_causes},
            {"stored_oracle_values", r.stored_values},
            {"stored_oracle_differences", r.stored_differences},
            {"certified_differing_accumulators", r.certificate.differing()},
            {"certified_reachable_accumulators", r.certificate.reachable()},
            {"total", Json::object()},
            {"layers", Json::array()}};
  j["total"]["values"] = r.total.values();
  j["total"].update(counts(r.total));
  for (const LayerComparison& l : r.layers) {
    Json row = {{"name", l.name}, {"op", l.op}, {"values", l.values()}};
    row.update(counts(l));
    row["widest_bound"] = l.widest_bound;
    j["layers"].push_back(row);
  }
  s.cases.push_back(j);
}

int compare(const Arguments& a) {
  Summary s;
  std::optional<Config> config;
  if (a.rtl > 0) config = load_config(a.config);
  std::vector<std::string> folders = a.folders;
  if (!a.list.empty()) {
    std::ifstream file(a.list);
    for (std::string line; std::getline(file, line);) folders.push_back(line);
  }
  for (const std::string& folder : folders) {
    std::string failure;
    try {
      const CaseResult r = compare_case(folder, a.images);
      failure = r.first_failure;
      if (is_mutant(folder) && (!r.refused.empty() || r.runtime_refused)) {
        // What both refuse, or one of them does, is not computed wrongly.
        (r.refused.empty() ? s.mutants_without_runtime : s.mutants_refused) += 1;
        failure = r.refused.find('\n') == std::string::npos ? "" : "refused in several lines: " + r.refused;
        if (failure.empty()) {
          ++s.graphs;
          continue;
        }
      }
      const int64_t differing = r.total.values() - r.total.of(Cause::kEqual);
      if (failure.empty() && a.equal && differing != 0) {
        failure = fmt::format("{} of {} values differ", differing, r.total.values());
      }
      if (r.refused.empty()) add(r, a.layers, s);
      if (failure.empty() && s.rtl_equal < a.rtl) {
        (run_rtl(folder, *config).empty() ? s.rtl_equal : s.rtl_refused) += 1;
      }
    } catch (const InputError& error) {
      failure = error.what();
    }
    ++s.graphs;
    if (!failure.empty()) {
      ++s.failures;
      const std::string repeat = repeat_command(folder);
      fmt::print("FAILED {}: {}\n{}{}{}", folder, failure, repeat.empty() ? "" : "  repeat with ",
                 repeat, repeat.empty() ? "" : "\n");
    }
  }
  fmt::print("{} graphs: {} layer values", s.graphs, s.total.values());
  for (size_t c = 0; c < kCauses; ++c) {
    fmt::print(", {} {}", to_string(static_cast<Cause>(c)), s.total.count[c]);
  }
  fmt::print("; {} input values; end to end {} of {} output values differ; {} graphs failed\n",
             s.input_values, s.output_differences, s.output_values, s.failures);
  if (s.mutants_refused + s.mutants_without_runtime > 0) {
    fmt::print("mutants: {} refused, {} accepted that ONNX Runtime refuses, {} compared\n", s.mutants_refused,
               s.mutants_without_runtime, s.graphs - s.mutants_refused - s.mutants_without_runtime);
  }
  fmt::print("largest fp32 error bound that an explanation used: {:.3g} output steps\nlayers:",
             s.total.widest_bound);
  for (const auto& [op, n] : s.operators) fmt::print(" {} {}", op, n);
  fmt::print("\n");
  if (a.rtl > 0) {
    fmt::print("RTL ({}): {} graphs bit-exact, {} not for this configuration\n", config->name,
               s.rtl_equal, s.rtl_refused);
  }
  if (!a.json.empty()) {
    Json j = {{"graphs", s.graphs}, {"failed", s.failures}, {"differing_graphs", s.differing_graphs},
              {"layer_values", s.total.values()}};
    j.update(counts(s.total));
    j.update({{"widest_bound", s.total.widest_bound},
              {"output_values", s.output_values},
              {"output_differences", s.output_differences},
              {"rtl_equal", s.rtl_equal}, {"rtl_refused", s.rtl_refused}});
    if (a.layers) j["cases"] = s.cases;
    write_whole_file(a.json, j.dump(2) + "\n");
  }
  const bool enough_rtl = s.rtl_equal >= std::min(a.rtl, s.graphs / 2);
  if (!enough_rtl) fmt::print("FAILED: only {} graphs ran in RTL, {} were asked for\n", s.rtl_equal, a.rtl);
  return s.failures == 0 && s.total.values() > 0 && enough_rtl ? 0 : 1;
}

// Every unsupported form must be refused in one line, whatever the seed.
int unsupported(const Arguments& a) {
  int failures = 0;
  std::filesystem::create_directories(a.out);
  for (int kind = 0; kind < unsupported_kinds(); ++kind) {
    const UnsupportedFile file = unsupported_file(kind, a.seed);
    const std::string path = fmt::format("{}/{}_{}.onnx", a.out, file.kind, a.seed);
    write_whole_file(path, file.bytes);
    std::string outcome = "was accepted";
    try {
      import_quantised(read_onnx(path));
    } catch (const InputError& error) {
      outcome = error.what();
      if (outcome.find('\n') == std::string::npos) {
        fmt::print("refused {}: {}\n", file.kind, outcome);
        continue;
      }
      outcome = "message has several lines: " + outcome;
    }
    ++failures;
    fmt::print("FAILED {}: {}\n  repeat with scripts/differential.sh --unsupported --seed {}\n", path,
               outcome, a.seed);
  }
  for (const UnsupportedFile& file : supported_bases(a.seed)) {
    const std::string path = fmt::format("{}/base_{}_{}.onnx", a.out, file.kind, a.seed);
    write_whole_file(path, file.bytes);
    try {
      import_quantised(read_onnx(path));
    } catch (const InputError& error) {
      ++failures;
      fmt::print("FAILED {}: the base of the unsupported forms is refused: {}\n", path, error.what());
    }
  }
  fmt::print("{} unsupported forms, {} not refused\n", unsupported_kinds(), failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app("Random quantised graphs, and golden against what ONNX Runtime computed for them");
  app.require_subcommand(1);
  Arguments a;
  auto* make = app.add_subcommand("generate", "write graphs and inputs, print the folders");
  make->add_option("--out", a.out)->required();
  make->add_option("--count", a.count)->check(CLI::Range(int64_t{1}, int64_t{1000000}));
  make->add_option("--seed", a.seed);
  make->add_option("--form", a.form)->check(CLI::IsMember({"both", "qlinear", "qdq", "mutant"}));
  auto* check = app.add_subcommand("compare", "compare golden with ONNX Runtime's values");
  check->add_option("folders", a.folders);
  check->add_option("--list", a.list, "file of folders, one a line");
  check->add_option("--images", a.images, "of each graph, 0 is all");
  check->add_option("--rtl", a.rtl, "graphs that also run in RTL");
  check->add_option("--config", a.config);
  check->add_option("--json", a.json, "file for the counts");
  check->add_flag("--equal", a.equal, "nothing may differ, explained or not");
  check->add_flag("--layers", a.layers, "counts of each layer in the JSON file");
  auto* refuse = app.add_subcommand("unsupported", "unsupported forms must be refused");
  refuse->add_option("--out", a.out)->required();
  refuse->add_option("--seed", a.seed);
  CLI11_PARSE(app, argc, argv);
  if (make->parsed()) return generate(a);
  return check->parsed() ? compare(a) : unsupported(a);
}

}  // namespace aap::differential

int main(int argc, char** argv) {
  try {
    return aap::differential::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
