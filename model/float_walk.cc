// SPDX-License-Identifier: Apache-2.0
#include "model/float_walk.h"

#include "model/float_executor.h"
#include "model/float_plan.h"
#include "model/shapes.h"

namespace aap {

FloatWalk::FloatWalk(const Graph& graph, FloatTensor images, int threads)
    : graph_(graph), threads_(threads), images_(images.shape.empty() ? 0 : images.shape[0]) {
  const FloatExecutor checked(graph);
  if (images_ < 1) throw_input("graph '{}': no images to run", graph.name);
  Shape one = images.shape;
  one[0] = 1;
  const std::string& input = graph.inputs[0].name;
  // The plan of the whole graph checks shapes and tells whether images are independent.
  if (make_float_plan(graph, one).mixes_batch) {
    throw_input("graph '{}': a node combines images, which cannot be walked image by image",
                graph.name);
  }
  shapes_ = infer_shapes_for(graph, {{input, one}});
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& name : graph.nodes[i].inputs) last_use_[name] = i;
  }
  values_[input] = std::move(images);
}

const FloatTensor& FloatWalk::value(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    throw_input("graph '{}': value '{}' is not at hand before node {}", graph_.name, name, next_);
  }
  return found->second;
}

FloatTensor FloatWalk::preview() const {
  const Node& node = next();
  const FloatPlan plan = make_node_plan(graph_, node, shapes_);
  const PlanStep& step = plan.steps.at(0);
  const PlanValue& out = plan.values.at(static_cast<size_t>(step.output));
  Shape shape = out.shape;
  shape.at(0) *= images_;
  FloatTensor result(shape);
  std::vector<std::pair<const float*, int64_t>> from;  // values and their size per image
  size_t taken = 0;
  for (const std::string& name : node.inputs) {
    if (taken == step.activations.size()) break;
    if (graph_.is_constant(name)) continue;
    from.emplace_back(value(name).data.data(), element_count(shapes_.at(name)));
    ++taken;
  }
  parallel_for(images_, threads_, [&](int64_t image, Scratch& scratch) {
    std::vector<const float*> in;
    for (const auto& [data, size] : from) in.push_back(data + image * size);
    step.run(in.data(), result.data.data() + image * out.size, scratch);
  });
  return result;
}

void FloatWalk::advance() {
  const Node& node = next();
  FloatTensor result = preview();
  for (const std::string& name : node.inputs) {
    const auto use = last_use_.find(name);
    if (use != last_use_.end() && use->second == next_) values_.erase(name);
  }
  values_[node.outputs.at(0)] = std::move(result);
  ++next_;
}

}  // namespace aap
