// SPDX-License-Identifier: Apache-2.0
#include "verif/differential/onnx_parts.h"

namespace aap::differential {

void set_opset(ModelProto& m, int64_t version, int64_t ir) {
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

TensorProto& int64s(ModelProto& m, const std::string& name, const std::vector<int64_t>& values) {
  return tensor(m, name, TensorProto::INT64, {static_cast<int64_t>(values.size())},
                {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int64_t)});
}

NodeProto& node(ModelProto& m, const std::string& op, const std::vector<std::string>& inputs,
                const std::string& output, const std::string& domain) {
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

ModelProto qlinear_conv(Random& r) {
  ModelProto m = head(r);
  node(m, "QLinearConv", {"q", "s", "z", "w", "sw", "z", "s", "z"}, "y");
  output(m, "y", TensorProto::INT8, {1, 4, 4, 4});
  return m;
}

ModelProto qdq(Random& r, const std::string& op, const std::vector<std::string>& more,
               const Shape& result, const std::function<void(NodeProto&)>& change) {
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

ModelProto microsoft(Random& r, const std::string& op, const std::vector<std::string>& inputs,
                     const Shape& result, const std::function<void(NodeProto&)>& change) {
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

}  // namespace aap::differential
