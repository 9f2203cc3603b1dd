// SPDX-License-Identifier: Apache-2.0
// Golden against another runtime's values of the same network, layer by layer and value by value:
// equal, or different by a cause that the numerical contract names (docs/numerics.md) and that is
// proved for that value, or unexplained, which is a failure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "golden/golden.h"
#include "golden/onnx_arithmetic.h"

namespace aap {

enum class Cause {
  kEqual,
  kFp32Tie,          // the runtime's fp32 rounding decides on which side of a half a value falls
  kZeroPointOrder,   // an exact tie, which the runtime rounds with the zero point already added
  kMultiplierWidth,  // the add's 23-bit multipliers are not the exact ratios of its scales
  kBiasRounding,     // the file's bias is no multiple of sx * sw; the contract's is
  kUnexplained,
};
constexpr size_t kCauses = 6;
const char* to_string(Cause cause);  // "equal", "fp32_tie", ...

struct LayerComparison {
  std::string name;  // of the layer
  std::string op;    // the file's operator
  std::array<int64_t, kCauses> count{};
  double widest_bound = 0.0;  // largest fp32 error bound that an explanation used, in output steps
  std::string first_unexplained;

  int64_t of(Cause cause) const { return count[static_cast<size_t>(cause)]; }
  int64_t values() const;
};

// Values of one image by ONNX name, in the int8 domain (uint8 less 128), [C, H, W].
using NamedValues = std::map<std::string, Int8Tensor>;

// Teacher forcing: every layer gets the runtime's values as its inputs, so that one layer's tie does
// not excuse the next. A tensor of which the runtime has no integers (floats that pass on to max pooling
// or Concat before they are quantised) is computed by golden, and a difference behind it is explained by
// the values that it may stand for.
class NetworkComparison {
 public:
  // graph: what `network` was imported from. Throws InputError as Golden.
  NetworkComparison(const Graph& graph, const QNetwork& network);

  // Adds one image. InputError when the network's input is not among the values or a shape differs.
  void add(const NamedValues& values);

  const std::vector<LayerComparison>& layers() const { return layers_; }
  LayerComparison total() const;
  // End to end, golden's own values passed on: the network's outputs.
  int64_t images() const { return images_; }
  int64_t output_values() const { return output_values_; }
  int64_t output_differences() const { return output_differences_; }
  int largest_output_difference() const { return largest_output_difference_; }  // in output steps
  // Of those, by the causes that occurred in some layer of that image, "fp32_tie+multiplier_width".
  const std::map<std::string, int64_t>& output_causes() const { return output_causes_; }

 private:
  Golden golden_;
  std::vector<OnnxForm> forms_;
  std::vector<LayerComparison> layers_;
  int64_t images_ = 0, output_values_ = 0, output_differences_ = 0;
  int largest_output_difference_ = 0;
  std::map<std::string, int64_t> output_causes_;
};

}  // namespace aap
