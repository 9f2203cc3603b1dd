// SPDX-License-Identifier: Apache-2.0
#include "prune/obs_score.h"

#include <memory>
#include <set>

#include "model/float_walk.h"
#include "prune/obs_moments.h"

namespace aap {
namespace {

// 1 / [H^-1]_ii of every input weight of each layer: element (conv group, feature).
std::map<std::string, std::vector<double>> stiffness(const Graph& graph, const FloatTensor& images,
                                                     int threads) {
  if (images.shape.size() != 4 || images.size() == 0) {
    throw_input("score 'obs': no calibration images");
  }
  std::map<std::string, LayerPlan> layer_of;
  for (const LayerPlan& layer : describe_layers(graph)) {
    if (!layer.weight.empty() && layer.type != LayerType::kDepthwise) layer_of[layer.name] = layer;
  }
  std::map<std::string, std::vector<double>> result;
  FloatWalk walk(graph, images, threads), ahead = walk;
  for (const Node& node : graph.nodes) {
    ahead.advance();
    const auto found = layer_of.find(node.name);
    if (found != layer_of.end()) {
      const LayerPlan& layer = found->second;
      std::vector<double>& out = result[layer.name];
      for (int64_t part = 0; part < layer.conv_groups; ++part) {
        const ColumnOrder order = column_order(layer, part);
        LayerMoments m = layer_moments(node, layer, order, walk.value(node.inputs[0]),
                                       ahead.value(node.outputs[0]), part);
        const int64_t d = m.columns;
        damp(m.hessian, d, kObsDamping);
        if (!invert_symmetric({m.hessian.data(), d, d, d, 1})) {
          throw_input("layer '{}': the moments of what it reads are not positive definite",
                      layer.name);
        }
        const size_t at = out.size();
        out.resize(at + static_cast<size_t>(d));
        for (int64_t i = 0; i < d; ++i) {
          out[at + static_cast<size_t>(order.feature[static_cast<size_t>(i)])] =
              1.0 / m.hessian[static_cast<size_t>(i * d + i)];
        }
      }
    }
    walk.advance();
  }
  return result;
}

}  // namespace

Scorer obs_scorer(FloatTensor images, int threads) {
  struct State {
    FloatTensor images;
    std::map<std::string, std::vector<double>> of_layer;
  };
  auto state = std::make_shared<State>();
  state->images = std::move(images);
  return [state, threads](const Graph& graph, const LayerPlan& layer,
                          const std::vector<float>& weights) {
    if (state->of_layer.empty()) state->of_layer = stiffness(graph, state->images, threads);
    const std::vector<double>& of = state->of_layer.at(layer.name);
    const size_t features = of.size() / static_cast<size_t>(layer.conv_groups);
    const size_t outputs = weights.size() / features / static_cast<size_t>(layer.conv_groups);
    std::vector<float> scores(weights.size());
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t part = i / features / outputs;
      const double w = weights[i];
      scores[i] = static_cast<float>(w * w * of[part * features + i % features]);
    }
    return scores;
  };
}

}  // namespace aap
