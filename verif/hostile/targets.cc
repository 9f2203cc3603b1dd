// SPDX-License-Identifier: Apache-2.0
#include "verif/hostile/targets.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>

#include "compile/check_program.h"
#include "compile/compile.h"
#include "compile/disassemble.h"
#include "cyclemodel/cyclemodel.h"
#include "golden/certify.h"
#include "golden/explain.h"
#include "golden/golden.h"
#include "model/dataset.h"
#include "model/float_executor.h"
#include "model/graph.h"
#include "model/message.h"
#include "model/npy.h"
#include "model/preprocessing.h"
#include "model/qimport.h"
#include "model/shapes.h"
#include "prune/bn_recalibration.h"
#include "prune/check.h"
#include "prune/prune.h"
#include "prune/recipe.h"
#include "quantize/quantize.h"
#include "verif/hostile/seeds.h"

namespace aap::hostile {
namespace {

constexpr int64_t kMostWork = 1 << 20;  // operations that a case may run; more would take too long
const std::string kValid = "verif/hostile/valid/";

// What is wrong with a message, or "".
std::string wrong_message(const std::string& thrown, const std::string& path) {
  const std::string text = printable(thrown);  // as the command line prints it
  if (text.find(path) == std::string::npos) return "names no file: " + text.substr(0, 200);
  if (text.size() > kMostMessage) return fmt::format("has {} bytes", text.size());
  if (printable(text) != text) return "is not one printable line";
  if (text.size() < path.size() + 5) return "says nothing: " + text;
  return "";
}

// Runs one way of using a file. True where it went through.
class Ways {
 public:
  explicit Ways(std::string path) : path_(std::move(path)) {}

  bool way(const char* name, const std::function<void()>& f) {
    if (!wrong_.empty()) return false;
    try {
      in_file(path_, f);
      return true;
    } catch (const InputError& e) {
      const std::string w = wrong_message(e.what(), path_);
      if (!w.empty()) wrong_ = fmt::format("{}: message {}", name, w);
    } catch (const std::exception& e) {
      wrong_ = fmt::format("{}: {} thrown: {}", name, typeid(e).name(), printable(e.what()));
    }
    return false;
  }
  void require(bool ok, const std::string& what) {
    if (!ok && wrong_.empty()) wrong_ = what;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  std::string path_, wrong_;
};

Dataset noise(const Shape& image) {
  Dataset data;
  data.name = "noise";
  data.image_shape = image;
  data.pixels.resize(static_cast<size_t>(2 * element_count(image)));
  for (size_t i = 0; i < data.pixels.size(); ++i) data.pixels[i] = static_cast<uint8_t>(i * 37);
  data.labels = {0, 1};
  return data;
}

// Operations of one image, or more than kMostWork where that cannot be told.
int64_t work_of(const Graph& graph) {
  try {
    return total_work(graph, infer_shapes(graph));
  } catch (const InputError&) {
    return kMostWork + 1;
  }
}

void run_program(Ways& ways, const Program& program, const Config& config,
                 const std::function<void(const std::vector<uint8_t>&)>& result) {
  std::vector<uint8_t> memory;
  Int8Tensor input;
  ways.way("run", [&] {
    require_config(program, config);
    if (program.memory_size > 64U << 20) return;
    load_image(program, memory);
    for (int image = 0; image < program.images; ++image) {
      const size_t shift = static_cast<size_t>(image) * (program.maps.size() / static_cast<size_t>(program.images));
      const FeatureMap& map = program.maps.at(static_cast<size_t>(program.input) + shift);
      if (map.channels * map.height * map.width > 1 << 22) return;
      input = Int8Tensor({map.channels, map.height, map.width}, 1);
      place_tensor(map, config, input, memory.data());
    }
    ModelOptions options;
    options.timing = false;
    options.most_rows = 1 << 18;
    std::vector<uint8_t> timed = memory;
    const ModelResult functional = run_model(program, config, memory, options);
    if (functional.error == isa::Error::kNone) {
      for (const FeatureMap& m : program.maps) {
        if (m.channels * m.height * m.width <= 1 << 22) fetch_tensor(m, config, memory.data());
      }
    }
    options.timing = true;
    const ModelResult r = run_model(program, config, timed, options);
    if (r.ok() && functional.ok()) {
      ways.require(timed == memory, "the cycle model differs from itself without a clock");
      result(memory);
    }
  });
}

void quantised(Ways& ways, const Graph& graph, bool& accepted) {
  QNetwork network;
  if (!ways.way("import", [&] { network = import_quantised(graph); })) return;
  accepted = true;
  const Config config = load_config(tiny_config());
  std::vector<Int8Tensor> golden;
  const QTensorInfo& in = network.tensors[static_cast<size_t>(network.input)];
  const bool small = work_of(graph) <= kMostWork;
  if (small) {
    ways.way("golden", [&] {
      golden = Golden(network).run(Int8Tensor({in.channels, in.height, in.width}, 1));
    });
  }
  ways.way("certify", [&] { certify(graph, network); });
  if (!golden.empty()) {
    ways.way("explain", [&] {
      NamedValues values;
      for (size_t i = 0; i < golden.size(); ++i) values[network.tensors[i].name] = golden[i];
      NetworkComparison(graph, network).add(values);
    });
  }
  ways.way("fit", [&] { fit(network, config); });
  Program program;
  if (!ways.way("compile", [&] { program = compile(network, config); })) return;
  const std::string path = fmt::format("/tmp/aap_hostile_out_{}.aap", getpid());
  if (program.image.size() < 16U << 20) {
    write_program(program, path);
    ways.require(read_program(path).image == program.image, "program file differs when read");
    std::remove(path.c_str());
  }
  if (!small || golden.empty()) return;
  run_program(ways, program, config, [&](const std::vector<uint8_t>& memory) {
    for (const ProgramLayer& l : program.layers) {
      const FeatureMap& map = program.maps.at(static_cast<size_t>(l.output));
      ways.require(fetch_tensor(map, config, memory.data()).data == golden.at(static_cast<size_t>(map.tensor)).data,
                   fmt::format("layer '{}' differs from golden", printable(l.name)));
    }
  });
}

void onnx_file(Ways& ways, const std::string& path, bool& accepted) {
  Graph graph;
  if (!ways.way("read", [&] { graph = read_onnx(path); })) return;
  ways.way("list", [&] { unsupported_float_nodes(graph); });
  ways.way("check", [&] { check_pruned(graph); });
  ways.way("preprocessing", [&] { preprocessing_of(graph.metadata, graph.name); });
  quantised(ways, graph, accepted);
  const bool is_float = ways.way("float", [&] { FloatExecutor executor(graph); });
  const bool small = work_of(graph) <= kMostWork;
  Shape image;
  if (is_float && small && graph.inputs.size() == 1 && !graph.inputs[0].shape.empty()) {
    accepted = true;
    image.assign(graph.inputs[0].shape.begin() + 1, graph.inputs[0].shape.end());
    Shape batch = {2};
    batch.insert(batch.end(), image.begin(), image.end());
    if (element_count(image) > 0) ways.way("float run", [&] { FloatExecutor(graph).run(FloatTensor(batch, 0.5F)); });
  }
  PruneOptions options;
  options.keep = 2;
  options.group = 4;
  Graph pruned = graph;
  if (ways.way("prune", [&] { prune(pruned, plan(pruned, options)); })) {
    ways.way("check pruned", [&] { check_pruned(pruned); });
  }
  if (is_float && small && image.size() == 3 && element_count(image) > 0) {
    ways.way("wanda", [&] {
      const FloatTensor images = noise(image).batch(0, 2);
      options.score = "wanda";
      Graph scored = graph;
      prune(scored, plan(scored, options), {{"wanda", wanda_scorer(images)}});
      recalibrate_batch_norm(scored, images);
    });
    Graph made;
    QuantizeOptions quantize;
    quantize.calibration_images = 2;
    if (ways.way("quantise", [&] { made = quantise(pruned, noise(image), quantize); })) {
      bool ignored = false;
      quantised(ways, made, ignored);
    }
  }
  // What was read can be written, and is the same when read again.
  const std::string copy = path + ".copy";
  write_onnx(graph, copy);
  Graph again;
  try {
    again = read_onnx(copy);
    ways.require(again.nodes.size() == graph.nodes.size() && again.constants.size() == graph.constants.size(),
                 "the written file differs when read");
  } catch (const InputError& e) {
    ways.require(false, fmt::format("the written file is refused: {}", e.what()));
  }
  std::remove(copy.c_str());
}

void program_file(Ways& ways, const std::string& path, bool& accepted) {
  Program program;
  if (!ways.way("read", [&] { program = read_program(path); })) return;
  accepted = true;
  const Config board = load_config("configs/board.yaml"), small = load_config("configs/small.yaml");
  const Config& config = program.config_hash == small.hash() ? small : board;
  ways.way("dump", [&] {
    disassemble(program);
    disassemble(program, {&config, -1});
  });
  ways.way("check", [&] { check_program(program, config); });
  run_program(ways, program, config, [](const std::vector<uint8_t>&) {});
}

// As every command does it: the first image, preprocessed, and the last alone.
void use(const Dataset& data) {
  if (data.kind != DataKind::kInt8) data.batch(0, 1);
  data.subset(data.count() - 1, 1);
}

}  // namespace

std::string exercise(const std::string& format, const std::string& path, bool& accepted) {
  Ways ways(path);
  if (format == "onnx") {
    onnx_file(ways, path, accepted);
  } else if (format == "config") {
    accepted = ways.way("read", [&] { load_config(path).hash(); });
  } else if (format == "recipe") {
    Recipe recipe;
    accepted = ways.way("read", [&] { recipe = load_recipe(path); });
    if (accepted) ways.way("plan", [&] { plan_recipe(recipe_network(), recipe); });
  } else if (format == "program") {
    program_file(ways, path, accepted);
  } else if (format == "npy") {
    accepted = ways.way("read", [&] { read_npy(path); });
    ways.way("inputs", [&] { use(read_dataset(path, kValid + "two_labels.npy")); });
    ways.way("labels", [&] { use(read_dataset(kValid + "two_inputs.npy", path)); });
  } else if (format == "cifar") {
    accepted = ways.way("read", [&] { use(read_dataset(path, "")); });
  } else if (format == "images") {
    const auto read = [&](const char* name, const std::string& images, const std::string& labels) {
      if (ways.way(name, [&] { use(read_dataset(images, labels)); })) accepted = true;
    };
    read("both", path, path);
    read("labels", kValid + "two_images.idx", path);
    read("images", path, kValid + "two_labels.idx");
  } else {
    return "format '" + format + "' is unknown";
  }
  return ways.wrong();
}

}  // namespace aap::hostile
