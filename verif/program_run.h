// SPDX-License-Identifier: Apache-2.0
// A program file on the Verilated accelerator, image by image, and its comparison with a reference.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compile/program.h"
#include "verif/session.h"

namespace aap::verif {

// The first differing value of a run.
struct Mismatch {
  std::string layer, tensor;
  int64_t y = 0, x = 0, channel = 0;
  int expected = 0, got = 0;
  uint64_t cycle = 0;  // when the value was written, from the job's start
  std::string to_string() const;
};

struct Comparison {
  uint64_t values = 0;
  uint64_t mismatches = 0;
  std::optional<Mismatch> first;
};

class ProgramRun {
 public:
  // Refuses a program for another configuration.
  ProgramRun(const Program& program, const Config& config, const SessionOptions& options);

  // Loads the image, places the inputs (as many as the program's images; the first form: one for all) and runs.
  // `cycle_limit` 0: a bound derived from the program's size.
  JobResult run(const Int8Tensor& input, uint64_t cycle_limit = 0);
  JobResult run(const std::vector<Int8Tensor>& inputs, uint64_t cycle_limit = 0);
  Int8Tensor output(int image = 0);
  Int8Tensor map(int index);  // of Program::maps
  // Compares every feature map of one of the program's images that `expected` gives (indexed by tensor; empty shape: none) in layer
  // order. Throws when nothing could be compared.
  Comparison compare(const std::vector<Int8Tensor>& expected, int image = 0);
  Session& session() { return session_; }

 private:
  size_t maps_per_image() const { return program_.maps.size() / static_cast<size_t>(program_.images); }

  Program program_;
  Config config_;
  Session session_;
  uint64_t job_start_ = 0;
};

}  // namespace aap::verif
