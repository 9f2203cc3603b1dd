// SPDX-License-Identifier: Apache-2.0
// Seeded random quantised ONNX graphs of one to five layers, for the comparison with ONNX Runtime.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap::differential {

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int64_t in(int64_t low, int64_t high) {  // both included
    return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return in(0, 99) < percent; }
  template <typename T>
  T one_of(std::initializer_list<T> list) {
    return *(list.begin() + in(0, static_cast<int64_t>(list.size()) - 1));
  }
  double real() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }  // 0 .. 1

 private:
  std::mt19937_64 engine_;
};

// An integer activation of the graph under construction.
struct Activation {
  std::string name;
  Shape shape;  // [1, C, H, W] or [1, K]
  float scale = 1.0F;
  int zero_point = 0;  // of the file's type
};

// What both forms share: names, constants, shapes, scales.
class GraphBuilder {
 public:
  GraphBuilder(uint32_t seed, int64_t opset);

  Random& random() { return random_; }
  Graph& graph() { return graph_; }
  bool is_uint8() const { return uint8_; }
  std::string fresh(const std::string& stem);
  Node& node(const std::string& op, std::vector<std::string> inputs, const std::string& output,
             const std::string& domain = "");

  std::string add(const std::string& stem, Constant value);
  std::string scale(float value);                 // a scalar constant
  std::string zero_point(int value);              // of the activations' type
  std::string zero_point_of(const Activation& a) { return zero_point(a.zero_point); }
  float random_scale();                           // half of them with a short mantissa
  int random_zero_point();

  // Weights [M, ...] with their scale per tensor or per channel. `symmetric` weights are int8; others
  // uint8 with zero point 128, or int8 with values and zero points whose difference fits int8.
  struct Weights {
    std::string value, scale, zero_point;
    float largest_scale = 0.0F;
    std::vector<float> scales;  // one, or one a channel
  };
  // channel_axis: along which scales vary; allow_per_channel false for operators without.
  Weights weights(const Shape& shape, size_t channel_axis, bool allow_per_channel, bool allow_uint8);

  // Convolution or pooling window for an input; attributes and the output's height and width.
  struct Window {
    std::map<std::string, Attribute> attributes;
    int64_t kernel_h = 1, kernel_w = 1, out_h = 1, out_w = 1;
  };
  Window window(const Shape& input, bool pooling, bool dilations, bool auto_pad);

  // domain: of the DequantizeLinear behind a float output.
  Graph finish(const Activation& output, bool float_output, const std::string& domain = "");

 private:
  Random random_;
  Graph graph_;
  bool uint8_;
  int names_ = 0;
};

// Every graph is a pure function of its seed.
Graph random_qlinear_graph(uint32_t seed);
Graph random_qdq_graph(uint32_t seed);

// One of those, by the seed, with one thing changed.
Graph random_mutant(uint32_t seed);

// A graph of a form that the project does not support, and what it is called. `kind` is
// 0 .. unsupported_kinds() - 1. The bytes are an ONNX file.
int unsupported_kinds();
struct UnsupportedFile {
  std::string kind;
  std::string bytes;
};
UnsupportedFile unsupported_file(int kind, uint32_t seed);
// The networks that most kinds differ from by one thing: these must be accepted, else the kinds show
// nothing.
std::vector<UnsupportedFile> supported_bases(uint32_t seed);

// Which IR version a graph's file has: 3 (initialisers are inputs, too) to 10.
int64_t random_ir_version(uint32_t seed);

// Inputs of a graph: `count` images; values of its input's type (floats reach beyond the range).
Constant random_inputs(const Graph& graph, uint32_t seed, int64_t count);

}  // namespace aap::differential
