// SPDX-License-Identifier: Apache-2.0
// Which activations exist as int8 values, and with which scale and zero point.
#pragma once

#include <limits>
#include <map>
#include <set>
#include <string>

#include "model/graph.h"
#include "quantize/calibrate.h"

namespace aap {

// What Relu and Clip do to a value: [low, high] in real numbers.
struct Clamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};

// Bounds of a Relu or Clip node (attributes or constant inputs). InputError where they are no
// constants.
Clamp clamp_of(const Graph& graph, const Node& node);

// Layers (Conv, Gemm, Add, average pools) merged with the Relu and Clip nodes that alone read them.
struct Fusion {
  struct Layer {
    std::string output;  // of the last node merged
    std::string last;    // name of that node
    Clamp clamp;
  };
  std::map<std::string, Layer> layers;  // by name of the layer, all that make values of their own
  std::set<std::string> merged;         // names of the Relu and Clip nodes that are gone
};
Fusion fuse_clamps(const Graph& folded);

struct Quantisation {
  float scale = 1.0F;
  int zero_point = 0;
  std::string owner;  // value that names the constants; values that share scales have one owner

  // The int8 value nearest to a real one, saturated.
  int quantise(float real) const;
};

// Scale and zero point of every int8 value. MaxPool, Flatten, Reshape, Concat and lone clamps do
// not change scales, so the values they connect share one range, the union of theirs. Operands of a
// residual add get dyadic multiples of its result's scale, which makes the add exact.
// options: multiplier_bits and exact; in exact mode all results of adds have one mantissa, so that sums
// of sums are exact too, and zero points are even, because ONNX Runtime rounds sums with them added.
std::map<std::string, Quantisation> choose_scales(const Graph& folded, const Fusion& fusion,
                                                  const std::map<std::string, Range>& ranges,
                                                  const QuantizeOptions& options);

// Counted values of a full window of an AveragePool or GlobalAveragePool.
int64_t full_window(const Node& node, const Shape& input);

}  // namespace aap
