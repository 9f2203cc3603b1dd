// SPDX-License-Identifier: Apache-2.0
// The state of an import. Private to model/; the entry point is import_quantised (qimport.h).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/qimport.h"
#include "model/qnetwork.h"

namespace aap {

// Scale and zero point as the file states them, in the int8 domain.
struct QParams {
  float scale = 1.0F;
  int zero_point = 0;
  bool from_uint8 = false;
};

class QImporter {
 public:
  explicit QImporter(const Graph& graph) : graph_(graph) {}
  QNetwork run();

 private:
  // qimport.cc: the walk over the graph
  void check_operators() const;
  void import_node(const Node& node);
  void define_input();
  void finish();
  void read_metadata();
  std::optional<QParams> params_at_first_use(const std::string& value) const;

  // qimport_ops.cc: one function an operator
  void quantize(const Node& node);
  void dequantize(const Node& node);
  void convolution(const Node& node);
  void matmul(const Node& node);
  void gemm(const Node& node);
  void add(const Node& node);
  void average_pool(const Node& node);
  void max_pool(const Node& node);
  void concat(const Node& node);
  void clip(const Node& node);
  void flatten(const Node& node);
  void softmax(const Node& node);

  // qimport_util.cc: reading a node's inputs
  [[noreturn]] static void fail(const Node& node, const std::string& text);
  static bool has_input(const Node& node, size_t i);
  const std::string& name_of(const Node& node, size_t i) const;
  const Constant& constant(const Node& node, size_t i, const char* what) const;
  float scalar_scale(const Node& node, size_t i) const;
  // One value per output channel, a scalar repeated.
  std::vector<float> channel_scales(const Node& node, size_t i, int64_t channels) const;
  QParams params(const Node& node, size_t scale, size_t zero, bool uint8_default) const;
  // Tensor of input i, integer or dequantised; `activation` takes integers only.
  int any_value(const Node& node, size_t i) const;
  // Tensor of activation input i; its stated parameters, at `scale` and `zero`, must be its own.
  int activation(const Node& node, size_t i) const;
  int activation(const Node& node, size_t i, size_t scale, size_t zero) const;
  const Shape& shape(const std::string& value) const { return shapes_.at(value); }
  // Weights w - zero point as int8 in the file's layout; InputError where that is not exact.
  Int8Tensor weights(const Node& node, size_t i, size_t zero, size_t channel_axis) const;
  std::vector<int32_t> bias(const Node& node, size_t i, int64_t channels) const;

  int add_tensor(const std::string& value, const QParams& p);
  // A layer with its output tensor for the node's first output.
  QLayer& add_layer(const Node& node, QOp op, std::vector<int> inputs, const QParams& out);
  // A fully connected layer: weights [M][K] in NCHW order of the input.
  void fully_connected(const Node& node, size_t x, const Int8Tensor& w, const QParams& out,
                       const std::vector<float>& scales, std::vector<int32_t> b);
  // Biases with the input's zero point folded in, and requantisations.
  void fold_bias(const Node& node, QLayer& layer, std::vector<int32_t> b,
                 const std::vector<float>& scales);
  void set_window(QLayer& layer, const Window2d& w) const;
  int users_of(const std::string& value) const;

  const Graph& graph_;
  std::map<std::string, Shape> shapes_;
  QNetwork net_;
  std::map<std::string, int> tensor_of_;  // integer and dequantised values
  std::set<std::string> raw_input_;       // float graph input and its reshapes
  std::map<int, float> scale_of_;         // tensor index -> scale as the file's float
  std::set<std::string> dequantised_;     // values that are float in the file
  std::set<std::string> after_softmax_;
};

}  // namespace aap
