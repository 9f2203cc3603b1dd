// SPDX-License-Identifier: Apache-2.0
// Suite files written by a test. Include after boost/test/unit_test.hpp.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace regress_test {

namespace fs = std::filesystem;

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Folder {
  fs::path path = fs::temp_directory_path() / ("aap_regress_test_" + std::to_string(getpid()));
  Folder() { fs::create_directories(path / "suites"); }
  ~Folder() { fs::remove_all(path); }
  std::string suites() const { return (path / "suites").string(); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  void write(const std::string& text) const { std::ofstream(path / "suites" / "a.yaml") << text; }
};

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, from);
  return text.replace(at, from.size(), to);
}

// A good file: two tests, six cases.
const std::string kGood = R"(suites:
  - name: all
    doc: All.
    tags: [quick]
tests:
  - name: values
    doc: A network.
    shows: values
    kind: network
    config: configs/board.yaml
    parameters: {network: residual_block}
    sweep: {stall_percent: [0, 20]}
    seeds: 2
    expect: {result: done, irq: 1}
    limits: {wall_seconds: 60, cycles: 400000}
    tags: [quick, other]
  - name: faulty
    doc: A fault.
    shows: recovery
    kind: fault
    config: configs/board.yaml
    parameters: {network: residual_block, fault: read_response, burst: 0}
    cases:
      - {response: SLVERR, beat: 0}
      - {response: DECERR, beat: -1, result: READ_DECERR}
    seeds: 1
    expect: {result: READ_SLVERR, irq: 1}
    limits: {wall_seconds: 60, cycles: 400000, idle_cycles: 2000}
    tags: [quick]
)";

}  // namespace regress_test
