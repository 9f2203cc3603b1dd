// SPDX-License-Identifier: Apache-2.0
// A labelled set on the Verilated accelerator: every layer of every image compared with golden.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compile/program.h"
#include "model/dataset.h"
#include "model/qnetwork.h"
#include "verif/program_run.h"

namespace aap::verif {

// Values of every tensor of the network for one input, indexed by tensor: what golden gives.
using Reference = std::function<std::vector<Int8Tensor>(const Int8Tensor& input)>;
// An image of the set as the network's input.
using InputOf = std::function<Int8Tensor(const Dataset& dataset, int64_t image)>;

// What a cycle model says of the first start's job and bus; empty when it agrees.
using ModelOf = std::function<std::string(const JobResult& job, const BusRecord& bus)>;

// From the cycle that each layer ended in (0: it wrote nothing) its cycles as docs/accelerator.md, Counters, counts them: since the
// last end before. Layers of several images may end in another order than theirs.
std::vector<uint64_t> cycles_between(const std::vector<uint64_t>& ends);

struct LayerTime {
  std::string name;
  uint64_t cycles = 0;  // docs/accelerator.md, Counters
};

struct Evaluation {
  int64_t images = 0, correct = 0;
  int64_t starts = 0;  // jobs, each of as many images as the program computes in one
  uint64_t values_compared = 0, mismatches = 0;
  std::optional<Mismatch> first_mismatch;
  int64_t first_mismatch_image = -1;
  JobResult job;                  // of the first start
  std::vector<LayerTime> layers;  // of the first start
  uint64_t total_cycles = 0;      // CYCLES of all starts
  std::string model_difference;   // of the first start; empty: none, or not asked for
  uint64_t simulated_cycles = 0;  // clock cycles simulated, register access included
  double simulation_seconds = 0;  // summed over the threads, the simulation alone
  double kcycles_per_second() const {
    return simulation_seconds > 0 ? static_cast<double>(simulated_cycles) / simulation_seconds / 1e3 : 0;
  }
};

// Runs images first .. first + n - 1 on `jobs` simulators side by side. Where the program's images do not divide n, the last start
// computes the last image again in the places left over, which are not compared and not counted. Throws std::runtime_error with the
// accelerator's error code when a job fails.
Evaluation evaluate_rtl(const Program& program, const Config& config, const Dataset& dataset,
                        int64_t first, int64_t n, int jobs, const SessionOptions& options,
                        const InputOf& input_of, const Reference& reference,
                        const std::function<void(int64_t done, int64_t total)>& progress = {},
                        const ModelOf& model_of = {});

}  // namespace aap::verif
