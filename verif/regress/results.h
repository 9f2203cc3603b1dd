// SPDX-License-Identifier: Apache-2.0
// The results of a run: its state file, and reports for machines and people.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "verif/regress/run_case.h"

namespace aap::regress {

struct Entry {
  Case c;
  CaseResult result;
  std::string digest;  // of the case, its seed and what it ran on: an old result stands only where it is equal
};

// By case id.
class State {
 public:
  // Reads the file; empty where there is none. InputError where it is something else.
  explicit State(std::string path);
  bool found() const { return found_; }
  void forget(const std::string& id) { entries_.erase(id); }
  void put(const Entry& entry);
  // Writes the file whole; at most once a second unless `now`.
  void save(bool now);
  bool passed(const std::string& id, const std::string& digest) const;
  bool failed(const std::string& id) const;
  // The result of a case as it was kept.
  CaseResult result(const std::string& id) const;

 private:
  struct Kept {
    CaseResult result;
    std::string digest;
    uint32_t seed = 0;
  };
  std::string path_;
  bool found_ = false;
  double saved_ = 0;
  std::map<std::string, Kept> entries_;
};

// Changes with the case, its seed, its configuration file, the running program and the simulator of the configuration.
std::string digest_of(const Case& c);

struct Report {
  std::string suite, options;  // options: what a repeat command needs beside suite, case and seed
  double wall_seconds = 0;
  std::vector<Entry> entries;
  int count(const std::string& status) const;
};

// The one command that runs a case again.
std::string repeat_command(const Report& report, const Case& c);
nlohmann::ordered_json json_report(const Report& report);
std::string junit_report(const Report& report);
// One page without other files, failures by cause.
std::string html_report(const Report& report);

}  // namespace aap::regress
