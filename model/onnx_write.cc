// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/onnx_pb.h>

#include "model/graph.h"
#include "model/whole_file.h"

namespace aap {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little endian");

template <typename T>
constexpr int type_code() {
  if constexpr (std::is_same_v<T, float>) return onnx::TensorProto::FLOAT;
  if constexpr (std::is_same_v<T, uint8_t>) return onnx::TensorProto::UINT8;
  if constexpr (std::is_same_v<T, int8_t>) return onnx::TensorProto::INT8;
  if constexpr (std::is_same_v<T, int32_t>) return onnx::TensorProto::INT32;
  return onnx::TensorProto::INT64;
}

void write_tensor(const Constant& constant, const std::string& name, onnx::TensorProto* out) {
  std::visit(
      [&](const auto& tensor) {
        using T = typename std::decay_t<decltype(tensor.data)>::value_type;
        if (tensor.size() != element_count(tensor.shape)) {
          throw_input("constant '{}' holds {} values, its shape {}", name, tensor.size(),
                      element_count(tensor.shape));
        }
        out->set_name(name);
        out->set_data_type(type_code<T>());
        for (int64_t d : tensor.shape) out->add_dims(d);
        out->set_raw_data(tensor.data.data(), tensor.data.size() * sizeof(T));
      },
      constant);
}

void write_attribute(const std::string& key, const Attribute& value, onnx::AttributeProto* out) {
  using Proto = onnx::AttributeProto;
  out->set_name(key);
  if (const auto* i = std::get_if<int64_t>(&value)) {
    out->set_type(Proto::INT);
    out->set_i(*i);
  } else if (const auto* f = std::get_if<float>(&value)) {
    out->set_type(Proto::FLOAT);
    out->set_f(*f);
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    out->set_type(Proto::STRING);
    out->set_s(*s);
  } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
    out->set_type(Proto::INTS);
    for (int64_t v : *ints) out->add_ints(v);
  } else if (const auto* floats = std::get_if<std::vector<float>>(&value)) {
    out->set_type(Proto::FLOATS);
    for (float v : *floats) out->add_floats(v);
  } else {
    out->set_type(Proto::TENSOR);
    write_tensor(std::get<Constant>(value), "", out->mutable_t());
  }
}

void write_value(const ValueInfo& value, onnx::ValueInfoProto* out) {
  out->set_name(value.name);
  auto* tensor = out->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(static_cast<int>(value.type));
  auto* shape = tensor->mutable_shape();
  for (size_t i = 0; i < value.shape.size(); ++i) {
    auto* dim = shape->add_dim();
    if (value.shape[i] >= 0) {
      dim->set_dim_value(value.shape[i]);
    } else {
      dim->set_dim_param(i == 0 ? std::string("N") : fmt::format("d{}", i));
    }
  }
}

onnx::ModelProto to_proto(const Graph& graph) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.set_producer_name("aap");
  auto* opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(graph.opset);
  // Every other domain that a node uses is at version 1, which is all that com.microsoft has.
  std::map<std::string, int64_t> domains;
  for (const Node& node : graph.nodes) {
    if (!node.domain.empty()) domains[node.domain] = 1;
  }
  for (const auto& [domain, version] : domains) {
    auto* extra = model.add_opset_import();
    extra->set_domain(domain);
    extra->set_version(version);
  }
  for (const auto& [key, value] : graph.metadata) {
    auto* entry = model.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  auto* proto = model.mutable_graph();
  proto->set_name(graph.name.empty() ? "graph" : graph.name);
  for (const Node& node : graph.nodes) {
    auto* out = proto->add_node();
    out->set_op_type(node.op);
    if (!node.domain.empty()) out->set_domain(node.domain);
    out->set_name(node.name);
    for (const std::string& v : node.inputs) out->add_input(v);
    for (const std::string& v : node.outputs) out->add_output(v);
    for (const auto& [key, value] : node.attributes) {
      write_attribute(key, value, out->add_attribute());
    }
  }
  for (const auto& [name, constant] : graph.constants) {
    write_tensor(constant, name, proto->add_initializer());
  }
  for (const ValueInfo& v : graph.inputs) write_value(v, proto->add_input());
  for (const ValueInfo& v : graph.outputs) write_value(v, proto->add_output());
  return model;
}

}  // namespace

void write_onnx(const Graph& graph, const std::string& path) {
  const onnx::ModelProto model = to_proto(graph);
  if (model.ByteSizeLong() > 0x7fffffffU) {
    throw_input("{}: the network has {} bytes; protobuf files hold at most 2 GiB", path,
                model.ByteSizeLong());
  }
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    model.SerializePartialToCodedStream(&coded);
  }
  write_whole_file(path, bytes);
}

}  // namespace aap
