// SPDX-License-Identifier: Apache-2.0
#include "prune/prune.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

namespace aap {
namespace {

// Where weight (m, c, p) of a layer lies: p is the kernel position (row-major).
struct Layout {
  int64_t m = 0, c = 0, positions = 0;
  bool output_last = false;

  explicit Layout(const LayerPlan& layer)
      : m(layer.shape[0]),
        c(layer.shape[1]),
        positions(layer.shape[2] * layer.shape[3]),
        output_last(layer.output_last) {}

  size_t index(int64_t mi, int64_t ci, int64_t p) const {
    const int64_t feature = ci * positions + p;
    return static_cast<size_t>(output_last ? feature * m + mi : mi * c * positions + feature);
  }
};

// Calls visit(indices of one group, ascending channel) for every group of the layer.
template <typename Visit>
void for_each_group(const LayerPlan& layer, Visit visit) {
  const Layout layout(layer);
  std::vector<size_t> members;
  for (int64_t m = 0; m < layout.m; ++m) {
    for (int64_t p = 0; p < layout.positions; ++p) {
      for (int64_t first = 0; first < layout.c; first += layer.group) {
        members.clear();
        const int64_t end = std::min<int64_t>(first + layer.group, layout.c);
        for (int64_t c = first; c < end; ++c) members.push_back(layout.index(m, c, p));
        visit(members);
      }
    }
  }
}

// Moves the `keep` largest magnitudes to the front; equal magnitudes keep their order (lower
// first).
void order_by_magnitude(const std::vector<float>& values, std::vector<size_t>& indices) {
  std::stable_sort(indices.begin(), indices.end(),
                   [&](size_t a, size_t b) { return std::fabs(values[a]) > std::fabs(values[b]); });
}

int64_t count_nonzero(const std::vector<float>& values) {
  return std::count_if(values.begin(), values.end(), [](float v) { return v != 0.0F; });
}

void prune_aap(std::vector<float>& values, const LayerPlan& layer) {
  const size_t keep = static_cast<size_t>(layer.keep);
  for_each_group(layer, [&](std::vector<size_t>& members) {
    if (members.size() <= keep) return;
    order_by_magnitude(values, members);
    for (size_t i = keep; i < members.size(); ++i) values[members[i]] = 0.0F;
  });
}

void prune_unconstrained(std::vector<float>& values, int64_t kept) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  order_by_magnitude(values, order);
  for (size_t i = static_cast<size_t>(kept); i < order.size(); ++i) values[order[i]] = 0.0F;
}

int64_t count_after_aap(const std::vector<float>& values, const LayerPlan& layer) {
  int64_t kept = 0;
  for_each_group(layer, [&](const std::vector<size_t>& members) {
    const int64_t nonzero =
        std::count_if(members.begin(), members.end(), [&](size_t i) { return values[i] != 0.0F; });
    kept += std::min<int64_t>(nonzero, layer.keep);
  });
  return kept;
}

void refuse_non_finite(const std::string& node, const std::string& tensor,
                       const std::vector<float>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      throw_input("layer '{}': weights '{}' element {} is {}, must be finite", node, tensor, i,
                  values[i]);
    }
  }
}

const Node* producer_of(const Graph& graph, const std::string& value) {
  for (const Node& node : graph.nodes) {
    if (std::find(node.outputs.begin(), node.outputs.end(), value) != node.outputs.end()) {
      return &node;
    }
  }
  return nullptr;
}

bool keeps_shape(const Node& node) {
  static const std::set<std::string> kOps = {"Relu", "Clip", "Identity", "Dropout",
                                             "BatchNormalization"};
  return kOps.count(node.op) != 0;
}

// Nodes between a fully connected layer and the C x H x W tensor that it reads, if there is one.
// Returns {C, H, W}.
std::optional<Shape> image_before(const Graph& graph, const std::map<std::string, Shape>& shapes,
                                  std::string value, int64_t features) {
  for (const Node* node = producer_of(graph, value); node != nullptr;
       node = producer_of(graph, value)) {
    value = node->inputs.at(0);
    if (keeps_shape(*node)) continue;
    if (node->op != "Flatten" && node->op != "Reshape") return std::nullopt;
    const auto found = shapes.find(value);
    if (found == shapes.end()) return std::nullopt;
    const Shape& s = found->second;
    if (s.size() == 4 && s[1] * s[2] * s[3] == features) return Shape{s[1], s[2], s[3]};
  }
  // A Flatten of the network's own input reaches a value that no node produces; handled above.
  return std::nullopt;
}

// True where nothing with weights lies between the network's input and `value`.
bool reads_network_input(const Graph& graph, std::string value) {
  for (const Node* node = producer_of(graph, value); node != nullptr;
       node = producer_of(graph, value)) {
    if (node->op == "Conv" || node->op == "Gemm" || node->op == "MatMul") return false;
    value = node->inputs.at(0);
  }
  return true;
}

// Shape, storage and weight count of a layer with weights; rule and counts come later.
LayerPlan describe(const Graph& graph, const std::map<std::string, Shape>& shapes,
                   const Node& node) {
  LayerPlan layer;
  layer.name = node.name;
  layer.op = node.op;
  if (node.inputs.size() < 2) throw_input("layer '{}': {} has no weights", node.name, node.op);
  layer.shape = {0, 0, 1, 1};
  if (!graph.is_constant(node.inputs[1])) return layer;
  layer.weight = node.inputs[1];
  const FloatTensor& w = graph.float_constant(layer.weight);
  layer.weights = w.size();
  if (node.op == "Conv") {
    if (w.shape.size() != 4) {
      throw_input("layer '{}': weights '{}' have {} dimensions, Conv must have 4 (M, C, KH, KW)",
                  node.name, layer.weight, w.shape.size());
    }
    layer.shape = w.shape;
    return layer;
  }
  if (w.shape.size() != 2) {
    throw_input("layer '{}': weights '{}' have {} dimensions, {} must have 2", node.name,
                layer.weight, w.shape.size(), node.op);
  }
  layer.output_last = node.op == "MatMul" || node.attr_int("transB", 0) == 0;
  const int64_t features = layer.output_last ? w.shape[0] : w.shape[1];
  layer.shape = {layer.output_last ? w.shape[1] : w.shape[0], features, 1, 1};
  if (const auto image = image_before(graph, shapes, node.inputs[0], features)) {
    layer.shape = {layer.shape[0], (*image)[0], (*image)[1], (*image)[2]};
  }
  return layer;
}

int keep_for(const PruneOptions& options, const LayerPlan& layer) {
  const auto own = options.keep_of.find(layer.name);
  if (own != options.keep_of.end()) return own->second;
  if (layer.op != "Conv" && options.fully_connected_keep != 0) return options.fully_connected_keep;
  return options.keep;
}

// Decides rule, reason and K of a described layer.
void decide(const Graph& graph, const Node& node, const PruneOptions& options, LayerPlan& layer) {
  const int g = options.group;
  const int k = keep_for(options, layer);
  const bool asked = options.keep_of.count(layer.name) != 0;
  const int64_t c = layer.shape[1];
  layer.group = g;
  layer.keep = g;
  layer.rule = PruneRule::kDense;
  if (layer.weight.empty()) {
    layer.reason = "weights are computed in the graph, not a constant";
    return;
  }
  const int64_t conv_groups = layer.op == "Conv" ? node.attr_int("group", 1) : 1;
  if (conv_groups > 1 && c == 1) {
    layer.rule = PruneRule::kDepthwise;
    layer.keep = 1;
    layer.reason = fmt::format("depthwise: runs as keep 1 of {} already", g);
    return;
  }
  if (c < g && !asked && !options.prune_first_layer && layer.op == "Conv" &&
      reads_network_input(graph, node.inputs[0])) {
    layer.reason = fmt::format("first layer has {} channels, fewer than a group of {}", c, g);
    return;
  }
  if (k == g) {
    layer.reason = fmt::format("keep {} of {} was asked for", k, g);
    return;
  }
  if (c <= k) {
    layer.reason = fmt::format("{} channels in a group, all within keep {}", c, k);
    return;
  }
  const bool aap = options.method == PruneOptions::Method::kAap;
  layer.rule = aap ? PruneRule::kAap : PruneRule::kUnconstrained;
  layer.keep = k;
  layer.reason = aap ? fmt::format("keep {} of {}", k, g)
                     : fmt::format("as many weights as keep {} of {} leaves", k, g);
  if (conv_groups > 1) {
    layer.reason += fmt::format(", within the {} channels of each convolution group", c);
  }
  if (layer.op != "Conv") {
    layer.reason += layer.shape[2] * layer.shape[3] > 1
                        ? fmt::format(" channels at each of {} x {} positions before Flatten",
                                      layer.shape[2], layer.shape[3])
                        : std::string(" input features");
  }
  if (c % g != 0) {
    layer.reason += fmt::format("; tail of {} keeps {}", c % g, std::min<int64_t>(k, c % g));
  }
}

void check_options(const PruneOptions& options) {
  if (options.group < 1 || options.group > 256) {
    throw_input("prune: group is {}, legal is 1..256", options.group);
  }
  const auto check_keep = [&](const std::string& what, int keep, int low) {
    if (keep < low || keep > options.group) {
      throw_input("prune: {} is {}, legal is {}..{}", what, keep, low, options.group);
    }
  };
  check_keep("keep", options.keep, 1);
  check_keep("keep of fully connected layers", options.fully_connected_keep, 0);
  for (const auto& [name, keep] : options.keep_of) {
    check_keep(fmt::format("keep of layer '{}'", name), keep, 1);
  }
}

}  // namespace

const char* to_string(PruneRule rule) {
  switch (rule) {
    case PruneRule::kAap:
      return "aap";
    case PruneRule::kUnconstrained:
      return "unconstrained";
    case PruneRule::kDense:
      return "dense";
    case PruneRule::kDepthwise:
      return "depthwise";
  }
  return "unknown";
}

std::vector<LayerPlan> plan(const Graph& graph, const PruneOptions& options) {
  check_options(options);
  const std::map<std::string, Shape> shapes = infer_shapes(graph);
  std::vector<LayerPlan> layers;
  for (const Node& node : graph.nodes) {
    if (node.op != "Conv" && node.op != "Gemm" && node.op != "MatMul") continue;
    LayerPlan layer = describe(graph, shapes, node);
    decide(graph, node, options, layer);
    if (!layer.weight.empty()) {
      const std::vector<float>& values = graph.float_constant(layer.weight).data;
      refuse_non_finite(node.name, layer.weight, values);
      const bool pruned = layer.rule == PruneRule::kAap || layer.rule == PruneRule::kUnconstrained;
      layer.kept = pruned ? count_after_aap(values, layer) : count_nonzero(values);
    }
    layers.push_back(std::move(layer));
  }
  for (const auto& [name, keep] : options.keep_of) {
    const bool known = std::any_of(layers.begin(), layers.end(),
                                   [&, n = name](const LayerPlan& l) { return l.name == n; });
    if (!known)
      throw_input("prune: keep {} asked for layer '{}', which has no weights", keep, name);
  }
  return layers;
}

void prune(Graph& graph, const std::vector<LayerPlan>& layers) {
  for (const LayerPlan& layer : layers) {
    if (layer.weight.empty()) continue;
    const FloatTensor& w = graph.float_constant(layer.weight);
    if (layer.shape.size() != 4 || element_count(layer.shape) != w.size() || layer.group < 1 ||
        layer.keep < 1 || layer.kept > w.size()) {
      throw_input("layer '{}': the plan does not fit weights '{}'", layer.name, layer.weight);
    }
    refuse_non_finite(layer.name, layer.weight, w.data);
  }
  for (auto it = graph.metadata.begin(); it != graph.metadata.end();) {
    const bool ours = it->first == "aap.group" || it->first == "aap.method" ||
                      it->first.rfind("aap.keep.", 0) == 0;
    it = ours ? graph.metadata.erase(it) : std::next(it);
  }
  for (const LayerPlan& layer : layers) {
    if (layer.rule != PruneRule::kAap && layer.rule != PruneRule::kUnconstrained) continue;
    std::vector<float>& values = graph.float_constant(layer.weight).data;
    graph.metadata["aap.group"] = std::to_string(layer.group);
    graph.metadata["aap.method"] = to_string(layer.rule);
    if (layer.rule == PruneRule::kAap) {
      prune_aap(values, layer);
      graph.metadata["aap.keep." + layer.name] = std::to_string(layer.keep);
    } else {
      prune_unconstrained(values, layer.kept);
    }
  }
}

}  // namespace aap
