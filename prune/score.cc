// SPDX-License-Identifier: Apache-2.0
#include "prune/score.h"

#include <cmath>
#include <memory>

#include "model/float_executor.h"

namespace aap {
namespace {

// Sums of squares of what each layer's weights meet: element (conv group, c, p).
class InputNorms {
 public:
  InputNorms(const Graph& graph, const FloatTensor& images, int threads) {
    if (images.shape.size() != 4 || images.size() == 0) {
      throw_input("score 'wanda': no calibration images");
    }
    for (const LayerPlan& layer : describe_layers(graph)) {
      for (const Node& node : graph.nodes) {
        if (node.name != layer.name || node.op != layer.op) continue;
        readers_[node.inputs.at(0)].push_back({&node, layer});
        sums_[layer.name].assign(
            static_cast<size_t>(layer.conv_groups * layer.shape[1] * layer.shape[2] *
                                layer.shape[3]),
            0.0);
      }
    }
    const FloatExecutor executor(graph);
    constexpr int64_t kBatch = 64;
    const int64_t size = images.size() / images.shape[0];
    for (int64_t i = 0; i < images.shape[0]; i += kBatch) {
      const int64_t n = std::min(kBatch, images.shape[0] - i);
      const auto begin = images.data.begin() + i * size;
      const FloatTensor batch({n, images.shape[1], images.shape[2], images.shape[3]},
                              std::vector<float>(begin, begin + n * size));
      add(graph.inputs.at(0).name, batch);
      executor.run(batch, threads, [&](const Node& node, const FloatTensor& y) {
        add(node.outputs.at(0), y);
      });
    }
  }

  const std::vector<double>& of(const std::string& layer) const { return sums_.at(layer); }

 private:
  struct Reader {
    const Node* node;
    LayerPlan layer;
  };

  void add(const std::string& value, const FloatTensor& x) {
    const auto found = readers_.find(value);
    if (found == readers_.end()) return;
    for (const Reader& r : found->second) {
      if (r.layer.type == LayerType::kFullyConnected) {
        add_features(sums_.at(r.layer.name), x);
      } else {
        add_windows(*r.node, r.layer, sums_.at(r.layer.name), x);
      }
    }
  }

  static void add_features(std::vector<double>& sums, const FloatTensor& x) {
    for (size_t i = 0; i < x.data.size(); ++i) {
      sums[i % sums.size()] += static_cast<double>(x.data[i]) * x.data[i];
    }
  }

  static void add_windows(const Node& node, const LayerPlan& layer, std::vector<double>& sums,
                          const FloatTensor& x) {
    const int64_t h = x.shape.at(2), w = x.shape.at(3);
    const int64_t kh = layer.shape[2], kw = layer.shape[3];
    const Window2d win = window_of(node, kh, kw, h, w);
    for (int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane) {
      const float* data = x.data.data() + plane * h * w;
      double* sum = sums.data() + plane % x.shape[1] * kh * kw;
      for (int64_t p = 0; p < kh * kw; ++p) {
        for (int64_t oy = 0; oy < win.out_h; ++oy) {
          const int64_t y = oy * win.stride_h - win.pad_top + p / kw * win.dilation_h;
          if (y < 0 || y >= h) continue;
          for (int64_t ox = 0; ox < win.out_w; ++ox) {
            const int64_t xx = ox * win.stride_w - win.pad_left + p % kw * win.dilation_w;
            if (xx < 0 || xx >= w) continue;
            const double v = data[y * w + xx];
            sum[p] += v * v;
          }
        }
      }
    }
  }

  std::map<std::string, std::vector<Reader>> readers_;  // by the value that they read
  std::map<std::string, std::vector<double>> sums_;     // by layer
};

}  // namespace

Scorer wanda_scorer(FloatTensor images, int threads) {
  auto shared = std::make_shared<FloatTensor>(std::move(images));
  auto norms = std::make_shared<std::unique_ptr<InputNorms>>();
  return [shared, norms, threads](const Graph& graph, const LayerPlan& layer,
                                  const std::vector<float>& weights) {
    if (*norms == nullptr) *norms = std::make_unique<InputNorms>(graph, *shared, threads);
    const std::vector<double>& sums = (*norms)->of(layer.name);
    const size_t inputs = sums.size() / static_cast<size_t>(layer.conv_groups);
    const size_t outputs = weights.size() / inputs;
    std::vector<float> scores(weights.size());
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t conv_group = i / inputs / (outputs / static_cast<size_t>(layer.conv_groups));
      scores[i] = static_cast<float>(
          std::fabs(weights[i]) * std::sqrt(sums[conv_group * inputs + i % inputs]));
    }
    return scores;
  };
}

std::vector<float> score_layer(const Graph& graph, const LayerPlan& layer,
                               const std::vector<float>& weights, const Scorers& scorers) {
  std::vector<float> scores;
  if (layer.score == "magnitude") {
    scores.reserve(weights.size());
    for (const float w : weights) scores.push_back(std::fabs(w));
    return scores;
  }
  const auto found = scorers.find(layer.score);
  if (found == scorers.end()) {
    throw_input("layer '{}': score '{}' needs calibration images", layer.name, layer.score);
  }
  scores = found->second(graph, layer, weights);
  if (scores.size() != weights.size()) {
    throw_input("layer '{}': score '{}' gives {} values for {} weights", layer.name, layer.score,
                scores.size(), weights.size());
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!(scores[i] >= 0.0F)) {
      throw_input("layer '{}': score '{}' of weight {} is {}, legal is 0 and above", layer.name,
                  layer.score, i, scores[i]);
    }
  }
  return scores;
}

}  // namespace aap
