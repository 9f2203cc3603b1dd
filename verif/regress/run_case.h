// SPDX-License-Identifier: Apache-2.0
// Runs one case on the Verilated accelerator, in the calling process.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "compile/program.h"
#include "verif/networks/shapes.h"
#include "verif/regress/suite.h"
#include "verif/session.h"

namespace aap::regress {

struct CaseResult {
  std::string status = "pass";  // "pass", "fail"; the runner adds "unstable"
  std::string cause;            // of a failure: the bucket it falls in
  std::string message;          // one line
  uint64_t cycles = 0;          // CYCLES of the last job
  uint64_t idle_cycles = 0;     // kind fault
  double wall_seconds = 0;
  std::string waves;            // path, where the second run left one
};

// Thrown inside a case: the bucket and the line.
class CaseFailure : public std::runtime_error {
 public:
  CaseFailure(std::string bucket, const std::string& line) : std::runtime_error(line), cause(std::move(bucket)) {}
  std::string cause;
};

// Never throws: whatever goes wrong is a failure with its cause. `waves` empty: no trace.
CaseResult run_case(const Case& c, const std::string& waves);

// The network of a case for a configuration; a random one is the first of up to 32 seeds from c.seed that compiles.
struct CaseNetwork {
  QNetwork network;
  Program program;
  Int8Tensor input;
};
CaseNetwork make_network(const Case& c, const Config& config);

// Parameters with a default.
int64_t number_of(const Case& c, const std::string& key, int64_t otherwise);

}  // namespace aap::regress
