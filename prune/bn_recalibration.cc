// SPDX-License-Identifier: Apache-2.0
#include "prune/bn_recalibration.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "model/float_executor.h"

namespace aap {
namespace {

struct Moments {
  std::vector<float> mean, variance;
};

// Per channel over N, H, W. Two passes in double: exact enough where the mean is far from zero.
Moments moments_of(const FloatTensor& x) {
  const int64_t n = x.shape[0], c = x.shape[1];
  const int64_t area = x.size() / (n * c);
  Moments out;
  for (int64_t ci = 0; ci < c; ++ci) {
    double sum = 0.0, squares = 0.0;
    for (int64_t ni = 0; ni < n; ++ni) {
      const float* row = x.data.data() + (ni * c + ci) * area;
      for (int64_t i = 0; i < area; ++i) sum += row[i];
    }
    const double mean = sum / static_cast<double>(n * area);
    for (int64_t ni = 0; ni < n; ++ni) {
      const float* row = x.data.data() + (ni * c + ci) * area;
      for (int64_t i = 0; i < area; ++i) squares += (row[i] - mean) * (row[i] - mean);
    }
    out.mean.push_back(static_cast<float>(mean));
    out.variance.push_back(static_cast<float>(squares / static_cast<double>(n * area)));
  }
  return out;
}

class Recalibrator {
 public:
  explicit Recalibrator(Graph& graph) : graph_(graph) {
    std::set<std::string> owned;
    for (const Node& node : graph_.nodes) {
      if (node.op != "BatchNormalization") continue;
      for (size_t i = 3; i <= 4; ++i) {
        if (node.inputs.size() <= i || !graph_.is_constant(node.inputs[i])) {
          throw_input("layer '{}': BatchNormalization {} is no constant", node.name,
                      i == 3 ? "mean" : "variance");
        }
        if (!owned.insert(node.inputs[i]).second) {
          throw_input("layer '{}': BatchNormalization constant '{}' is shared with another layer",
                      node.name, node.inputs[i]);
        }
      }
      readers_.emplace(node.inputs.at(0), &node);
    }
  }

  // To be called with every value before the nodes that read it run.
  void see(const std::string& value, const FloatTensor& x) {
    const auto [first, last] = readers_.equal_range(value);
    if (first == last) return;
    const Moments moments = moments_of(x);
    for (auto it = first; it != last; ++it) update(*it->second, moments);
  }

  const RecalibrationReport& report() const { return report_; }

 private:
  void update(const Node& node, const Moments& moments) {
    std::vector<float>& mean = graph_.float_constant(node.inputs[3]).data;
    std::vector<float>& variance = graph_.float_constant(node.inputs[4]).data;
    if (mean.size() != moments.mean.size() || variance.size() != mean.size()) {
      throw_input("layer '{}': BatchNormalization has {} means for {} channels", node.name,
                  mean.size(), moments.mean.size());
    }
    for (size_t c = 0; c < mean.size(); ++c) {
      const double sigma = std::sqrt(std::max(static_cast<double>(variance[c]), 1e-12));
      report_.largest_shift =
          std::max(report_.largest_shift, std::fabs(moments.mean[c] - mean[c]) / sigma);
    }
    mean = moments.mean;
    variance = moments.variance;
    ++report_.layers;
  }

  Graph& graph_;
  std::multimap<std::string, const Node*> readers_;
  RecalibrationReport report_;
};

}  // namespace

RecalibrationReport recalibrate_batch_norm(Graph& graph, const FloatTensor& images, int threads) {
  if (images.shape.size() != 4 || images.size() == 0) {
    throw_input("batch-norm re-calibration: no images");
  }
  if (graph.inputs.empty()) throw_input("batch-norm re-calibration: the graph has no input");
  Recalibrator recalibrator(graph);
  recalibrator.see(graph.inputs[0].name, images);
  // The executor reads the constants of a node when it runs the node, and the observer comes
  // between a node and the next: what it writes is what the BN that follows uses.
  FloatExecutor(graph).run(images, threads, [&](const Node& node, const FloatTensor& output) {
    recalibrator.see(node.outputs.at(0), output);
  });
  return recalibrator.report();
}

}  // namespace aap
