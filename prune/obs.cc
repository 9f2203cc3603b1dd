// SPDX-License-Identifier: Apache-2.0
#include "prune/obs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "model/float_walk.h"
#include "prune/bias_recalibration.h"
#include "prune/bn_recalibration.h"
#include "prune/obs_moments.h"

namespace aap {
namespace {

// The weights of smallest error without a constraint: target (H + damping) = cross + damping w.
std::vector<double> best_target(const LayerMoments& m, const std::vector<double>& damped,
                                double amount, const std::vector<double>& w) {
  const int64_t d = m.columns, rows = m.outputs;
  std::vector<double> factor = damped, target(w.size());
  if (!cholesky({factor.data(), d, d, d, 1})) {
    throw_input("second-order update: the moments are not positive definite");
  }
  for (size_t i = 0; i < w.size(); ++i) target[i] = m.cross[i] + amount * w[i];
  // Rows of the target are columns of the system.
  std::vector<double> system(target.size());
  const MatrixView x{system.data(), d, rows, rows, 1};
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < d; ++i) {
      system[static_cast<size_t>(i * rows + r)] = target[static_cast<size_t>(r * d + i)];
    }
  }
  solve_lower({factor.data(), d, d, d}, x);
  solve_lower_transposed({factor.data(), d, d, d}, x);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < d; ++i) {
      target[static_cast<size_t>(r * d + i)] = system[static_cast<size_t>(i * rows + r)];
    }
  }
  return target;
}

// sum (y - q x)^2 over samples and rows, means taken out.
double output_error(const LayerMoments& m, const std::vector<double>& q) {
  const int64_t d = m.columns, rows = m.outputs;
  std::vector<double> product(q.size(), 0.0);
  add_product(1.0, {q.data(), rows, d, d}, {m.hessian.data(), d, d, d},
              {product.data(), rows, d, d, 1});
  double sum = 0.0;
  for (double e : m.energy) sum += e;
  for (size_t i = 0; i < q.size(); ++i) sum += q[i] * (product[i] - 2.0 * m.cross[i]);
  return std::max(0.0, sum);
}

void keep_largest(std::vector<double>& rows, const ColumnOrder& order) {
  const size_t columns = order.feature.size();
  std::vector<size_t> members;
  for (size_t row = 0; row < rows.size(); row += columns) {
    for (const ColumnGroup& g : order.groups) {
      members.clear();
      for (int64_t i = 0; i < g.size; ++i)
        members.push_back(row + static_cast<size_t>(g.first + i));
      std::stable_sort(members.begin(), members.end(),
                       [&](size_t a, size_t b) { return std::fabs(rows[a]) > std::fabs(rows[b]); });
      for (size_t i = static_cast<size_t>(g.keep); i < members.size(); ++i) rows[members[i]] = 0.0;
    }
  }
}

class NetworkPruner {
 public:
  NetworkPruner(Graph& graph, const std::vector<LayerPlan>& layers, const ObsOptions& options)
      : graph_(graph), dense_(graph), options_(options) {
    std::map<std::string, int> users;
    for (const Node& node : graph.nodes) {
      for (const std::string& input : node.inputs) ++users[input];
    }
    for (const LayerPlan& layer : layers) {
      const bool legal = layer.rule == PruneRule::kAap || layer.rule == PruneRule::kDense ||
                         layer.rule == PruneRule::kDepthwise;
      if (!legal || layer.share != 1) {
        throw_input(
            "layer '{}': second-order pruning is for method aap with share 1, not {} with {}",
            layer.name, to_string(layer.rule), layer.share);
      }
      if (!layer.weight.empty() && users[layer.weight] > 1) {
        throw_input("layer '{}': weights '{}' are shared with another layer", layer.name,
                    layer.weight);
      }
      layers_[layer.name] = &layer;
    }
    for (Node& node : graph.nodes) {
      for (const std::string& input : node.inputs) readers_[input].push_back(&node);
    }
  }

  std::vector<ObsLayer> run(const FloatTensor& images) {
    FloatWalk pruned(graph_, images, options_.threads), dense(dense_, images, options_.threads);
    std::vector<ObsLayer> report;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      Node& node = graph_.nodes[i];
      const auto found = layers_.find(node.name);
      const bool solve = found != layers_.end() && !found->second->weight.empty() &&
                         (found->second->rule == PruneRule::kAap || options_.refit_unpruned);
      if (solve && options_.match_dense) {
        dense.advance();
        FloatTensor wanted = dense.value(node.outputs[0]);
        if (options_.match_sums) add_other_branch(node, dense, pruned, wanted);
        report.push_back(prune_layer(node, *found->second, pruned.value(node.inputs[0]), wanted));
      } else if (solve) {
        // The dense layer on what the pruned network feeds it: the pruned walk's own next step.
        FloatWalk ahead = pruned;
        ahead.advance();
        report.push_back(prune_layer(node, *found->second, pruned.value(node.inputs[0]),
                                     ahead.value(node.outputs[0])));
        dense.advance();
      } else {
        if (node.op == "BatchNormalization" && options_.recalibrate &&
            fixed_.count(node.name) == 0) {
          update_batch_norm(graph_, node, pruned.value(node.inputs[0]));
        }
        dense.advance();
      }
      pruned.advance();
    }
    return report;
  }

 private:
  const Node* only_reader(const std::string& value) const {
    const auto readers = readers_.find(value);
    return readers != readers_.end() && readers->second.size() == 1 ? readers->second[0] : nullptr;
  }

  // Where `node` (and a BatchNormalization behind it) ends in Add, adds to `wanted` what the other
  // branch lacks against the dense network, as seen before the BatchNormalization.
  void add_other_branch(const Node& node, const FloatWalk& dense, const FloatWalk& pruned,
                        FloatTensor& wanted) {
    const Node* next = only_reader(node.outputs[0]);
    const Node* bn = nullptr;
    if (next != nullptr && next->op == "BatchNormalization") {
      bn = next;
      next = only_reader(bn->outputs[0]);
    }
    if (next == nullptr || next->op != "Add") return;
    const std::string& own = bn == nullptr ? node.outputs[0] : bn->outputs[0];
    const std::string& other = next->inputs[next->inputs[0] == own ? 1 : 0];
    if (other == own || !dense.has(other) || !pruned.has(other)) return;
    const FloatTensor& a = dense.value(other);
    const FloatTensor& b = pruned.value(other);
    if (a.shape != wanted.shape || a.shape.size() < 2) return;
    std::vector<float> scale(static_cast<size_t>(a.shape[1]), 1.0F);
    if (bn != nullptr) {
      const auto& gamma = dense_.float_constant(bn->inputs[1]).data;
      const auto& variance = dense_.float_constant(bn->inputs[4]).data;
      const float epsilon = bn->attr_float("epsilon", 1e-5F);
      for (size_t c = 0; c < scale.size(); ++c) {
        const float factor = gamma[c] / std::sqrt(variance[c] + epsilon);
        // A channel that the BatchNormalization all but removes cannot help the sum.
        scale[c] = std::fabs(factor) > 1e-3F ? 1.0F / factor : 0.0F;
      }
      fixed_.insert(bn->name);
    }
    const int64_t images = a.shape[0], channels = a.shape[1], area = a.size() / (images * channels);
    size_t at = 0;
    for (int64_t n = 0; n < images; ++n) {
      for (int64_t c = 0; c < channels; ++c) {
        const float factor = scale[static_cast<size_t>(c)];
        for (int64_t i = 0; i < area; ++i, ++at)
          wanted.data[at] += (a.data[at] - b.data[at]) * factor;
      }
    }
  }

  ObsLayer prune_layer(Node& node, const LayerPlan& layer, const FloatTensor& x,
                       const FloatTensor& y) {
    ObsLayer report;
    report.name = node.name;
    std::vector<float> weights = layer_weights(graph_, layer);
    const int64_t parts = layer.conv_groups;
    const int64_t rows = layer.shape[0] / parts;
    const int64_t d = layer.shape[1] * layer.shape[2] * layer.shape[3];
    const bool prunes = layer.rule == PruneRule::kAap;
    const double size = static_cast<double>(d), m = static_cast<double>(rows);
    report.row_order = m * size * size * size <= options_.row_order_limit;
    const double kept = prunes ? size * layer.keep / layer.group : size;
    report.refit = m * kept * kept * kept / 3.0 <= options_.refit_limit;
    double energy = 0.0;
    std::vector<double> shift(static_cast<size_t>(layer.shape[0]), 0.0);
    for (int64_t part = 0; part < parts; ++part) {
      const ColumnOrder order = column_order(layer, part);
      const LayerMoments moments = layer_moments(node, layer, order, x, y, part);
      std::vector<double> w = rows_of(weights, layer, order, part * rows, rows);
      std::vector<double> hessian = moments.hessian;
      const double amount = damp(hessian, d, options_.damping);
      const std::vector<double> target = best_target(moments, hessian, amount, w);
      std::vector<double> q = target;
      if (prunes) {
        std::vector<double> largest = w;
        keep_largest(largest, order);
        report.error_magnitude += output_error(moments, largest);
        std::vector<double> work = hessian;
        obs_prune_rows({q.data(), rows, d, d, 1}, {work.data(), d, d, d, 1}, order.groups,
                       report.row_order ? ObsOrder::kRows : ObsOrder::kColumns);
        if (report.refit && !report.row_order) {
          obs_refit_rows({q.data(), rows, d, d, 1}, {target.data(), rows, d, d},
                         {hessian.data(), d, d, d});
        }
      }
      report.error += output_error(moments, q);
      for (double e : moments.energy) energy += e;
      store_rows(q, weights, layer, order, part * rows);
      for (int64_t r = 0; r < rows; ++r) {
        double mean = 0.0;
        for (int64_t i = 0; i < d; ++i) {
          mean += q[static_cast<size_t>(r * d + i)] * moments.mean_x[static_cast<size_t>(i)];
        }
        shift[static_cast<size_t>(part * rows + r)] = moments.mean_y[static_cast<size_t>(r)] - mean;
      }
    }
    set_layer_weights(graph_, layer, weights);
    set_bias(node, shift);
    if (!prunes) report.error_magnitude = report.error;
    if (energy > 0.0) {
      report.error /= energy;
      report.error_magnitude /= energy;
    }
    return report;
  }

  // Gives the layer the bias with which its mean output is the dense one. A BatchNormalization
  // behind it takes it as a smaller mean instead, so that the node keeps its form.
  void set_bias(Node& node, const std::vector<double>& bias) {
    const bool has_bias = node.inputs.size() > 2 && !node.inputs[2].empty();
    const auto readers = readers_.find(node.outputs[0]);
    const bool alone = readers != readers_.end() && readers->second.size() == 1;
    if (!has_bias && alone && readers->second[0]->op == "BatchNormalization") {
      const Node& bn = *readers->second[0];
      std::vector<float>& mean = graph_.float_constant(bn.inputs.at(3)).data;
      for (size_t c = 0; c < mean.size(); ++c) mean[c] -= static_cast<float>(bias[c]);
      return;
    }
    if (node.op == "MatMul") {
      // The Add behind it, if any, would have to be found; MatMul keeps its mean error.
      return;
    }
    set_layer_bias(graph_, node, bias);
  }

  Graph& graph_;
  const Graph dense_;
  const ObsOptions options_;
  std::map<std::string, const LayerPlan*> layers_;
  std::map<std::string, std::vector<const Node*>> readers_;
  std::set<std::string> fixed_;  // BatchNormalizations whose statistics belong to the target
};

}  // namespace

std::vector<ObsLayer> obs_prune(Graph& graph, const std::vector<LayerPlan>& layers,
                                const FloatTensor& images, const ObsOptions& options) {
  std::vector<ObsLayer> report = NetworkPruner(graph, layers, options).run(images);
  record_pruning(graph, layers);
  return report;
}

}  // namespace aap
