// SPDX-License-Identifier: Apache-2.0
// Running the aap command from a test. Include after boost/test/unit_test.hpp.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace cli_test {

namespace fs = std::filesystem;

inline const std::string kAap = std::string(AAP_BINARY_DIR) + "/bin/aap";
inline const std::string kFloat = "networks/fashion_mnist.onnx";

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A folder of its own per test program run.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("aap_cli_test_" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

struct Output {
  int code = -1;
  std::string out, err;
};

inline Output aap(const std::string& arguments) {
  static const Folder folder;
  const std::string out = folder / "out", err = folder / "err";
  const int status = std::system((kAap + " " + arguments + " >" + out + " 2>" + err).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(err)};
}

// Exit code 2, one line on stderr that has `part`, nothing on stdout.
inline void refuses(const std::string& arguments, const std::string& part) {
  const Output o = aap(arguments);
  BOOST_TEST(o.code == 2, arguments << " gave " << o.code << ": " << o.err);
  BOOST_TEST(o.err.find(part) != std::string::npos, arguments << ": '" << o.err << "' does not name " << part);
  BOOST_TEST(std::count(o.err.begin(), o.err.end(), '\n') == 1, arguments << ": " << o.err);
  BOOST_TEST(o.out.empty());
}

}  // namespace cli_test
