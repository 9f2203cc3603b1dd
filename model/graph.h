// SPDX-License-Identifier: Apache-2.0
// A network as ONNX states it: nodes in topological order over named values. Float and QLinear
// (integer) networks use the same structure; what a node means is decided by its readers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "model/tensor.h"

namespace aap {

// ONNX element types that the project reads, with ONNX's own numbers.
enum class DataType { kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7 };

// A constant of any of the element types above.
using Constant =
    std::variant<Tensor<float>, Tensor<uint8_t>, Tensor<int8_t>, Tensor<int32_t>, Tensor<int64_t>>;

using Attribute =
    std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>, Constant>;

struct Node {
  std::string op;      // ONNX operator, e.g. "Conv"
  std::string domain;  // "" is ai.onnx
  std::string name;    // never empty after reading (made from op and index where ONNX has none)
  std::vector<std::string> inputs;  // "" is an omitted optional input
  std::vector<std::string> outputs;
  std::map<std::string, Attribute> attributes;

  // Attribute of the given type, or the default. Throws InputError naming the node when the
  // attribute is there with another type.
  int64_t attr_int(const std::string& key, int64_t fallback) const;
  float attr_float(const std::string& key, float fallback) const;
  std::string attr_string(const std::string& key, const std::string& fallback) const;
  std::vector<int64_t> attr_ints(const std::string& key, const std::vector<int64_t>& fallback) const;
};

struct ValueInfo {
  std::string name;
  DataType type = DataType::kFloat;
  Shape shape;  // -1 where symbolic (batch)
};

struct Graph {
  std::string name;
  int64_t opset = 13;
  std::vector<Node> nodes;                 // topologically ordered
  std::map<std::string, Constant> constants;  // initializers
  std::vector<ValueInfo> inputs;           // without initializers
  std::vector<ValueInfo> outputs;
  std::map<std::string, std::string> metadata;  // ONNX metadata_props

  bool is_constant(const std::string& value) const { return constants.count(value) != 0; }
  // The constant as the given element type; InputError names it and its user when absent or of
  // another type.
  const Tensor<float>& float_constant(const std::string& value) const;
  Tensor<float>& float_constant(const std::string& value);
};

// The number that a metadata key holds, or the fallback. InputError where it is none, or outside
// low..high.
double metadata_number(const Graph& graph, const std::string& key, double low, double high,
                       double fallback);

struct Unsupported {
  std::string node;    // node name
  std::string op;
  std::string reason;
};

// Reads an ONNX file (any IR version up to 10, opsets 8..21). Bounded: refuses tensors whose stated
// size does not match their data, cycles, duplicate values, missing inputs. Errors: InputError, one
// line that names file and node.
Graph read_onnx(const std::string& path);

// Writes the graph whole or not at all (temporary file, then rename).
void write_onnx(const Graph& graph, const std::string& path);

// Nodes that float inference does not support, all of them at once; empty when all are.
std::vector<Unsupported> unsupported_float_nodes(const Graph& graph);

// Bounds of what one image may ask for, so that a small file cannot take all memory or hours: values
// that nodes compute, all together (1 GiB as int8), and operations. VGG16 at 224 x 224 has 2^24.7
// and 2^33.8.
constexpr int64_t kMostValues = int64_t{1} << 30;
constexpr int64_t kMostWork = int64_t{1} << 38;

// Shape of every value for one input image (N = 1), keyed by value name; includes constants.
// InputError also where an image takes more than kMostValues or kMostWork.
std::map<std::string, Shape> infer_shapes(const Graph& graph);

// Explicit pads of a Conv or pooling node (auto_pad resolved) for an input of h x w.
struct Window2d {
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int64_t out_h = 0, out_w = 0;
};
Window2d window_of(const Node& node, int64_t kernel_h, int64_t kernel_w, int64_t in_h, int64_t in_w);

}  // namespace aap
