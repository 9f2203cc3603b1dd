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

// What a cycle model says of the first image's job and bus; empty when it agrees.
using ModelOf = std::function<std::string(const JobResult& job, const BusRecord& bus)>;

struct LayerTime {
  std::string name;
  uint64_t cycles = 0;  // docs/accelerator.md, Counters
};

struct Evaluation {
  int64_t images = 0, correct = 0;
  uint64_t values_compared = 0, mismatches = 0;
  std::optional<Mismatch> first_mismatch;
  int64_t first_mismatch_image = -1;
  JobResult job;                  // of the first image
  std::vector<LayerTime> layers;  // of the first image
  uint64_t total_cycles = 0;      // CYCLES of all images
  std::string model_difference;   // of the first image; empty: none, or not asked for
  uint64_t simulated_cycles = 0;  // clock cycles simulated, register access included
  double simulation_seconds = 0;  // summed over the threads, the simulation alone
  double kcycles_per_second() const {
    return simulation_seconds > 0 ? static_cast<double>(simulated_cycles) / simulation_seconds / 1e3 : 0;
  }
};

// Runs images first .. first + n - 1 on `jobs` simulators side by side. Throws std::runtime_error with
// the accelerator's error code when a job fails.
Evaluation evaluate_rtl(const Program& program, const Config& config, const Dataset& dataset,
                        int64_t first, int64_t n, int jobs, const SessionOptions& options,
                        const InputOf& input_of, const Reference& reference,
                        const std::function<void(int64_t done, int64_t total)>& progress = {},
                        const ModelOf& model_of = {});

}  // namespace aap::verif
