// SPDX-License-Identifier: Apache-2.0
// The table of layers that `aap run` prints for the cycle model and for RTL.
#pragma once

#include <nlohmann/json.hpp>

#include "compile/program.h"
#include "cyclemodel/cyclemodel.h"

namespace aap::cli {

// `cycles` of the layer; `counts`: its rows and stalls when known (the cycle model knows them per layer), else null.
nlohmann::ordered_json layer_json(const ProgramLayer& layer, const Program& program, const Config& config,
                                  const ModelOptions& memory, uint64_t cycles, const CycleCounts* counts);
void print_layers(const nlohmann::ordered_json& layers);

}  // namespace aap::cli
