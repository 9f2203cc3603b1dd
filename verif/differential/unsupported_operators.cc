// SPDX-License-Identifier: Apache-2.0
// Operators, and attributes of operators, that are not supported.
#include "verif/differential/onnx_parts.h"

namespace aap::differential {

const std::vector<UnsupportedKind>& unsupported_operators() {
  static const std::vector<UnsupportedKind> list = {
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
         int64s(m, "pads", {0, 0, 1, 1, 0, 0, 1, 1});
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
         int64s(m, "pads", {0, 0, 1, 1, 0, 0, 1, 1});
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
         int64s(m, "shape", {1, 2, 8, 4});
         node(m, "Reshape", {"y", "shape"}, "v");
         node(m, "QLinearAdd", {"v", "s", "z", "v", "s", "z", "s", "z"}, "u", kMicrosoft);
         value_info(m.mutable_graph()->mutable_output(0), "u", TensorProto::INT8, {1, 2, 8, 4});
         return m;
       }},
  };
  return list;
}

}  // namespace aap::differential
