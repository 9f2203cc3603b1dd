// SPDX-License-Identifier: Apache-2.0
// aap-train-driver: the trainer alone, for use before or without the `aap` command.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "model/error.h"
#include "train/load.h"

namespace {

template <typename T>
T number(const std::string& key, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') aap::throw_input("{}: '{}' is not a number", key, text);
  return static_cast<T>(value);
}

aap::TrainOptions parse(int argc, char** argv) {
  aap::TrainOptions o;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    if (key == "--resume") {
      o.resume = true;
      continue;
    }
    if (i + 1 >= argc) aap::throw_input("{}: needs a value", key);
    const std::string value = argv[++i];
    if (key == "-o")
      o.output = value;
    else if (key == "--retrain")
      o.task = "retrain", o.input = value;
    else if (key == "--epochs")
      o.epochs = number<int>(key, value);
    else if (key == "--batch")
      o.batch = number<int>(key, value);
    else if (key == "--learning-rate")
      o.learning_rate = number<float>(key, value);
    else if (key == "--momentum")
      o.momentum = number<float>(key, value);
    else if (key == "--weight-decay")
      o.weight_decay = number<float>(key, value);
    else if (key == "--label-smoothing")
      o.label_smoothing = number<float>(key, value);
    else if (key == "--seed")
      o.seed = number<uint32_t>(key, value);
    else if (key == "--checkpoint")
      o.checkpoint = value;
    else if (key == "--augment")
      o.augment = value;
    else if (key == "--teacher")
      o.teacher = value;
    else if (key == "--snapshot")
      o.snapshot = value;
    else if (key == "--threads")
      o.threads = number<int>(key, value);
    else if (key == "--limit-images")
      o.limit_images = number<int64_t>(key, value);
    else
      aap::throw_input("{}: unknown option", key);
  }
  return o;
}

void show(const aap::TrainProgress& p) {
  std::cout << fmt::format("epoch {}/{} batch {}/{} loss {:.4f} {:.0f} s", p.epoch, p.epochs,
                           p.batch, p.batches, p.loss, p.seconds);
  if (p.epoch_done) std::cout << fmt::format(" test {:.2f} %", p.test_accuracy);
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const aap::TrainResult r = aap::train(parse(argc, argv), show);
    std::cout << fmt::format(
        "float accuracy {:.2f} % of {} images, {} MACs, {} weights, libtorch {}\n", r.test_accuracy,
        r.test_images, r.macs, r.weights, r.libtorch_version);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "aap-train-driver: " << error.what() << '\n';
    return 2;
  }
}
