// SPDX-License-Identifier: Apache-2.0
#include "model/float_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "model/shapes.h"

namespace aap {
namespace {

[[noreturn]] void fail(const Node& node, const std::string& text) {
  throw_input("node '{}' ({}): {}", node.name, node.op, text);
}

// Elements of shape[begin..end)
int64_t extent(const Shape& shape, size_t begin, size_t end) {
  int64_t n = 1;
  for (size_t i = begin; i < end; ++i) n *= shape[i];
  return n;
}

// from (of shape `shape`) broadcast to `to`.
template <typename T>
std::vector<T> expand(const T* from, const Shape& shape, const Shape& to) {
  std::vector<int64_t> stride(to.size(), 0);
  int64_t step = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    const size_t d = shape.size() - 1 - i;
    if (shape[d] != 1) stride[to.size() - 1 - i] = step;
    step *= shape[d];
  }
  std::vector<T> out(static_cast<size_t>(element_count(to)));
  std::vector<int64_t> index(to.size(), 0);
  int64_t at = 0;
  for (T& v : out) {
    v = from[at];
    for (size_t d = to.size(); d-- > 0;) {
      at += stride[d];
      if (++index[d] < to[d]) break;
      at -= stride[d] * to[d];
      index[d] = 0;
    }
  }
  return out;
}

class Planner {
 public:
  Planner(const Graph& graph, const Shape& input) : graph_(graph) {
    const std::string& name = graph.inputs.at(0).name;
    shapes_ = infer_shapes_for(graph, {{name, input}});
    add_value(name);
    for (const Node& node : graph.nodes) plan_node(node);
    const std::string& output = graph.outputs.at(0).name;
    plan_.output = value(output);
    mix(shape(output).empty() || shape(output)[0] != shapes_.at(name)[0]);
  }

  Planner(const Graph& graph, const Node& node, const std::map<std::string, Shape>& shapes)
      : graph_(graph), shapes_(shapes) {
    plan_node(node);
    plan_.output = plan_.steps.back().output;
  }

  FloatPlan take() { return std::move(plan_); }

 private:
  const Shape& shape(const std::string& name) const { return shapes_.at(name); }

  int add_value(const std::string& name) {
    PlanValue v;
    v.shape = shape(name);
    v.size = element_count(v.shape);
    if (graph_.is_constant(name)) v.constant = graph_.float_constant(name).data.data();
    plan_.values.push_back(std::move(v));
    return index_[name] = static_cast<int>(plan_.values.size()) - 1;
  }

  int value(const std::string& name) {
    auto it = index_.find(name);
    return it == index_.end() ? add_value(name) : it->second;
  }

  // Images cannot be computed one by one when a node combines or reorders dimension 0.
  void mix(bool mixes) { plan_.mixes_batch = plan_.mixes_batch || mixes; }

  bool has_input(const Node& node, size_t i) const {
    return i < node.inputs.size() && !node.inputs[i].empty();
  }

  const FloatTensor& constant(const Node& node, size_t i, int64_t size) const {
    if (!has_input(node, i)) fail(node, fmt::format("input {} is missing", i));
    const FloatTensor& t = graph_.float_constant(node.inputs[i]);
    if (size >= 0 && t.size() != size) {
      fail(node,
           fmt::format("input '{}' has {} values, legal is {}", node.inputs[i], t.size(), size));
    }
    return t;
  }

  void plan_node(const Node& node);
  void plan_conv(const Node& node, PlanStep& step);
  void plan_batch_norm(const Node& node, PlanStep& step);
  void plan_clip(const Node& node, PlanStep& step);
  void plan_add(const Node& node, PlanStep& step);
  void plan_pool(const Node& node, PlanStep& step);
  void plan_gemm(const Node& node, PlanStep& step);
  void plan_matmul(const Node& node, PlanStep& step);
  void plan_concat(const Node& node, PlanStep& step);
  void plan_softmax(const Node& node, PlanStep& step);
  void plan_copy(const Node& node, PlanStep& step);

  const Graph& graph_;
  std::map<std::string, Shape> shapes_;
  std::map<std::string, int> index_;
  FloatPlan plan_;
};

void Planner::plan_conv(const Node& node, PlanStep& step) {
  const Shape& in = shape(node.inputs.at(0));
  const FloatTensor& w = constant(node, 1, -1);
  ConvShape s;
  s.channels = in[1];
  s.height = in[2];
  s.width = in[3];
  s.outputs = w.shape[0];
  s.groups = node.attr_int("group", 1);
  s.window = conv_window(node, in, w.shape);
  const float* weights = w.data.data();
  const float* bias = has_input(node, 2) ? constant(node, 2, s.outputs).data.data() : nullptr;
  const int64_t images = in[0];
  const int64_t in_size = extent(in, 1, 4);
  const int64_t pixels = s.window.out_h * s.window.out_w;
  const int64_t out_size = s.outputs * pixels;
  std::function<void(const float*, float*, Scratch&)> one;
  if (s.groups == s.channels && s.outputs == s.channels) {
    one = [=](const float* x, float* y, Scratch&) { convolve_depthwise(s, x, weights, bias, y); };
  } else if (pixels == 1 && s.groups == 1) {
    // Fully connected: outputs across the vector instead of pixels.
    const int64_t k = in[1] * s.window.kernel_h * s.window.kernel_w;
    auto packed = std::make_shared<PackedMatrix>(pack_matrix(weights, k, s.outputs, 1, k));
    one = [=](const float* x, float* y, Scratch& scratch) {
      scratch.columns.resize(static_cast<size_t>(k));
      gather_columns(s, x, 0, scratch.columns.data());
      multiply(scratch.columns.data(), 1, *packed, y);
      for (int64_t m = 0; bias != nullptr && m < s.outputs; ++m) y[m] += bias[m];
    };
  } else {
    one = [=](const float* x, float* y, Scratch& t) { convolve(s, x, weights, bias, y, t); };
  }
  step.run = [=](const float* const* x, float* y, Scratch& scratch) {
    for (int64_t n = 0; n < images; ++n) one(x[0] + n * in_size, y + n * out_size, scratch);
  };
}

void Planner::plan_batch_norm(const Node& node, PlanStep& step) {
  const Shape& in = shape(node.inputs.at(0));
  if (in.size() < 2) fail(node, "input has no channels");
  const int64_t channels = in[1];
  const auto& gamma = constant(node, 1, channels).data;
  const auto& beta = constant(node, 2, channels).data;
  const auto& mean = constant(node, 3, channels).data;
  const auto& variance = constant(node, 4, channels).data;
  const double epsilon = static_cast<double>(node.attr_float("epsilon", 1e-5F));
  std::vector<float> factor(gamma.size()), offset(gamma.size());
  for (size_t c = 0; c < gamma.size(); ++c) {
    const double f = gamma[c] / std::sqrt(variance[c] + epsilon);
    factor[c] = static_cast<float>(f);
    offset[c] = static_cast<float>(beta[c] - mean[c] * f);
  }
  const int64_t images = in[0];
  const int64_t pixels = extent(in, 2, in.size());
  step.run = [=](const float* const* in_data, float* y, Scratch&) {
    const float* x = in_data[0];
    for (int64_t n = 0; n < images; ++n) {
      for (size_t c = 0; c < factor.size(); ++c) {
        const float f = factor[c], o = offset[c];
        for (int64_t i = 0; i < pixels; ++i) y[i] = x[i] * f + o;
        x += pixels;
        y += pixels;
      }
    }
  };
}

void Planner::plan_clip(const Node& node, PlanStep& step) {
  float lo = node.attr_float("min", std::numeric_limits<float>::lowest());
  float hi = node.attr_float("max", std::numeric_limits<float>::max());
  if (has_input(node, 1)) lo = constant(node, 1, 1).data[0];
  if (has_input(node, 2)) hi = constant(node, 2, 1).data[0];
  if (node.op == "Relu") {
    lo = 0.0F;
    hi = std::numeric_limits<float>::infinity();
  }
  const int64_t size = element_count(shape(node.outputs[0]));
  step.run = [=](const float* const* x, float* y, Scratch&) {
    for (int64_t i = 0; i < size; ++i) {
      const float v = x[0][i] < lo ? lo : x[0][i];
      y[i] = v > hi ? hi : v;
    }
  };
}

void Planner::plan_add(const Node& node, PlanStep& step) {
  const Shape& out = shape(node.outputs[0]);
  const int64_t size = element_count(out);
  std::shared_ptr<std::vector<float>> fixed;
  for (size_t i = 0; i < 2; ++i) {
    const std::string& name = node.inputs.at(i);
    const Shape& s = shape(name);
    if (graph_.is_constant(name)) {
      // The constant is laid out once; it may differ per image only by broadcasting.
      mix(s.size() == out.size() && s[0] != 1);
      fixed = std::make_shared<std::vector<float>>(
          expand(graph_.float_constant(name).data.data(), s, out));
    } else {
      mix(s.size() != out.size());
    }
  }
  if (fixed != nullptr) {
    const std::string& name = node.inputs[graph_.is_constant(node.inputs[0]) ? 1 : 0];
    if (shape(name) == out) {
      step.run = [=](const float* const* x, float* y, Scratch&) {
        for (int64_t i = 0; i < size; ++i) y[i] = x[0][i] + (*fixed)[static_cast<size_t>(i)];
      };
      return;
    }
    const Shape from = shape(name);
    step.run = [=](const float* const* x, float* y, Scratch&) {
      const std::vector<float> a = expand(x[0], from, out);
      for (size_t i = 0; i < a.size(); ++i) y[i] = a[i] + (*fixed)[i];
    };
    return;
  }
  const Shape a = shape(node.inputs[0]), b = shape(node.inputs[1]);
  if (a == out && b == out) {
    step.run = [=](const float* const* x, float* y, Scratch&) {
      for (int64_t i = 0; i < size; ++i) y[i] = x[0][i] + x[1][i];
    };
    return;
  }
  step.run = [=](const float* const* x, float* y, Scratch&) {
    const std::vector<float> left = expand(x[0], a, out), right = expand(x[1], b, out);
    for (size_t i = 0; i < left.size(); ++i) y[i] = left[i] + right[i];
  };
}

void Planner::plan_pool(const Node& node, PlanStep& step) {
  const Shape in = shape(node.inputs.at(0));
  const int64_t planes = in[0] * in[1];
  if (node.op == "GlobalAveragePool") {
    const int64_t pixels = extent(in, 2, in.size());
    step.run = [=](const float* const* in_data, float* y, Scratch&) {
      const float* x = in_data[0];
      for (int64_t p = 0; p < planes; ++p, x += pixels) {
        float sum = 0.0F;
        for (int64_t i = 0; i < pixels; ++i) sum += x[i];
        y[p] = sum / static_cast<float>(pixels);
      }
    };
    return;
  }
  const Window2d w = pool_window(node, in);
  if (node.op == "MaxPool") {
    step.run = [=](const float* const* x, float* y, Scratch&) {
      max_pool(w, planes, in[2], in[3], x[0], y);
    };
    return;
  }
  const bool include_pad = node.attr_int("count_include_pad", 0) != 0;
  step.run = [=](const float* const* x, float* y, Scratch&) {
    average_pool(w, include_pad, planes, in[2], in[3], x[0], y);
  };
}

void Planner::plan_gemm(const Node& node, PlanStep& step) {
  const Shape& a = shape(node.inputs.at(0));
  const Shape out = shape(node.outputs[0]);
  const FloatTensor& b = constant(node, 1, -1);
  const bool ta = node.attr_int("transA", 0) != 0;
  const bool tb = node.attr_int("transB", 0) != 0;
  mix(ta);
  const int64_t rows = out[0], n = out[1], k = ta ? a[0] : a[1];
  auto packed =
      std::make_shared<PackedMatrix>(pack_matrix(b.data.data(), k, n, tb ? 1 : n, tb ? k : 1));
  const float alpha = node.attr_float("alpha", 1.0F);
  const float beta = node.attr_float("beta", 1.0F);
  auto added = std::make_shared<std::vector<float>>();
  if (has_input(node, 2)) {
    const FloatTensor& c = constant(node, 2, -1);
    if (c.shape.size() > 2 || broadcast(node, out, c.shape) != out) {
      fail(node, "the shape of C does not broadcast to the output");
    }
    mix(c.shape.size() == 2 && c.shape[0] != 1);
    *added = expand(c.data.data(), c.shape, out);
    for (float& v : *added) v *= beta;
  }
  step.run = [=](const float* const* x, float* y, Scratch& scratch) {
    const float* left = x[0];
    if (ta) {
      scratch.columns.resize(static_cast<size_t>(rows * k));
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t i = 0; i < k; ++i) {
          scratch.columns[static_cast<size_t>(r * k + i)] = x[0][i * rows + r];
        }
      }
      left = scratch.columns.data();
    }
    multiply(left, rows, *packed, y);
    for (int64_t i = 0; i < rows * n; ++i) {
      y[i] = alpha * y[i] + (added->empty() ? 0.0F : (*added)[static_cast<size_t>(i)]);
    }
  };
}

void Planner::plan_matmul(const Node& node, PlanStep& step) {
  const Shape& a = shape(node.inputs.at(0));
  const FloatTensor& b = constant(node, 1, -1);
  const Shape& out = shape(node.outputs[0]);
  const int64_t k = b.shape[b.shape.size() - 2], n = b.shape.back();
  const Shape outer(out.begin(), out.end() - 2), b_outer(b.shape.begin(), b.shape.end() - 2);
  mix(b.shape.size() >= a.size() && a.size() > 2 && b.shape[0] != 1);
  mix(b.shape.size() > a.size());
  if (Shape(a.begin(), a.end() - 2) != outer) fail(node, "the left input would be broadcast");
  auto packed = std::make_shared<std::vector<PackedMatrix>>();
  for (int64_t i = 0; i < element_count(b_outer); ++i) {
    packed->push_back(pack_matrix(b.data.data() + i * k * n, k, n, n, 1));
  }
  // Which of the matrices each entry of the outer dimensions uses.
  std::vector<size_t> number(packed->size());
  std::iota(number.begin(), number.end(), size_t{0});
  const std::vector<size_t> choice = expand(number.data(), b_outer, outer);
  const int64_t rows = out[out.size() - 2];
  step.run = [=](const float* const* x, float* y, Scratch&) {
    for (size_t i = 0; i < choice.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      multiply(x[0] + at * rows * k, rows, (*packed)[choice[i]], y + at * rows * n);
    }
  };
}

void Planner::plan_concat(const Node& node, PlanStep& step) {
  const Shape& out = shape(node.outputs[0]);
  const auto axis = static_cast<size_t>(checked_axis(node, node.attr_int("axis", 0), out.size()));
  mix(axis == 0);
  const int64_t outer = extent(out, 0, axis);
  std::vector<int64_t> sizes;
  std::vector<const float*> fixed;  // null where the input is an activation
  for (const std::string& name : node.inputs) {
    sizes.push_back(extent(shape(name), axis, out.size()));
    fixed.push_back(graph_.is_constant(name) ? graph_.float_constant(name).data.data() : nullptr);
    mix(fixed.back() != nullptr && shape(name)[0] != 1);
  }
  step.run = [=](const float* const* x, float* y, Scratch&) {
    for (int64_t o = 0; o < outer; ++o) {
      size_t activation = 0;
      for (size_t i = 0; i < sizes.size(); ++i) {
        const float* from = fixed[i] != nullptr ? fixed[i] : x[activation++];
        y = std::copy_n(from + o * sizes[i], sizes[i], y);
      }
    }
  };
}

void Planner::plan_softmax(const Node& node, PlanStep& step) {
  const Shape& in = shape(node.inputs.at(0));
  // Before opset 13 everything from the axis on is one dimension.
  const bool old = graph_.opset < 13;
  const auto axis =
      static_cast<size_t>(checked_axis(node, node.attr_int("axis", old ? 1 : -1), in.size(), old));
  mix(axis == 0);
  const int64_t outer = extent(in, 0, axis);
  const int64_t length = old ? extent(in, axis, in.size()) : in[axis];
  const int64_t inner = old ? 1 : extent(in, axis + 1, in.size());
  step.run = [=](const float* const* x, float* y, Scratch&) {
    softmax(outer, length, inner, x[0], y);
  };
}

void Planner::plan_copy(const Node& node, PlanStep& step) {
  const Shape& in = shape(node.inputs.at(0));
  const Shape& out = shape(node.outputs[0]);
  mix(in.empty() || out.empty() || in[0] != out[0]);
  if (node.op == "Flatten") mix(checked_axis(node, node.attr_int("axis", 1), in.size(), true) == 0);
  const int64_t size = element_count(in);
  step.run = [=](const float* const* x, float* y, Scratch&) { std::copy_n(x[0], size, y); };
}

void Planner::plan_node(const Node& node) {
  PlanStep step;
  step.node = &node;
  const int number = static_cast<int>(plan_.steps.size());
  const size_t data_inputs = node.op == "Add" ? 2 : node.op == "Concat" ? node.inputs.size() : 1;
  for (size_t i = 0; i < data_inputs; ++i) {
    const std::string& name = node.inputs.at(i);
    const int v = value(name);
    plan_.values[static_cast<size_t>(v)].last_step = number;
    const bool constant = plan_.values[static_cast<size_t>(v)].constant != nullptr;
    if (!constant) {
      step.activations.push_back(v);
      mix(shape(name).empty() || shape(name)[0] != shapes_.at(graph_.inputs[0].name)[0]);
    }
  }
  if (step.activations.empty()) fail(node, "all its inputs are constants");
  step.output = add_value(node.outputs[0]);

  using Method = void (Planner::*)(const Node&, PlanStep&);
  static const std::map<std::string, Method> kMethods = {
      {"Conv", &Planner::plan_conv},        {"BatchNormalization", &Planner::plan_batch_norm},
      {"Relu", &Planner::plan_clip},        {"Clip", &Planner::plan_clip},
      {"Add", &Planner::plan_add},          {"MaxPool", &Planner::plan_pool},
      {"AveragePool", &Planner::plan_pool}, {"GlobalAveragePool", &Planner::plan_pool},
      {"Gemm", &Planner::plan_gemm},        {"MatMul", &Planner::plan_matmul},
      {"Concat", &Planner::plan_concat},    {"Softmax", &Planner::plan_softmax},
      {"Flatten", &Planner::plan_copy},     {"Reshape", &Planner::plan_copy},
      {"Identity", &Planner::plan_copy},
  };
  (this->*kMethods.at(node.op))(node, step);
  plan_.steps.push_back(std::move(step));
}

}  // namespace

FloatPlan make_float_plan(const Graph& graph, const Shape& input) {
  return Planner(graph, input).take();
}

FloatPlan make_node_plan(const Graph& graph, const Node& node,
                         const std::map<std::string, Shape>& shapes) {
  return Planner(graph, node, shapes).take();
}

}  // namespace aap
