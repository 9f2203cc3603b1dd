// SPDX-License-Identifier: Apache-2.0
// Forms that the project does not support. Each is a small valid network but for the one thing that its
// kind names, so that it is refused for that and nothing else.
#include <onnx/onnx_pb.h>

#include <functional>
#include <limits>

#include "verif/differential/random_graph.h"

namespace aap::differential {
namespace {

using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;

const char* kMicrosoft = "com.microsoft";

void set_opset(ModelProto& m, int64_t version, int64_t ir = 8) {
  m.set_ir_version(ir);
  m.mutable_opset_import(0)->set_version(version);
}

TensorProto& tensor(ModelProto& m, const std::string& name, int type, const Shape& dims,
                    const std::string& bytes) {
  TensorProto* t = nullptr;
  for (auto& old : *m.mutable_graph()->mutable_initializer()) {
    if (old.name() == name) t = &old;
  }
  if (t == nullptr) t = m.mutable_graph()->add_initializer();
  t->Clear();
  t->set_name(name);
  t->set_data_type(type);
  for (const int64_t d : dims) t->add_dims(d);
  t->set_raw_data(bytes);
  return *t;
}

TensorProto& floats(ModelProto& m, const std::string& name, const Shape& dims,
                    std::vector<float> values) {
  return tensor(m, name, TensorProto::FLOAT, dims,
                {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

NodeProto& node(ModelProto& m, const std::string& op, const std::vector<std::string>& inputs,
                const std::string& output, const std::string& domain = "") {
  NodeProto& n = *m.mutable_graph()->add_node();
  n.set_op_type(op);
  n.set_name(op + "_of_" + output);
  n.set_domain(domain);
  for (const std::string& i : inputs) n.add_input(i);
  n.add_output(output);
  return n;
}

void attribute(NodeProto& n, const std::string& name, int64_t value) {
  auto* a = n.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::INT);
  a->set_i(value);
}
void attribute(NodeProto& n, const std::string& name, const std::vector<int64_t>& values) {
  auto* a = n.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::INTS);
  for (const int64_t v : values) a->add_ints(v);
}
void attribute(NodeProto& n, const std::string& name, float value) {
  auto* a = n.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::FLOAT);
  a->set_f(value);
}

void value_info(onnx::ValueInfoProto* v, const std::string& name, int type, const Shape& dims) {
  v->Clear();
  v->set_name(name);
  v->mutable_type()->mutable_tensor_type()->set_elem_type(type);
  for (const int64_t d : dims) {
    auto* dim = v->mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim();
    if (d < 0) {
      dim->set_dim_param("any");
    } else {
      dim->set_dim_value(d);
    }
  }
}

std::string random_bytes(Random& r, int64_t count) {
  std::string bytes(static_cast<size_t>(count), '\0');
  for (char& b : bytes) b = static_cast<char>(r.in(-100, 100));
  return bytes;
}

// image -> QuantizeLinear -> q, [1, 4, 6, 6], int8, and the constants that most operators need.
ModelProto head(Random& r) {
  ModelProto m;
  m.add_opset_import()->set_domain("");
  auto* microsoft = m.add_opset_import();
  microsoft->set_domain(kMicrosoft);
  microsoft->set_version(1);
  set_opset(m, 13);
  m.mutable_graph()->set_name("unsupported");
  value_info(m.mutable_graph()->add_input(), "image", TensorProto::FLOAT, {1, 4, 6, 6});
  floats(m, "s", {}, {0.05F});
  tensor(m, "z", TensorProto::INT8, {}, std::string(1, '\0'));
  tensor(m, "w", TensorProto::INT8, {4, 4, 3, 3}, random_bytes(r, 144));
  floats(m, "sw", {}, {0.01F});
  node(m, "QuantizeLinear", {"image", "s", "z"}, "q");
  return m;
}

void output(ModelProto& m, const std::string& name, int type, const Shape& dims) {
  value_info(m.mutable_graph()->add_output(), name, type, dims);
}

// head, then one QLinearConv.
ModelProto qlinear_conv(Random& r) {
  ModelProto m = head(r);
  node(m, "QLinearConv", {"q", "s", "z", "w", "sw", "z", "s", "z"}, "y");
  output(m, "y", TensorProto::INT8, {1, 4, 4, 4});
  return m;
}

// head, then DequantizeLinear, `op` on [float activation, more...] and QuantizeLinear.
ModelProto qdq(Random& r, const std::string& op, const std::vector<std::string>& more,
               const Shape& result, const std::function<void(NodeProto&)>& change = {}) {
  ModelProto m = head(r);
  node(m, "DequantizeLinear", {"q", "s", "z"}, "x");
  node(m, "DequantizeLinear", {"w", "sw", "z"}, "wf");
  std::vector<std::string> inputs = {"x"};
  inputs.insert(inputs.end(), more.begin(), more.end());
  NodeProto& n = node(m, op, inputs, "f");
  if (change) change(n);
  node(m, "QuantizeLinear", {"f", "s", "z"}, "y");
  output(m, "y", TensorProto::INT8, result);
  return m;
}

// head, then a com.microsoft operator.
ModelProto microsoft(Random& r, const std::string& op, const std::vector<std::string>& inputs,
                     const Shape& result, const std::function<void(NodeProto&)>& change = {}) {
  ModelProto m = head(r);
  NodeProto& n = node(m, op, inputs, "y", kMicrosoft);
  if (change) change(n);
  output(m, "y", TensorProto::INT8, result);
  return m;
}

NodeProto* find(ModelProto& m, const std::string& op) {
  for (auto& n : *m.mutable_graph()->mutable_node()) {
    if (n.op_type() == op) return &n;
  }
  return nullptr;
}

struct Kind {
  const char* name;
  std::function<ModelProto(Random&)> make;
};

ModelProto with_weight_scale(Random& r, float value) {
  ModelProto m = qlinear_conv(r);
  floats(m, "sw", {}, {value});
  return m;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> list = {
      {"float16_scale",
       [](Random& r) {
         ModelProto m = qdq(r, "Conv", {"wf"}, {1, 4, 4, 4});
         set_opset(m, 19, 9);
         tensor(m, "sw", TensorProto::FLOAT16, {}, std::string("\x1f\x21", 2));
         return m;
       }},
      {"float16_activations",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         value_info(m.mutable_graph()->mutable_input(0), "image", TensorProto::FLOAT16,
                    {1, 4, 6, 6});
         return m;
       }},
      {"bfloat16_weights",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         tensor(m, "w", TensorProto::BFLOAT16, {4, 4, 3, 3}, random_bytes(r, 288));
         return m;
       }},
      {"blocked_weights",
       [](Random& r) {
         ModelProto m = qdq(r, "Conv", {"wf"}, {1, 4, 4, 4});
         set_opset(m, 21, 10);
         floats(m, "sw", {4, 2, 3, 3}, std::vector<float>(72, 0.01F));
         tensor(m, "zw", TensorProto::INT8, {4, 2, 3, 3}, std::string(72, '\0'));
         NodeProto* dequantize = m.mutable_graph()->mutable_node(2);
         dequantize->set_input(2, "zw");
         attribute(*dequantize, "axis", int64_t{1});
         attribute(*dequantize, "block_size", int64_t{2});
         return m;
       }},
      {"per_channel_activations",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         floats(m, "s4", {4}, {0.05F, 0.06F, 0.07F, 0.08F});
         tensor(m, "z4", TensorProto::INT8, {4}, std::string(4, '\0'));
         NodeProto* quantize = find(m, "QuantizeLinear");
         quantize->set_input(1, "s4");
         quantize->set_input(2, "z4");
         attribute(*quantize, "axis", int64_t{1});
         return m;
       }},
      {"per_channel_activations_qdq",
       [](Random& r) {
         ModelProto m = qdq(r, "Conv", {"wf"}, {1, 4, 4, 4});
         floats(m, "s4", {4}, {0.05F, 0.06F, 0.07F, 0.08F});
         tensor(m, "z4", TensorProto::INT8, {4}, std::string(4, '\0'));
         for (auto& n : *m.mutable_graph()->mutable_node()) {
           if (n.input(0) != "f") continue;
           n.set_input(1, "s4");
           n.set_input(2, "z4");
           attribute(n, "axis", int64_t{1});
         }
         return m;
       }},
      {"weight_zero_point_int8",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         tensor(m, "zw", TensorProto::INT8, {}, std::string(1, '\x64'));
         tensor(m, "w", TensorProto::INT8, {4, 4, 3, 3}, random_bytes(r, 143) + '\x9c');
         find(m, "QLinearConv")->set_input(5, "zw");
         return m;
       }},
      {"weight_zero_point_uint8",
       [](Random& r) {
         ModelProto m = qdq(r, "Conv", {"wf"}, {1, 4, 4, 4});
         tensor(m, "zw", TensorProto::UINT8, {}, std::string(1, '\x14'));
         tensor(m, "w", TensorProto::UINT8, {4, 4, 3, 3}, random_bytes(r, 143) + '\xff');
         m.mutable_graph()->mutable_node(2)->set_input(2, "zw");
         return m;
       }},
      {"int16_activations",
       [](Random& r) {
         ModelProto m = qdq(r, "Conv", {"wf"}, {1, 4, 4, 4});
         set_opset(m, 21, 10);
         tensor(m, "z16", TensorProto::INT16, {}, std::string(2, '\0'));
         m.mutable_graph()->mutable_node(0)->set_input(2, "z16");
         m.mutable_graph()->mutable_node(1)->set_input(2, "z16");
         return m;
       }},
      {"int4_weights",
       [](Random& r) {
         ModelProto m = qdq(r, "Conv", {"wf"}, {1, 4, 4, 4});
         set_opset(m, 21, 10);
         tensor(m, "w", 22 /* INT4 */, {4, 4, 3, 3}, random_bytes(r, 72));
         tensor(m, "z4", 22, {}, std::string(1, '\0'));
         m.mutable_graph()->mutable_node(2)->set_input(2, "z4");
         return m;
       }},
      {"float8_weights",
       [](Random& r) {
         ModelProto m = qdq(r, "Conv", {"wf"}, {1, 4, 4, 4});
         set_opset(m, 19, 9);
         tensor(m, "w", 17 /* FLOAT8E4M3FN */, {4, 4, 3, 3}, random_bytes(r, 144));
         return m;
       }},
      {"dynamic_height",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         value_info(m.mutable_graph()->mutable_input(0), "image", TensorProto::FLOAT,
                    {1, 4, -1, 6});
         return m;
       }},
      {"no_shape",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
         return m;
       }},
      {"convolution_1d",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         value_info(m.mutable_graph()->mutable_input(0), "image", TensorProto::FLOAT, {1, 4, 6});
         tensor(m, "w", TensorProto::INT8, {4, 4, 3}, random_bytes(r, 48));
         return m;
       }},
      {"convolution_3d",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         value_info(m.mutable_graph()->mutable_input(0), "image", TensorProto::FLOAT,
                    {1, 4, 6, 6, 6});
         tensor(m, "w", TensorProto::INT8, {4, 4, 3, 3, 3}, random_bytes(r, 432));
         return m;
       }},
      {"two_inputs",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         value_info(m.mutable_graph()->add_input(), "w2", TensorProto::INT8, {4, 4, 3, 3});
         find(m, "QLinearConv")->set_input(3, "w2");
         return m;
       }},
      {"weights_from_a_layer",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         find(m, "QLinearConv")->set_input(3, "q");
         return m;
       }},
      {"scale_zero", [](Random& r) { return with_weight_scale(r, 0.0F); }},
      {"scale_negative", [](Random& r) { return with_weight_scale(r, -0.01F); }},
      {"scale_nan",
       [](Random& r) { return with_weight_scale(r, std::numeric_limits<float>::quiet_NaN()); }},
      {"scale_infinite",
       [](Random& r) { return with_weight_scale(r, std::numeric_limits<float>::infinity()); }},
      {"lstm",
       [](Random& r) {
         ModelProto m = qdq(r, "LSTM", {"wf", "wf"}, {1, 4, 4, 4},
                            [](NodeProto& n) { attribute(n, "hidden_size", int64_t{4}); });
         return m;
       }},
      {"dynamic_quantize_lstm",
       [](Random& r) {
         return microsoft(r, "DynamicQuantizeLSTM", {"image", "w", "w", "", "", "", "", "", "sw", "z"},
                          {1, 4, 4, 4});
       }},
      {"dynamic_quantize_linear",
       [](Random& r) {
         ModelProto m = head(r);
         NodeProto& n = node(m, "DynamicQuantizeLinear", {"image"}, "dq");
         n.add_output("ds");
         n.add_output("dz");
         node(m, "ConvInteger", {"dq", "w", "dz"}, "y");
         output(m, "y", TensorProto::INT32, {1, 4, 4, 4});
         return m;
       }},
      {"conv_transpose",
       [](Random& r) { return qdq(r, "ConvTranspose", {"wf"}, {1, 4, 8, 8}); }},
      {"float_multiplication", [](Random& r) { return qdq(r, "Mul", {"x"}, {1, 4, 6, 6}); }},
      {"sigmoid", [](Random& r) { return qdq(r, "Sigmoid", {}, {1, 4, 6, 6}); }},
      {"softmax_in_the_middle",
       [](Random& r) {
         ModelProto m = qdq(r, "Softmax", {}, {1, 4, 6, 6});
         m.mutable_graph()->mutable_output(0)->set_name("v");
         node(m, "QLinearConv", {"y", "s", "z", "w", "sw", "z", "s", "z"}, "v");
         return m;
       }},
      {"broadcasting_add",
       [](Random& r) {
         ModelProto m = head(r);
         node(m, "QLinearGlobalAveragePool", {"q", "s", "z", "s", "z"}, "g", kMicrosoft);
         node(m, "QLinearAdd", {"q", "s", "z", "g", "s", "z", "s", "z"}, "y", kMicrosoft);
         output(m, "y", TensorProto::INT8, {1, 4, 6, 6});
         return m;
       }},
      {"qlinear_sigmoid",
       [](Random& r) {
         return microsoft(r, "QLinearSigmoid", {"q", "s", "z", "s", "z"}, {1, 4, 6, 6});
       }},
      {"qlinear_mul",
       [](Random& r) {
         return microsoft(r, "QLinearMul", {"q", "s", "z", "q", "s", "z", "s", "z"}, {1, 4, 6, 6});
       }},
      {"gemm_alpha",
       [](Random& r) {
         ModelProto m = head(r);
         tensor(m, "wg", TensorProto::INT8, {144, 5}, random_bytes(r, 720));
         node(m, "Flatten", {"q"}, "row");
         NodeProto& n = node(m, "QGemm", {"row", "s", "z", "wg", "sw", "z", "", "s", "z"}, "y",
                             kMicrosoft);
         attribute(n, "alpha", 2.0F);
         output(m, "y", TensorProto::INT8, {1, 5});
         return m;
       }},
      {"gemm_float_output",
       [](Random& r) {
         ModelProto m = head(r);
         tensor(m, "wg", TensorProto::INT8, {144, 5}, random_bytes(r, 720));
         node(m, "Flatten", {"q"}, "row");
         node(m, "QGemm", {"row", "s", "z", "wg", "sw", "z"}, "y", kMicrosoft);
         output(m, "y", TensorProto::FLOAT, {1, 5});
         return m;
       }},
      {"concat_of_rows",
       [](Random& r) {
         return microsoft(r, "QLinearConcat", {"s", "z", "q", "s", "z", "q", "s", "z"},
                          {1, 4, 12, 6}, [](NodeProto& n) { attribute(n, "axis", int64_t{2}); });
       }},
      {"max_pool_indices",
       [](Random& r) {
         ModelProto m = head(r);
         NodeProto& n = node(m, "MaxPool", {"q"}, "y");
         n.add_output("indices");
         attribute(n, "kernel_shape", std::vector<int64_t>{2, 2});
         output(m, "y", TensorProto::INT8, {1, 4, 5, 5});
         return m;
       }},
      {"split",
       [](Random& r) {
         ModelProto m = qdq(r, "Split", {}, {1, 2, 6, 6},
                            [](NodeProto& n) { attribute(n, "axis", int64_t{1}); });
         find(m, "Split")->add_output("second");
         return m;
       }},
      {"resize",
       [](Random& r) {
         ModelProto m = qdq(r, "Resize", {"", "sizes"}, {1, 4, 12, 12});
         floats(m, "sizes", {4}, {1.0F, 1.0F, 2.0F, 2.0F});
         return m;
       }},
      {"conditional",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         NodeProto& n = node(m, "If", {"q"}, "branch");
         for (const char* name : {"then_branch", "else_branch"}) {
           auto* a = n.add_attribute();
           a->set_name(name);
           a->set_type(onnx::AttributeProto::GRAPH);
           a->mutable_g()->set_name(name);
         }
         return m;
       }},
      {"external_data",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         TensorProto& w = tensor(m, "w", TensorProto::INT8, {4, 4, 3, 3}, "");
         w.set_data_location(TensorProto::EXTERNAL);
         auto* entry = w.add_external_data();
         entry->set_key("location");
         entry->set_value("weights.bin");
         return m;
       }},
      {"scale_of_another_producer",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         floats(m, "s2", {}, {0.07F});
         find(m, "QLinearConv")->set_input(1, "s2");
         return m;
       }},
      {"unknown_operator",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         find(m, "QLinearConv")->set_op_type("QLinearConvolution");
         return m;
       }},
      {"lp_pool",
       [](Random& r) {
         return qdq(r, "LpPool", {}, {1, 4, 5, 5}, [](NodeProto& n) {
           attribute(n, "kernel_shape", std::vector<int64_t>{2, 2});
         });
       }},
      {"batch_normalization",
       [](Random& r) {
         ModelProto m = qdq(r, "BatchNormalization", {"c", "c", "c", "c"}, {1, 4, 6, 6});
         floats(m, "c", {4}, {1.0F, 1.0F, 1.0F, 1.0F});
         return m;
       }},
      {"two_float_operators",  // no integers between them
       [](Random& r) {
         ModelProto m = head(r);
         node(m, "DequantizeLinear", {"q", "s", "z"}, "x");
         node(m, "DequantizeLinear", {"w", "sw", "z"}, "wf");
         node(m, "Conv", {"x", "wf"}, "f");
         node(m, "Conv", {"f", "wf"}, "g");
         node(m, "QuantizeLinear", {"g", "s", "z"}, "y");
         output(m, "y", TensorProto::INT8, {1, 4, 2, 2});
         return m;
       }},
      {"float_convolution",  // activations that are never quantised
       [](Random& r) {
         ModelProto m = head(r);
         node(m, "DequantizeLinear", {"w", "sw", "z"}, "wf");
         node(m, "Conv", {"image", "wf"}, "f");
         node(m, "QuantizeLinear", {"f", "s", "z"}, "y");
         output(m, "y", TensorProto::INT8, {1, 4, 4, 4});
         return m;
       }},
      {"padding_with_another_value",
       [](Random& r) {
         ModelProto m = qdq(r, "Pad", {"pads", "one"}, {1, 4, 8, 8});
         std::vector<int64_t> pads = {0, 0, 1, 1, 0, 0, 1, 1};
         tensor(m, "pads", TensorProto::INT64, {8},
                {reinterpret_cast<const char*>(pads.data()), pads.size() * sizeof(int64_t)});
         floats(m, "one", {}, {1.0F});
         return m;
       }},
      {"reflecting_padding",
       [](Random& r) {
         ModelProto m = qdq(r, "Pad", {"pads"}, {1, 4, 8, 8}, [](NodeProto& n) {
           auto* a = n.add_attribute();
           a->set_name("mode");
           a->set_type(onnx::AttributeProto::STRING);
           a->set_s("reflect");
         });
         std::vector<int64_t> pads = {0, 0, 1, 1, 0, 0, 1, 1};
         tensor(m, "pads", TensorProto::INT64, {8},
                {reinterpret_cast<const char*>(pads.data()), pads.size() * sizeof(int64_t)});
         return m;
       }},
      {"mean_over_channels",
       [](Random& r) {
         return qdq(r, "ReduceMean", {}, {1, 1, 6, 6}, [](NodeProto& n) {
           attribute(n, "axes", std::vector<int64_t>{1});
         });
       }},
      {"matrix_of_several_rows",
       [](Random& r) {
         ModelProto m = qdq(r, "MatMul", {"wf"}, {1, 4, 6, 5});
         tensor(m, "w", TensorProto::INT8, {6, 5}, random_bytes(r, 30));
         return m;
       }},
      {"reshape_of_channels",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         std::vector<int64_t> shape = {1, 2, 8, 4};
         tensor(m, "shape", TensorProto::INT64, {4},
                {reinterpret_cast<const char*>(shape.data()), shape.size() * sizeof(int64_t)});
         node(m, "Reshape", {"y", "shape"}, "v");
         node(m, "QLinearAdd", {"v", "s", "z", "v", "s", "z", "s", "z"}, "u", kMicrosoft);
         value_info(m.mutable_graph()->mutable_output(0), "u", TensorProto::INT8, {1, 2, 8, 4});
         return m;
       }},
      {"empty_graph",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         m.mutable_graph()->clear_node();
         m.mutable_graph()->mutable_output(0)->set_name("image");
         return m;
       }},
      {"opset_7",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         set_opset(m, 7);
         return m;
       }},
      {"opset_22",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         set_opset(m, 22, 10);
         return m;
       }},
      {"ir_11",
       [](Random& r) {
         ModelProto m = qlinear_conv(r);
         set_opset(m, 21, 11);
         return m;
       }},
  };
  return list;
}

}  // namespace

int unsupported_kinds() { return static_cast<int>(kinds().size()); }

UnsupportedFile unsupported_file(int kind, uint32_t seed) {
  const Kind& k = kinds().at(static_cast<size_t>(kind));
  Random random(seed * 1000 + static_cast<uint32_t>(kind));
  return {k.name, k.make(random).SerializeAsString()};
}

// The network that most kinds change one thing of; it must be accepted.
std::vector<UnsupportedFile> supported_bases(uint32_t seed) {
  Random random(seed);
  ModelProto row = head(random);
  tensor(row, "wg", TensorProto::INT8, {144, 5}, random_bytes(random, 720));
  node(row, "Flatten", {"q"}, "row");
  node(row, "QGemm", {"row", "s", "z", "wg", "sw", "z", "", "s", "z"}, "y", kMicrosoft);
  output(row, "y", TensorProto::INT8, {1, 5});
  ModelProto newest = qdq(random, "Conv", {"wf"}, {1, 4, 4, 4});
  set_opset(newest, 21, 10);
  return {{"qlinear_conv", qlinear_conv(random).SerializeAsString()},
          {"qdq_conv", qdq(random, "Conv", {"wf"}, {1, 4, 4, 4}).SerializeAsString()},
          {"qdq_relu", qdq(random, "Relu", {}, {1, 4, 6, 6}).SerializeAsString()},
          {"qdq_opset_21_ir_10", newest.SerializeAsString()},
          {"qgemm", row.SerializeAsString()},
          {"qlinear_global_average",
           microsoft(random, "QLinearGlobalAveragePool", {"q", "s", "z", "s", "z"}, {1, 4, 1, 1})
               .SerializeAsString()}};
}

}  // namespace aap::differential
