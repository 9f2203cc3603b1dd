// SPDX-License-Identifier: Apache-2.0
#include "compile/compile.h"

#include <fmt/format.h>

#include <memory>

#include "cli/cli.h"
#include "compile/disassemble.h"

namespace aap::cli {
namespace {

using Json = nlohmann::ordered_json;

struct CompileArguments {
  std::string input, output, config = "configs/board.yaml";
  bool dense = false, reuse = false, json = false;
  uint32_t base = 0, memory_limit = 0;
  int images = 1;
};

int run_compile(const CompileArguments& a) {
  const Config config = load_config(a.config);
  const QNetwork network = load_network(a.input);
  CompileOptions options;
  options.dense = a.dense;
  options.keep_all = !a.reuse;
  options.base = a.base;
  options.memory_limit = a.memory_limit;
  options.images = a.images;
  Program program = in_file(a.input, [&] { return compile(network, config, options); });
  write_program(program, a.output);
  int64_t weights = 0, indices = 0, ideal = 0, array = 0;
  for (const ProgramLayer& l : program.layers) {
    weights += l.weight_bytes;
    indices += l.index_bytes;
    ideal += l.ideal_cycles;
    array += l.array_cycles;
  }
  const Json j = {{"input", a.input}, {"output", a.output}, {"config", config.name},
                  {"config_hash", fmt::format("{:08x}", config.hash())}, {"dense", a.dense},
                  {"images", program.images}, {"layers", program.layers.size() / static_cast<size_t>(program.images)}, {"descriptors", program.descriptor_count},
                  {"image_bytes", program.image.size()}, {"memory_bytes", program.memory_size},
                  {"weight_bytes_moved", weights}, {"index_bytes_moved", indices},
                  {"array_cycles", array}, {"ideal_cycles", ideal}};
  if (a.json) {
    print_json(j);
  } else {
    fmt::print("{}: {}{} layers, {} descriptors, image {} bytes, memory {} bytes, {} array cycles (ideal {}), configuration {}\n",
               a.output, program.images == 1 ? "" : fmt::format("{} images of ", program.images),
               program.layers.size() / static_cast<size_t>(program.images), program.descriptor_count, program.image.size(),
               program.memory_size, array, ideal, config.name);
  }
  return kOk;
}

int run_fit(const CompileArguments& a) {
  const Config config = load_config(a.config);
  const QNetwork network = load_network(a.input);
  const FitReport report = in_file(a.input, [&] { return fit(network, config); });
  Json j = {{"input", a.input}, {"config", config.name}, {"fits", report.ok()}, {"rows", Json::array()}};
  for (const FitRow& r : report.rows) {
    j["rows"].push_back({{"layer", r.layer}, {"resource", r.resource}, {"need", r.need}, {"have", r.have},
                         {"key", r.key}, {"where", r.where}, {"fits", r.ok()}});
  }
  if (a.json) {
    print_json(j);
  } else {
    for (const FitRow& r : report.rows) {
      fmt::print("{:<28} {:<26} need {:>10}  have {:>10}  {}\n", r.layer.empty() ? "(network)" : r.layer, r.resource,
                 r.need, r.have, r.ok() ? "fits" : fmt::format("too small by {}: key '{}'{}", r.need - r.have, r.key,
                                                              r.where.empty() ? "" : ", " + r.where));
    }
    fmt::print("{} {} configuration {}\n", a.input, report.ok() ? "fits" : "does not fit", config.name);
  }
  return report.ok() ? kOk : kUsage;
}

Json network_json(const QNetwork& n) {
  Json j = {{"name", n.name}, {"layers", Json::array()}};
  for (const QLayer& l : n.layers) {
    const QTensorInfo& out = n.tensors.at(static_cast<size_t>(l.output));
    Json row = {{"name", l.name}, {"op", to_string(l.op)}, {"output", out.name},
                {"channels", out.channels}, {"height", out.height}, {"width", out.width},
                {"scale", out.scale}, {"zero_point", out.zero_point}, {"lo", l.lo}, {"hi", l.hi}};
    if (l.group_size > 0) row["keep"] = fmt::format("{} of {}", l.keep, l.group_size);
    if (!l.requant.empty()) {
      row["multiplier"] = l.requant[0].multiplier;
      row["shift"] = l.requant[0].shift;
    }
    j["layers"].push_back(row);
  }
  return j;
}

int run_dump(const std::string& file, bool json) {
  if (is_program_file(file)) {
    const Program program = read_program(file);
    if (!json) {
      fmt::print("{}", disassemble(program));
      return kOk;
    }
    Json j = {{"network", program.network}, {"config", program.config_name},
              {"config_hash", fmt::format("{:08x}", program.config_hash)}, {"images", program.images}, {"base", program.base},
              {"memory_bytes", program.memory_size}, {"descriptors", program.descriptor_count},
              {"maps", Json::array()}, {"layers", Json::array()}};
    for (const FeatureMap& m : program.maps) {
      j["maps"].push_back({{"name", m.name}, {"channels", m.channels}, {"height", m.height}, {"width", m.width},
                           {"address", m.address}, {"plane_stride", m.plane_stride}});
    }
    for (const ProgramLayer& l : program.layers) {
      j["layers"].push_back({{"name", l.name}, {"op", l.op}, {"keep", l.keep}, {"group", l.group},
                             {"macs_dense", l.macs_dense}, {"macs_kept", l.macs_kept}, {"array_cycles", l.array_cycles}});
    }
    print_json(j);
    return kOk;
  }
  const Json j = network_json(load_network(file));
  if (json) {
    print_json(j);
  } else {
    for (const Json& l : j["layers"]) fmt::print("{}\n", l.dump());
  }
  return kOk;
}

}  // namespace

void add_compile(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("compile", "Translate a quantised network to a program for one configuration");
  sub->footer("Examples:\n  aap compile net_int8.onnx --config configs/board.yaml -o net.aap\n"
              "  aap compile net_int8.onnx --config configs/board.yaml --dense -o net_dense.aap\n"
              "  aap compile net_int8.onnx --config configs/board.yaml --images 8 -o net_8.aap");
  auto a = std::make_shared<CompileArguments>();
  sub->add_option("input", a->input, "quantised ONNX file")->required();
  sub->add_option("-o,--output", a->output, "program file to write")->required();
  sub->add_option("--config", a->config, "configuration file")->capture_default_str();
  sub->add_flag("--dense", a->dense, "compute zeros too: K = G on the same hardware");
  sub->add_flag("--reuse-memory", a->reuse, "let dead feature maps share memory (inner layers cannot be compared then)");
  sub->add_option("--images", a->images, "images that one start computes, 1..64: each has feature maps of its own, weights are stored once")
      ->capture_default_str();
  sub->add_option("--base", a->base, "address of the program's image, a multiple of 64; feature maps follow it")->capture_default_str();
  sub->add_option("--memory-limit", a->memory_limit, "first address that the program may not use; 0: all that axi_addr_width reaches")
      ->capture_default_str();
  sub->add_flag("--json", a->json, "result as JSON");
  sub->callback([a, &action] { action = [a] { return run_compile(*a); }; });
}

void add_fit(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("fit", "Say whether a quantised network fits a configuration, and which key to change");
  sub->footer("Example:\n  aap fit net_int8.onnx --config configs/small.yaml\nExit code 2 when it does not fit.");
  auto a = std::make_shared<CompileArguments>();
  sub->add_option("input", a->input, "quantised ONNX file")->required();
  sub->add_option("--config", a->config, "configuration file")->capture_default_str();
  sub->add_flag("--json", a->json, "result as JSON");
  sub->callback([a, &action] { action = [a] { return run_fit(*a); }; });
}

void add_dump(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("dump", "Show a program descriptor by descriptor, or the layers of a quantised network");
  sub->footer("Examples:\n  aap dump net.aap\n  aap dump net_int8.onnx --json");
  auto file = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("file", *file, "program or quantised ONNX file")->required();
  sub->add_flag("--json", *json, "result as JSON");
  sub->callback([=, &action] { action = [=] { return run_dump(*file, *json); }; });
}

}  // namespace aap::cli
