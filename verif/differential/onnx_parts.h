// SPDX-License-Identifier: Apache-2.0
// Small quantised networks as ONNX protobufs, to change one thing of. Private to this folder.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <string>
#include <vector>

#include "verif/differential/random_graph.h"

namespace aap::differential {

using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;

inline constexpr const char* kMicrosoft = "com.microsoft";

void set_opset(ModelProto& m, int64_t version, int64_t ir = 8);
// An initialiser, new or in place of the one of that name; bytes as raw_data holds them.
TensorProto& tensor(ModelProto& m, const std::string& name, int type, const Shape& dims,
                    const std::string& bytes);
TensorProto& floats(ModelProto& m, const std::string& name, const Shape& dims,
                    std::vector<float> values);
TensorProto& int64s(ModelProto& m, const std::string& name, const std::vector<int64_t>& values);
NodeProto& node(ModelProto& m, const std::string& op, const std::vector<std::string>& inputs,
                const std::string& output, const std::string& domain = "");
void attribute(NodeProto& n, const std::string& name, int64_t value);
void attribute(NodeProto& n, const std::string& name, const std::vector<int64_t>& values);
void attribute(NodeProto& n, const std::string& name, float value);
// An extent below 0 is symbolic.
void value_info(onnx::ValueInfoProto* v, const std::string& name, int type, const Shape& dims);
void output(ModelProto& m, const std::string& name, int type, const Shape& dims);
std::string random_bytes(Random& r, int64_t count);
NodeProto* find(ModelProto& m, const std::string& op);  // the first of that operator

// image -> QuantizeLinear -> q, [1, 4, 6, 6], int8, and the constants that most operators need: scale
// s, zero point z, weights w [4, 4, 3, 3] with scale sw.
ModelProto head(Random& r);
// head, then one QLinearConv.
ModelProto qlinear_conv(Random& r);
// head, then DequantizeLinear of q to x and of w to wf, `op` on x and `more`, and QuantizeLinear to y.
ModelProto qdq(Random& r, const std::string& op, const std::vector<std::string>& more,
               const Shape& result, const std::function<void(NodeProto&)>& change = {});
// head, then a com.microsoft operator that makes y.
ModelProto microsoft(Random& r, const std::string& op, const std::vector<std::string>& inputs,
                     const Shape& result, const std::function<void(NodeProto&)>& change = {});

// One form that must be refused.
struct UnsupportedKind {
  const char* name;
  std::function<ModelProto(Random&)> make;
};
const std::vector<UnsupportedKind>& unsupported_numbers();    // types, scales, shapes, versions
const std::vector<UnsupportedKind>& unsupported_operators();  // operators and their attributes

}  // namespace aap::differential
