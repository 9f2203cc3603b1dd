// SPDX-License-Identifier: Apache-2.0
// The layers of a graph that have weights, as pruning sees them: [M, C, KH, KW] whatever the
// operator (Conv, Gemm, MatMul; the same in QDQ form; QLinearConv, QGemm, QLinearMatMul) and
// however the tensor is stored. Every method, score and update works on this view.
//
// Canonical order: weight (m, c, p) of a layer is element (m * C + c) * P + p, with M output
// channels, C input channels of one convolution group and P = KH * KW kernel positions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap {

enum class LayerType {
  kFirst,           // Conv that reads the network's input, nothing with weights in between
  kConv,            // any other Conv with one convolution group
  kDepthwise,       // Conv with one input channel per convolution group
  kGrouped,         // any other Conv with several convolution groups
  kFullyConnected,  // Gemm, MatMul and their quantised forms
};

enum class PruneRule {
  kAap,            // K of every G input channels
  kNOfM,           // N of every M consecutive inputs, as ASP counts them
  kUnconstrained,  // as many as K of G would leave in the layer, anywhere
  kGlobal,         // as many as K of G would leave in all layers of this rule, anywhere in them
  kRandom,         // K of every G input channels, drawn
  kDense,          // left alone, for `reason`
  kDepthwise,      // left alone: one input channel per output channel is keep 1 of G already
};

// How many of a group of fewer than G channels stay (C is not a multiple of G).
enum class TailRule {
  kKeep,          // min(K, channels): the accelerator spends K cycles on it anyway
  kProportional,  // ceil(K * channels / G): the same density as a full group
};

const char* to_string(LayerType type);
const char* to_string(PruneRule rule);
const char* to_string(TailRule tail);

// One layer with weights, in the order of the graph.
struct LayerPlan {
  std::string name;    // node
  std::string op;      // as in the graph: "Conv", "Gemm", "MatMul", "QLinearConv", ...
  std::string weight;  // constant that holds the weights; "" where they are no constant
  // [M, C, KH, KW] with C the channels of one convolution group. Fully connected layers after a
  // Flatten of C x H x W have KH x KW = H x W; otherwise 1 x 1 with C features.
  Shape shape;
  bool output_last = false;  // stored as [C*KH*KW, M] (Gemm with transB = 0, MatMul)
  int64_t conv_groups = 1;   // ONNX `group`
  LayerType type = LayerType::kConv;
  PruneRule rule = PruneRule::kDense;
  std::string reason;
  int group = 0;  // G; M for kNOfM
  int keep = 0;   // K; N for kNOfM; G for dense layers, 1 for depthwise ones
  int share = 1;  // neighbouring output channels that keep the same input channels
  TailRule tail = TailRule::kKeep;
  std::string score = "magnitude";
  uint32_t seed = 1;  // kRandom
  int64_t weights = 0;
  int64_t kept = 0;  // non-zero weights after pruning by magnitude; other scores keep no more
};

// Every layer with weights, not yet decided (rule kDense, no reason). Errors: InputError for
// weights of a rank that the operator does not have and for shapes that cannot be inferred.
std::vector<LayerPlan> describe_layers(const Graph& graph);

// Weights as numbers, in canonical order: the tensor, or (w - zero point) * scale where it is
// int8 or uint8. InputError where the plan does not fit the graph, and for NaN or infinity (names
// layer, tensor and element).
std::vector<float> layer_weights(const Graph& graph, const LayerPlan& layer);

// Sets every weight whose mask (canonical order) is 0 to zero, or to the zero point of a quantised
// tensor. A tensor that two nodes share is pruned for both.
void clear_weights(Graph& graph, const LayerPlan& layer, const std::vector<uint8_t>& mask);

// Replaces the weights of a float layer (canonical order). InputError for a quantised one.
void set_layer_weights(Graph& graph, const LayerPlan& layer, const std::vector<float>& values);

// Weights that stay in a group of `size` channels.
inline int64_t kept_in_group(const LayerPlan& layer, int64_t size) {
  if (size == layer.group || layer.tail == TailRule::kKeep) {
    return std::min<int64_t>(layer.keep, size);
  }
  return (layer.keep * size + layer.group - 1) / layer.group;
}

// Calls visit(first, size, step) for every group of output channel m at kernel position p: members
// are elements first, first + step, ... in canonical order, `size` of them. Groups lie where the
// fetched activations lie: at multiples of G in the whole feature map, so the first group of a
// grouped convolution may be short as well as its last. kNOfM counts along stored inputs instead.
template <typename Visit>
void for_each_group_at(const LayerPlan& layer, int64_t m, int64_t p, Visit visit) {
  const int64_t c = layer.shape[1], positions = layer.shape[2] * layer.shape[3];
  const int64_t conv_group = m / std::max<int64_t>(1, layer.shape[0] / layer.conv_groups);
  const int64_t phase = layer.rule == PruneRule::kNOfM ? 0 : conv_group * c % layer.group;
  for (int64_t first = -phase; first < c; first += layer.group) {
    const int64_t begin = std::max<int64_t>(first, 0);
    const int64_t end = std::min<int64_t>(first + layer.group, c);
    visit((m * c + begin) * positions + p, end - begin, positions);
  }
}

}  // namespace aap
