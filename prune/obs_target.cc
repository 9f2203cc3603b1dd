// SPDX-License-Identifier: Apache-2.0
#include "prune/obs_target.h"

#include <algorithm>
#include <cmath>

namespace aap {
namespace {

// A channel that the BatchNormalization all but removes cannot help what is behind it.
constexpr float kLeastScale = 1e-3F;

// The bound of a Clip from 0 upwards; negative for any other.
float clip_bound(const Graph& graph, const Node& node) {
  const auto limit = [&](size_t i, const char* attribute, float none) {
    if (node.inputs.size() > i && !node.inputs[i].empty()) {
      return graph.is_constant(node.inputs[i]) ? graph.float_constant(node.inputs[i]).data.at(0) : -1.0F;
    }
    return node.attr_float(attribute, none);
  };
  const float infinity = std::numeric_limits<float>::infinity();
  return limit(1, "min", -infinity) == 0.0F ? limit(2, "max", infinity) : -1.0F;
}

}  // namespace

Behind behind(const Graph& graph, const ReadersOf& readers, const Node& layer) {
  const auto only_reader = [&](const Node& node) -> const Node* {
    const auto found = readers.find(node.outputs.at(0));
    return found != readers.end() && found->second.size() == 1 ? found->second[0] : nullptr;
  };
  Behind b;
  const Node* at = &layer;
  const Node* next = only_reader(*at);
  if (next != nullptr && next->op == "BatchNormalization") {
    b.bn = at = next;
    next = only_reader(*at);
  }
  if (next != nullptr && next->op == "Add") {
    const std::string& other = next->inputs.at(next->inputs[0] == at->outputs[0] ? 1 : 0);
    if (other == at->outputs[0] || graph.is_constant(other)) return b;
    b.add = at = next;
    b.other = other;
    next = only_reader(*at);
  }
  if (next == nullptr) return b;
  if (next->op == "Clip") b.most = clip_bound(graph, *next);
  b.relu = next->op == "Relu" || (next->op == "Clip" && b.most > 0.0F);
  return b;
}

LayerTarget::LayerTarget(const Graph& dense_graph, const Behind& behind, FloatTensor dense,
                         const FloatTensor* other_dense, const FloatTensor* other)
    : linear_(std::move(dense)), relu_(behind.relu), most_(behind.most) {
  const auto channels = static_cast<size_t>(linear_.shape.at(1));
  scale_.assign(channels, 1.0F);
  offset_.assign(channels, 0.0F);
  if (behind.bn != nullptr) {
    const auto constant = [&](size_t i) -> const std::vector<float>& {
      return dense_graph.float_constant(behind.bn->inputs.at(i)).data;
    };
    const float epsilon = behind.bn->attr_float("epsilon", 1e-5F);
    for (size_t c = 0; c < channels; ++c) {
      scale_[c] = constant(1)[c] / std::sqrt(constant(4)[c] + epsilon);
      offset_[c] = constant(2)[c] - scale_[c] * constant(3)[c];
    }
  }
  if (other == nullptr || other->shape != linear_.shape) return;
  base_ = *other;
  const int64_t area = linear_.size() / (linear_.shape[0] * linear_.shape[1]);
  for (int64_t i = 0; i < linear_.size(); ++i) {
    const auto at = static_cast<size_t>(i), c = static_cast<size_t>(i / area) % channels;
    if (std::fabs(scale_[c]) > kLeastScale) {
      linear_.data[at] += (other_dense->data[at] - other->data[at]) / scale_[c];
    }
    base_.data[at] += offset_[c];
  }
}

FloatTensor LayerTarget::past_relu(const FloatTensor& y) const {
  FloatTensor target = linear_;
  const size_t channels = scale_.size();
  const int64_t area = linear_.size() / (linear_.shape[0] * linear_.shape[1]);
  for (int64_t i = 0; i < linear_.size(); ++i) {
    const auto at = static_cast<size_t>(i), c = static_cast<size_t>(i / area) % channels;
    if (std::fabs(scale_[c]) <= kLeastScale) continue;
    const float base = base_.data.empty() ? offset_[c] : base_.data[at];
    const float wanted = scale_[c] * linear_.data[at] + base, now = scale_[c] * y.data[at] + base;
    if (wanted <= 0.0F) {
      target.data[at] = (std::min(now, 0.0F) - base) / scale_[c];
    } else if (wanted >= most_) {
      target.data[at] = (std::max(now, most_) - base) / scale_[c];
    }
  }
  return target;
}

}  // namespace aap
