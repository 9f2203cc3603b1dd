// SPDX-License-Identifier: Apache-2.0
#include "prune/bias_recalibration.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "model/float_walk.h"

namespace aap {
namespace {

struct Moments {
  std::vector<double> mean, deviation;
};

// Per entry of dimension 1.
Moments moments_of(const FloatTensor& y) {
  const int64_t n = y.shape.at(0), c = y.shape.at(1), area = y.size() / (n * c);
  Moments m;
  for (int64_t ci = 0; ci < c; ++ci) {
    double sum = 0.0, squares = 0.0;
    const auto count = static_cast<double>(n * area);
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t ni = 0; ni < n; ++ni) {
        const float* row = y.data.data() + (ni * c + ci) * area;
        for (int64_t i = 0; i < area; ++i) {
          if (pass == 0) {
            sum += row[i];
          } else {
            squares += (row[i] - sum / count) * (row[i] - sum / count);
          }
        }
      }
    }
    m.mean.push_back(sum / count);
    m.deviation.push_back(std::sqrt(squares / count));
  }
  return m;
}

std::vector<double> bias_of(const Graph& graph, const Node& node, size_t channels) {
  std::vector<double> bias(channels, 0.0);
  if (node.inputs.size() < 3 || node.inputs[2].empty()) return bias;
  const std::vector<float>& stored = graph.float_constant(node.inputs[2]).data;
  const float beta = node.op == "Gemm" ? node.attr_float("beta", 1.0F) : 1.0F;
  for (size_t c = 0; c < channels; ++c) bias[c] = beta * stored[stored.size() == 1 ? 0 : c];
  return bias;
}

}  // namespace

void set_layer_bias(Graph& graph, Node& node, const std::vector<double>& bias) {
  const float beta = node.op == "Gemm" ? node.attr_float("beta", 1.0F) : 1.0F;
  if (beta == 0.0F) node.attributes["beta"] = 1.0F;
  FloatTensor values({static_cast<int64_t>(bias.size())});
  for (size_t c = 0; c < bias.size(); ++c) {
    values.data[c] = static_cast<float>(bias[c] / (beta == 0.0F ? 1.0F : beta));
  }
  const std::string name = node.name + ".calibrated_bias";
  node.inputs.resize(3);
  node.inputs[2] = name;
  graph.constants[name] = std::move(values);
}

BiasReport recalibrate_biases(Graph& graph, const Graph& dense, const FloatTensor& images,
                              const BiasOptions& options) {
  std::set<std::string> normalised;  // values that a BatchNormalization reads
  std::map<std::string, int> users;
  for (const Node& node : graph.nodes) {
    if (node.op == "BatchNormalization") normalised.insert(node.inputs.at(0));
    for (const std::string& input : node.inputs) ++users[input];
  }
  std::map<std::string, LayerPlan> layers;
  for (LayerPlan& layer : describe_layers(graph)) layers[layer.name] = layer;
  FloatWalk pruned(graph, images, options.threads), before(dense, images, options.threads);
  BiasReport report;
  for (Node& node : graph.nodes) {
    if (before.done() || before.next().name != node.name) {
      throw_input("bias re-calibration: node '{}' is not in the dense network", node.name);
    }
    before.advance();
    const bool corrected = (node.op == "Conv" || node.op == "Gemm") &&
                           normalised.count(node.outputs.at(0)) == 0 &&
                           !layers.at(node.name).weight.empty();
    if (!corrected) {
      pruned.advance();
      continue;
    }
    FloatWalk ahead = pruned;
    ahead.advance();
    const Moments now = moments_of(ahead.value(node.outputs[0]));
    const Moments wanted = moments_of(before.value(node.outputs[0]));
    std::vector<double> bias = bias_of(graph, node, now.mean.size());
    const LayerPlan& layer = layers.at(node.name);
    std::vector<float> weights = layer_weights(graph, layer);
    const size_t row = weights.size() / now.mean.size();
    for (size_t c = 0; c < bias.size(); ++c) {
      double factor = 1.0;
      // A channel whose weights are gone has no deviation to scale; twofold is as far as it goes.
      if (options.variance && now.deviation[c] > 0.0 && users[layer.weight] == 1) {
        factor = std::clamp(wanted.deviation[c] / now.deviation[c], 0.5, 2.0);
      }
      for (size_t i = c * row; i < (c + 1) * row; ++i) {
        weights[i] = static_cast<float>(weights[i] * factor);
      }
      report.largest_shift =
          std::max(report.largest_shift,
                   std::fabs(wanted.mean[c] - now.mean[c]) / std::max(wanted.deviation[c], 1e-12));
      bias[c] = wanted.mean[c] - factor * (now.mean[c] - bias[c]);
    }
    if (options.variance) set_layer_weights(graph, layer, weights);
    set_layer_bias(graph, node, bias);
    ++report.layers;
    pruned.advance();
  }
  return report;
}

}  // namespace aap
