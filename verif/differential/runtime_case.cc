// SPDX-License-Identifier: Apache-2.0
#include "verif/differential/runtime_case.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/npy.h"
#include "model/qimport.h"
#include "model/whole_file.h"

namespace aap::differential {
namespace {

const Shape& shape_of(const Constant& c) {
  return std::visit([](const auto& t) -> const Shape& { return t.shape; }, c);
}

// Position in one image of a value [images, ...] of each element C, H, W; empty where they are in that
// order. `given`: where the importer states it. Values of rank 4 are N, C, H, W unless only N, H, W, C
// fits.
std::vector<int64_t> order_in(const Shape& shape, const QTensorInfo& info,
                              const std::vector<int64_t>& given) {
  if (!given.empty()) return given;
  const Shape last = {shape[0], info.height, info.width, info.channels};
  if (shape.size() != 4 || shape == Shape{shape[0], info.channels, info.height, info.width} ||
      shape != last) {
    return {};
  }
  std::vector<int64_t> order;
  for (int64_t c = 0; c < info.channels; ++c) {
    for (int64_t p = 0; p < info.height * info.width; ++p) order.push_back(p * info.channels + c);
  }
  return order;
}

// Image `index` of [images, ...] as the tensor's [C, H, W], uint8 less 128; nullopt where the value is
// not of 8 bits or not of the tensor's size.
std::optional<Int8Tensor> image_of(const Constant& all, const QTensorInfo& info,
                                   const std::vector<int64_t>& given, int64_t index) {
  const auto size = static_cast<size_t>(info.channels * info.height * info.width);
  const auto first = static_cast<size_t>(index) * size;
  Int8Tensor out({info.channels, info.height, info.width});
  const auto fill = [&](const auto& t, int offset) {
    if (static_cast<size_t>(t.size()) != static_cast<size_t>(t.shape.at(0)) * size) return false;
    const std::vector<int64_t> order = order_in(t.shape, info, given);
    for (size_t i = 0; i < size; ++i) {
      const size_t from = order.empty() ? i : static_cast<size_t>(order[i]);
      out.data[i] = static_cast<int8_t>(t.data[first + from] - offset);
    }
    return true;
  };
  if (const auto* s = std::get_if<Tensor<int8_t>>(&all)) {
    if (fill(*s, 0)) return out;
  }
  if (const auto* u = std::get_if<Tensor<uint8_t>>(&all)) {
    if (fill(*u, 128)) return out;
  }
  return std::nullopt;
}

// QuantizeLinear of the float input, as golden's quantise_input does it.
void compare_input(const Graph& graph, const QNetwork& network, const RuntimeValues& values,
                   int64_t images, CaseResult& result) {
  const auto* floats = std::get_if<FloatTensor>(&values.input());
  if (floats == nullptr || graph.inputs.at(0).type != DataType::kFloat) return;
  const OnnxScale s = onnx_scale(network.tensors[static_cast<size_t>(network.input)]);
  const int low = s.from_uint8 ? 0 : -128;
  const size_t size = static_cast<size_t>(floats->size() / floats->shape.at(0));
  for (int64_t i = 0; i < images; ++i) {
    const NamedValues named = values.image(network, i);
    const auto found = named.find(network.tensors[static_cast<size_t>(network.input)].name);
    if (found == named.end() || found->second.data.size() != size) return;
    for (size_t v = 0; v < size; ++v) {
      const size_t from =
          network.input_order.empty() ? v : static_cast<size_t>(network.input_order[v]);
      const float value = floats->data[static_cast<size_t>(i) * size + from] / s.scale;
      const float rounded = std::nearbyint(value) + static_cast<float>(s.zero_point);
      const int mine = static_cast<int>(
          std::clamp(rounded, static_cast<float>(low), static_cast<float>(low + 255)));
      ++result.input_values;
      result.input_differences += mine - low - 128 != found->second.data[v] ? 1 : 0;
    }
  }
}

// The graph's output against its integers inside: their layout (output_order) and what they stand for.
void compare_output(const Graph& graph, const QNetwork& network, const RuntimeValues& values,
                    int64_t images, CaseResult& result) {
  if (network.softmax_on_host) return;
  const QTensorInfo& info = network.tensors[static_cast<size_t>(network.output)];
  const OnnxScale s = onnx_scale(info);
  const int offset = s.from_uint8 ? 128 : 0;
  std::visit(
      [&](const auto& t) {
        using T = typename std::decay_t<decltype(t.data)>::value_type;
        for (int64_t i = 0; i < images; ++i) {
          const NamedValues named = values.image(network, i);
          const auto inside = named.find(info.name);
          if (inside == named.end()) return;
          const auto first = static_cast<size_t>(i) * inside->second.data.size();
          for (size_t v = 0; v < inside->second.data.size(); ++v) {
            const size_t at =
                first + (network.output_order.empty() ? v : static_cast<size_t>(network.output_order[v]));
            const int stored = inside->second.data[v] + offset;
            const auto mine = network.output_real
                                  ? static_cast<T>(static_cast<float>(stored - s.zero_point) * s.scale)
                                  : static_cast<T>(stored);
            ++result.result_values;
            result.result_differences += mine != t.data.at(at) ? 1 : 0;
          }
        }
      },
      values.value(graph.outputs.at(0).name));
}

// ONNX Runtime's outputs against those that are stored beside the network.
void compare_stored(const std::string& path, const Constant& outputs, CaseResult& result) {
  if (!std::filesystem::exists(path)) return;
  const Constant stored = read_npy(path);
  if (stored.index() != outputs.index()) throw_input("{}: is of another type than the outputs", path);
  std::visit(
      [&](const auto& t) {
        const auto& o = std::get<std::decay_t<decltype(t)>>(outputs);
        if (t.size() != o.size()) {
          throw_input("{}: has {} values, the outputs {}", path, t.size(), o.size());
        }
        result.stored_values = t.size();
        for (size_t i = 0; i < t.data.size(); ++i) {
          result.stored_differences += t.data[i] != o.data[i] ? 1 : 0;
        }
      },
      stored);
}

}  // namespace

void write_case(const std::string& folder, const Graph& graph, const Constant& inputs,
                int64_t ir_version) {
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/graph.onnx";
  write_onnx(graph, path);
  onnx::ModelProto model;
  {
    std::ifstream file(path, std::ios::binary);
    if (!model.ParseFromIstream(&file)) throw_input("{}: cannot read", path);
  }
  model.set_ir_version(ir_version);
  if (ir_version < 4) {
    for (const auto& t : model.graph().initializer()) {
      auto* input = model.mutable_graph()->add_input();
      input->set_name(t.name());
      auto* type = input->mutable_type()->mutable_tensor_type();
      type->set_elem_type(t.data_type());
      type->mutable_shape();
      for (const int64_t d : t.dims()) type->mutable_shape()->add_dim()->set_dim_value(d);
    }
  }
  write_whole_file(path, model.SerializeAsString());
  write_npy(inputs, folder + "/input.npy");
}

RuntimeValues::RuntimeValues(const std::string& folder) : input_(read_npy(folder + "/input.npy")) {
  std::ifstream file(folder + "/values.json");
  if (!file) throw_input("{}/values.json: cannot read; run scripts/ort_run.py first", folder);
  const nlohmann::json index = nlohmann::json::parse(file);
  if (index.contains("error")) {
    refusal_ = index["error"].get<std::string>();
    return;
  }
  images_ = shape_of(input_).at(0);
  for (const auto& [name, path] : index.items()) {
    Constant value = read_npy(folder + "/" + path.get<std::string>());
    if (shape_of(value).empty() || shape_of(value)[0] != images_) {
      throw_input("{}: value '{}' has not one row for each of {} images", folder, name, images_);
    }
    values_.emplace(name, std::move(value));
  }
}

const Constant& RuntimeValues::value(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw_input("value '{}' is not among the runtime's", name);
  return found->second;
}

NamedValues RuntimeValues::image(const QNetwork& network, int64_t index) const {
  NamedValues named;
  for (size_t t = 0; t < network.tensors.size(); ++t) {
    const QTensorInfo& info = network.tensors[t];
    const auto found = values_.find(info.name);
    const bool is_input = static_cast<int>(t) == network.input;
    if (found == values_.end() && !is_input) continue;
    const Constant& all = found == values_.end() ? input_ : found->second;
    // The importer states where the elements of the graph's input lie, and so of its QuantizeLinear.
    const Shape &shape = shape_of(all), &stated = shape_of(input_);
    const bool as_input = is_input && shape.size() == stated.size() &&
                          std::equal(shape.begin() + 1, shape.end(), stated.begin() + 1);
    auto value =
        image_of(all, info, as_input ? network.input_order : std::vector<int64_t>{}, index);
    if (value.has_value()) named.emplace(info.name, std::move(*value));
  }
  return named;
}

CaseResult compare_case(const std::string& folder, int64_t images) {
  CaseResult result;
  result.folder = folder;
  Graph graph;
  QNetwork network;
  try {
    graph = read_onnx(folder + "/graph.onnx");
    network = import_quantised(graph);
  } catch (const InputError& error) {
    result.refused = error.what();
    result.first_failure = "refused: " + result.refused;
    return result;
  }
  const RuntimeValues values(folder);
  if (!values.refusal().empty()) {
    result.runtime_refused = true;
    result.first_failure = "ONNX Runtime refused the graph: " + values.refusal();
    return result;
  }
  result.images = images == 0 ? values.images() : std::min(images, values.images());
  compare_input(graph, network, values, result.images, result);
  compare_stored(folder + "/expected.npy", values.value(graph.outputs.at(0).name), result);
  compare_output(graph, network, values, result.images, result);
  NetworkComparison comparison(graph, network);
  for (int64_t i = 0; i < result.images; ++i) comparison.add(values.image(network, i));
  result.layers = comparison.layers();
  result.total = comparison.total();
  result.output_values = comparison.output_values();
  result.output_differences = comparison.output_differences();
  result.largest_output_difference = comparison.largest_output_difference();
  result.output_causes = comparison.output_causes();
  result.certificate = certify(graph, network);
  for (const CertifiedLayer& c : result.certificate.layers) {
    for (const LayerComparison& l : result.layers) {
      if (l.name != c.name || c.differing() != 0 || !c.function_of_accumulator) continue;
      // Where the file states floats, a runtime may sum in any order; the certificate is about the
      // fused operator.
      const bool fused = l.op.rfind("QLinear", 0) == 0 || l.op == "QGemm";
      if (fused && l.of(Cause::kEqual) != l.values()) {
        result.certificate_broken = fmt::format(
            "layer '{}' ({}) is certified exact, but {} of {} values differ", l.name, l.op,
            l.values() - l.of(Cause::kEqual), l.values());
      }
    }
  }
  // A network may hold no layer at all (padding or a layout alone); then its output is what counts.
  if (result.output_values == 0 || (result.total.values() == 0 && result.output_differences != 0)) {
    result.first_failure = "no layer could be compared";
  } else if (result.result_differences != 0) {
    result.first_failure =
        fmt::format("{} of {} values of the graph's output are not those of its integers inside",
                    result.result_differences, result.result_values);
  } else if (result.total.of(Cause::kUnexplained) != 0) {
    result.first_failure = result.total.first_unexplained;
  } else if (result.output_causes.count("") != 0) {
    // Every layer gives the runtime's values when it is given them, so this would be a flaw of the comparison.
    result.first_failure = "outputs differ end to end, but no layer does";
  } else if (result.input_differences != 0) {
    result.first_failure =
        fmt::format("{} of {} values of the quantised input differ", result.input_differences,
                    result.input_values);
  } else if (result.stored_differences != 0) {
    result.first_failure =
        fmt::format("ONNX Runtime gives {} of {} outputs other than those stored",
                    result.stored_differences, result.stored_values);
  } else {
    result.first_failure = result.certificate_broken;
  }
  return result;
}

}  // namespace aap::differential
