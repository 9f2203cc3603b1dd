// SPDX-License-Identifier: Apache-2.0
#include "prune/check.h"

#include <charconv>
#include <cstring>
#include <map>
#include <set>

namespace aap {
namespace {

constexpr const char* kKeepPrefix = "aap.keep.";
constexpr const char* kSharePrefix = "aap.share.";
constexpr const char* kNOfMPrefix = "aap.n_of_m.";

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

// One, or one for each index of an axis.
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
  return points;
}

// Elements between neighbours along the axis that has one zero point each; checked to fit.
int64_t zero_point_step(const Node& node, const Shape& shape, int64_t axis, size_t points) {
  const int64_t rank = static_cast<int64_t>(shape.size());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank || shape[static_cast<size_t>(axis)] != static_cast<int64_t>(points)) {
    throw_input("check: node '{}' has {} zero points of weights, which fit no axis", node.name,
                points);
  }
  int64_t step = 1;
  for (int64_t d = axis + 1; d < rank; ++d) step *= shape[static_cast<size_t>(d)];
  return step;
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
  const bool columns_are_outputs =
      node.op == "QLinearMatMul" || (node.op == "QGemm" && node.attr_int("transB", 0) == 0);
  int64_t axis = columns_are_outputs ? 1 : 0;
  if (!graph.is_constant(out.tensor)) {
    // QDQ form: the weights pass a DequantizeLinear.
    for (const Node& other : graph.nodes) {
      if (other.op == "DequantizeLinear" && other.outputs.at(0) == out.tensor) {
        out.tensor = other.inputs.at(0);
        zero_name = other.inputs.size() > 2 ? other.inputs[2] : "";
        axis = other.attr_int("axis", 1);
        break;
      }
    }
  }
  const auto found = graph.constants.find(out.tensor);
  if (found == graph.constants.end()) {
    throw_input("check: weights '{}' of node '{}' are no constant", out.tensor, node.name);
  }
  const std::vector<int> zeros = zero_points(graph, zero_name);
  std::visit(
      [&](const auto& t) {
        out.shape = t.shape;
        out.nonzero.reserve(t.data.size());
        const int64_t step =
            zeros.size() == 1 ? 1 : zero_point_step(node, t.shape, axis, zeros.size());
        for (size_t i = 0; i < t.data.size(); ++i) {
          const auto v = t.data[i];
          if (v != v)
            throw_input("check: weights '{}' of node '{}' hold NaN", out.tensor, node.name);
          const size_t z = i / static_cast<size_t>(step) % zeros.size();
          out.nonzero.push_back(v != static_cast<std::decay_t<decltype(v)>>(zeros[z]));
        }
      },
      found->second);
  return out;
}

// Channels of a value, from the convolutions and fully connected layers that made it. Features
// after a Flatten still count as the channels before it: that is what a group runs along.
// `last` is set where they lie last (attribute channels_last).
int64_t trace_channels(const Graph& graph, const std::string& value, bool& last, int depth = 0) {
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
  last = last || maker->attr_int("channels_last", 0) != 0;
  if (op == "Conv" || op == "QLinearConv") return read_weights(graph, *maker).shape.at(0);
  if (op == "Gemm" || op == "QGemm" || op == "MatMul" || op == "QLinearMatMul") {
    const Shape shape = read_weights(graph, *maker).shape;
    return shape.at(maker->attr_int("transB", 0) != 0 ? 0 : 1);
  }
  if (op == "Concat") {
    int64_t sum = 0;
    for (const std::string& input : maker->inputs) sum += trace_channels(graph, input, last, depth + 1);
    return sum;
  }
  if (op == "QLinearConcat") {  // y_scale, y_zero_point, then (x, scale, zero point) each
    int64_t sum = 0;
    for (size_t i = 2; i < maker->inputs.size(); i += 3) {
      sum += trace_channels(graph, maker->inputs[i], last, depth + 1);
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
  if (kKeepsChannels.count(op) != 0) return trace_channels(graph, maker->inputs.at(0), last, depth + 1);
  if (op == "Add" || op == "QLinearAdd") {
    const size_t second = op == "Add" ? 1 : 3;
    const size_t from = graph.is_constant(maker->inputs.at(0)) ? second : 0;
    return trace_channels(graph, maker->inputs.at(from), last, depth + 1);
  }
  throw_input("check: channels of '{}' cannot be traced through {} '{}'", value, op, maker->name);
}

// One layer as a grid of groups: outputs x kernel height x kernel width x channels.
struct Grid {
  int64_t outputs = 0, channels = 0, height = 1, width = 1;
  int64_t conv_groups = 1;
  int64_t step_output = 0, step_channel = 0, step_y = 0, step_x = 0;
};

Grid grid_of(const Graph& graph, const Node& node, const StoredWeights& w, bool any_order) {
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
  bool last = false;
  g.channels = any_order ? features : trace_channels(graph, node.inputs.at(0), last);
  if (last && g.channels != features) {
    // Features are channels at one position after the other; groups must not cross positions.
    throw_input("check: node '{}' reads {} channels that lie last at several positions, which cannot "
                "be checked", node.name, g.channels);
  }
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
  const int64_t per_conv_group = grid.outputs / grid.conv_groups;
  for (int64_t m = 0; m < grid.outputs; m += layer.share) {
    const int64_t end = std::min(m + layer.share, grid.outputs);
    if (m / per_conv_group != (end - 1) / per_conv_group) {
      throw_input("check: node '{}': outputs {}..{} share indices but read other input channels",
                  layer.node, m, end - 1);
    }
    for (int64_t y = 0; y < grid.height; ++y) {
      for (int64_t x = 0; x < grid.width; ++x) {
        const int64_t base = y * grid.step_y + x * grid.step_x;
        // The groups that are fetched together begin at multiples of G of the whole feature map,
        // of which this output channel reads channels offset .. offset + channels - 1.
        const int64_t offset = m / per_conv_group * grid.channels;
        for (int64_t c0 = 0, index = 0, size = 0; c0 < grid.channels; c0 += size, ++index) {
          size = std::min(layer.group - (offset + c0) % layer.group, grid.channels - c0);
          int64_t places = 0;
          for (int64_t c = c0; c < c0 + size; ++c) {
            int64_t here = 0;
            for (int64_t o = m; o < end; ++o) {
              const int64_t at = base + o * grid.step_output + c * grid.step_channel;
              here += w.nonzero[static_cast<size_t>(at)] ? 1 : 0;
            }
            layer.nonzero += here;
            places += here > 0 ? 1 : 0;
          }
          ++layer.groups;
          layer.most = std::max(layer.most, places);
          if (places < std::min<int64_t>(layer.keep, size)) ++layer.groups_below;
          if (places > layer.keep) {
            return CheckViolation{layer.node, layer.tensor,  m,      y,          x,          index,
                                  c0,         c0 + size - 1, places, layer.keep, layer.share};
          }
        }
      }
    }
  }
  return std::nullopt;
}

// What the metadata says of one node.
struct Claim {
  int keep = 0, group = 0, share = 1;
  bool consecutive = false;  // N:M: any inputs in their stored order
};

std::pair<int, int> parse_n_of_m(const Graph& graph, const std::string& key) {
  const std::string& text = graph.metadata.at(key);
  const size_t colon = text.find(':');
  const auto number = [&](const std::string& part) {
    int value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && end == part.data() + part.size() ? value : 0;
  };
  const int n = colon == std::string::npos ? 0 : number(text.substr(0, colon));
  const int m = colon == std::string::npos ? 0 : number(text.substr(colon + 1));
  if (n < 1 || m < n || m > 32) {
    throw_input("check: metadata '{}' is '{}', legal is N:M with 1 <= N <= M <= 32", key, text);
  }
  return {n, m};
}

// By node name; a multimap, since a node may have both kinds of claim.
std::multimap<std::string, Claim> read_claims(const Graph& graph) {
  std::multimap<std::string, Claim> claims;
  std::set<std::string> shared;
  for (const auto& [key, value] : graph.metadata) {
    if (key.rfind(kSharePrefix, 0) == 0) shared.insert(key.substr(std::strlen(kSharePrefix)));
    if (key.rfind(kKeepPrefix, 0) == 0) {
      Claim claim;
      claim.group = parse_count(graph, "aap.group", 1, 256);
      claim.keep = parse_count(graph, key, 1, claim.group);
      const std::string node = key.substr(std::strlen(kKeepPrefix));
      if (graph.metadata.count(kSharePrefix + node) != 0) {
        claim.share = parse_count(graph, kSharePrefix + node, 1, 64);
      }
      claims.emplace(node, claim);
    }
    if (key.rfind(kNOfMPrefix, 0) == 0) {
      const auto [n, m] = parse_n_of_m(graph, key);
      claims.emplace(key.substr(std::strlen(kNOfMPrefix)), Claim{n, m, 1, true});
    }
  }
  if (claims.empty()) {
    throw_input("check: the file has no 'aap.keep.<node>' or 'aap.n_of_m.<node>' metadata, so there "
                "is nothing to prove");
  }
  for (const std::string& name : shared) {
    if (graph.metadata.count(kKeepPrefix + name) == 0) {
      throw_input("check: metadata '{}{}' has no '{}{}' beside it", kSharePrefix, name, kKeepPrefix,
                  name);
    }
  }
  return claims;
}

// Consecutive inputs of an output: channels of a convolution at one kernel position, features of a
// fully connected layer whatever they were before.
Grid consecutive(Grid grid) {
  grid.conv_groups = 1;
  if (grid.height == 1 && grid.step_y == 0) {
    grid.step_channel = grid.step_x;
    grid.channels *= grid.width;
    grid.width = 1;
  }
  return grid;
}

}  // namespace

std::string CheckViolation::message() const {
  return fmt::format(
      "node '{}': weights '{}' output channel {}{}, kernel position ({}, {}), group {} (channels "
      "{}..{}) has {} non-zero {}, at most {} allowed",
      node, tensor, output_channel, share > 1 ? fmt::format(" and its {} sharers", share - 1) : "",
      kernel_y, kernel_x, group_index, first_channel, last_channel, count,
      share > 1 ? "places" : "weights", keep);
}

CheckReport check_pruned(const Graph& graph) {
  const std::multimap<std::string, Claim> claims = read_claims(graph);
  std::set<std::string> seen;
  for (const Node& node : graph.nodes) {
    if (claims.count(node.name) != 0 && !seen.insert(node.name).second) {
      throw_input("check: two nodes are named '{}'", node.name);
    }
  }
  for (const auto& [name, claim] : claims) {
    if (seen.count(name) == 0) {
      throw_input("check: metadata '{}{}' names no node",
                  claim.consecutive ? kNOfMPrefix : kKeepPrefix, name);
    }
  }
  CheckReport report;
  for (const Node& node : graph.nodes) {
    const auto [first, last] = claims.equal_range(node.name);
    if (first == last) continue;
    const StoredWeights weights = read_weights(graph, node);
    for (auto it = first; it != last; ++it) {
      const Claim& claim = it->second;
      CheckedLayer layer;
      layer.node = node.name;
      layer.tensor = weights.tensor;
      layer.group = claim.group;
      layer.keep = claim.keep;
      layer.share = claim.share;
      Grid grid = grid_of(graph, node, weights, claim.consecutive);
      if (claim.consecutive) grid = consecutive(grid);
      report.violation = check_layer(grid, weights, layer);
      report.layers.push_back(layer);
      if (report.violation) return report;
    }
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
