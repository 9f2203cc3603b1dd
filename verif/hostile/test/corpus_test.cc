// SPDX-License-Identifier: Apache-2.0
// The corpus given to the aap command: exit code 2, one printable line on stderr that names the
// file, nothing on stdout, no output left, within 2 GB and 60 seconds of processor time.
#define BOOST_TEST_MODULE hostile_corpus
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "model/message.h"

namespace {

namespace fs = std::filesystem;

const std::string kFolder = "verif/hostile/corpus/", kValid = "verif/hostile/valid/";

std::string read_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// How a file of each kind reaches its reader; {} is the file, {out} an output.
const std::map<std::string, std::string>& commands() {
  static const std::map<std::string, std::string> kCommands = {
      {"compile", "compile {} --config configs/board.yaml -o {out}"},
      {"fit", "fit {} --config configs/board.yaml"},
      {"prune", "prune {} --keep 2 --group 4 -o {out}"},
      {"quantize", "quantize {} -o {out}"},
      {"check", "check {}"},
      {"config", "compile " + kValid + "qlinear.onnx --config {} -o {out}"},
      {"dump", "dump {}"},
      {"run", "run {} --engine model --network " + kValid + "qlinear.onnx --config configs/board.yaml"},
      {"float", "run {} --engine float --data " + kValid + "two_images.idx --labels " + kValid + "two_labels.idx"},
      {"images", "run " + kValid + "float.onnx --engine float --data {} --labels " + kValid + "two_labels.idx"},
      {"labels", "run " + kValid + "float.onnx --engine float --data " + kValid + "two_images.idx --labels {}"},
      {"npy", "run " + kValid + "float.onnx --engine float --data {} --labels " + kValid + "two_labels.npy"},
      {"npy_labels", "run " + kValid + "float.onnx --engine float --data " + kValid + "two_inputs.npy --labels {}"},
      {"npy_expected", "run " + kValid + "qlinear.onnx --engine golden --data " + kValid + "two_inputs.npy --labels " +
                           kValid + "two_labels.npy --expected {}"},
      {"cifar", "run " + kValid + "rgb.onnx --engine float --data {}"},
      {"recipe", "prune " + kValid + "float.onnx --recipe {} -o {out}"},
  };
  return kCommands;
}

std::string replaced(std::string text, const std::string& key, const std::string& value) {
  const size_t at = text.find(key);
  return at == std::string::npos ? text : text.replace(at, key.size(), value);
}

// Lines "file command why"; the reason is for the reader.
struct Entry {
  std::string file, command, why;
};
std::vector<Entry> entries() {
  std::vector<Entry> list;
  std::ifstream in(kFolder + "LIST");
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    Entry e;
    words >> e.file >> e.command;
    std::getline(words >> std::ws, e.why);
    list.push_back(e);
  }
  return list;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_file_of_the_corpus_is_refused_in_one_line) {
  const fs::path folder = fs::temp_directory_path() / ("aap_corpus_test_" + std::to_string(getpid()));
  fs::create_directories(folder);
  const std::string out = folder / "never", log = folder / "stdout", error = folder / "stderr";
  const auto list = entries();
  BOOST_REQUIRE(list.size() >= 40U);
  for (const Entry& e : list) {
    const std::string file = kFolder + e.file;
    BOOST_REQUIRE_MESSAGE(fs::exists(file), file);
    BOOST_REQUIRE_MESSAGE(commands().count(e.command) == 1 && !e.why.empty(), e.file);
    const std::string arguments = replaced(replaced(commands().at(e.command), "{}", file), "{out}", out);
    const int status = std::system(("ulimit -v 2000000; ulimit -t 60; " AAP_BINARY_DIR "/bin/aap " + arguments +
                                    " >" + log + " 2>" + error).c_str());
    const std::string text = read_bytes(error);
    BOOST_TEST_CONTEXT("aap " << arguments << " gave: " << aap::printable(text)) {
      BOOST_TEST((WIFEXITED(status) ? WEXITSTATUS(status) : -1) == 2);
      BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 1);
      const std::string line = text.substr(0, text.find('\n'));
      BOOST_TEST((line == aap::printable(line)));
      BOOST_TEST(line.find(e.file) != std::string::npos);
      BOOST_TEST(line.find("out of memory") == std::string::npos);
      // Refused for what LIST says, not for its age: scripts/hostile.sh --update verif/hostile/corpus
      if (e.file.rfind("version_", 0) != 0) {
        BOOST_TEST(line.find("format version") == std::string::npos);
        BOOST_TEST(line.find("(hash ") == std::string::npos);
      }
      BOOST_TEST(read_bytes(log).empty());
      BOOST_TEST(std::distance(fs::directory_iterator(folder), fs::directory_iterator()) == 2);
    }
  }
  fs::remove_all(folder);
}

BOOST_AUTO_TEST_CASE(the_list_and_the_folder_agree) {
  std::set<std::string> listed, there;
  for (const Entry& e : entries()) listed.insert(e.file);
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename();
    if (name != "LIST") there.insert(name);
  }
  BOOST_TEST(listed == there, boost::test_tools::per_element());
}

// The commands of the corpus go through with the valid files, so that it is the corpus they refuse.
BOOST_AUTO_TEST_CASE(valid_files_are_taken) {
  const std::string out = fs::temp_directory_path() / ("aap_corpus_out_" + std::to_string(getpid()));
  const std::map<std::string, std::string> files = {
      {"compile", "qlinear.onnx"}, {"fit", "qlinear.onnx"}, {"prune", "float.onnx"}, {"float", "float.onnx"}, {"images", "two_images.idx"},
      {"labels", "two_labels.idx"}, {"npy", "two_inputs.npy"}, {"npy_labels", "two_labels.npy"},
      {"npy_expected", "two_outputs.npy"}, {"cifar", "two_cifar.bin"}, {"recipe", "recipe.yaml"}};
  for (const auto& [name, command] : commands()) {
    if (name == "check" || name == "quantize" || name == "dump" || name == "run") continue;  // need Fashion-MNIST or pruned files
    const std::string file = name == "config" ? "configs/board.yaml" : kValid + files.at(name);
    const std::string arguments = replaced(replaced(command, "{}", file), "{out}", out);
    const int status = std::system((AAP_BINARY_DIR "/bin/aap " + arguments + " >/dev/null").c_str());
    BOOST_TEST((WIFEXITED(status) ? WEXITSTATUS(status) : -1) == 0, "aap " << arguments);
  }
  fs::remove(out);
}
