// SPDX-License-Identifier: Apache-2.0
#include "prune/obs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "model/float_walk.h"
#include "prune/bias_recalibration.h"
#include "prune/bn_recalibration.h"
#include "prune/obs_exchange.h"
#include "prune/obs_moments.h"
#include "prune/obs_target.h"

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
  // `graph` is as other scores leave it where the plan says so, `dense` as it was.
  NetworkPruner(Graph& graph, const Graph& dense, const std::vector<LayerPlan>& layers,
                const ObsOptions& options)
      : graph_(graph), dense_(dense), options_(options) {
    std::map<std::string, int> users;
    for (const Node& node : graph.nodes) {
      for (const std::string& input : node.inputs) ++users[input];
    }
    for (const LayerPlan& layer : layers) {
      if (!updates(layer)) continue;
      if (users[layer.weight] > 1) {
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
      dense.advance();
      if (found != layers_.end()) {
        // Without match_dense: the dense layer on what the pruned network feeds it.
        report.push_back(prune_layer(node, *found->second, dense, pruned));
      } else if (node.op == "BatchNormalization" && options_.recalibrate &&
                 fixed_.count(node.name) == 0) {
        update_batch_norm(graph_, node, pruned.value(node.inputs[0]));
      }
      pruned.advance();
    }
    return report;
  }

 private:
  bool updates(const LayerPlan& layer) const {
    const bool whole = layer.rule == PruneRule::kDense || layer.rule == PruneRule::kDepthwise;
    return is_second_order(layer) || (options_.refit_unpruned && whole && !layer.weight.empty());
  }

  // What `node` should give. A BatchNormalization whose statistics the target counts on is kept.
  LayerTarget target_of(const Node& node, const FloatWalk& dense, const FloatWalk& pruned) {
    if (!options_.match_dense) return {dense_, {}, pruned.preview(), nullptr, nullptr};
    Behind b = behind(dense_, readers_, node);
    const bool sum = options_.match_sums && b.add != nullptr && dense.has(b.other) && pruned.has(b.other);
    b.relu = b.relu && options_.relu_rounds > 0 && (b.add == nullptr || sum);
    if (b.bn != nullptr && (sum || b.relu)) fixed_.insert(b.bn->name);
    return {dense_, b, dense.value(node.outputs[0]), sum ? &dense.value(b.other) : nullptr,
            sum ? &pruned.value(b.other) : nullptr};
  }

  ObsLayer prune_layer(Node& node, const LayerPlan& layer, const FloatWalk& dense,
                       const FloatWalk& pruned) {
    ObsLayer report;
    report.name = node.name;
    const int64_t rows = layer.shape[0] / layer.conv_groups;
    const double size = static_cast<double>(layer.shape[1] * layer.shape[2] * layer.shape[3]);
    const double m = static_cast<double>(rows);
    report.row_order = m * size * size * size <= options_.row_order_limit;
    const double kept = is_second_order(layer) ? size * layer.keep / layer.group : size;
    report.refit = m * kept * kept * kept / 3.0 <= options_.refit_limit;
    const bool best = report.row_order || report.refit;  // for what is kept
    const bool exchange = best && m * (size - kept) * kept * kept <= options_.exchange_limit;
    report.exchanged = exchange && is_second_order(layer) ? 0 : -1;
    const FloatTensor& x = pruned.value(node.inputs[0]);
    const LayerTarget target = target_of(node, dense, pruned);
    const std::vector<float> before = layer_weights(graph_, layer);
    std::vector<float> weights = before;
    solve(node, layer, x, target.linear(), before, weights, true, report);
    for (int round = 0; round < options_.relu_rounds && target.has_relu() && report.refit; ++round) {
      FloatTensor y = pruned.preview();
      add_shift(y);
      ObsLayer ignored = report;
      solve(node, layer, x, target.past_relu(y), before, weights, false, ignored);
    }
    return report;
  }

  // One layer towards `wanted`: which weights stay, where `choose`, and what they are.
  void solve(Node& node, const LayerPlan& layer, const FloatTensor& x, const FloatTensor& wanted,
             const std::vector<float>& before, std::vector<float>& weights, bool choose,
             ObsLayer& report) {
    const int64_t parts = layer.conv_groups, rows = layer.shape[0] / parts;
    const int64_t d = layer.shape[1] * layer.shape[2] * layer.shape[3];
    const bool prunes = is_second_order(layer);
    double energy = 0.0;
    shift_.assign(static_cast<size_t>(layer.shape[0]), 0.0);
    report.error = report.error_magnitude = 0.0;
    for (int64_t part = 0; part < parts; ++part) {
      const ColumnOrder order = column_order(layer, part);
      const LayerMoments moments = layer_moments(node, layer, order, x, wanted, part);
      const std::vector<double> w = rows_of(before, layer, order, part * rows, rows);
      std::vector<double> hessian = moments.hessian;
      const double amount = damp(hessian, d, options_.damping);
      const std::vector<double> target = best_target(moments, hessian, amount, w);
      std::vector<double> q = choose ? target : rows_of(weights, layer, order, part * rows, rows);
      if (prunes && choose) {
        std::vector<double> largest = w;
        keep_largest(largest, order);
        report.error_magnitude += output_error(moments, largest);
        std::vector<double> work = hessian;
        obs_prune_rows({q.data(), rows, d, d, 1}, {work.data(), d, d, d, 1}, order.groups,
                       report.row_order ? ObsOrder::kRows : ObsOrder::kColumns);
      }
      if (!choose || (prunes && report.refit && !report.row_order)) {
        obs_refit_rows({q.data(), rows, d, d, 1}, {target.data(), rows, d, d},
                       {hessian.data(), d, d, d});
      }
      if (prunes && choose && report.exchanged >= 0) {
        report.exchanged +=
            obs_exchange_rows({q.data(), rows, d, d, 1}, {target.data(), rows, d, d},
                              {hessian.data(), d, d, d}, order.groups, options_.exchange_sweeps);
      }
      report.error += output_error(moments, q);
      for (double e : moments.energy) energy += e;
      store_rows(q, weights, layer, order, part * rows);
      for (int64_t r = 0; r < rows; ++r) {
        double mean = 0.0;
        for (int64_t i = 0; i < d; ++i) {
          mean += q[static_cast<size_t>(r * d + i)] * moments.mean_x[static_cast<size_t>(i)];
        }
        shift_[static_cast<size_t>(part * rows + r)] = moments.mean_y[static_cast<size_t>(r)] - mean;
      }
    }
    set_layer_weights(graph_, layer, weights);
    set_bias(node);
    if (!prunes) report.error_magnitude = report.error;
    if (energy > 0.0) {
      report.error /= energy;
      report.error_magnitude /= energy;
    }
  }

  // What set_bias() gave to a BatchNormalization, added to the layer's own output.
  void add_shift(FloatTensor& y) const {
    if (!shift_behind_) return;
    const int64_t channels = y.shape.at(1), area = y.size() / (y.shape[0] * channels);
    for (int64_t i = 0; i < y.size(); ++i) {
      y.data[static_cast<size_t>(i)] +=
          static_cast<float>(shift_[static_cast<size_t>(i / area % channels)]);
    }
  }

  // Gives the layer the bias with which its mean output is the wanted one. A BatchNormalization
  // behind it takes it as a smaller mean instead, so that the node keeps its form.
  void set_bias(Node& node) {
    const bool has_bias = node.inputs.size() > 2 && !node.inputs[2].empty();
    const auto readers = readers_.find(node.outputs[0]);
    const bool alone = readers != readers_.end() && readers->second.size() == 1;
    shift_behind_ = !has_bias && alone && readers->second[0]->op == "BatchNormalization";
    if (shift_behind_) {
      const std::string& name = readers->second[0]->inputs.at(3);
      std::vector<float>& mean = graph_.float_constant(name).data;
      mean = dense_.float_constant(name).data;
      for (size_t c = 0; c < mean.size(); ++c) mean[c] -= static_cast<float>(shift_[c]);
      return;
    }
    if (node.op == "MatMul") {
      // The Add behind it, if any, would have to be found; MatMul keeps its mean error.
      return;
    }
    set_layer_bias(graph_, node, shift_);
  }

  Graph& graph_;
  const Graph& dense_;
  const ObsOptions options_;
  std::map<std::string, const LayerPlan*> layers_;
  ReadersOf readers_;
  std::vector<double> shift_;  // of the layer solved last, one a channel
  bool shift_behind_ = false;  // and whether a BatchNormalization has it
  std::set<std::string> fixed_;  // BatchNormalizations whose statistics belong to the target
};

}  // namespace

bool is_second_order(const LayerPlan& layer) {
  return layer.rule == PruneRule::kAap && layer.share == 1 && layer.score == "obs" &&
         !layer.weight.empty();
}

std::vector<ObsLayer> obs_prune(Graph& graph, const std::vector<LayerPlan>& layers,
                                const FloatTensor& images, const ObsOptions& options,
                                const Scorers& scorers) {
  const Graph dense = graph;
  std::vector<LayerPlan> others = layers;
  for (LayerPlan& layer : others) {
    if (is_second_order(layer)) layer.rule = PruneRule::kDense;
  }
  prune(graph, others, scorers);
  std::vector<ObsLayer> report = NetworkPruner(graph, dense, layers, options).run(images);
  record_pruning(graph, layers);
  return report;
}

}  // namespace aap
