// SPDX-License-Identifier: Apache-2.0
#include "model/shapes.h"

#include <algorithm>
#include <functional>
#include <set>

#include "model/qview.h"

namespace aap {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 31;

[[noreturn]] void fail(const Node& node, const std::string& text) {
  throw_input("node '{}' ({}): {}", node.name, node.op, text);
}

// Shapes of a node's inputs by index, while shapes are being inferred.
class Inputs {
 public:
  Inputs(const Graph& graph, const Node& node, const std::map<std::string, Shape>& shapes)
      : graph_(graph), node_(node), shapes_(shapes) {}

  const Shape& operator[](size_t i) const {
    if (i >= node_.inputs.size() || node_.inputs[i].empty()) {
      fail(node_, fmt::format("input {} is missing", i));
    }
    auto it = shapes_.find(node_.inputs[i]);
    if (it == shapes_.end()) fail(node_, fmt::format("input '{}' is unknown", node_.inputs[i]));
    return it->second;
  }
  size_t count() const { return node_.inputs.size(); }
  const Graph& graph() const { return graph_; }

 private:
  const Graph& graph_;
  const Node& node_;
  const std::map<std::string, Shape>& shapes_;
};

Shape same(const Node&, const Inputs& in) { return in[0]; }

// onnxruntime's integer operators have a form with the channels behind.
bool channels_last(const Node& node) {
  return !node.domain.empty() && node.attr_int("channels_last", 0) != 0;
}

Shape channels_to_front(const Node& node, const Shape& s) {
  if (!channels_last(node) || s.size() != 4) return s;
  return {s[0], s[3], s[1], s[2]};
}

Shape channels_to_back(const Node& node, const Shape& s) {
  if (!channels_last(node)) return s;
  return {s[0], s[2], s[3], s[1]};
}

// Scale, bias, mean and variance are one value per channel.
Shape batch_norm(const Node& node, const Inputs& in) {
  const Shape& x = in[0];
  if (x.size() < 2) fail(node, fmt::format("input has rank {}, legal is 2 or more", x.size()));
  for (size_t i = 1; i < 5; ++i) {
    if (in[i] != Shape{x[1]}) {
      fail(node, fmt::format("input '{}' is [{}], legal is [{}]", node.inputs[i], fmt::join(in[i], ", "), x[1]));
    }
  }
  return x;
}

Shape conv(const Node& node, const Shape& in, const Shape& w) {
  const Shape x = channels_to_front(node, in);
  const Window2d window = conv_window(node, x, w);
  return channels_to_back(node, {x[0], w[0], window.out_h, window.out_w});
}

Shape pool(const Node& node, const Inputs& in) {
  const Shape x = channels_to_front(node, in[0]);
  const Window2d window = pool_window(node, x);
  return channels_to_back(node, {x[0], x[1], window.out_h, window.out_w});
}

Shape global_pool(const Node& node, const Inputs& in) {
  if (in[0].size() < 3)
    fail(node, fmt::format("input has rank {}, legal is 3 or more", in[0].size()));
  Shape out = in[0];
  const int shift = channels_last(node) ? 1 : 0;  // channels behind: dimensions 1 .. rank - 2
  std::fill(out.begin() + 2 - shift, out.end() - shift, 1);
  return out;
}

Shape gemm(const Node& node, const Shape& a, const Shape& b) {
  if (a.size() != 2 || b.size() != 2) {
    fail(node, fmt::format("inputs have ranks {} and {}, legal is 2", a.size(), b.size()));
  }
  const bool ta = node.attr_int("transA", 0) != 0;
  const bool tb = node.attr_int("transB", 0) != 0;
  if (a[ta ? 0 : 1] != b[tb ? 1 : 0]) {
    fail(node, fmt::format("{}x{} and {}x{} do not agree (transA {}, transB {})", a[0], a[1], b[0],
                           b[1], ta, tb));
  }
  return {a[ta ? 1 : 0], b[tb ? 0 : 1]};
}

Shape matmul(const Node& node, const Shape& a, const Shape& b) {
  if (a.size() < 2 || b.size() < 2) {
    fail(node, fmt::format("inputs have ranks {} and {}, legal is 2 or more", a.size(), b.size()));
  }
  if (a.back() != b[b.size() - 2]) {
    fail(node, fmt::format("inner dimensions {} and {} differ", a.back(), b[b.size() - 2]));
  }
  Shape out = broadcast(node, Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  out.push_back(a[a.size() - 2]);
  out.push_back(b.back());
  return out;
}

Shape flatten(const Node& node, const Inputs& in) {
  const Shape& x = in[0];
  const int64_t axis = checked_axis(node, node.attr_int("axis", 1), x.size(), true);
  Shape left(x.begin(), x.begin() + axis), right(x.begin() + axis, x.end());
  return {element_count(left), element_count(right)};
}

Shape reshape(const Node& node, const Inputs& in) {
  const Shape& x = in[0];
  in[1];  // must be there
  auto it = in.graph().constants.find(node.inputs[1]);
  const Tensor<int64_t>* target =
      it == in.graph().constants.end() ? nullptr : std::get_if<Tensor<int64_t>>(&it->second);
  if (target == nullptr) fail(node, "the new shape is not a constant of type int64");
  return reshaped(node, x, target->data);
}

// Concatenation of the inputs first, first + step, ...
Shape concat(const Node& node, const Inputs& in, size_t first, size_t step) {
  if (in.count() <= first || (in.count() - first) % step != 0) fail(node, "has no inputs");
  Shape out = in[first];
  if (node.attributes.count("axis") == 0) fail(node, "attribute 'axis' is missing");
  const auto axis = static_cast<size_t>(checked_axis(node, node.attr_int("axis", 0), out.size()));
  for (size_t i = first + step; i < in.count(); i += step) {
    const Shape& x = in[i];
    bool fits = x.size() == out.size();
    for (size_t d = 0; fits && d < x.size(); ++d) fits = d == axis || x[d] == out[d];
    if (!fits) fail(node, fmt::format("input '{}' does not fit the first one", node.inputs[i]));
    out[axis] += x[axis];
  }
  return out;
}

// The axes as int64, from the attribute or the constant at input 1; empty where neither is there.
std::vector<int64_t> stated_axes(const Node& node,
                                 const std::map<std::string, Constant>& constants) {
  if (node.attributes.count("axes") != 0) return node.attr_ints("axes", {});
  if (node.inputs.size() < 2 || node.inputs[1].empty()) return {};
  auto it = constants.find(node.inputs[1]);
  const auto* t = it == constants.end() ? nullptr : std::get_if<Tensor<int64_t>>(&it->second);
  if (t == nullptr) fail(node, "its axes are not a constant of type int64");
  return t->data;
}

Shape transpose(const Node& node, const Inputs& in) {
  const Shape& x = in[0];
  Shape out;
  try {
    for (int64_t p : checked_perm(node.attr_ints("perm", {}), x.size())) {
      out.push_back(x[static_cast<size_t>(p)]);
    }
  } catch (const InputError& error) {
    fail(node, error.what());
  }
  return out;
}

Shape squeeze(const Node& node, const Inputs& in) {
  const Shape& x = in[0];
  const bool all = node.attributes.count("axes") == 0 &&
                   (node.inputs.size() < 2 || node.inputs[1].empty());
  std::vector<int64_t> axes;
  if (!all) axes = named_axes(node, in.graph().constants, x.size());
  Shape out;
  for (size_t d = 0; d < x.size(); ++d) {
    const bool named = std::count(axes.begin(), axes.end(), static_cast<int64_t>(d)) != 0;
    if (named && x[d] != 1) fail(node, fmt::format("dimension {} is {}, legal is 1", d, x[d]));
    if (!named && !(all && x[d] == 1)) out.push_back(x[d]);
  }
  return out;
}

Shape unsqueeze(const Node& node, const Inputs& in) {
  const Shape& x = in[0];
  // The axes count in the result, whose rank follows from their number.
  const size_t more = stated_axes(node, in.graph().constants).size();
  if (more == 0 || x.size() + more > 8) fail(node, "needs axes, for a rank of at most 8");
  const auto axes = named_axes(node, in.graph().constants, x.size() + more);
  Shape out;
  for (size_t d = 0, from = 0; d < x.size() + more; ++d) {
    const bool named = std::count(axes.begin(), axes.end(), static_cast<int64_t>(d)) != 0;
    out.push_back(named ? 1 : x[from++]);
  }
  return out;
}

Shape reduce(const Node& node, const Inputs& in) {
  const Shape& x = in[0];
  const auto axes = named_axes(node, in.graph().constants, x.size());
  const bool keep = node.attr_int("keepdims", 1) != 0;
  Shape out;
  for (size_t d = 0; d < x.size(); ++d) {
    const bool named = std::count(axes.begin(), axes.end(), static_cast<int64_t>(d)) != 0;
    if (!named) out.push_back(x[d]);
    else if (keep) out.push_back(1);
  }
  return out;
}

Shape pad(const Node& node, const Inputs& in) {
  Shape x = in[0];
  std::vector<int64_t> pads = node.attr_ints("pads", {});
  if (in.count() > 1) {
    auto it = in.graph().constants.find(node.inputs[1]);
    const auto* t = it == in.graph().constants.end() ? nullptr
                                                     : std::get_if<Tensor<int64_t>>(&it->second);
    if (t == nullptr) fail(node, "the pads are not a constant of type int64");
    pads = t->data;
  }
  if (in.count() > 3 && !node.inputs[3].empty()) fail(node, "has axes, which are not supported");
  if (pads.size() != 2 * x.size()) {
    fail(node, fmt::format("has {} pads, legal is {}", pads.size(), 2 * x.size()));
  }
  for (size_t d = 0; d < x.size(); ++d) {
    for (const int64_t p : {pads[d], pads[d + x.size()]}) {
      if (p < -kMaxElements || p > kMaxElements) fail(node, fmt::format("has a pad of {}", p));
      x[d] += p;
    }
    if (x[d] < 1) fail(node, fmt::format("leaves {} of dimension {}", x[d], d));
  }
  return x;
}

using Rule = std::function<Shape(const Node&, const Inputs&)>;

const std::map<std::string, Rule>& rules() {
  static const std::map<std::string, Rule> kRules = {
      {"BatchNormalization", batch_norm},
      {"Relu", same},
      {"Clip", same},
      {"Identity", same},
      {"Dropout", same},
      {"Softmax", same},
      {"QuantizeLinear", same},
      {"DequantizeLinear", same},
      {"MaxPool", pool},
      {"AveragePool", pool},
      {"QLinearAveragePool", pool},
      {"GlobalAveragePool", global_pool},
      {"QLinearGlobalAveragePool", global_pool},
      {"Flatten", flatten},
      {"Transpose", transpose},
      {"Squeeze", squeeze},
      {"Unsqueeze", unsqueeze},
      {"ReduceMean", reduce},
      {"Pad", pad},
      {"Reshape", reshape},
      {"Conv", [](const Node& n, const Inputs& in) { return conv(n, in[0], in[1]); }},
      {"QLinearConv", [](const Node& n, const Inputs& in) { return conv(n, in[0], in[3]); }},
      {"Add", [](const Node& n, const Inputs& in) { return broadcast(n, in[0], in[1]); }},
      {"QLinearAdd", [](const Node& n, const Inputs& in) { return broadcast(n, in[0], in[3]); }},
      {"Gemm", [](const Node& n, const Inputs& in) { return gemm(n, in[0], in[1]); }},
      {"QGemm", [](const Node& n, const Inputs& in) { return gemm(n, in[0], in[3]); }},
      {"MatMul", [](const Node& n, const Inputs& in) { return matmul(n, in[0], in[1]); }},
      {"QLinearMatMul", [](const Node& n, const Inputs& in) { return matmul(n, in[0], in[3]); }},
      {"Concat", [](const Node& n, const Inputs& in) { return concat(n, in, 0, 1); }},
      {"QLinearConcat", [](const Node& n, const Inputs& in) { return concat(n, in, 2, 3); }},
  };
  return kRules;
}

Shape result_shape(const Node& node, const Inputs& in) {
  auto rule = rules().find(node.op);
  if (rule == rules().end() || (!node.domain.empty() && node.domain != "com.microsoft")) {
    fail(node, "its output shape is not known: operator is not supported");
  }
  Shape shape = rule->second(node, in);
  int64_t count = 1;
  for (int64_t d : shape) {
    if (d < 0 || d > kMaxElements || (count *= std::max<int64_t>(d, 1)) > kMaxElements) {
      fail(node, "its output has more than 2^31 values");
    }
  }
  return shape;
}

}  // namespace

int64_t checked_axis(const Node& node, int64_t axis, size_t rank, bool inclusive) {
  const auto r = static_cast<int64_t>(rank);
  if (axis < -r || axis > (inclusive ? r : r - 1)) {
    fail(node, fmt::format("axis is {}, legal is {}..{}", axis, -r, inclusive ? r : r - 1));
  }
  return axis < 0 ? axis + r : axis;
}

std::vector<int64_t> named_axes(const Node& node, const std::map<std::string, Constant>& constants,
                                size_t rank) {
  std::vector<int64_t> axes = stated_axes(node, constants);
  if (axes.empty() && node.attr_int("noop_with_empty_axes", 0) == 0) {
    for (size_t d = 0; d < rank; ++d) axes.push_back(static_cast<int64_t>(d));
  }
  for (int64_t& axis : axes) axis = checked_axis(node, axis, rank);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
    fail(node, "names a dimension twice");
  }
  return axes;
}

Shape broadcast(const Node& node, const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) fail(node, fmt::format("{} and {} do not broadcast", x, y));
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

Shape reshaped(const Node& node, const Shape& from, const std::vector<int64_t>& target) {
  if (target.size() > 8)
    fail(node, fmt::format("new shape has rank {}, legal is 0..8", target.size()));
  const bool allow_zero = node.attr_int("allowzero", 0) != 0;
  const int64_t total = element_count(from);
  Shape out = target;
  int64_t known = 1, beside = 1;  // product; product with zeros left out
  int free_axis = -1;
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] == 0 && !allow_zero) {
      if (i >= from.size()) fail(node, fmt::format("new shape copies dimension {}, not there", i));
      out[i] = from[i];
    }
    if (out[i] == -1 && free_axis < 0) {
      free_axis = static_cast<int>(i);
      continue;
    }
    beside *= std::max<int64_t>(out[i], 1);
    if (out[i] < 0 || out[i] > kMaxElements || beside > kMaxElements) {
      fail(node, fmt::format("new shape holds {}", target[i]));
    }
    known *= out[i];
  }
  if (free_axis >= 0) {
    if (known == 0 || total % known != 0) {
      fail(node, fmt::format("{} values do not divide into the new shape", total));
    }
    out[static_cast<size_t>(free_axis)] = total / known;
    known = total;
  }
  if (known != total) {
    fail(node, fmt::format("{} values do not fit a new shape of {}", total, known));
  }
  return out;
}

std::map<std::string, Shape> infer_shapes_for(const Graph& graph,
                                              const std::map<std::string, Shape>& inputs,
                                              std::vector<Unsupported>* refused) {
  std::map<std::string, Shape> shapes = inputs;
  for (const auto& [name, constant] : graph.constants) {
    shapes[name] = std::visit([](const auto& t) { return t.shape; }, constant);
  }
  std::set<std::string> unknown;
  for (const Node& node : graph.nodes) {
    const bool behind = std::any_of(node.inputs.begin(), node.inputs.end(),
                                    [&](const std::string& i) { return unknown.count(i) != 0; });
    try {
      if (!behind) shapes[node.outputs.at(0)] = result_shape(node, Inputs(graph, node, shapes));
    } catch (const InputError& error) {
      if (refused == nullptr) throw;
      refused->push_back({node.name, node.op, error.what()});
    }
    if (shapes.count(node.outputs.at(0)) == 0) {
      unknown.insert(node.outputs.begin(), node.outputs.end());
    }
  }
  return shapes;
}

std::map<std::string, Shape> input_shapes(const Graph& graph) {
  std::map<std::string, Shape> inputs;
  for (const ValueInfo& input : graph.inputs) {
    Shape shape = input.shape;
    if (!shape.empty()) shape[0] = 1;
    for (size_t i = 1; i < shape.size(); ++i) {
      if (shape[i] < 0) {
        throw_input("graph '{}': input '{}': dimension {} is symbolic; only the batch may be",
                    graph.name, input.name, i);
      }
    }
    inputs[input.name] = std::move(shape);
  }
  return inputs;
}

std::map<std::string, Shape> infer_shapes(const Graph& graph) {
  std::map<std::string, Shape> shapes = infer_shapes_for(graph, input_shapes(graph));
  check_limits(graph, shapes);
  return shapes;
}

}  // namespace aap
