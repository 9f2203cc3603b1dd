// SPDX-License-Identifier: Apache-2.0
#include "quantize/quantize.h"

#include <fmt/format.h>

#include <memory>

#include "cli/cli.h"

namespace aap::cli {

void add_quantize(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("quantize", "Make an int8 network of a float one, with calibration images");
  sub->footer("Example:\n  aap quantize pruned.onnx -o pruned_int8.onnx --images 256 --seed 1");
  struct Arguments {
    std::string input, output;
    QuantizeOptions options;
    bool json = false;
    DataOptions data;
  };
  auto a = std::make_shared<Arguments>();
  a->options.threads = default_threads();
  sub->add_option("input", a->input, "float ONNX file")->required();
  sub->add_option("-o,--output", a->output, "quantised ONNX file to write")->required();
  sub->add_option("--images", a->options.calibration_images, "calibration images")->capture_default_str();
  sub->add_option("--multiplier-bits", a->options.multiplier_bits, "bits of the requantisation multipliers, at most multiplier_width of the configuration")->capture_default_str();
  sub->add_flag("--exact", a->options.exact, "scales with which fp32 ONNX runtimes agree on every input (aap check --exact proves it)");
  sub->add_option("--percentile", a->options.percentile, "range of an activation: this percentile of its values; 100 is min to max")->capture_default_str();
  sub->add_option("--seed", a->options.seed, "32-bit: choice of images")->capture_default_str();
  sub->add_option("--threads", a->options.threads)->check(CLI::Range(1, 256))->capture_default_str();
  sub->add_flag("--json", a->json, "result as JSON");
  a->data.add(*sub, "train");
  sub->callback([a, &action] {
    action = [a]() -> int {
      const Graph network = read_onnx(a->input);
      const Dataset images = a->data.load();
      const Graph graph = in_file(a->input, [&] { return quantise(network, images, a->options); });
      write_onnx(graph, a->output);
      if (a->json) {
        print_json({{"input", a->input}, {"output", a->output}, {"images", a->options.calibration_images}, {"seed", a->options.seed}});
      } else {
        fmt::print("{}: int8, calibrated on {} images, seed {}\n", a->output, a->options.calibration_images, a->options.seed);
      }
      return kOk;
    };
  });
}

}  // namespace aap::cli
