// SPDX-License-Identifier: Apache-2.0
#include "prune/layer.h"

#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "model/shapes.h"

namespace aap {
namespace {

bool is_conv(const Node& node) { return node.op == "Conv" || node.op == "QLinearConv"; }

bool is_quantised_op(const std::string& op) {
  return op == "QLinearConv" || op == "QGemm" || op == "QLinearMatMul";
}

bool has_weights(const Node& node) {
  return is_conv(node) || node.op == "Gemm" || node.op == "MatMul" || is_quantised_op(node.op);
}

const Node* producer_of(const Graph& graph, const std::string& value) {
  for (const Node& node : graph.nodes) {
    if (std::find(node.outputs.begin(), node.outputs.end(), value) != node.outputs.end()) {
      return &node;
    }
  }
  return nullptr;
}

// The activation that a node reads; the first of several.
const std::string& data_input(const Node& node) {
  return node.inputs.at(node.op == "QLinearConcat" ? 2 : 0);
}

bool keeps_shape(const Node& node) {
  static const std::set<std::string> kOps = {
      "Relu", "Clip", "Identity", "Dropout", "BatchNormalization", "QuantizeLinear",
      "DequantizeLinear"};
  return kOps.count(node.op) != 0;
}

// Nodes between a fully connected layer and the C x H x W tensor that it reads, if there is one.
// Returns {C, H, W}.
std::optional<Shape> image_before(const Graph& graph, const std::map<std::string, Shape>& shapes,
                                  std::string value, int64_t features) {
  for (const Node* node = producer_of(graph, value); node != nullptr;
       node = producer_of(graph, value)) {
    // Channels that lie last are neighbours in the features, too: no other view is needed.
    if (node->attr_int("channels_last", 0) != 0) return std::nullopt;
    value = data_input(*node);
    if (keeps_shape(*node)) continue;
    if (node->op != "Flatten" && node->op != "Reshape") return std::nullopt;
    const auto found = shapes.find(value);
    if (found == shapes.end()) return std::nullopt;
    const Node* maker = producer_of(graph, value);
    if (maker != nullptr && maker->attr_int("channels_last", 0) != 0) return std::nullopt;
    const Shape& s = found->second;
    if (s.size() == 4 && s[1] * s[2] * s[3] == features) return Shape{s[1], s[2], s[3]};
  }
  return std::nullopt;
}

// True where nothing with weights lies between the network's input and `value`.
bool reads_network_input(const Graph& graph, std::string value) {
  for (const Node* node = producer_of(graph, value); node != nullptr;
       node = producer_of(graph, value)) {
    if (has_weights(*node)) return false;
    value = data_input(*node);
  }
  return true;
}

// Where the constant of a layer's weights is, and what makes numbers of it.
struct Stored {
  std::string tensor;              // "" where the weights are no constant
  std::string scale, zero_point;   // constants, "" where there are none
  int64_t axis = -1;               // of per-channel scale and zero point
};

Stored find_weights(const Graph& graph, const Node& node) {
  const auto input = [&](size_t i) { return node.inputs.size() > i ? node.inputs[i] : ""; };
  if (is_quantised_op(node.op)) {
    if (node.inputs.size() < 6) throw_input("layer '{}': {} has no weights", node.name, node.op);
    if (!graph.is_constant(input(3))) return {};
    // Per-channel parameters of the operators belong to output channels.
    const bool rows = is_conv(node) || (node.op == "QGemm" && node.attr_int("transB", 0) != 0);
    return {input(3), input(4), input(5), rows ? 0 : 1};
  }
  if (node.inputs.size() < 2) throw_input("layer '{}': {} has no weights", node.name, node.op);
  if (graph.is_constant(input(1))) return {input(1), "", "", -1};
  const Node* maker = producer_of(graph, input(1));
  if (maker == nullptr || maker->op != "DequantizeLinear" || maker->inputs.size() < 2 ||
      !graph.is_constant(maker->inputs[0])) {
    return {};
  }
  return {maker->inputs[0], maker->inputs[1], maker->inputs.size() > 2 ? maker->inputs[2] : "",
          maker->attr_int("axis", 1)};
}

const Node& node_of(const Graph& graph, const LayerPlan& layer) {
  for (const Node& node : graph.nodes) {
    if (node.name == layer.name && node.op == layer.op) return node;
  }
  throw_input("layer '{}': the plan names a {} that the graph does not have", layer.name, layer.op);
}

const Shape& shape_of(const Constant& constant) {
  return std::visit([](const auto& t) -> const Shape& { return t.shape; }, constant);
}

int64_t size_of(const Constant& constant) {
  return std::visit([](const auto& t) { return t.size(); }, constant);
}

LayerPlan describe(const Graph& graph, const std::map<std::string, Shape>& shapes,
                   const Node& node) {
  LayerPlan layer;
  layer.name = node.name;
  layer.op = node.op;
  layer.conv_groups = is_conv(node) ? node.attr_int("group", 1) : 1;
  layer.type = is_conv(node) ? LayerType::kConv : LayerType::kFullyConnected;
  layer.shape = {0, 0, 1, 1};
  layer.weight = find_weights(graph, node).tensor;
  if (layer.weight.empty()) return layer;
  const Shape& shape = shape_of(graph.constants.at(layer.weight));
  layer.weights = element_count(shape);
  if (is_conv(node)) {
    if (shape.size() != 4) {
      throw_input("layer '{}': weights '{}' have {} dimensions, {} must have 4 (M, C, KH, KW)",
                  node.name, layer.weight, shape.size(), node.op);
    }
    layer.shape = shape;
    if (layer.conv_groups < 1 || shape[0] % layer.conv_groups != 0) {
      throw_input("layer '{}': {} output channels in {} convolution groups", node.name, shape[0],
                  layer.conv_groups);
    }
    if (layer.conv_groups > 1) {
      layer.type = shape[1] == 1 ? LayerType::kDepthwise : LayerType::kGrouped;
    } else if (reads_network_input(graph, data_input(node))) {
      layer.type = LayerType::kFirst;
    }
    return layer;
  }
  if (shape.size() != 2) {
    throw_input("layer '{}': weights '{}' have {} dimensions, {} must have 2", node.name,
                layer.weight, shape.size(), node.op);
  }
  layer.output_last = (node.op != "Gemm" && node.op != "QGemm") || node.attr_int("transB", 0) == 0;
  const int64_t features = layer.output_last ? shape[0] : shape[1];
  layer.shape = {layer.output_last ? shape[1] : shape[0], features, 1, 1};
  if (const auto image = image_before(graph, shapes, data_input(node), features)) {
    layer.shape = {layer.shape[0], (*image)[0], (*image)[1], (*image)[2]};
  }
  return layer;
}

// Where canonical element i of a layer is stored.
class Storage {
 public:
  explicit Storage(const LayerPlan& layer)
      : outputs_(layer.shape[0]),
        inputs_(layer.shape[1] * layer.shape[2] * layer.shape[3]),
        output_last_(layer.output_last) {}
  size_t operator()(int64_t m, int64_t input) const {
    return static_cast<size_t>(output_last_ ? input * outputs_ + m : m * inputs_ + input);
  }
  int64_t outputs() const { return outputs_; }
  int64_t inputs() const { return inputs_; }

 private:
  int64_t outputs_, inputs_;
  bool output_last_;
};

// Scale and zero point of each output channel.
struct Parameters {
  std::vector<double> scale;
  std::vector<int> zero_point;
};

Parameters parameters_of(const Graph& graph, const LayerPlan& layer, const Stored& stored) {
  const auto outputs = static_cast<size_t>(layer.shape[0]);
  Parameters p{std::vector<double>(outputs, 1.0), std::vector<int>(outputs, 0)};
  const size_t output_axis = layer.output_last ? 1 : 0;
  const auto read = [&](const std::string& name, const char* what, auto& into) {
    if (name.empty()) return;
    const auto found = graph.constants.find(name);
    if (found == graph.constants.end()) {
      throw_input("layer '{}': {} '{}' of the weights is no constant", layer.name, what, name);
    }
    std::visit(
        [&](const auto& t) {
          if (t.size() == 1) {
            std::fill(into.begin(), into.end(), t.data[0]);
            return;
          }
          const int64_t rank = static_cast<int64_t>(layer.type == LayerType::kFullyConnected ? 2 : 4);
          const int64_t axis = stored.axis < 0 ? stored.axis + rank : stored.axis;
          if (t.data.size() != outputs || axis != static_cast<int64_t>(output_axis)) {
            throw_input("layer '{}': {} '{}' has {} values on axis {}, legal is one or one for each "
                        "of {} output channels on axis {}",
                        layer.name, what, name, t.size(), axis, outputs, output_axis);
          }
          std::copy(t.data.begin(), t.data.end(), into.begin());
        },
        found->second);
  };
  read(stored.scale, "scale", p.scale);
  read(stored.zero_point, "zero point", p.zero_point);
  return p;
}

const Constant& fitting_constant(const Graph& graph, const LayerPlan& layer) {
  const auto found = graph.constants.find(layer.weight);
  if (found == graph.constants.end() || layer.shape.size() != 4 || layer.conv_groups < 1 ||
      layer.group < 0 || element_count(layer.shape) != size_of(found->second)) {
    throw_input("layer '{}': the plan does not fit weights '{}'", layer.name, layer.weight);
  }
  return found->second;
}

}  // namespace

const char* to_string(LayerType type) {
  switch (type) {
    case LayerType::kFirst:
      return "first";
    case LayerType::kConv:
      return "conv";
    case LayerType::kDepthwise:
      return "depthwise";
    case LayerType::kGrouped:
      return "grouped";
    case LayerType::kFullyConnected:
      return "fully_connected";
  }
  return "unknown";
}

const char* to_string(PruneRule rule) {
  switch (rule) {
    case PruneRule::kAap:
      return "aap";
    case PruneRule::kNOfM:
      return "n_of_m";
    case PruneRule::kUnconstrained:
      return "unconstrained";
    case PruneRule::kGlobal:
      return "global";
    case PruneRule::kRandom:
      return "random";
    case PruneRule::kDense:
      return "dense";
    case PruneRule::kDepthwise:
      return "depthwise";
  }
  return "unknown";
}

const char* to_string(TailRule tail) {
  return tail == TailRule::kKeep ? "keep" : "proportional";
}

std::vector<LayerPlan> describe_layers(const Graph& graph) {
  const std::map<std::string, Shape> shapes = infer_shapes(graph);
  std::vector<LayerPlan> layers;
  for (const Node& node : graph.nodes) {
    if (has_weights(node)) layers.push_back(describe(graph, shapes, node));
  }
  return layers;
}

std::vector<float> layer_weights(const Graph& graph, const LayerPlan& layer) {
  const Constant& constant = fitting_constant(graph, layer);
  const Stored stored = find_weights(graph, node_of(graph, layer));
  const Parameters p = parameters_of(graph, layer, stored);
  const Storage at(layer);
  std::vector<float> values(static_cast<size_t>(element_count(layer.shape)));
  std::visit(
      [&](const auto& t) {
        size_t i = 0;
        for (int64_t m = 0; m < at.outputs(); ++m) {
          const auto mi = static_cast<size_t>(m);
          for (int64_t input = 0; input < at.inputs(); ++input, ++i) {
            const size_t from = at(m, input);
            if constexpr (std::is_same_v<std::decay_t<decltype(t.data[0])>, float>) {
              values[i] = t.data[from];
              if (!std::isfinite(values[i])) {
                throw_input("layer '{}': weights '{}' element {} is {}, must be finite", layer.name,
                            layer.weight, from, values[i]);
              }
            } else {
              values[i] = static_cast<float>(
                  (static_cast<int64_t>(t.data[from]) - p.zero_point[mi]) * p.scale[mi]);
            }
          }
        }
      },
      constant);
  return values;
}

void clear_weights(Graph& graph, const LayerPlan& layer, const std::vector<uint8_t>& mask) {
  fitting_constant(graph, layer);
  const Storage at(layer);
  if (static_cast<int64_t>(mask.size()) != element_count(layer.shape)) {
    throw_input("layer '{}': a mask of {} for {} weights", layer.name, mask.size(),
                element_count(layer.shape));
  }
  const Parameters p = parameters_of(graph, layer, find_weights(graph, node_of(graph, layer)));
  std::visit(
      [&](auto& t) {
        size_t i = 0;
        for (int64_t m = 0; m < at.outputs(); ++m) {
          const auto zero = static_cast<std::decay_t<decltype(t.data[0])>>(
              p.zero_point[static_cast<size_t>(m)]);
          for (int64_t input = 0; input < at.inputs(); ++input, ++i) {
            if (mask[i] == 0) t.data[at(m, input)] = zero;
          }
        }
      },
      graph.constants.at(layer.weight));
}

void set_layer_weights(Graph& graph, const LayerPlan& layer, const std::vector<float>& values) {
  if (!std::holds_alternative<FloatTensor>(fitting_constant(graph, layer))) {
    throw_input("layer '{}': weights '{}' are quantised, their values cannot be updated",
                layer.name, layer.weight);
  }
  const Storage at(layer);
  std::vector<float>& data = graph.float_constant(layer.weight).data;
  if (values.size() != data.size()) {
    throw_input("layer '{}': {} values for {} weights", layer.name, values.size(), data.size());
  }
  size_t i = 0;
  for (int64_t m = 0; m < at.outputs(); ++m) {
    for (int64_t input = 0; input < at.inputs(); ++input) data[at(m, input)] = values[i++];
  }
}

}  // namespace aap
