// SPDX-License-Identifier: Apache-2.0
// The subcommands of aap. Each registers its options and, when chosen, sets `action`; main runs it and
// turns exceptions into one line and an exit code.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "model/dataset.h"
#include "model/message.h"
#include "model/qnetwork.h"

namespace aap::cli {

constexpr int kOk = 0, kMismatch = 1, kUsage = 2;

using Action = std::function<int()>;

void add_train(CLI::App& app, Action& action);
void add_prune(CLI::App& app, Action& action);
void add_recipe(CLI::App& app, Action& action);
void add_check(CLI::App& app, Action& action);
void add_quantize(CLI::App& app, Action& action);
void add_compile(CLI::App& app, Action& action);
void add_fit(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_dump(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);

// Options that several subcommands share.
struct DataOptions {
  std::string images, labels;  // files (model/dataset.h); empty: Fashion-MNIST of Debian
  std::string split = "test";
  std::string subset;          // FIRST:COUNT; empty: all
  float divisor = 255.0F;
  std::vector<float> mean, std;  // empty: as the network says
  std::function<bool()> given;   // whether the command line states preprocessing
  void add(CLI::App& sub, const std::string& default_split);
  Dataset load() const;
};

// Prints the object when --json was given; otherwise nothing. Stdout carries results, stderr progress.
void print_json(const nlohmann::ordered_json& object);

// A progress line on stderr when it is a terminal; silent otherwise. At most ten updates a second.
class ProgressLine {
 public:
  explicit ProgressLine(std::string what);
  ~ProgressLine();
  void operator()(int64_t done, int64_t total);

 private:
  std::string what_;
  bool terminal_;
  double last_ = 0;
};

// Writes a text file whole or not at all.
void write_file(const std::string& path, const std::string& text);
// A quantised ONNX file, read and imported; errors name the file.
QNetwork load_network(const std::string& path);
bool is_program_file(const std::string& path);
int default_threads();

}  // namespace aap::cli
