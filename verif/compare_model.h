// SPDX-License-Identifier: Apache-2.0
// Cycle model against RTL: cycles, counters by cause, every layer's cycles and every event on the bus, and where they part first.
#pragma once

#include <string>
#include <vector>

#include "compile/program.h"
#include "cyclemodel/cyclemodel.h"
#include "verif/session.h"

namespace aap::verif {

// The same memory for the cycle model.
ModelOptions model_options(const MemoryOptions& memory);
// Whether the cycle model predicts a memory: no random stalls.
bool model_applies(const MemoryOptions& memory);

// Runs the cycle model as the job ran, without its values. Empty when all cycles are equal, else one text: the first event on the
// bus that differs and what the model's units are at, then every total that differs. `bus` may be null.
// `layers`, when given, receives the model's counters of each layer.
std::string compare_with_model(const Program& program, const Config& config, const MemoryOptions& memory, const JobResult& job,
                               const BusRecord* bus, std::vector<CycleCounts>* layers = nullptr);

}  // namespace aap::verif
