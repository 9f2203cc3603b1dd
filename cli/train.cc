// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "cli/cli.h"
#include "train/load.h"

namespace aap::cli {

void add_train(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("train", "Train the reference network, or retrain a pruned one with its zeros kept (needs libtorch)");
  sub->footer("Examples:\n  aap train --epochs 8 --seed 1 -o networks/fashion_mnist.onnx --checkpoint out/train.ckpt\n"
              "  aap train --retrain pruned.onnx --epochs 1 -o networks/fashion_mnist_4of16.onnx");
  auto o = std::make_shared<TrainOptions>();
  auto json = std::make_shared<bool>(false);
  o->threads = default_threads();
  sub->add_option("-o,--output", o->output, "ONNX file to write")->required();
  sub->add_option("--retrain", o->input, "ONNX file whose zero weights stay zero");
  sub->add_option("--epochs", o->epochs, "passes over the 60,000 images")->capture_default_str();
  sub->add_option("--batch", o->batch, "images per step")->capture_default_str();
  sub->add_option("--learning-rate", o->learning_rate, "peak; 0 chooses by task")->capture_default_str();
  sub->add_option("--weight-decay", o->weight_decay)->capture_default_str();
  sub->add_option("--label-smoothing", o->label_smoothing)->capture_default_str();
  sub->add_option("--momentum", o->momentum)->capture_default_str();
  sub->add_option("--augment", o->augment, "shift and flip images; auto is off when retraining")
      ->check(CLI::IsMember({"auto", "on", "off"}))->capture_default_str();
  sub->add_option("--teacher", o->teacher, "ONNX file whose outputs guide retraining");
  sub->add_option("--snapshot", o->snapshot, "ONNX file rewritten after each epoch");
  sub->add_option("--seed", o->seed, "32-bit")->capture_default_str();
  sub->add_option("--checkpoint", o->checkpoint, "written whole after each epoch");
  sub->add_flag("--resume", o->resume, "go on from --checkpoint");
  sub->add_option("--threads", o->threads)->capture_default_str();
  sub->add_option("--limit-images", o->limit_images, "first images of each split only, 0 is all")->capture_default_str();
  sub->add_flag("--json", *json, "result as JSON");
  sub->callback([=, &action] {
    action = [=]() -> int {
      if (!o->input.empty()) o->task = "retrain";
      const bool terminal = isatty(STDERR_FILENO) != 0;
      const TrainResult r = train(*o, [&](const TrainProgress& p) {
        if (p.epoch_done) {
          fmt::print(stderr, "{}epoch {}/{}: loss {:.4f}, test accuracy {:.2f} %, {:.0f} s\n",
                     terminal ? "\r\x1b[K" : "", p.epoch, p.epochs, p.loss, p.test_accuracy, p.seconds);
        } else if (terminal) {
          fmt::print(stderr, "\r\x1b[Kepoch {}/{}: batch {}/{}, loss {:.4f}", p.epoch, p.epochs, p.batch, p.batches, p.loss);
        }
      });
      if (*json) {
        nlohmann::ordered_json j = {{"output", o->output}, {"seed", o->seed}, {"epochs", o->epochs},
                            {"test_accuracy", r.test_accuracy}, {"macs", r.macs}, {"weights", r.weights},
                            {"libtorch", r.libtorch_version}};
        print_json(j);
      } else {
        fmt::print("{}: {:.2f} % on {} test images, {} MAC, {} weights, seed {}\n", o->output,
                   r.test_accuracy, r.test_images, r.macs, r.weights, o->seed);
      }
      return kOk;
    };
  });
}

}  // namespace aap::cli
