// SPDX-License-Identifier: Apache-2.0
#include "verif/regress/run_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "compile/compile.h"
#include "golden/golden.h"
#include "model/error.h"
#include "verif/compare_model.h"
#include "verif/program_run.h"
#include "verif/regress/fault.h"

namespace aap::regress {
namespace {

constexpr int kMostRefused = 32;
constexpr uint64_t kMostTraced = 2'000'000;  // cycles: a hanging job must not fill the disk

verif::NamedNetwork named_network(const std::string& name) {
  if (name == "random") return {name, "", verif::random_network};
  for (const auto* list : {&verif::tail_networks(), &verif::grid_networks()}) {
    for (const auto& n : *list) {
      if (n.name == name) return n;
    }
  }
  throw_input("no network is named '{}'", name);
}

verif::SessionOptions session_options(const Case& c, const std::string& waves) {
  verif::SessionOptions o;
  o.seed = o.memory.seed = c.seed;
  o.memory.read_latency = static_cast<int>(number_of(c, "read_latency", o.memory.read_latency));
  o.memory.write_latency = static_cast<int>(number_of(c, "write_latency", o.memory.write_latency));
  o.memory.cycles_per_beat = static_cast<int>(number_of(c, "cycles_per_beat", o.memory.cycles_per_beat));
  o.memory.shared_bandwidth = number_of(c, "shared_bandwidth", 0) != 0;
  o.memory.stall_percent = static_cast<int>(number_of(c, "stall_percent", 0));
  if (c.parameters.count("memory") != 0) {
    std::minstd_rand random(c.seed == 0 ? 1 : c.seed);
    const auto pick = [&](std::initializer_list<int> list) { return list.begin()[random() / 64 % list.size()]; };
    o.memory.read_latency = pick({1, 2, 3, 7, 20, 61, 200});
    o.memory.write_latency = pick({1, 2, 5, 20, 133});
    o.memory.cycles_per_beat = pick({1, 1, 1, 2, 5});
    o.memory.shared_bandwidth = pick({0, 1}) != 0;
  }
  o.trace.path = waves;
  o.trace.last_cycle = kMostTraced;
  return o;
}

CaseResult run_network(const Case& c, const verif::SessionOptions& options) {
  const Config config = load_config(c.config);
  const CaseNetwork n = make_network(c, config);
  verif::ProgramRun run(n.program, config, options);
  const QTensorInfo& in = n.network.tensors[0];
  verif::NetworkBuilder inputs(c.seed + 77, in.channels, in.height, in.width);
  CaseResult result;
  const bool cycles = c.kind == "cycles";
  if (cycles && !verif::model_applies(options.memory)) throw CaseFailure("set-up", "the cycle model has no such memory");
  for (int64_t i = 0; i < number_of(c, "images", 1); ++i) {
    const Int8Tensor input = inputs.random_input();
    verif::BusRecord bus;
    bus.attach(run.session());
    const verif::JobResult job = run.run(input, static_cast<uint64_t>(c.limits.cycles));
    result.cycles = job.cycles;
    if (!job.done || job.error != isa::Error::kNone) {
      throw CaseFailure(fmt::format("error {}", isa::to_string(job.error)),
                        fmt::format("image {}: accelerator error {} at 0x{:x}, expected done", i,
                                    isa::to_string(job.error), job.error_address));
    }
    if (job.irq != c.expect.irq) throw CaseFailure("interrupt", fmt::format("interrupt {}, expected {}", job.irq, c.expect.irq));
    const verif::Comparison values = run.compare(Golden(n.network).run(input));
    if (values.first) throw CaseFailure("values", fmt::format("image {}: {}", i, values.first->to_string()));
    if (!cycles) continue;
    const std::string difference = verif::compare_with_model(n.program, config, options.memory, job, &bus);
    if (!difference.empty()) throw CaseFailure("cycles", fmt::format("image {}: {}", i, difference));
  }
  return result;
}

// Which bucket an exception of the harness falls in.
std::string cause_of(const std::string& what) {
  for (const auto& [part, cause] : {std::pair{"an assertion of the RTL", "assertion"}, std::pair{"AXI protocol", "protocol"},
                                    std::pair{"job not finished", "cycle limit"}, std::pair{"not answered in", "registers"}}) {
    if (what.find(part) != std::string::npos) return cause;
  }
  return "exception";
}

}  // namespace

int64_t number_of(const Case& c, const std::string& key, int64_t otherwise) {
  const auto found = c.parameters.find(key);
  return found == c.parameters.end() ? otherwise : std::stoll(found->second);
}

CaseNetwork make_network(const Case& c, const Config& config) {
  const verif::NamedNetwork named = named_network(c.parameters.at("network"));
  const bool random = named.name == "random";
  CompileOptions options;
  options.dense = number_of(c, "dense", 0) != 0;
  for (uint32_t k = 0;; ++k) {
    CaseNetwork n;
    n.network = verif::narrow(named.build(c.seed + k), config.multiplier_width, config.accumulator_width,
                              config.add_multiplier_width);
    try {
      n.program = compile(n.network, config, options);
    } catch (const InputError& e) {  // narrow accumulators, small buffers
      if (!random || k + 1 == kMostRefused) throw CaseFailure("compile", e.what());
      continue;
    }
    const auto& in = n.network.tensors[0];
    n.input = verif::NetworkBuilder(c.seed + 77, in.channels, in.height, in.width).random_input();
    return n;
  }
}

CaseResult run_case(const Case& c, const std::string& waves) {
  CaseResult result;
  try {
    const verif::SessionOptions options = session_options(c, waves);
    return c.kind == "fault" ? run_fault(c, options) : run_network(c, options);
  } catch (const CaseFailure& e) {
    result.cause = e.cause;
    result.message = e.what();
  } catch (const InputError& e) {
    result.cause = "set-up";
    result.message = e.what();
  } catch (const std::exception& e) {
    result.cause = cause_of(e.what());
    result.message = e.what();
  }
  result.status = "fail";
  std::replace(result.message.begin(), result.message.end(), '\n', ' ');
  return result;
}

}  // namespace aap::regress
