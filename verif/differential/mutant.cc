// SPDX-License-Identifier: Apache-2.0
// A legal random graph with one thing changed, which may make it another legal network, one that the
// project does not support, or no network at all. It must never be accepted and computed otherwise than
// ONNX Runtime does.
#include <algorithm>

#include "verif/differential/random_graph.h"

namespace aap::differential {
namespace {

class Mutator {
 public:
  Mutator(Graph graph, Random& random) : g_(std::move(graph)), r_(random) {}

  Graph run() {
    for (int tries = 0; tries < 50 && !changed_; ++tries) {
      switch (r_.in(0, 9)) {
        case 0:
          opset();
          break;
        case 1:
          drop_input();
          break;
        case 2:
          zero_point();
          break;
        case 3:
        case 4:
          attribute();
          break;
        case 5:
          scale();
          break;
        case 6:
          other_operator();
          break;
        case 7:
          other_input();
          break;
        case 8:
          new_attribute();
          break;
        default:
          input_shape();
          break;
      }
    }
    return std::move(g_);
  }

 private:
  Node& any_node() {
    return g_.nodes[static_cast<size_t>(r_.in(0, static_cast<int64_t>(g_.nodes.size()) - 1))];
  }

  void opset() {
    const int64_t before = g_.opset;
    g_.opset = r_.in(8, 21);
    changed_ = g_.opset != before;
  }

  void drop_input() {
    Node& n = any_node();
    if (n.inputs.size() < 2) return;
    const auto i = static_cast<size_t>(r_.in(1, static_cast<int64_t>(n.inputs.size()) - 1));
    if (i + 1 == n.inputs.size() && r_.chance(50)) {
      n.inputs.pop_back();
    } else {
      n.inputs[i].clear();
    }
    changed_ = true;
  }

  // One constant of 8 bits gets another value, another type or a value a channel.
  void zero_point() {
    std::vector<std::string> names;
    for (const auto& [name, c] : g_.constants) {
      if (name.find("zero") != std::string::npos) names.push_back(name);
    }
    if (names.empty()) return;
    Constant& c = g_.constants.at(names[static_cast<size_t>(r_.in(0, static_cast<int64_t>(names.size()) - 1))]);
    const int64_t kind = r_.in(0, 2);
    if (kind == 0) {
      c = r_.chance(50) ? Constant(Tensor<int8_t>({}, static_cast<int8_t>(r_.in(-128, 127))))
                        : Constant(Tensor<uint8_t>({}, static_cast<uint8_t>(r_.in(0, 255))));
    } else if (kind == 1) {
      c = Tensor<uint8_t>({r_.in(1, 6)}, static_cast<uint8_t>(r_.in(0, 255)));
    } else {
      std::visit(
          [&](auto& t) {
            for (auto& v : t.data) v = static_cast<std::decay_t<decltype(v)>>(r_.in(0, 127));
          },
          c);
    }
    changed_ = true;
  }

  void attribute() {
    Node& n = any_node();
    if (n.attributes.empty()) return;
    auto it = n.attributes.begin();
    std::advance(it, r_.in(0, static_cast<int64_t>(n.attributes.size()) - 1));
    if (auto* list = std::get_if<std::vector<int64_t>>(&it->second)) {
      if (list->empty()) return;
      int64_t& v = (*list)[static_cast<size_t>(r_.in(0, static_cast<int64_t>(list->size()) - 1))];
      v += r_.one_of<int64_t>({-1, 1, 2});
    } else if (auto* v = std::get_if<int64_t>(&it->second)) {
      *v += r_.one_of<int64_t>({-1, 1, 2});
    } else if (auto* f = std::get_if<float>(&it->second)) {
      *f *= r_.one_of<float>({0.5F, -1.0F, 2.0F});
    } else {
      it->second = std::string(r_.one_of({"SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "OTHER"}));
    }
    changed_ = true;
  }

  void new_attribute() {
    struct Choice {
      const char* name;
      Attribute value;
    };
    const std::vector<Choice> list = {
        {"ceil_mode", int64_t{1}},       {"count_include_pad", int64_t{1}},
        {"axis", r_.in(-4, 4)},          {"channels_last", int64_t{1}},
        {"transA", int64_t{1}},          {"transB", int64_t{1}},
        {"alpha", 0.5F},                 {"beta", 2.0F},
        {"group", r_.in(2, 4)},          {"storage_order", int64_t{1}},
        {"dilations", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 1}},
        {"auto_pad", std::string("SAME_UPPER")},   {"keepdims", int64_t{0}},
        {"pads", std::vector<int64_t>{1, 0, 0, 1}}, {"block_size", int64_t{2}},
        {"saturate", int64_t{0}},        {"allowzero", int64_t{1}},
        {"output_dtype", r_.in(1, 3)},   {"noop_with_empty_axes", int64_t{1}}};
    const Choice& c = list[static_cast<size_t>(r_.in(0, static_cast<int64_t>(list.size()) - 1))];
    any_node().attributes[c.name] = c.value;
    changed_ = true;
  }

  void scale() {
    std::vector<std::string> names;
    for (const auto& [name, c] : g_.constants) {
      if (name.find("scale") != std::string::npos) names.push_back(name);
    }
    if (names.empty()) return;
    const auto& name = names[static_cast<size_t>(r_.in(0, static_cast<int64_t>(names.size()) - 1))];
    auto& t = std::get<FloatTensor>(g_.constants.at(name));
    const int64_t kind = r_.in(0, 3);
    if (kind == 0) {
      t = FloatTensor({r_.in(1, 6)}, t.data[0]);
    } else if (kind == 1) {
      for (float& v : t.data) v = r_.one_of<float>({0.0F, -v, v * 1e30F, v * 1e-30F});
    } else {
      for (float& v : t.data) v *= static_cast<float>(0.5 + r_.real());
    }
    changed_ = true;
  }

  void other_operator() {
    static const std::vector<std::pair<std::string, std::string>> kPairs = {
        {"Relu", "Sigmoid"},          {"Relu", "Identity"},     {"MaxPool", "AveragePool"},
        {"AveragePool", "MaxPool"},   {"AveragePool", "LpPool"}, {"Conv", "ConvTranspose"},
        {"Add", "Mul"},               {"Add", "Sub"},           {"GlobalAveragePool", "GlobalMaxPool"},
        {"QLinearAdd", "QLinearMul"}, {"Clip", "Relu"},         {"Flatten", "Identity"},
        {"ReduceMean", "ReduceMax"},  {"QGemm", "QLinearMatMul"}};
    Node& n = any_node();
    std::vector<std::string> to;
    for (const auto& [from, other] : kPairs) {
      if (from == n.op) to.push_back(other);
    }
    if (to.empty()) return;
    n.op = to[static_cast<size_t>(r_.in(0, static_cast<int64_t>(to.size()) - 1))];
    changed_ = true;
  }

  // A node reads an earlier result in place of its own input, or two of its inputs change places.
  void other_input() {
    const int64_t count = static_cast<int64_t>(g_.nodes.size());
    const int64_t at = r_.in(0, count - 1);
    Node& n = g_.nodes[static_cast<size_t>(at)];
    if (r_.chance(50) && n.inputs.size() > 1) {
      std::swap(n.inputs[0], n.inputs[static_cast<size_t>(r_.in(1, static_cast<int64_t>(n.inputs.size()) - 1))]);
      changed_ = true;
    } else if (at > 0) {
      const Node& from = g_.nodes[static_cast<size_t>(r_.in(0, at - 1))];
      changed_ = n.inputs[0] != from.outputs[0];
      n.inputs[0] = from.outputs[0];
    }
  }

  void input_shape() {
    Shape& s = g_.inputs[0].shape;
    const int64_t kind = r_.in(0, 3);
    if (kind == 0) s[0] = -1;
    if (kind == 1) s[static_cast<size_t>(r_.in(1, 3))] += 1;
    if (kind == 2) std::swap(s[1], s[3]);
    if (kind == 3) s.pop_back();
    changed_ = true;
  }

  Graph g_;
  Random& r_;
  bool changed_ = false;
};

}  // namespace

Graph random_mutant(uint32_t seed) {
  Random random(seed ^ 0x3a7e57U);
  Graph graph = seed % 2 == 0 ? random_qdq_graph(seed) : random_qlinear_graph(seed);
  graph.name = fmt::format("mutant_{}", seed);
  return Mutator(std::move(graph), random).run();
}

}  // namespace aap::differential
