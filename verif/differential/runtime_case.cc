// SPDX-License-Identifier: Apache-2.0
#include "verif/differential/runtime_case.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/qimport.h"
#include "verif/differential/npy.h"

namespace aap::differential {
namespace {

const Shape& shape_of(const Constant& c) {
  return std::visit([](const auto& t) -> const Shape& { return t.shape; }, c);
}

// Image `index` of [images, ...] as the tensor's [C, H, W], uint8 less 128; nullopt where the value is
// not of 8 bits or not of the tensor's size.
std::optional<Int8Tensor> image_of(const Constant& all, const QTensorInfo& info, int64_t index) {
  const auto size = static_cast<size_t>(info.channels * info.height * info.width);
  const auto first = static_cast<size_t>(index) * size;
  Int8Tensor out({info.channels, info.height, info.width});
  const auto fill = [&](const auto& t, int offset) {
    if (static_cast<size_t>(t.size()) != static_cast<size_t>(t.shape.at(0)) * size) return false;
    for (size_t i = 0; i < size; ++i) {
      out.data[i] = static_cast<int8_t>(t.data[first + i] - offset);
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
      const float value = floats->data[static_cast<size_t>(i) * size + v] / s.scale;
      const float rounded = std::nearbyint(value) + static_cast<float>(s.zero_point);
      const int mine = static_cast<int>(
          std::clamp(rounded, static_cast<float>(low), static_cast<float>(low + 255)));
      ++result.input_values;
      result.input_differences += mine - low - 128 != found->second.data[v] ? 1 : 0;
    }
  }
}

}  // namespace

void write_case(const std::string& folder, const Graph& graph, const Constant& inputs) {
  std::filesystem::create_directories(folder);
  write_onnx(graph, folder + "/graph.onnx");
  write_npy(inputs, folder + "/input.npy");
}

RuntimeValues::RuntimeValues(const std::string& folder) : input_(read_npy(folder + "/input.npy")) {
  std::ifstream file(folder + "/values.json");
  if (!file) throw_input("{}/values.json: cannot read; run scripts/ort_run.py first", folder);
  const nlohmann::json index = nlohmann::json::parse(file);
  if (index.contains("error")) {
    throw_input("{}: ONNX Runtime refused the graph: {}", folder,
                index["error"].get<std::string>());
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

NamedValues RuntimeValues::image(const QNetwork& network, int64_t index) const {
  NamedValues named;
  for (size_t t = 0; t < network.tensors.size(); ++t) {
    const QTensorInfo& info = network.tensors[t];
    const auto found = values_.find(info.name);
    const bool is_input = static_cast<int>(t) == network.input;
    if (found == values_.end() && !is_input) continue;
    auto value = image_of(found == values_.end() ? input_ : found->second, info, index);
    if (value.has_value()) named.emplace(info.name, std::move(*value));
  }
  return named;
}

CaseResult compare_case(const std::string& folder, int64_t images) {
  CaseResult result;
  result.folder = folder;
  const Graph graph = read_onnx(folder + "/graph.onnx");
  QNetwork network;
  try {
    network = import_quantised(graph);
  } catch (const InputError& error) {
    result.refused = error.what();
    result.first_failure = "refused: " + result.refused;
    return result;
  }
  const RuntimeValues values(folder);
  result.images = images == 0 ? values.images() : std::min(images, values.images());
  compare_input(graph, network, values, result.images, result);
  NetworkComparison comparison(graph, network);
  for (int64_t i = 0; i < result.images; ++i) comparison.add(values.image(network, i));
  result.layers = comparison.layers();
  result.total = comparison.total();
  result.output_values = comparison.output_values();
  result.output_differences = comparison.output_differences();
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
  if (result.total.values() == 0) {
    result.first_failure = "no value could be compared";
  } else if (result.total.of(Cause::kUnexplained) != 0) {
    result.first_failure = result.total.first_unexplained;
  } else if (result.input_differences != 0) {
    result.first_failure =
        fmt::format("{} of {} values of the quantised input differ", result.input_differences,
                    result.input_values);
  } else {
    result.first_failure = result.certificate_broken;
  }
  return result;
}

}  // namespace aap::differential
