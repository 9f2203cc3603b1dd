// SPDX-License-Identifier: Apache-2.0
// The node tests of Debian's libonnx-testdata: one folder each, a network and its tensors.
#pragma once

#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "model/graph.h"

namespace aap::test {

const std::string kNodeTests = "/usr/share/libonnx-testdata/data/node/";

// test_data_set_0/<file> as float or int64 constant.
inline Constant read_tensor_file(const std::string& path) {
  onnx::TensorProto proto;
  std::ifstream file(path, std::ios::binary);
  if (!file || !proto.ParseFromIstream(&file)) throw_input("{}: cannot read", path);
  const Shape shape(proto.dims().begin(), proto.dims().end());
  auto fill = [&](auto tensor) -> Constant {
    const std::string& raw = proto.raw_data();
    if (raw.size() != tensor.data.size() * sizeof(tensor.data[0])) {
      throw_input("{}: has no raw data", path);
    }
    std::copy(raw.begin(), raw.end(), reinterpret_cast<char*>(tensor.data.data()));
    return tensor;
  };
  switch (proto.data_type()) {
    case onnx::TensorProto::FLOAT:
      return fill(Tensor<float>(shape));
    case onnx::TensorProto::INT64:
      return fill(Tensor<int64_t>(shape));
    case onnx::TensorProto::UINT8:
      return fill(Tensor<uint8_t>(shape));
    case onnx::TensorProto::INT8:
      return fill(Tensor<int8_t>(shape));
    default:
      throw_input("{}: data type {}", path, proto.data_type());
  }
}

// The network of a node test with every input but the first turned into a constant.
inline Graph read_node_test(const std::string& name, Constant* first) {
  // Two of the tests state opset 1; their operator has not changed since.
  onnx::ModelProto model;
  std::ifstream file(kNodeTests + name + "/model.onnx", std::ios::binary);
  if (!file || !model.ParseFromIstream(&file)) throw_input("{}: cannot read", name);
  auto* opset = model.mutable_opset_import(0);
  if (opset->version() < 8) opset->set_version(8);
  const std::string copy =
      (std::filesystem::temp_directory_path() / fmt::format("{}.{}.onnx", name, getpid())).string();
  std::ofstream(copy, std::ios::binary) << model.SerializeAsString();
  Graph graph = read_onnx(copy);
  std::filesystem::remove(copy);
  const std::string data = kNodeTests + name + "/test_data_set_0/";
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    Constant value = read_tensor_file(data + "input_" + std::to_string(i) + ".pb");
    if (i == 0) {
      *first = std::move(value);
    } else {
      graph.constants[graph.inputs[i].name] = std::move(value);
    }
  }
  graph.inputs.resize(1);
  return graph;
}

}  // namespace aap::test
