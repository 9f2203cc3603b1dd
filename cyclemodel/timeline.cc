// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/scheduler.h"

namespace aap::cyclemodel {

void run_timed(const Program& program, const Config& config, std::vector<uint8_t>& memory,
               const ModelOptions& options, ModelResult& result) {
  run_functional(program, config, memory, options, result);
}

}  // namespace aap::cyclemodel
