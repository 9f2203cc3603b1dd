// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/cli.h"
#include "model/whole_file.h"

namespace aap::cli {

void DataOptions::add(CLI::App& sub, const std::string& default_split) {
  split = default_split;
  sub.add_option("--split", split, "Fashion-MNIST split")
      ->check(CLI::IsMember({"train", "test"}))
      ->capture_default_str();
  auto* i = sub.add_option("--images-file", images, "IDX images (.gz or plain) instead of Fashion-MNIST");
  auto* l = sub.add_option("--labels-file", labels, "IDX labels that belong to --images-file");
  i->needs(l);
  l->needs(i);
}

Dataset DataOptions::load() const {
  return images.empty() ? fashion_mnist(split) : read_idx(images, labels);
}

void print_json(const nlohmann::ordered_json& object) { fmt::print("{}\n", object.dump(2)); }

ProgressLine::ProgressLine(std::string what)
    : what_(std::move(what)), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  if (terminal_ && last_ > 0) fmt::print(stderr, "\r\x1b[K");
}

void ProgressLine::operator()(int64_t done, int64_t total) {
  if (!terminal_) return;
  const double now = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  if (done != total && now - last_ < 0.1) return;
  last_ = now;
  fmt::print(stderr, "\r\x1b[K{} {}/{}", what_, done, total);
  std::fflush(stderr);
}

void write_file(const std::string& path, const std::string& text) {
  const std::filesystem::path target(path);
  std::error_code ignored;
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), ignored);
  write_whole_file(path, text);
}

bool is_program_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw_input("{}: cannot be opened", path);
  char magic[4] = {};
  in.read(magic, 4);
  return in.gcount() == 4 && std::string(magic, 4) == "AAPP";
}

int default_threads() { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

}  // namespace aap::cli
