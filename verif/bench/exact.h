// SPDX-License-Identifier: Apache-2.0
// What the benches of whole networks share: the board's memory, the model's cycles, RTL against golden and model.
#pragma once

#include <cstdint>
#include <string>

#include "compile/program.h"
#include "cyclemodel/cyclemodel.h"
#include "model/qnetwork.h"
#include "spec/config.h"

namespace aap::verif {

// One beat a cycle for reads and writes together (16 bytes on the board); cycles without values.
ModelOptions board_memory();

// The cycle model on that memory. InputError names network and configuration where the program faults.
ModelResult run_board_model(const Program& program, const Config& config);

struct ExactRun {
  uint64_t cycles = 0, values = 0, mismatches = 0;
  std::string difference;  // of the first value from golden, or of the cycles from `model_cycles`; "" where all agree
};

// One image in RTL on that memory, every value of every layer against golden.
ExactRun run_exact(const QNetwork& network, const Program& program, const Config& config, const Int8Tensor& input,
                   uint64_t model_cycles);

}  // namespace aap::verif
