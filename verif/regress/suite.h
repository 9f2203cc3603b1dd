// SPDX-License-Identifier: Apache-2.0
// Regression suites as data: tests in YAML files, the cases that they stand for, and suites as queries over them.
// The keys are in verif/regress/README.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace aap::regress {

using Parameters = std::map<std::string, std::string>;

struct Limits {
  int64_t wall_seconds = 0;
  int64_t cycles = 0;       // of each job of the case
  int64_t idle_cycles = 0;  // kind fault: from the first sight of the error to the interrupt
};

// What a case must end with: "done", "reset" (idle after a soft reset) or the name of an error code.
struct Expectation {
  std::string result;
  bool irq = true;
};

// One run: a test with its configuration, one point of its sweep and one seed.
struct Case {
  std::string test;
  int index = 0;  // within the test, from 0
  uint32_t seed = 0;
  std::string kind;    // "network", "cycles", "fault"
  std::string config;  // path
  Parameters parameters;
  Expectation expect;
  Limits limits;
  std::string id() const;    // "test[index]"
  std::string text() const;  // configuration and parameters in one line
};

struct Test {
  std::string file, name, doc, shows, kind;
  std::vector<std::string> tags;
  std::vector<Case> cases;  // seeds not yet set
};

struct Suite {
  std::string file, name, doc;
  std::vector<std::string> tags, names, without;
};

struct SuiteFolder {
  std::string path;
  std::vector<Test> tests;
  std::vector<Suite> suites;
};

// Reads every *.yaml of a folder. InputError names file and key.
SuiteFolder load_suites(const std::string& folder);

// The cases of a suite with their seeds, in the files' order. InputError where the suite is unknown.
std::vector<Case> suite_cases(const SuiteFolder& folder, const std::string& suite);

// CRC-32 of "suite/test/index".
uint32_t seed_of(const std::string& suite, const std::string& test, int index);

// Those whose test or id is among `only` ("test" or "test[index]"). InputError for a name that selects nothing.
std::vector<Case> only_cases(const std::vector<Case>& cases, const std::vector<std::string>& only);

// Shard "i/n", i from 1: every n-th case. InputError for other text or an empty shard.
std::vector<Case> shard_cases(const std::vector<Case>& cases, const std::string& shard);

// Splits a test into cases; used by load_suites. Throws where a key is unknown for the kind or out of range.
void check_parameters(const std::string& kind, const Parameters& parameters, const std::string& where);

}  // namespace aap::regress
