// SPDX-License-Identifier: Apache-2.0
#include "model/graph.h"

#include <charconv>

namespace aap {
namespace {

// The attribute as type T, null where the node has none of that name.
template <typename T>
const T* find_attribute(const Node& node, const std::string& key, const char* type) {
  auto it = node.attributes.find(key);
  if (it == node.attributes.end()) return nullptr;
  const T* value = std::get_if<T>(&it->second);
  if (value == nullptr) {
    throw_input("node '{}' ({}): attribute '{}' is not of type {}", node.name, node.op, key, type);
  }
  return value;
}

const char* type_of(const Constant& constant) {
  static const char* const kNames[] = {"float", "uint8", "int8", "int32", "int64"};
  return kNames[constant.index()];
}

}  // namespace

int64_t Node::attr_int(const std::string& key, int64_t fallback) const {
  const auto* v = find_attribute<int64_t>(*this, key, "int");
  return v == nullptr ? fallback : *v;
}

float Node::attr_float(const std::string& key, float fallback) const {
  const auto* v = find_attribute<float>(*this, key, "float");
  return v == nullptr ? fallback : *v;
}

std::string Node::attr_string(const std::string& key, const std::string& fallback) const {
  const auto* v = find_attribute<std::string>(*this, key, "string");
  return v == nullptr ? fallback : *v;
}

std::vector<int64_t> Node::attr_ints(const std::string& key,
                                     const std::vector<int64_t>& fallback) const {
  const auto* v = find_attribute<std::vector<int64_t>>(*this, key, "ints");
  return v == nullptr ? fallback : *v;
}

const Tensor<float>& Graph::float_constant(const std::string& value) const {
  auto it = constants.find(value);
  // The user is only searched for when there is an error to report.
  auto user = [&]() -> std::string {
    for (const Node& node : nodes) {
      for (const std::string& input : node.inputs) {
        if (input == value) return fmt::format("node '{}' ({})", node.name, node.op);
      }
    }
    return "no node";
  };
  if (it == constants.end()) {
    throw_input("graph '{}': '{}', used by {}, is not a constant; a float constant is needed", name,
                value, user());
  }
  const auto* tensor = std::get_if<Tensor<float>>(&it->second);
  if (tensor == nullptr) {
    throw_input("graph '{}': constant '{}', used by {}, is {}; legal is float", name, value, user(),
                type_of(it->second));
  }
  return *tensor;
}

double metadata_number(const Graph& graph, const std::string& key, double low, double high,
                       double fallback) {
  const auto found = graph.metadata.find(key);
  if (found == graph.metadata.end()) return fallback;
  const std::string& text = found->second;
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= low && value <= high)) {
    throw_input("graph '{}': metadata '{}' is '{}', legal is {}..{}", graph.name, key, text, low, high);
  }
  return value;
}

Tensor<float>& Graph::float_constant(const std::string& value) {
  return const_cast<Tensor<float>&>(static_cast<const Graph*>(this)->float_constant(value));
}

}  // namespace aap
