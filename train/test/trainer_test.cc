// SPDX-License-Identifier: Apache-2.0
// The plugin with libtorch, on the first images of Fashion-MNIST.
#define BOOST_TEST_MODULE train_plugin
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "model/error.h"
#include "model/graph.h"
#include "train/load.h"
#include "train/reference_network.h"

using namespace aap;
namespace fs = std::filesystem;

namespace {

struct Directory {
  Directory() : path(fs::temp_directory_path() / fmt::format("aap_train_test_{}", getpid())) {
    setenv("AAP_LIB_DIR", AAP_BINARY_DIR "/lib", 1);
    fs::create_directories(path);
  }
  ~Directory() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  fs::path path;
};

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// One thread: only then the order of every sum is the same.
TrainOptions small(const std::string& output) {
  TrainOptions o;
  o.output = output;
  o.epochs = 2;
  o.batch = 32;
  o.seed = 7;
  o.threads = 1;
  o.limit_images = 256;
  return o;
}

std::string error_of(const TrainOptions& options) {
  try {
    train(options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

bool has_data() {
  const char* directory = std::getenv("AAP_FASHION_MNIST");
  const fs::path data = directory != nullptr ? directory : "/usr/share/datasets/fashion-mnist";
  if (fs::exists(data)) return true;
  BOOST_TEST_MESSAGE("SKIPPED: dataset-fashion-mnist is not installed");
  std::fprintf(stderr, "SKIPPED: dataset-fashion-mnist is not installed\n");
  return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(resumed_run_gives_the_bits_of_an_unbroken_one) {
  if (!has_data()) return;
  const Directory dir;
  const TrainResult whole = train(small(dir / "whole.onnx"));
  BOOST_TEST(whole.epochs.size() == 2U);
  BOOST_TEST(whole.epochs[1].loss < whole.epochs[0].loss);

  TrainOptions broken = small(dir / "broken.onnx");
  broken.checkpoint = dir / "checkpoint";
  struct Stop {};
  BOOST_CHECK_THROW(train(broken,
                          [](const TrainProgress& p) {
                            if (p.epoch == 2) throw Stop();
                          }),
                    Stop);
  BOOST_TEST(!fs::exists(broken.output));
  broken.resume = true;
  const TrainResult resumed = train(broken);
  BOOST_TEST(resumed.epochs.size() == 2U);
  BOOST_TEST(resumed.epochs[1].loss == whole.epochs[1].loss);
  BOOST_TEST((bytes_of(broken.output) == bytes_of(dir / "whole.onnx")));

  // A checkpoint of another run, cut or altered, is refused by name and leaves the output alone.
  const std::string good = bytes_of(broken.checkpoint);
  const std::string before = bytes_of(broken.output);
  TrainOptions other = broken;
  other.seed = 8;
  BOOST_TEST(error_of(other).find("run with seed = 7, this one has 8") != std::string::npos,
             error_of(other));
  for (const size_t length : {size_t{0}, size_t{9}, good.size() / 2, good.size() - 1}) {
    std::ofstream(broken.checkpoint, std::ios::binary) << good.substr(0, length);
    const std::string text = error_of(broken);
    BOOST_TEST(text.find(broken.checkpoint + ": checkpoint is truncated") != std::string::npos,
               text);
  }
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 4);
  std::ofstream(broken.checkpoint, std::ios::binary) << flipped;
  BOOST_TEST(error_of(broken).find("is damaged (checksum differs)") != std::string::npos);
  BOOST_TEST((bytes_of(broken.output) == before));
}

BOOST_AUTO_TEST_CASE(retraining_keeps_zeros_and_moves_the_rest) {
  if (!has_data()) return;
  const Directory dir;
  Graph graph = reference_network(3);
  const std::string names[] = {"block1/pw.weight", "down3/pw.weight", "head/fc.weight"};
  for (const std::string& name : names) {
    auto& data = graph.float_constant(name).data;
    for (size_t i = 0; i < data.size(); ++i) {
      if (i % 4 != 0) data[i] = 0.0F;
    }
  }
  graph.metadata["aap.keep"] = "as stated";
  write_onnx(graph, dir / "pruned.onnx");

  TrainOptions o = small(dir / "retrained.onnx");
  o.task = "retrain";
  o.input = dir / "pruned.onnx";
  o.epochs = 1;
  train(o);
  const Graph after = read_onnx(o.output);
  BOOST_TEST(after.metadata.at("aap.keep") == "as stated");
  for (const std::string& name : names) {
    const auto& was = graph.float_constant(name).data;
    const auto& is = after.float_constant(name).data;
    size_t lost = 0, moved = 0;
    for (size_t i = 0; i < was.size(); ++i) {
      lost += was[i] == 0.0F && is[i] != 0.0F ? 1 : 0;
      moved += was[i] != is[i] ? 1 : 0;
    }
    BOOST_TEST(lost == 0U, name << ": " << lost << " zeros lost");
    BOOST_TEST(moved > was.size() / 8, name << ": only " << moved << " weights moved");
  }
}

BOOST_AUTO_TEST_CASE(teacher_changes_the_loss_and_is_checked) {
  if (!has_data()) return;
  const Directory dir;
  TrainOptions o = small(dir / "start.onnx");
  train(o);
  o.task = "retrain";
  o.input = o.output;
  o.output = dir / "student.onnx";
  o.epochs = 1;
  const TrainResult alone = train(o);
  o.teacher = o.input;
  const TrainResult taught = train(o);
  BOOST_TEST(alone.epochs[0].loss > 0);
  BOOST_TEST(taught.epochs[0].loss != alone.epochs[0].loss);

  Graph other = read_onnx(o.input);
  other.metadata["aap.input_mean"] = "0.5";
  write_onnx(other, dir / "teacher.onnx");
  o.teacher = dir / "teacher.onnx";
  BOOST_TEST(error_of(o).find("the teacher's input_mean") != std::string::npos, error_of(o));
}

BOOST_AUTO_TEST_CASE(bad_options_and_networks_are_named) {
  const Directory dir;
  TrainOptions o = small(dir / "x.onnx");
  o.epochs = 0;
  BOOST_TEST(error_of(o) == "epochs is 0, legal is 1..10000");
  o = small(dir / "x.onnx");
  o.augment = "yes";
  BOOST_TEST(error_of(o) == "augment is 'yes', legal is 'auto', 'on' or 'off'");
  o = small(dir / "x.onnx");
  o.task = "retrain";
  o.input = dir / "absent.onnx";
  BOOST_TEST(error_of(o).find("absent.onnx") != std::string::npos);

  Graph graph = reference_network(1);
  graph.nodes[2].op = "Tanh";
  graph.nodes[5].op = "Erf";
  write_onnx(graph, o.input);
  const std::string text = error_of(o);
  BOOST_TEST(text.find("stem/relu (Tanh)") != std::string::npos, text);
  BOOST_TEST(text.find("down1/dw_relu (Erf)") != std::string::npos, text);
  BOOST_TEST(!fs::exists(o.output));
}
