// SPDX-License-Identifier: Apache-2.0
#include "quantize/scales.h"

#include <algorithm>
#include <cmath>

#include "quantize/snap.h"

namespace aap {
namespace {

bool is_clamp(const Node& node) { return node.op == "Relu" || node.op == "Clip"; }

bool is_average(const Node& node) {
  return node.op == "AveragePool" || node.op == "GlobalAveragePool";
}

// Nodes whose output keeps the scale of their inputs.
bool keeps_scale(const Node& node, const Fusion& fusion) {
  return node.op == "MaxPool" || node.op == "Flatten" || node.op == "Reshape" ||
         node.op == "Concat" || (is_clamp(node) && fusion.merged.count(node.name) == 0);
}

size_t data_inputs(const Node& node) { return node.op == "Concat" ? node.inputs.size() : 1; }

// Values that must share one scale, each class named by one member.
class Classes {
 public:
  std::string find(const std::string& value) {
    auto it = parent_.find(value);
    if (it == parent_.end() || it->second == value) return value;
    const std::string root = find(it->second);
    parent_[value] = root;
    return root;
  }
  void join(const std::string& a, const std::string& b) {
    const std::string ra = find(a), rb = find(b);
    parent_[ra] = ra;
    if (ra != rb) parent_[rb] = ra;
  }

 private:
  std::map<std::string, std::string> parent_;
};

struct Bounds {
  double low = 0.0, high = 0.0;  // always holds 0, which padding and Relu need exactly
  void include(const Range& range, bool full) {
    low = std::min(low, static_cast<double>(full ? range.minimum : range.low));
    high = std::max(high, static_cast<double>(full ? range.maximum : range.high));
  }
};

Quantisation from_scale(float scale, double low, const std::string& owner, bool even) {
  const double unit = even ? 2.0 : 1.0;
  const double zero = unit * std::nearbyint((-128.0 - low / scale) / unit);
  return {scale, static_cast<int>(std::clamp(zero, -128.0, even ? 126.0 : 127.0)), owner};
}

double natural_scale(const Bounds& b) {
  const double width = b.high - b.low;
  return width > 1e-30 ? width / 255.0 : 1.0 / 255.0;
}

std::set<std::string> add_results(const Graph& folded, const Fusion& fusion, Classes& classes) {
  std::set<std::string> roots;
  for (const Node& node : folded.nodes) {
    if (node.op == "Add") roots.insert(classes.find(fusion.layers.at(node.name).output));
  }
  return roots;
}

// Scales of one mantissa of 5 bits times powers of two, none below the natural one; the mantissa that
// gives away least.
std::map<std::string, float> common_mantissa(const std::set<std::string>& roots,
                                             const std::map<std::string, Bounds>& bounds) {
  std::map<std::string, float> best;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 16; ++i) {
    const double mantissa = 1.0 + i / 16.0;
    double loss = 0.0;
    std::map<std::string, float> scales;
    for (const std::string& root : roots) {
      const double doublings = std::log2(natural_scale(bounds.at(root)) / mantissa);
      scales[root] = static_cast<float>(std::ldexp(mantissa, static_cast<int>(std::ceil(doublings))));
      loss += std::ceil(doublings) - doublings;
    }
    if (loss < least) {
      least = loss;
      best = std::move(scales);
    }
  }
  return best;
}

// The float network's last value, before a Softmax that stays on the host.
std::string last_value(const Graph& g) {
  const std::string& output = g.outputs.at(0).name;
  for (const Node& node : g.nodes) {
    if (node.op == "Softmax" && node.outputs.at(0) == output) return node.inputs.at(0);
  }
  return output;
}

}  // namespace

Clamp clamp_of(const Graph& graph, const Node& node) {
  Clamp clamp;
  if (node.op == "Relu") {
    clamp.low = 0.0F;
    return clamp;
  }
  clamp.low = node.attr_float("min", clamp.low);
  clamp.high = node.attr_float("max", clamp.high);
  if (node.inputs.size() > 1 && !node.inputs[1].empty()) {
    clamp.low = graph.float_constant(node.inputs[1]).data.at(0);
  }
  if (node.inputs.size() > 2 && !node.inputs[2].empty()) {
    clamp.high = graph.float_constant(node.inputs[2]).data.at(0);
  }
  if (!(clamp.low <= clamp.high)) {
    throw_input("layer '{}': Clip from {} to {} is empty", node.name, clamp.low, clamp.high);
  }
  return clamp;
}

Fusion fuse_clamps(const Graph& folded) {
  Fusion fusion;
  const auto sole_reader = [&](const std::string& value) -> const Node* {
    const Node* reader = nullptr;
    for (const ValueInfo& output : folded.outputs) {
      if (output.name == value) return nullptr;
    }
    for (const Node& node : folded.nodes) {
      for (const std::string& input : node.inputs) {
        if (input != value) continue;
        if (reader != nullptr) return nullptr;
        reader = &node;
      }
    }
    return reader;
  };
  for (const Node& node : folded.nodes) {
    if (node.op != "Conv" && node.op != "Gemm" && node.op != "Add" && !is_average(node)) continue;
    Fusion::Layer layer{node.outputs.at(0), node.name, {}};
    for (const Node* next = sole_reader(layer.output); next != nullptr && is_clamp(*next);
         next = sole_reader(layer.output)) {
      const Clamp c = clamp_of(folded, *next);
      layer.clamp.low = std::clamp(layer.clamp.low, c.low, c.high);
      layer.clamp.high = std::clamp(layer.clamp.high, c.low, c.high);
      layer.output = next->outputs.at(0);
      layer.last = next->name;
      fusion.merged.insert(next->name);
    }
    fusion.layers[node.name] = layer;
  }
  return fusion;
}

int Quantisation::quantise(float real) const {
  const double q = std::nearbyint(static_cast<double>(real) / scale) + zero_point;
  return static_cast<int>(std::clamp(q, -128.0, 127.0));
}

int64_t full_window(const Node& node, const Shape& input) {
  if (node.op == "GlobalAveragePool") return input.at(2) * input.at(3);
  int64_t n = 1;
  for (int64_t k : node.attr_ints("kernel_shape", {})) n *= k;
  return n;
}

std::map<std::string, Quantisation> choose_scales(const Graph& folded, const Fusion& fusion,
                                                  const std::map<std::string, Range>& ranges,
                                                  const QuantizeOptions& options) {
  const int multiplier_bits = options.multiplier_bits;
  const auto shapes = infer_shapes(folded);
  Classes classes;
  std::vector<std::string> values = {folded.inputs.at(0).name};
  for (const Node& node : folded.nodes) {
    const auto layer = fusion.layers.find(node.name);
    if (layer != fusion.layers.end()) {
      values.push_back(layer->second.output);
    } else if (keeps_scale(node, fusion)) {
      values.push_back(node.outputs.at(0));
      for (size_t i = 0; i < data_inputs(node); ++i) {
        classes.join(node.inputs.at(i), node.outputs[0]);
      }
    }
  }
  std::map<std::string, Bounds> bounds;
  const std::string last = last_value(folded);
  for (const std::string& value : values) {
    bounds[classes.find(value)].include(ranges.at(value), value == last);
  }
  // Operands of a residual add get scales that are short dyadic multiples of the result's, so that
  // the integer multipliers of the add are exact and its ties are the real ones (ONNX Runtime's
  // too). Not possible for operands that are results of adds or averages themselves.
  std::set<std::string> results;
  for (const Node& node : folded.nodes) {
    if (node.op != "Add" && !is_average(node)) continue;
    results.insert(classes.find(fusion.layers.at(node.name).output));
  }
  const std::map<std::string, float> sums =
      options.exact ? common_mantissa(add_results(folded, fusion, classes), bounds)
                    : std::map<std::string, float>{};
  std::map<std::string, float> operand_scale = sums;
  for (const Node& node : folded.nodes) {
    if (node.op != "Add") continue;
    const std::string result = classes.find(fusion.layers.at(node.name).output);
    const double sy =
        options.exact ? sums.at(result) : short_scale(natural_scale(bounds.at(result)));
    for (const std::string& input : node.inputs) {
      const std::string root = classes.find(input);
      if (results.count(root) != 0) continue;
      const double ratio = short_scale(natural_scale(bounds.at(root)) / sy);
      operand_scale.emplace(root, static_cast<float>(ratio * sy));
    }
  }
  std::map<std::string, Quantisation> by_class, out;
  const auto assign = [&](const std::string& value, const Node* average, const Clamp& clamp) {
    const std::string root = classes.find(value);
    if (by_class.count(root) == 0) {
      const Bounds& b = bounds.at(root);
      const auto operand = operand_scale.find(root);
      float scale =
          operand != operand_scale.end() ? operand->second : short_scale(natural_scale(b));
      if (average != nullptr) {
        const int64_t n = full_window(*average, shapes.at(average->inputs.at(0)));
        const float sx = out.at(average->inputs[0]).scale;
        if (!options.exact) {
          scale = snap_average_scale(sx, scale, n, multiplier_bits);
        } else if (average->op == "GlobalAveragePool") {
          scale = snap_exact_average_scale(sx, scale, n, multiplier_bits);
        } else {
          // Power of two times sx: sum * 2^j / n is exact for n a power of two, and for an odd n never
          // nearer to a half than 1 / 2n.
          scale = std::ldexp(sx, static_cast<int>(std::ceil(std::log2(natural_scale(b) / sx) - 1e-9)));
        }
      }
      Quantisation q = from_scale(scale, b.low, value, options.exact);
      // Rounding up may reach just beyond a ReLU6; one step down, saturation does its work for
      // free.
      const Quantisation lower = from_scale(scale * (1.0F - 1.0F / 128.0F), b.low, value, options.exact);
      if (average == nullptr && operand == operand_scale.end() && q.quantise(clamp.high) < 127 &&
          lower.quantise(clamp.high) == 127) {
        q = lower;
      }
      by_class[root] = q;
    }
    out[value] = by_class.at(root);
  };
  assign(values[0], nullptr, {});
  for (const Node& node : folded.nodes) {
    const auto layer = fusion.layers.find(node.name);
    if (layer != fusion.layers.end()) {
      assign(layer->second.output, is_average(node) ? &node : nullptr, layer->second.clamp);
    } else if (keeps_scale(node, fusion)) {
      assign(node.outputs.at(0), nullptr, {});
    }
  }
  return out;
}

}  // namespace aap
