// SPDX-License-Identifier: Apache-2.0
// Forms that the project does not support. Each is a small valid network but for the one thing that its
// kind names, so that it is refused for that and nothing else.
#include "verif/differential/onnx_parts.h"

namespace aap::differential {

int unsupported_kinds() {
  return static_cast<int>(unsupported_numbers().size() + unsupported_operators().size());
}

UnsupportedFile unsupported_file(int kind, uint32_t seed) {
  const auto index = static_cast<size_t>(kind);
  const auto &numbers = unsupported_numbers(), &operators = unsupported_operators();
  const UnsupportedKind& k =
      index < numbers.size() ? numbers[index] : operators.at(index - numbers.size());
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
