// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/cli.h"
#include "model/qimport.h"
#include "model/whole_file.h"

namespace aap::cli {

void DataOptions::add(CLI::App& sub, const std::string& default_split) {
  split = default_split;
  sub.add_option("--split", split, "Fashion-MNIST split")
      ->check(CLI::IsMember({"train", "test"}))
      ->capture_default_str();
  auto* i = sub.add_option("--data,--images-file", images, "inputs instead of Fashion-MNIST: CIFAR-10 binary, IDX images (.gz or plain), or an npy array: uint8 pixels, int8 integers of the network's input, or its float input");
  auto* l = sub.add_option("--labels,--labels-file", labels, "labels of IDX or npy inputs");
  l->needs(i);
  sub.add_option("--subset", subset, "FIRST:COUNT: use these inputs of the set alone");
  auto* m = sub.add_option("--input-mean", mean, "preprocessing of pixels, (x / divisor - mean) / std, instead of the network's metadata: one number, or one per channel, separated by commas")->delimiter(',');
  auto* s = sub.add_option("--input-std", std, "see --input-mean")->delimiter(',');
  auto* d = sub.add_option("--input-divisor", divisor, "see --input-mean; 1 leaves pixels 0..255 as they are")->capture_default_str();
  m->needs(s);
  s->needs(m);
  given = [m, d] { return m->count() + d->count() > 0; };
}

Dataset DataOptions::load() const {
  Dataset data = images.empty() ? fashion_mnist(split) : read_dataset(images, labels);
  if (given()) {
    Preprocessing p;
    p.divisor = divisor;
    if (!mean.empty()) p.mean = mean;
    if (!std.empty()) p.std = std;
    for (const auto* list : {&p.mean, &p.std}) {
      for (float v : *list) {
        if (!std::isfinite(v)) throw_input("--input-mean, --input-std: {} is not a finite number", v);
      }
    }
    if (!std::isfinite(divisor)) throw_input("--input-divisor: {} is not a finite number", divisor);
    data.preprocessing = p;
  }
  if (subset.empty()) return data;
  int64_t first = 0, count = 0;
  char rest = 0;
  if (std::sscanf(subset.c_str(), "%" SCNd64 ":%" SCNd64 "%c", &first, &count, &rest) != 2) {
    throw_input("--subset: '{}' is not FIRST:COUNT", subset);
  }
  return data.subset(first, count);
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

QNetwork load_network(const std::string& path) {
  return in_file(path, [&] { return import_quantised(read_onnx(path)); });
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
