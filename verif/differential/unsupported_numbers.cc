// SPDX-License-Identifier: Apache-2.0
// Types, scales, zero points, shapes and versions that are not supported.
#include <limits>

#include "verif/differential/onnx_parts.h"

namespace aap::differential {
namespace {

ModelProto with_weight_scale(Random& r, float value) {
  ModelProto m = qlinear_conv(r);
  floats(m, "sw", {}, {value});
  return m;
}

}  // namespace

const std::vector<UnsupportedKind>& unsupported_numbers() {
  static const std::vector<UnsupportedKind> list = {
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

}  // namespace aap::differential
