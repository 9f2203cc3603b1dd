// SPDX-License-Identifier: Apache-2.0
#include "verif/bench/exact.h"

#include <fmt/format.h>

#include "golden/golden.h"
#include "verif/program_run.h"

namespace aap::verif {

ModelOptions board_memory() {
  ModelOptions options;
  options.values = false;
  options.shared_bandwidth = true;
  options.most_rows = uint64_t{1} << 40;
  return options;
}

ModelResult run_board_model(const Program& program, const Config& config) {
  std::vector<uint8_t> bytes;
  load_image(program, bytes);
  ModelResult result = run_model(program, config, bytes, board_memory());
  if (result.error != isa::Error::kNone) throw_input("{} on {}: {}", program.network, config.name, result.error_text);
  return result;
}

ExactRun run_exact(const QNetwork& network, const Program& program, const Config& config, const Int8Tensor& input,
                   uint64_t model_cycles) {
  SessionOptions session;
  session.memory.shared_bandwidth = true;
  ProgramRun run(program, config, session);
  const JobResult job = run.run(input);
  ExactRun result;
  result.cycles = job.cycles;
  if (!job.done) {
    result.difference = isa::to_string(job.error);
    return result;
  }
  const Comparison comparison = run.compare(Golden(network).run(input));
  result.values = comparison.values;
  result.mismatches = comparison.mismatches;
  if (comparison.first) {
    result.difference = comparison.first->to_string();
  } else if (model_cycles != job.cycles) {
    result.difference = fmt::format("{} cycles in RTL, {} in the model", job.cycles, model_cycles);
  }
  return result;
}

}  // namespace aap::verif
