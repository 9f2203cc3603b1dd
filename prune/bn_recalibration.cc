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

// Recalibrates a graph segment by segment. A segment ends where a single value is all that later
// nodes read of earlier ones; its images are kept, so the front of the network runs once. Within a
// segment each BN needs a run of its own up to its input, with the BNs before it already updated.
class Recalibrator {
 public:
  Recalibrator(Graph& graph, int threads) : graph_(graph), threads_(threads) {
    std::set<std::string> owned;
    for (const Node& node : graph_.nodes) {
      if (node.op == "BatchNormalization") check(node, owned);
    }
  }

  RecalibrationReport run(const FloatTensor& images) {
    std::map<std::string, size_t> last_use;
    size_t last_bn = 0;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const std::string& input : graph_.nodes[i].inputs) last_use[input] = i;
      if (graph_.nodes[i].op == "BatchNormalization") last_bn = i;
    }
    std::string input = graph_.inputs.at(0).name;
    FloatTensor value = images;
    std::set<std::string> live = {input};
    size_t first = 0;
    for (size_t i = 0; i <= last_bn && i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      live.insert(node.outputs.at(0));
      for (const std::string& read : node.inputs) {
        if (last_use.at(read) == i) live.erase(read);
      }
      const bool alone = live.size() == 1 && live.count(node.outputs[0]) != 0;
      if (!alone && i != last_bn) continue;
      for (size_t j = first; j <= i; ++j) {
        const Node& bn = graph_.nodes[j];
        if (bn.op != "BatchNormalization") continue;
        const double shift =
            update_batch_norm(graph_, bn, evaluate(input, value, first, j, bn.inputs.at(0)));
        report_.largest_shift = std::max(report_.largest_shift, shift);
        ++report_.layers;
      }
      if (i == last_bn) break;
      value = evaluate(input, value, first, i + 1, node.outputs[0]);
      input = node.outputs[0];
      first = i + 1;
    }
    return report_;
  }

 private:
  void check(const Node& node, std::set<std::string>& owned) const {
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
  }

  // `wanted` from `value` of `input`, through those of the nodes first..end-1 that it needs.
  FloatTensor evaluate(const std::string& input, const FloatTensor& value, size_t first, size_t end,
                       const std::string& wanted) const {
    if (wanted == input) return value;
    std::set<std::string> needed = {wanted};
    Graph part;
    part.name = graph_.name;
    part.opset = graph_.opset;
    for (size_t i = end; i-- > first;) {
      const Node& node = graph_.nodes[i];
      if (needed.count(node.outputs.at(0)) == 0) continue;
      needed.insert(node.inputs.begin(), node.inputs.end());
      part.nodes.insert(part.nodes.begin(), node);
    }
    for (const std::string& name : needed) {
      const auto constant = graph_.constants.find(name);
      if (constant != graph_.constants.end()) part.constants.insert(*constant);
    }
    part.inputs = {{input, DataType::kFloat, value.shape}};
    part.inputs[0].shape[0] = -1;
    part.outputs = {{wanted, DataType::kFloat, {}}};
    return FloatExecutor(part).run(value, threads_);
  }

  Graph& graph_;
  int threads_;
  RecalibrationReport report_;
};

}  // namespace

double update_batch_norm(Graph& graph, const Node& node, const FloatTensor& x) {
  const Moments moments = moments_of(x);
  std::vector<float>& mean = graph.float_constant(node.inputs.at(3)).data;
  std::vector<float>& variance = graph.float_constant(node.inputs.at(4)).data;
  if (mean.size() != moments.mean.size() || variance.size() != mean.size()) {
    throw_input("layer '{}': BatchNormalization has {} means for {} channels", node.name,
                mean.size(), moments.mean.size());
  }
  double shift = 0.0;
  for (size_t c = 0; c < mean.size(); ++c) {
    const double sigma = std::sqrt(std::max(static_cast<double>(variance[c]), 1e-12));
    shift = std::max(shift, std::fabs(moments.mean[c] - mean[c]) / sigma);
  }
  mean = moments.mean;
  variance = moments.variance;
  return shift;
}

RecalibrationReport recalibrate_batch_norm(Graph& graph, const FloatTensor& images, int threads) {
  if (images.shape.size() != 4 || images.size() == 0) {
    throw_input("batch-norm re-calibration: no images");
  }
  if (graph.inputs.empty()) throw_input("batch-norm re-calibration: the graph has no input");
  return Recalibrator(graph, threads).run(images);
}

}  // namespace aap
