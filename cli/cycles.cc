// SPDX-License-Identifier: Apache-2.0
#include "cli/cycles.h"

#include <algorithm>
#include <random>

#include "compile/compile.h"
#include "cyclemodel/cyclemodel.h"
#include "model/qimport.h"
#include "quantize/quantize.h"

namespace aap::cli {
namespace {

Dataset random_images(const Graph& graph) {
  const Shape& shape = graph.inputs.at(0).shape;
  if (shape.size() != 4 || shape[1] < 1 || shape[2] < 1 || shape[3] < 1) {
    throw_input("network '{}': input '{}' is no image of known size, so its cycles are not known",
                graph.name, graph.inputs[0].name);
  }
  Dataset data;
  data.name = "random images";
  data.image_shape = {shape[1], shape[2], shape[3]};
  constexpr size_t kImages = 2;
  std::mt19937 random(1);
  data.pixels.resize(kImages * static_cast<size_t>(element_count(data.image_shape)));
  for (uint8_t& p : data.pixels) p = static_cast<uint8_t>(random());
  data.labels.assign(kImages, 0);
  return data;
}

}  // namespace

bool is_quantised(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& n) {
    return n.op == "QuantizeLinear" || n.op == "DequantizeLinear" || n.op.rfind("QLinear", 0) == 0 ||
           n.op == "QGemm";
  });
}

ExpectedCycles expected_cycles(const Graph& graph, const Config& config, bool dense) {
  QuantizeOptions quantisation;
  quantisation.multiplier_bits = std::min(quantisation.multiplier_bits, config.multiplier_width);
  const QNetwork network =
      import_quantised(is_quantised(graph) ? graph : quantise(graph, random_images(graph), quantisation));
  CompileOptions options;
  options.dense = dense;
  const Program program = compile(network, config, options);
  std::vector<uint8_t> memory;
  load_image(program, memory);
  ModelOptions model;
  model.values = false;
  const ModelResult r = run_model(program, config, memory, model);
  if (!r.ok()) {
    throw_input("network '{}': cycle model stops: {}", graph.name,
                r.hazards.empty() ? r.error_text : r.hazards.front());
  }
  ExpectedCycles cycles;
  cycles.total = r.cycles;
  uint64_t before = 0;
  for (size_t i = 0; i < program.layers.size(); ++i) {
    const uint64_t end = std::max(before, r.layers.at(i).last_cycle);
    cycles.of_layer[program.layers[i].name] += end - before;
    before = end;
  }
  return cycles;
}

}  // namespace aap::cli
