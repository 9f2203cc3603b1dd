// SPDX-License-Identifier: Apache-2.0
#include "model/float_executor.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "model/float_plan.h"

namespace aap {
namespace {

// Why a node cannot run in float; empty when it can.
std::string float_problem(const Graph& graph, const Node& node) {
  static const std::set<std::string> kOps = {"Conv",        "BatchNormalization",
                                             "Relu",        "Clip",
                                             "Add",         "MaxPool",
                                             "AveragePool", "GlobalAveragePool",
                                             "Gemm",        "MatMul",
                                             "Concat",      "Softmax",
                                             "Flatten",     "Reshape",
                                             "Identity"};
  if (!node.domain.empty()) return fmt::format("operators of domain '{}'", node.domain);
  if (kOps.count(node.op) == 0) return "operator is not supported in float networks";
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty()) return fmt::format("output {} is not supported", i);
  }
  // Inputs that must be there and that may; all others have one.
  static const std::map<std::string, std::pair<size_t, size_t>> kCounts = {
      {"Conv", {2, 3}}, {"BatchNormalization", {5, 5}}, {"Add", {2, 2}},     {"Gemm", {2, 3}},
      {"Clip", {1, 3}}, {"MatMul", {2, 2}},             {"Reshape", {2, 2}}, {"Concat", {1, SIZE_MAX}}};
  const auto found = kCounts.find(node.op);
  const auto [least, most] = found == kCounts.end() ? std::pair<size_t, size_t>{1, 1} : found->second;
  for (size_t i = 0; i < least; ++i) {
    if (i >= node.inputs.size() || node.inputs[i].empty()) {
      return fmt::format("input {} is missing", i);
    }
  }
  if (node.inputs.size() > most) {
    return fmt::format("has {} inputs, legal is at most {}", node.inputs.size(), most);
  }
  // Inputs beyond the data must be constants.
  const size_t data = node.op == "Add" ? 2 : node.op == "Concat" ? node.inputs.size() : 1;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const std::string& name = node.inputs[i];
    if (name.empty()) {
      if (i < data) return fmt::format("input {} is missing", i);
      continue;
    }
    auto it = graph.constants.find(name);
    if (it == graph.constants.end()) {
      if (i >= data) return fmt::format("input '{}' is not a constant", name);
    } else if (node.op == "Reshape" && i == 1) {
      if (!std::holds_alternative<Tensor<int64_t>>(it->second)) {
        return fmt::format("the new shape '{}' is not int64", name);
      }
    } else if (!std::holds_alternative<FloatTensor>(it->second)) {
      return fmt::format("constant '{}' is not float", name);
    }
  }
  if (std::all_of(node.inputs.begin(), node.inputs.begin() + static_cast<std::ptrdiff_t>(data),
                  [&](const std::string& n) { return graph.is_constant(n); })) {
    return "all its inputs are constants";
  }
  if (node.op == "Conv" && graph.float_constant(node.inputs[1]).shape.size() != 4) {
    return "convolution is not in two dimensions";
  }
  if (node.op == "MatMul" && graph.float_constant(node.inputs[1]).shape.size() < 2) {
    return "right input has rank below 2";
  }
  if (node.op == "Gemm" && graph.float_constant(node.inputs[1]).shape.size() != 2) {
    return "right input has a rank other than 2";
  }
  if (node.op == "MaxPool" || node.op == "AveragePool") {
    if (node.attr_ints("kernel_shape", {}).size() != 2) return "pool is not in two dimensions";
    if (node.attr_int("ceil_mode", 0) != 0 && node.attr_int("count_include_pad", 0) != 0) {
      return "ceil_mode together with count_include_pad";
    }
  }
  if (node.op == "BatchNormalization") {
    if (node.attr_int("training_mode", 0) != 0) return "training_mode";
    if (node.attr_int("spatial", 1) != 1) return "spatial = 0";
  }
  return "";
}

Shape with_batch(Shape shape, int64_t factor) {
  if (!shape.empty()) shape[0] *= factor;
  return shape;
}

// The plan is for one image; image by image through all nodes, nothing kept.
FloatTensor run_images(const FloatPlan& plan, const FloatTensor& input, int64_t images,
                       int threads) {
  const PlanValue& result = plan.values[static_cast<size_t>(plan.output)];
  FloatTensor output(with_batch(result.shape, images));
  // Each thread takes a run of images, so that its buffers are allocated once a run.
  const int64_t run = std::max<int64_t>(1, std::min<int64_t>(16, images / std::max(1, threads)));
  parallel_for((images + run - 1) / run, threads, [&](int64_t part, Scratch& scratch) {
    std::vector<std::vector<float>> memory(plan.values.size());
    std::vector<const float*> data(plan.values.size(), nullptr);
    for (size_t v = 0; v < plan.values.size(); ++v) {
      data[v] = plan.values[v].constant;
      if (v != 0 && data[v] == nullptr) {
        memory[v].resize(static_cast<size_t>(plan.values[v].size));
        data[v] = memory[v].data();
      }
    }
    std::vector<const float*> in;
    for (int64_t n = part * run; n < std::min(images, (part + 1) * run); ++n) {
      data[0] = input.data.data() + n * plan.values[0].size;
      for (const PlanStep& step : plan.steps) {
        in.clear();
        for (int v : step.activations) in.push_back(data[static_cast<size_t>(v)]);
        step.run(in.data(), memory[static_cast<size_t>(step.output)].data(), scratch);
      }
      std::copy_n(data[static_cast<size_t>(plan.output)], result.size,
                  output.data.data() + n * result.size);
    }
  });
  return output;
}

// The plan is for one image or, with images == 1, for the whole batch; node by node, so that an
// observer sees every value of the batch at once.
FloatTensor run_nodes(const FloatPlan& plan, const FloatTensor& input, int64_t images, int threads,
                      const FloatExecutor::Observer& observer) {
  std::vector<FloatTensor> values(plan.values.size());
  auto data_of = [&](int v, int64_t image) {
    const auto i = static_cast<size_t>(v);
    const float* base = v == 0 ? input.data.data() : values[i].data.data();
    return base + image * plan.values[i].size;
  };
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const PlanStep& step = plan.steps[s];
    const auto out = static_cast<size_t>(step.output);
    values[out] = FloatTensor(with_batch(plan.values[out].shape, images));
    parallel_for(images, threads, [&](int64_t image, Scratch& scratch) {
      std::vector<const float*> in;
      for (int v : step.activations) in.push_back(data_of(v, image));
      step.run(in.data(), values[out].data.data() + image * plan.values[out].size, scratch);
    });
    if (observer) observer(*step.node, values[out]);
    for (int v : step.activations) {
      const auto i = static_cast<size_t>(v);
      if (plan.values[i].last_step == static_cast<int>(s) && v != plan.output) values[i] = {};
    }
    if (plan.values[out].last_step < 0 && step.output != plan.output) values[out] = {};
  }
  return plan.output == 0 ? input : values[static_cast<size_t>(plan.output)];
}

}  // namespace

void parallel_for(int64_t count, int threads, const std::function<void(int64_t, Scratch&)>& work) {
  std::atomic<int64_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  auto loop = [&] {
    try {
      Scratch scratch;
      for (int64_t i = next++; i < count; i = next++) work(i, scratch);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      error = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> helpers;
  const int64_t extra = std::min<int64_t>(threads, count) - 1;
  for (int64_t t = 0; t < extra; ++t) helpers.emplace_back(loop);
  loop();
  for (std::thread& t : helpers) t.join();
  if (error) std::rethrow_exception(error);
}

std::vector<Unsupported> unsupported_float_nodes(const Graph& graph) {
  std::vector<Unsupported> list;
  for (const Node& node : graph.nodes) {
    std::string reason;
    try {
      reason = float_problem(graph, node);
    } catch (const InputError& error) {
      reason = error.what();
    }
    if (!reason.empty()) list.push_back({node.name, node.op, reason});
  }
  return list;
}

int64_t images_at_once(const Graph& graph, int64_t most) {
  int64_t values = 0;
  const std::map<std::string, Shape> shapes = infer_shapes(graph);
  for (const Node& node : graph.nodes) values += element_count(shapes.at(node.outputs.at(0)));
  return std::clamp<int64_t>((int64_t{1} << 28) / std::max<int64_t>(values, 1), 1, most);
}

FloatExecutor::FloatExecutor(const Graph& graph) : graph_(graph) {
  const std::vector<Unsupported> list = unsupported_float_nodes(graph);
  if (!list.empty()) {
    std::string text;
    for (const Unsupported& u : list) {
      text += fmt::format("{}'{}' ({}): {}", text.empty() ? "" : "; ", u.node, u.op, u.reason);
    }
    throw_input("graph '{}': {} nodes are not supported: {}", graph.name, list.size(), text);
  }
  if (graph.inputs.size() != 1 || graph.outputs.empty()) {
    throw_input("graph '{}': has {} inputs and {} outputs, legal is one input and an output",
                graph.name, graph.inputs.size(), graph.outputs.size());
  }
  if (graph.inputs[0].type != DataType::kFloat) {
    throw_input("graph '{}': input '{}' is not float", graph.name, graph.inputs[0].name);
  }
  if (graph.is_constant(graph.outputs[0].name)) {
    throw_input("graph '{}': output '{}' is a constant", graph.name, graph.outputs[0].name);
  }
}

FloatTensor FloatExecutor::run(const FloatTensor& input, int threads,
                               const Observer& observer) const {
  const ValueInfo& expected = graph_.inputs[0];
  bool fits = !input.shape.empty() && input.shape[0] >= 1 &&
              input.size() == element_count(input.shape) &&
              (expected.shape.empty() || expected.shape.size() == input.shape.size());
  for (size_t i = 1; fits && i < expected.shape.size(); ++i) {
    fits = expected.shape[i] < 0 || expected.shape[i] == input.shape[i];
  }
  if (!fits) {
    throw_input("graph '{}': input '{}' is given as [{}], the graph states [{}]", graph_.name,
                expected.name, fmt::join(input.shape, ", "), fmt::join(expected.shape, ", "));
  }
  threads = std::max(1, threads);
  Shape image = input.shape;
  image[0] = 1;
  int64_t images = input.shape[0];
  FloatPlan plan;
  bool whole = false;
  try {
    plan = make_float_plan(graph_, image);
    whole = plan.mixes_batch && images > 1;
  } catch (const InputError&) {
    // Some networks hold their batch size in a Reshape and make no sense for one image.
    if (images == 1) throw;
    whole = true;
  }
  if (whole) {
    plan = make_float_plan(graph_, input.shape);
    images = 1;
  }
  if (observer || whole) return run_nodes(plan, input, images, threads, observer);
  return run_images(plan, input, images, threads);
}

}  // namespace aap
