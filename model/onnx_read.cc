// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "model/graph.h"
#include "model/graph_order.h"
#include "model/message.h"

namespace aap {
namespace {

using onnx::TensorProto;

constexpr int64_t kMaxElements = int64_t{1} << 31;  // protobuf files end at 2 GiB anyway
constexpr int64_t kMaxRank = 8;
constexpr int kMostNodes = 16384;     // later steps look through all nodes for each of them
constexpr int kMostNames = 1 << 17;  // inputs, outputs and initializers
constexpr size_t kMostName = 4096;

void check_name(const std::string& name, const std::string& where) {
  if (name.size() > kMostName) {
    throw_input("{}: a name of {} bytes, legal is at most {}: '{}...'", where, name.size(), kMostName,
                name.substr(0, 60));
  }
  // Names reach reports, program files and terminals.
  if (printable(name) != name) {
    throw_input("{}: name '{}' is not printable UTF-8", where, name);
  }
}

std::string type_name(int type) {
  if (!TensorProto::DataType_IsValid(type)) return fmt::format("number {}", type);
  return TensorProto::DataType_Name(static_cast<TensorProto::DataType>(type));
}

constexpr const char* kLegalTypes = "legal are FLOAT, UINT8, INT8, INT32, INT64";

// Shape of a tensor of at most kMaxElements; `where` is "file: tensor 'x'".
Shape read_dims(const TensorProto& proto, const std::string& where) {
  if (proto.dims_size() > kMaxRank) {
    throw_input("{}: has {} dimensions, legal is at most {}", where, proto.dims_size(), kMaxRank);
  }
  Shape shape(proto.dims().begin(), proto.dims().end());
  int64_t count = 1;
  for (int64_t d : shape) {
    // A zero must not hide what stands beside it: products of some of the extents are formed later.
    if (d < 0 || d > kMaxElements || (count *= std::max<int64_t>(d, 1)) > kMaxElements) {
      throw_input("{}: dimensions [{}] are negative or too large, legal is up to 2^31 values", where, fmt::join(shape, ", "));
    }
  }
  return shape;
}

// Values from raw_data, or from the typed field of the protobuf message.
template <typename T, typename Field>
Tensor<T> read_values(const TensorProto& proto, const Field& field, Shape shape,
                      const std::string& where) {
  const auto count = static_cast<size_t>(element_count(shape));
  std::vector<T> data;
  if (proto.has_raw_data()) {
    if (field.size() != 0) throw_input("{}: has both raw and typed data", where);
    if (proto.raw_data().size() != count * sizeof(T)) {
      throw_input("{}: holds {} bytes, its shape needs {}", where, proto.raw_data().size(),
                  count * sizeof(T));
    }
    data.resize(count);
    if (count != 0) std::memcpy(data.data(), proto.raw_data().data(), count * sizeof(T));
  } else {
    if (static_cast<size_t>(field.size()) != count) {
      throw_input("{}: holds {} values, its shape needs {}", where, field.size(), count);
    }
    data.reserve(count);
    for (auto v : field) {
      if constexpr (sizeof(T) == 1) {  // 8-bit values travel as int32
        if (v < std::numeric_limits<T>::min() || v > std::numeric_limits<T>::max()) {
          throw_input("{}: value {} is out of the range of its type", where, v);
        }
      }
      data.push_back(static_cast<T>(v));
    }
  }
  return Tensor<T>(std::move(shape), std::move(data));
}

Constant read_tensor(const TensorProto& proto, const std::string& where) {
  if (proto.data_location() == TensorProto::EXTERNAL || proto.external_data_size() != 0) {
    throw_input("{}: keeps its data in another file; save the network with embedded data", where);
  }
  if (proto.has_segment()) throw_input("{}: is stored in segments, which is not supported", where);
  Shape shape = read_dims(proto, where);
  switch (proto.data_type()) {
    case TensorProto::FLOAT:
      return read_values<float>(proto, proto.float_data(), std::move(shape), where);
    case TensorProto::UINT8:
      return read_values<uint8_t>(proto, proto.int32_data(), std::move(shape), where);
    case TensorProto::INT8:
      return read_values<int8_t>(proto, proto.int32_data(), std::move(shape), where);
    case TensorProto::INT32:
      return read_values<int32_t>(proto, proto.int32_data(), std::move(shape), where);
    case TensorProto::INT64:
      return read_values<int64_t>(proto, proto.int64_data(), std::move(shape), where);
    default:
      throw_input("{}: has data type {}; {}", where, type_name(proto.data_type()), kLegalTypes);
  }
}

// Old files leave the attribute's type out: then the one field that is there tells it.
int attribute_type(const onnx::AttributeProto& proto) {
  using Proto = onnx::AttributeProto;
  if (proto.type() != Proto::UNDEFINED) return proto.type();
  if (proto.has_i()) return Proto::INT;
  if (proto.has_f()) return Proto::FLOAT;
  if (proto.has_s()) return Proto::STRING;
  if (proto.has_t()) return Proto::TENSOR;
  if (proto.ints_size() != 0) return Proto::INTS;
  if (proto.floats_size() != 0) return Proto::FLOATS;
  return Proto::UNDEFINED;
}

Attribute read_attribute(const onnx::AttributeProto& proto, const std::string& where) {
  using Proto = onnx::AttributeProto;
  switch (attribute_type(proto)) {
    case Proto::INT:
      return proto.i();
    case Proto::FLOAT:
      return proto.f();
    case Proto::STRING:
      return proto.s();
    case Proto::INTS:
      return std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
    case Proto::FLOATS:
      return std::vector<float>(proto.floats().begin(), proto.floats().end());
    case Proto::TENSOR:
      return read_tensor(proto.t(), where);
    default:
      throw_input("{}: has type {}, which is not supported", where,
                  Proto::AttributeType_IsValid(proto.type())
                      ? Proto::AttributeType_Name(proto.type())
                      : std::to_string(proto.type()));
  }
}

Node read_node(const onnx::NodeProto& proto, int index, const std::string& file) {
  Node node;
  node.op = proto.op_type();
  node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
  node.name = proto.name();
  if (node.op.empty()) throw_input("{}: node {} has no operator", file, index);
  for (const std::string& name : {node.op, node.domain, node.name}) check_name(name, fmt::format("{}: node {}", file, index));
  for (const auto* list : {&proto.input(), &proto.output()}) {
    if (list->size() > kMostNames) throw_input("{}: node {} has {} values, legal is at most {}", file, index, list->size(), kMostNames);
    for (const std::string& name : *list) check_name(name, fmt::format("{}: node {}", file, index));
  }
  const std::string where = fmt::format(
      "{}: node '{}' ({})", file, node.name.empty() ? std::to_string(index) : node.name, node.op);
  node.inputs.assign(proto.input().begin(), proto.input().end());
  while (!node.inputs.empty() && node.inputs.back().empty()) node.inputs.pop_back();  // optional, left out
  node.outputs.assign(proto.output().begin(), proto.output().end());
  for (const auto& attribute : proto.attribute()) {
    check_name(attribute.name(), where);
    Attribute value =
        read_attribute(attribute, fmt::format("{}: attribute '{}'", where, attribute.name()));
    if (!node.attributes.emplace(attribute.name(), std::move(value)).second) {
      throw_input("{}: attribute '{}' is there twice", where, attribute.name());
    }
  }
  return node;
}

ValueInfo read_value(const onnx::ValueInfoProto& proto, const std::string& where) {
  ValueInfo value;
  value.name = proto.name();
  if (value.name.empty()) throw_input("{}: has no name", where);
  check_name(value.name, where);
  if (!proto.type().has_tensor_type()) {
    throw_input("{} '{}': is not a tensor", where, value.name);
  }
  const auto& tensor = proto.type().tensor_type();
  switch (tensor.elem_type()) {
    case TensorProto::FLOAT:
    case TensorProto::UINT8:
    case TensorProto::INT8:
    case TensorProto::INT32:
    case TensorProto::INT64:
      value.type = static_cast<DataType>(tensor.elem_type());
      break;
    default:
      throw_input("{} '{}': has data type {}; {}", where, value.name, type_name(tensor.elem_type()),
                  kLegalTypes);
  }
  if (tensor.shape().dim_size() > kMaxRank) {
    throw_input("{} '{}': has {} dimensions, legal is at most {}", where, value.name,
                tensor.shape().dim_size(), kMaxRank);
  }
  int64_t count = 1;
  for (const auto& dim : tensor.shape().dim()) {
    // Some exporters write 0 for "any".
    const int64_t d = dim.has_dim_value() && dim.dim_value() != 0 ? dim.dim_value() : -1;
    if (d < -1 || d > kMaxElements || (d > 0 && (count *= d) > kMaxElements)) {
      throw_input("{} '{}': dimensions are negative or too large", where, value.name);
    }
    value.shape.push_back(d);
  }
  return value;
}

onnx::ModelProto parse_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw_input("{}: {}", path,
                std::filesystem::exists(path, error) ? "is not a file" : "no such file");
  }
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw_input("{}: cannot read: {}", path, error.message());
  if (size == 0 || size > 0x7fffffffU) {
    throw_input("{}: has {} bytes, legal is 1..2147483647", path, size);
  }
  std::string bytes(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    throw_input("{}: cannot read", path);
  }
  onnx::ModelProto model;
  {
    google::protobuf::LogSilencer quiet;  // protobuf would print its complaint as well
    if (!model.ParsePartialFromArray(bytes.data(), static_cast<int>(size))) {
      throw_input("{}: is not an ONNX file, or is truncated", path);
    }
  }
  if (!model.has_graph()) throw_input("{}: is not an ONNX file: it has no graph", path);
  return model;
}

int64_t read_opset(const onnx::ModelProto& model, const std::string& path) {
  int64_t opset = 0;
  for (const auto& import : model.opset_import()) {
    if (!import.domain().empty() && import.domain() != "ai.onnx") continue;
    if (opset != 0) throw_input("{}: states its opset twice", path);
    opset = import.version();
    if (opset < 8 || opset > 21) throw_input("{}: opset is {}, legal is 8..21", path, opset);
  }
  if (opset == 0) throw_input("{}: states no opset, legal is 8..21", path);
  return opset;
}

}  // namespace

Graph read_onnx(const std::string& path) {
  const onnx::ModelProto model = parse_file(path);
  if (model.ir_version() < 1 || model.ir_version() > 10) {
    throw_input("{}: IR version is {}, legal is 1..10", path, model.ir_version());
  }
  Graph graph;
  graph.opset = read_opset(model, path);
  if (model.functions_size() != 0) {
    throw_input("{}: has local functions ('{}'), which are not supported", path,
                model.functions(0).name());
  }
  for (const auto& entry : model.metadata_props()) {
    if (!graph.metadata.emplace(entry.key(), entry.value()).second) {
      throw_input("{}: metadata key '{}' is there twice", path, entry.key());
    }
  }
  const onnx::GraphProto& proto = model.graph();
  graph.name = proto.name();
  check_name(graph.name, path + ": graph");
  if (proto.node_size() > kMostNodes) {
    throw_input("{}: has {} nodes, legal is at most {}", path, proto.node_size(), kMostNodes);
  }
  for (const int count : {proto.input_size(), proto.output_size(), proto.initializer_size()}) {
    if (count > kMostNames) throw_input("{}: has {} inputs, outputs or initializers, legal is at most {}", path, count, kMostNames);
  }
  if (proto.sparse_initializer_size() != 0) {
    throw_input("{}: has sparse initializers, which are not supported", path);
  }
  for (const auto& tensor : proto.initializer()) {
    if (tensor.name().empty()) throw_input("{}: an initializer has no name", path);
    check_name(tensor.name(), path + ": initializer");
    Constant value = read_tensor(tensor, fmt::format("{}: tensor '{}'", path, tensor.name()));
    if (!graph.constants.emplace(tensor.name(), std::move(value)).second) {
      throw_input("{}: tensor '{}' is there twice", path, tensor.name());
    }
  }
  for (const auto& input : proto.input()) {
    // Before IR 4 every initializer is listed as an input, too.
    if (graph.constants.count(input.name()) != 0) continue;
    graph.inputs.push_back(read_value(input, fmt::format("{}: graph input", path)));
  }
  for (const auto& output : proto.output()) {
    graph.outputs.push_back(read_value(output, fmt::format("{}: graph output", path)));
  }
  if (graph.outputs.empty()) throw_input("{}: the graph has no output", path);
  for (int i = 0; i < proto.node_size(); ++i) {
    graph.nodes.push_back(read_node(proto.node(i), i, path));
  }
  name_and_check(graph, path);
  sort_nodes(graph, path);
  in_file(path, [&] { fold_nodes(graph, path); });
  return graph;
}

}  // namespace aap
