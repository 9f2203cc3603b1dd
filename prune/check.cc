// SPDX-License-Identifier: Apache-2.0
#include "prune/check.h"

#include <charconv>
#include <set>

namespace aap {
namespace {

constexpr const char* kKeepPrefix = "aap.keep.";

int parse_count(const Graph& graph, const std::string& key, int low, int high) {
  const auto found = graph.metadata.find(key);
  if (found == graph.metadata.end()) throw_input("check: metadata '{}' is missing", key);
  const std::string& text = found->second;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    throw_input("check: metadata '{}' is '{}', legal is {}..{}", key, text, low, high);
  }
  return value;
}

// The stored weights of a node as "is it zero?", whatever their type.
struct StoredWeights {
  std::string tensor;
  Shape shape;
  std::vector<bool> nonzero;
};

std::vector<int> zero_points(const Graph& graph, const std::string& name) {
  std::vector<int> points;
  if (name.empty()) return {0};
  const auto found = graph.constants.find(name);
  if (found == graph.constants.end()) throw_input("check: zero point '{}' is no constant", name);
  std::visit(
      [&](const auto& t) {
        for (auto v : t.data) points.push_back(static_cast<int>(v));
      },
      found->second);
  if (points.empty()) throw_input("check: zero point '{}' is empty", name);
  for (int p : points) {
    if (p != points[0]) throw_input("check: zero point '{}' differs by channel", name);
  }
  return points;
}

StoredWeights read_weights(const Graph& graph, const Node& node) {
  const bool quantised =
      node.op == "QLinearConv" || node.op == "QGemm" || node.op == "QLinearMatMul";
  if (!quantised && node.op != "Conv" && node.op != "Gemm" && node.op != "MatMul") {
    throw_input("check: metadata 'aap.keep.{}' names a {}, which has no weights", node.name,
                node.op);
  }
  const size_t slot = quantised ? 3 : 1;
  if (node.inputs.size() <= slot + (quantised ? 2 : 0)) {
    throw_input("check: node '{}' has too few inputs", node.name);
  }
  StoredWeights out;
  out.tensor = node.inputs[slot];
  std::string zero_name = quantised ? node.inputs[slot + 2] : "";
  if (!graph.is_constant(out.tensor)) {
    // QDQ form: the weights pass a DequantizeLinear.
    for (const Node& other : graph.nodes) {
      if (other.op == "DequantizeLinear" && other.outputs.at(0) == out.tensor) {
        out.tensor = other.inputs.at(0);
        zero_name = other.inputs.size() > 2 ? other.inputs[2] : "";
        break;
      }
    }
  }
  const auto found = graph.constants.find(out.tensor);
  if (found == graph.constants.end()) {
    throw_input("check: weights '{}' of node '{}' are no constant", out.tensor, node.name);
  }
  const int zero = zero_points(graph, zero_name)[0];
  std::visit(
      [&](const auto& t) {
        out.shape = t.shape;
        out.nonzero.reserve(t.data.size());
        for (auto v : t.data) {
          if (v != v)
            throw_input("check: weights '{}' of node '{}' hold NaN", out.tensor, node.name);
          out.nonzero.push_back(v != static_cast<decltype(v)>(zero));
        }
      },
      found->second);
  return out;
}

// Channels of a value, from the convolutions and fully connected layers that made it. Features
// after a Flatten still count as the channels before it: that is what a group runs along.
int64_t trace_channels(const Graph& graph, const std::string& value, int depth = 0) {
  if (depth > 100000) throw_input("check: graph is cyclic at '{}'", value);
  for (const ValueInfo& input : graph.inputs) {
    if (input.name == value && input.shape.size() >= 2 && input.shape[1] > 0) return input.shape[1];
  }
  const Node* maker = nullptr;
  for (const Node& node : graph.nodes) {
    for (const std::string& output : node.outputs) {
      if (output == value) maker = &node;
    }
  }
  if (maker == nullptr) throw_input("check: nothing produces '{}'", value);
  const std::string& op = maker->op;
  if (op == "Conv" || op == "QLinearConv") return read_weights(graph, *maker).shape.at(0);
  if (op == "Gemm" || op == "QGemm" || op == "MatMul" || op == "QLinearMatMul") {
    const Shape shape = read_weights(graph, *maker).shape;
    return shape.at(maker->attr_int("transB", 0) != 0 ? 0 : 1);
  }
  if (op == "Concat") {
    int64_t sum = 0;
    for (const std::string& input : maker->inputs) sum += trace_channels(graph, input, depth + 1);
    return sum;
  }
  if (op == "QLinearConcat") {  // y_scale, y_zero_point, then (x, scale, zero point) each
    int64_t sum = 0;
    for (size_t i = 2; i < maker->inputs.size(); i += 3) {
      sum += trace_channels(graph, maker->inputs[i], depth + 1);
    }
    return sum;
  }
  static const std::set<std::string> kKeepsChannels = {"Relu",
                                                       "Clip",
                                                       "BatchNormalization",
                                                       "Identity",
                                                       "Dropout",
                                                       "MaxPool",
                                                       "AveragePool",
                                                       "GlobalAveragePool",
                                                       "Flatten",
                                                       "Reshape",
                                                       "QuantizeLinear",
                                                       "DequantizeLinear",
                                                       "QLinearAveragePool",
                                                       "QLinearGlobalAveragePool"};
  if (kKeepsChannels.count(op) != 0) return trace_channels(graph, maker->inputs.at(0), depth + 1);
  if (op == "Add" || op == "QLinearAdd") {
    const size_t second = op == "Add" ? 1 : 3;
    const size_t from = graph.is_constant(maker->inputs.at(0)) ? second : 0;
    return trace_channels(graph, maker->inputs.at(from), depth + 1);
  }
  throw_input("check: channels of '{}' cannot be traced through {} '{}'", value, op, maker->name);
}

// One layer as a grid of groups: outputs x kernel height x kernel width x channels.
struct Grid {
  int64_t outputs = 0, channels = 0, height = 1, width = 1;
  int64_t conv_groups = 1;
  int64_t step_output = 0, step_channel = 0, step_y = 0, step_x = 0;
};

Grid grid_of(const Graph& graph, const Node& node, const StoredWeights& w) {
  Grid g;
  if (node.op == "Conv" || node.op == "QLinearConv") {
    if (w.shape.size() != 4) throw_input("check: weights '{}' are not M, C, KH, KW", w.tensor);
    g.outputs = w.shape[0];
    g.channels = w.shape[1];
    g.height = w.shape[2];
    g.width = w.shape[3];
    g.step_x = 1;
    g.step_y = g.width;
    g.step_channel = g.height * g.width;
    g.step_output = g.channels * g.step_channel;
    g.conv_groups = node.attr_int("group", 1);
    if (g.conv_groups < 1 || g.outputs % g.conv_groups != 0) {
      throw_input("check: node '{}' has {} outputs in {} convolution groups", node.name, g.outputs,
                  g.conv_groups);
    }
    return g;
  }
  if (w.shape.size() != 2) throw_input("check: weights '{}' are not a matrix", w.tensor);
  const bool rows_are_outputs =
      (node.op == "Gemm" || node.op == "QGemm") && node.attr_int("transB", 0) != 0;
  g.outputs = rows_are_outputs ? w.shape[0] : w.shape[1];
  const int64_t features = rows_are_outputs ? w.shape[1] : w.shape[0];
  g.channels = trace_channels(graph, node.inputs.at(0));
  if (g.channels < 1 || features % g.channels != 0) {
    throw_input("check: node '{}' has {} features, not a multiple of {} channels", node.name,
                features, g.channels);
  }
  // Kernel positions of a fully connected layer are reported as one row.
  g.width = features / g.channels;
  g.step_x = rows_are_outputs ? 1 : g.outputs;
  g.step_y = 0;
  g.step_channel = g.width * g.step_x;
  g.step_output = rows_are_outputs ? features : 1;
  return g;
}

std::optional<CheckViolation> check_layer(const Grid& grid, const StoredWeights& w,
                                          CheckedLayer& layer) {
  layer.weights = static_cast<int64_t>(w.nonzero.size());
  for (int64_t m = 0; m < grid.outputs; ++m) {
    for (int64_t y = 0; y < grid.height; ++y) {
      for (int64_t x = 0; x < grid.width; ++x) {
        const int64_t base = m * grid.step_output + y * grid.step_y + x * grid.step_x;
        // The groups that are fetched together begin at multiples of G of the whole feature map,
        // of which this output channel reads channels offset .. offset + channels - 1.
        const int64_t offset = m / (grid.outputs / grid.conv_groups) * grid.channels;
        for (int64_t c0 = 0, index = 0, size = 0; c0 < grid.channels; c0 += size, ++index) {
          size = std::min(layer.group - (offset + c0) % layer.group, grid.channels - c0);
          int64_t count = 0;
          for (int64_t c = c0; c < c0 + size; ++c) {
            if (w.nonzero[static_cast<size_t>(base + c * grid.step_channel)]) ++count;
          }
          ++layer.groups;
          layer.nonzero += count;
          layer.most = std::max(layer.most, count);
          if (count < std::min<int64_t>(layer.keep, size)) ++layer.groups_below;
          if (count > layer.keep) {
            return CheckViolation{layer.node, layer.tensor,  m,     y,         x, index,
                                  c0,         c0 + size - 1, count, layer.keep};
          }
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::string CheckViolation::message() const {
  return fmt::format(
      "node '{}': weights '{}' output channel {}, kernel position ({}, {}), group {} (channels "
      "{}..{}) "
      "has {} non-zero weights, at most {} allowed",
      node, tensor, output_channel, kernel_y, kernel_x, group_index, first_channel, last_channel,
      count, keep);
}

CheckReport check_pruned(const Graph& graph) {
  std::set<std::string> wanted;
  for (const auto& [key, value] : graph.metadata) {
    if (key.rfind(kKeepPrefix, 0) == 0) wanted.insert(key.substr(std::string(kKeepPrefix).size()));
  }
  if (wanted.empty()) {
    throw_input("check: the file has no 'aap.keep.<node>' metadata, so there is nothing to prove");
  }
  const int group = parse_count(graph, "aap.group", 1, 256);
  std::set<std::string> seen;
  for (const Node& node : graph.nodes) {
    if (wanted.count(node.name) != 0 && !seen.insert(node.name).second) {
      throw_input("check: two nodes are named '{}'", node.name);
    }
  }
  for (const std::string& name : wanted) {
    if (seen.count(name) == 0) throw_input("check: metadata 'aap.keep.{}' names no node", name);
  }
  CheckReport report;
  for (const Node& node : graph.nodes) {
    if (wanted.count(node.name) == 0) continue;
    const StoredWeights weights = read_weights(graph, node);
    CheckedLayer layer;
    layer.node = node.name;
    layer.tensor = weights.tensor;
    layer.group = group;
    layer.keep = parse_count(graph, kKeepPrefix + node.name, 1, group);
    report.violation = check_layer(grid_of(graph, node, weights), weights, layer);
    report.layers.push_back(layer);
    if (report.violation) break;
  }
  return report;
}

CheckReport check_pruned_file(const std::string& path) {
  const Graph graph = read_onnx(path);
  try {
    return check_pruned(graph);
  } catch (const InputError& error) {
    throw_input("{}: {}", path, error.what());
  }
}

}  // namespace aap
