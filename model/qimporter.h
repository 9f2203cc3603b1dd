// SPDX-License-Identifier: Apache-2.0
// The state of an import. Private to model/; the entry point is import_quantised (qimport.h).
#pragma once

#include <array>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "model/graph.h"
#include "model/qimport.h"
#include "model/qnetwork.h"
#include "model/qview.h"

namespace aap {

// Integers of a tensor or, where `real`, the numbers that they stand for.
struct Activation {
  int tensor = -1;
  View view;
  bool real = false;
};

// The network's input before a layer reads it: float, integer, or what the integers stand for.
struct RawInput {
  std::vector<int64_t> order;     // file position of each element; empty: 0, 1, 2, ...
  std::optional<QParams> params;  // of its integers
  bool real = false;
  std::string name;               // the value that first held its integers
};

// Padding with the zero point that the next convolution's window takes over, or a layer of its own.
struct Padded {
  Activation base;
  std::array<int64_t, 3> before{}, after{};  // C, H, W
  Extents extents{};
  View view;
};

// A convolution or fully connected layer before its output's scale is known.
struct ConvSpec {
  Window2d window;
  int64_t groups = 1;
  Int8Tensor weights;         // [M][C / groups][KH][KW]
  std::vector<float> scales;  // per output channel
};

// A float result on its way to QuantizeLinear. Everything behind the base is monotone (clamps, max
// pooling) or moves no data, so that it may come after the rounding with the same result.
struct Pending {
  enum class Base { kTensor, kConv, kAdd, kAverage, kConcat };
  Base base = Base::kTensor;
  std::string name;                      // of the layer
  std::vector<int> inputs;               // tensors
  std::shared_ptr<const ConvSpec> conv;  // kConv
  std::vector<double> bias;              // kConv: in units of input scale times weight scale
  Window2d window;                       // kAverage
  bool count_include_pad = false;        // kAverage
  Extents base_extents{};                // of the base's result
  std::vector<std::pair<std::string, Window2d>> pools;  // max pooling of it: node, window
  Extents extents{};                     // of the whole
  View view;
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();
};

// What the host computes behind the network's output.
struct HostValue {
  Activation activation;
  std::optional<QParams> params;  // Softmax quantised
  bool real = true;
};

using QValue = std::variant<Activation, RawInput, Padded, Pending, HostValue>;

// DequantizeLinear of a constant.
struct DequantisedConstant {
  Constant values;
  std::vector<float> scale;  // one, or one per index of `axis`
  std::vector<int> zero;     // as many
  size_t axis = 0;
};

class QImporter {
 public:
  explicit QImporter(const Graph& graph) : graph_(graph) {}
  QNetwork run();

 private:
  // qimport.cc: the walk over the graph
  struct Operator {
    std::set<std::string> domains;
    void (QImporter::*read)(const Node&);
  };
  static const std::map<std::string, Operator>& operators();
  std::map<std::string, std::string> check_operators();
  void import_node(const Node& node);
  void define_input();
  void finish();
  void read_metadata();
  std::optional<QParams> params_at_first_use(const std::string& value) const;

  // qimport_ops.cc: operators that have float and integer forms
  void convolution(const Node& node);
  void fully_connected(const Node& node);
  void add(const Node& node);
  void average_pool(const Node& node);
  void reduce_mean(const Node& node);
  void max_pool(const Node& node);
  void concat(const Node& node);
  void add_bias(const Node& node, size_t data);

  // qimport_edges.cc: quantisation, clamps, layouts, what the host does
  void quantize(const Node& node);
  void dequantize(const Node& node);
  void clip(const Node& node);
  void clip_integers(const Node& node, const Activation& x);
  void change_shape(const Node& node);
  void pad(const Node& node);
  void softmax(const Node& node);
  Activation use_input(const std::string& value, const RawInput& raw);
  bool channels_come_last(const std::string& value) const;

  // qimport_constants.cc: arithmetic on constants; weights and biases
  bool fold_constant(const Node& node);
  const Constant* find_constant(const std::string& value) const;
  const Constant& constant(const Node& node, size_t i, const char* what) const;
  float scalar_scale(const Node& node, size_t i) const;
  // One value per output channel, a scalar repeated.
  std::vector<float> channel_scales(const Node& node, size_t i, int64_t channels) const;
  QParams params(const Node& node, size_t scale, size_t zero, bool uint8_default) const;
  // Weights as int8 in the file's layout with one scale per index of `axis`; InputError where
  // w - zero point is not exactly that. QLinear operators have scale and zero point as inputs.
  std::pair<Int8Tensor, std::vector<float>> weights(const Node& node, bool qlinear,
                                                    size_t axis) const;
  // In units of sx * scales[m]; fractions where the file's bias is no whole number of them.
  std::vector<double> bias_units(const Node& node, size_t i, float sx,
                                 const std::vector<float>& scales) const;
  std::vector<double> integer_bias(const Node& node, size_t i, int64_t channels) const;
  std::optional<float> limit(const Node& node, size_t i) const;

  // qimport_util.cc: inputs and results of nodes
  [[noreturn]] static void fail(const Node& node, const std::string& text);
  static bool has_input(const Node& node, size_t i);
  const std::string& name_of(const Node& node, size_t i) const;
  QValue& value(const Node& node, size_t i);
  // The input as a tensor, whose layers are made now where that is still to do.
  Activation resolve(const Node& node, size_t i);
  Activation integers(const Node& node, size_t i);
  Activation integers(const Node& node, size_t i, size_t scale, size_t zero);
  Activation reals(const Node& node, size_t i);
  const Shape& shape(const std::string& value) const { return shapes_.at(value); }
  const QTensorInfo& info(int tensor) const { return net_.tensors[static_cast<size_t>(tensor)]; }
  Extents extents(int tensor) const;
  QParams params_of(int tensor) const;
  void require_image(const Node& node, const View& view, const Extents& e, bool last) const;

  int add_tensor(const std::string& name, const Extents& e, const QParams& p);
  QLayer& add_layer(const std::string& name, QOp op, std::vector<int> inputs,
                    const std::string& tensor, const Extents& e, const QParams& out);
  // Layers of the pending result with output parameters `out`; the tensor that holds it.
  int emit(const Pending& p, const QParams& out, const std::string& tensor);
  int emit_base(const Pending& p, const QParams& out, const std::string& tensor);
  int emit_pad(const Padded& p, const std::string& name, const std::string& tensor);
  int rescaled(int tensor, const QParams& out, const std::string& name);
  void fold_bias(QLayer& layer, const std::vector<double>& bias, const std::vector<float>& scales);
  // Stores the node's result: at once for QLinear operators, pending for float ones.
  void store(const Node& node, Pending p, const std::optional<QParams>& out);
  void define(const Node& node, int tensor, View view, bool real);
  int users_of(const std::string& value) const;

  const Graph& graph_;
  std::map<std::string, Shape> shapes_;
  std::map<std::string, std::vector<const Node*>> users_;  // value -> nodes, once per input
  QNetwork net_;
  std::map<std::string, QValue> values_;
  std::map<std::string, Constant> folded_;                    // made of other constants
  std::map<std::string, DequantisedConstant> dequantised_;    // float constants of integers
  std::set<std::string> layer_names_;
};

// Operators that move no data, and those that a layout passes through.
bool changes_shape_only(const Node& node);

}  // namespace aap
