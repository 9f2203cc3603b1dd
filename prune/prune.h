// SPDX-License-Identifier: Apache-2.0
// Which weights stay. Accelerator-aware pruning (H.-J. Kang, arXiv 1804.09862) keeps K of every
// group of G consecutive input channels at one kernel position of one output channel, so that each
// fetched group of activations meets the same number of weights. plan() says what would happen to
// every layer that has weights, and why; prune() does it. Nothing is skipped silently.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap {

struct PruneOptions {
  int group = 16;  // G, 1..256; the accelerator is built for 4, 8 or 16
  int keep = 4;    // K, 1..G
  enum class Method {
    kAap,            // the K largest magnitudes of each group; ties keep the lower channel
    kUnconstrained,  // the largest magnitudes of the layer, exactly as many as kAap leaves there
  };
  Method method = Method::kAap;
  // A first layer with fewer than G input channels has no full group: it stays dense unless asked.
  bool prune_first_layer = false;
  // Gemm and MatMul: K of their own, 0 means `keep`. K = G leaves them dense.
  int fully_connected_keep = 0;
  // K by node name; goes before everything above. K = G leaves the layer dense.
  std::map<std::string, int> keep_of;
};

enum class PruneRule {
  kAap,            // K of G
  kUnconstrained,  // as many as K of G would leave, anywhere
  kDense,          // left alone, for `reason`
  kDepthwise,      // left alone: one input channel per output channel is keep 1 of G already
};

const char* to_string(PruneRule rule);

// One layer with weights (Conv, Gemm, MatMul), in the order of the graph.
struct LayerPlan {
  std::string name;    // node
  std::string op;      // "Conv", "Gemm", "MatMul"
  std::string weight;  // constant that holds the weights; "" where they are no constant
  // [M, C, KH, KW] with C the channels of one convolution group. Fully connected layers after a
  // Flatten of C x H x W have KH x KW = H x W; otherwise 1 x 1 with C features.
  Shape shape;
  bool output_last = false;  // stored as [C*KH*KW, M] (Gemm with transB = 0, MatMul)
  PruneRule rule = PruneRule::kDense;
  std::string reason;
  int group = 0;  // G
  int keep = 0;   // K; G for dense layers, 1 for depthwise ones
  int64_t weights = 0;
  int64_t kept = 0;  // non-zero weights after pruning
};

// Plans every layer with weights. Errors: InputError for G or K out of range, a name in keep_of
// that is no layer with weights, and weights that are NaN or infinite (names the tensor and the
// element).
std::vector<LayerPlan> plan(const Graph& graph, const PruneOptions& options);

// Sets the pruned weights to zero and records in the metadata "aap.group" (G), "aap.method" ("aap"
// or "unconstrained") and, for each node pruned by kAap, "aap.keep.<node>" (K). Metadata of an
// earlier pruning is replaced. Errors: InputError where the plan does not fit the graph.
void prune(Graph& graph, const std::vector<LayerPlan>& layers);

}  // namespace aap
