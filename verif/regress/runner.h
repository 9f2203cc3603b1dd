// SPDX-License-Identifier: Apache-2.0
// Runs cases, each in a process of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "verif/regress/run_case.h"

namespace aap::regress {

struct RunOptions {
  int jobs = 1;
  std::string folder;  // logs and waves of the cases
  // Whether waves can be had for a case: its configuration has a simulator with trace. Empty: never.
  std::function<bool(const Case&)> can_trace;
};

// The work of one case, done in the child. `waves` empty: no trace.
using CaseWork = std::function<CaseResult(const Case&, const std::string& waves)>;

// Calls `on_result` in the parent as each case ends. A process that dies or outlives limits.wall_seconds is a failure of its
// case. A failing case runs once more with the same seed, with waves where it can, and must fail with the same cause and
// message (those that passed a limit: the same cause); otherwise its status is "unstable". The caller has one thread.
void run_cases(const std::vector<Case>& cases, const RunOptions& options, const CaseWork& work,
               const std::function<void(const Case&, const CaseResult&)>& on_result);

}  // namespace aap::regress
