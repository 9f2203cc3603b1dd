// SPDX-License-Identifier: Apache-2.0
// Faults of kind "fault" and the keys of each.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "verif/regress/run_case.h"

namespace aap::regress {

struct FaultKeys {
  std::vector<std::string> needed, optional;
};

// Fault name to its keys, beside those of the memory and the network.
const std::map<std::string, FaultKeys>& fault_keys();
std::vector<std::string> opcode_names();
std::vector<std::string> field_names();       // "exec.keep"
uint64_t field_limit(const std::string& field);  // largest value that the field holds

// Injects the fault of a case, then runs the good program and compares its values.
CaseResult run_fault(const Case& c, const verif::SessionOptions& options);

}  // namespace aap::regress
