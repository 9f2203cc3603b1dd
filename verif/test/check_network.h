// SPDX-License-Identifier: Apache-2.0
// Compiles a network, runs it on the Verilated accelerator and compares every layer with golden and, where the memory has a fixed
// latency, every cycle with the cycle model.
#pragma once

#include <string>

#include "golden/golden.h"
#include "compile/compile.h"
#include "verif/compare_model.h"
#include "verif/networks/shapes.h"
#include "verif/program_run.h"

namespace aap::verif {

// Empty when all is equal; otherwise what differs and how to repeat it. free: weights anywhere in their layer.
inline std::string check_network(const NamedNetwork& named, const Config& config, uint32_t seed,
                                 const SessionOptions& base, bool dense = false, bool free = false, int images = 1) {
  try {
    QNetwork built = named.build(seed);
    if (free) built = unconstrained(std::move(built), seed);
    const QNetwork network = narrow(std::move(built), config.multiplier_width, config.accumulator_width, config.add_multiplier_width);
    CompileOptions options;
    options.dense = dense;
    options.images = images;
    const Program program = compile(network, config, options);
    SessionOptions session = base;
    session.seed = session.memory.seed = seed;
    ProgramRun run(program, config, session);
    NetworkBuilder inputs(seed + 77, network.tensors[0].channels, network.tensors[0].height,
                          network.tensors[0].width);
    std::vector<Int8Tensor> input;
    for (int i = 0; i < images; ++i) input.push_back(inputs.random_input());
    BusRecord bus;
    bus.attach(run.session());
    const JobResult job = run.run(input);
    if (!job.done || job.error != isa::Error::kNone) {
      return named.name + ": accelerator error " + isa::to_string(job.error) + " at " +
             std::to_string(job.error_address);
    }
    for (int i = 0; i < images; ++i) {
      const Comparison c = run.compare(Golden(network).run(input[static_cast<size_t>(i)]), i);
      if (c.first) return named.name + ": image " + std::to_string(i) + " " + c.first->to_string();
    }
    if (!model_applies(session.memory)) return "";
    const std::string cycles = compare_with_model(program, config, session.memory, job, &bus);
    return cycles.empty() ? "" : named.name + ": " + cycles;
  } catch (const std::exception& e) {
    return named.name + ": " + e.what();
  }
}

}  // namespace aap::verif
