// SPDX-License-Identifier: Apache-2.0
#include "quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "quantize/calibrate.h"
#include "quantize/fold.h"
#include "quantize/scales.h"
#include "quantize/snap.h"

namespace aap {
namespace {

constexpr const char* kMicrosoft = "com.microsoft";

std::string int8_name(const std::string& value) { return value + "_quantized"; }

// Weights of one layer as integers, one scale per output channel.
struct IntegerWeights {
  Tensor<int8_t> weights;
  Tensor<float> scale;
  Tensor<int32_t> bias;
};

IntegerWeights quantise_weights(const std::string& layer, const FloatTensor& w,
                                const FloatTensor& bias, bool output_last, float sx, float sy,
                                const QuantizeOptions& options) {
  const int64_t outputs = bias.size();
  const int64_t per_output = w.size() / outputs;
  const auto at = [&](int64_t m, int64_t i) {
    return static_cast<size_t>(output_last ? i * outputs + m : m * per_output + i);
  };
  IntegerWeights q{Tensor<int8_t>(w.shape), Tensor<float>({outputs}), Tensor<int32_t>({outputs})};
  for (int64_t m = 0; m < outputs; ++m) {
    double largest = 0.0;
    for (int64_t i = 0; i < per_output; ++i) {
      const float v = w.data[at(m, i)];
      if (!std::isfinite(v)) throw_input("layer '{}': a weight of output {} is {}", layer, m, v);
      largest = std::max(largest, static_cast<double>(std::fabs(v)));
    }
    const float b = bias.data[static_cast<size_t>(m)];
    if (!std::isfinite(b)) throw_input("layer '{}': the bias of output {} is {}", layer, m, b);
    // A channel of (nearly) zero weights still needs a scale: its bias must stay below 2^22, where
    // fp32 counts it exactly, and the multiplier must not vanish. All-zero channels get 2^-10.
    double scale = std::max({largest / 127.0, std::fabs(b) / (sx * std::ldexp(1.0, 22)),
                             std::ldexp(static_cast<double>(sy) / sx, -30)});
    if (largest == 0.0) scale = std::max(scale, std::ldexp(static_cast<double>(sy) / sx, -10));
    const float snapped = [&] {
      try {
        const auto wanted = static_cast<float>(scale);
        return options.exact ? snap_exact_weight_scale(sx, wanted, sy, options.multiplier_bits)
                             : snap_weight_scale(sx, wanted, sy, options.multiplier_bits);
      } catch (const InputError& error) {
        throw_input("layer '{}' output {}: {}", layer, m, error.what());
      }
    }();
    q.scale.data[static_cast<size_t>(m)] = snapped;
    for (int64_t i = 0; i < per_output; ++i) {
      const double v = std::nearbyint(static_cast<double>(w.data[at(m, i)]) / snapped);
      q.weights.data[at(m, i)] = static_cast<int8_t>(std::clamp(v, -127.0, 127.0));
    }
    q.bias.data[static_cast<size_t>(m)] =
        static_cast<int32_t>(std::llround(b / (static_cast<double>(sx) * snapped)));
  }
  return q;
}

class Emitter {
 public:
  Emitter(const Graph& folded, const Fusion& fusion, std::map<std::string, Quantisation> scales,
          const QuantizeOptions& options)
      : f_(folded), fusion_(fusion), scales_(std::move(scales)), options_(options) {}

  Graph run() {
    out_.name = f_.name;
    out_.opset = std::max<int64_t>(f_.opset, 13);  // per-channel and int8 forms
    out_.inputs = f_.inputs;
    out_.outputs = f_.outputs;
    out_.metadata = f_.metadata;
    const std::string& input = f_.inputs.at(0).name;
    push("QuantizeLinear", "", input + "_quantize", {input, scale(input), zero(input)},
         int8_name(input));
    for (const Node& node : f_.nodes) {
      if (fusion_.merged.count(node.name) == 0) emit(node);
    }
    const std::string& output = f_.outputs.at(0).name;
    if (!softmax_) dequantise(output);
    return std::move(out_);
  }

 private:
  Node& push(const std::string& op, const std::string& domain, const std::string& name,
             std::vector<std::string> inputs, const std::string& output) {
    Node node;
    node.op = op;
    node.domain = domain;
    node.name = name;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    out_.nodes.push_back(std::move(node));
    return out_.nodes.back();
  }

  std::string scale(const std::string& value) {
    const Quantisation& q = scales_.at(value);
    out_.constants[q.owner + "_scale"] = Tensor<float>({}, q.scale);
    return q.owner + "_scale";
  }

  std::string zero(const std::string& value) {
    const Quantisation& q = scales_.at(value);
    out_.constants[q.owner + "_zero_point"] = Tensor<int8_t>({}, static_cast<int8_t>(q.zero_point));
    return q.owner + "_zero_point";
  }

  void dequantise(const std::string& value) {
    push("DequantizeLinear", "", value + "_dequantize",
         {int8_name(value), scale(value), zero(value)}, value);
  }

  // Emits a Clip where int8 reaches further than the clamp does (shared or rounded ranges).
  void clip(const std::string& name, const std::string& from, const std::string& value,
            const Clamp& clamp) {
    const Quantisation& q = scales_.at(value);
    out_.constants[name + "_min"] = Tensor<int8_t>({}, static_cast<int8_t>(q.quantise(clamp.low)));
    out_.constants[name + "_max"] = Tensor<int8_t>({}, static_cast<int8_t>(q.quantise(clamp.high)));
    push("Clip", "", name, {from, name + "_min", name + "_max"}, int8_name(value));
  }

  static bool saturation_clamps(const Quantisation& q, const Clamp& clamp) {
    return q.quantise(clamp.low) == -128 && q.quantise(clamp.high) == 127;
  }

  void emit(const Node& node) {
    const auto layer = fusion_.layers.find(node.name);
    if (layer == fusion_.layers.end()) {
      emit_same_scale(node);
      return;
    }
    const std::string& value = layer->second.output;
    const bool clamped = saturation_clamps(scales_.at(value), layer->second.clamp);
    const std::string result = int8_name(value) + (clamped ? "" : "_unclamped");
    if (node.op == "Conv" || node.op == "Gemm") {
      emit_weighted(node, value, result);
    } else {
      emit_microsoft(node, value, result);
    }
    if (!clamped) clip(layer->second.last + "_clip", result, value, layer->second.clamp);
  }

  void emit_weighted(const Node& node, const std::string& value, const std::string& result) {
    const std::string& x = node.inputs.at(0);
    const bool conv = node.op == "Conv";
    const bool output_last = !conv && node.attr_int("transB", 0) == 0;
    const std::string& weight = node.inputs.at(1);
    IntegerWeights q =
        quantise_weights(node.name, f_.float_constant(weight), f_.float_constant(node.inputs.at(2)),
                         output_last, scales_.at(x).scale, scales_.at(value).scale, options_);
    const std::string w = int8_name(weight);
    const std::string b = int8_name(node.inputs[2]);
    out_.constants[weight + "_zero_point"] = Tensor<int8_t>(q.scale.shape, 0);
    out_.constants[w] = std::move(q.weights);
    out_.constants[weight + "_scale"] = std::move(q.scale);
    out_.constants[b] = std::move(q.bias);
    const std::vector<std::string> in = {
        int8_name(x), scale(x), zero(x), w, weight + "_scale", weight + "_zero_point"};
    std::vector<std::string> inputs = in;
    if (conv) {
      inputs.insert(inputs.end(), {scale(value), zero(value), b});
    } else {
      inputs.insert(inputs.end(), {b, scale(value), zero(value)});
    }
    Node& made =
        push(conv ? "QLinearConv" : "QGemm", conv ? "" : kMicrosoft, node.name, inputs, result);
    made.attributes = node.attributes;
    if (!conv) made.attributes["alpha"] = 1.0F;
  }

  void emit_microsoft(const Node& node, const std::string& value, const std::string& result) {
    std::vector<std::string> inputs;
    for (size_t i = 0; i < (node.op == "Add" ? 2U : 1U); ++i) {
      const std::string& x = node.inputs.at(i);
      inputs.insert(inputs.end(), {int8_name(x), scale(x), zero(x)});
    }
    inputs.insert(inputs.end(), {scale(value), zero(value)});
    Node& made = push("QLinear" + node.op, kMicrosoft, node.name, inputs, result);
    made.attributes = node.attributes;
    if (node.op != "Add") made.attributes["channels_last"] = int64_t{0};
  }

  void emit_same_scale(const Node& node) {
    const std::string& value = node.outputs.at(0);
    if (node.op == "Softmax") {
      softmax_ = true;
      dequantise(node.inputs.at(0));
      push("Softmax", "", node.name, {node.inputs[0]}, value).attributes = node.attributes;
      // The default axis changed with opset 13.
      if (f_.opset < 13) out_.nodes.back().attributes.emplace("axis", int64_t{1});
    } else if (node.op == "Relu" || node.op == "Clip") {
      clip(node.name, int8_name(node.inputs.at(0)), value, clamp_of(f_, node));
    } else if (node.op == "Concat") {
      std::vector<std::string> inputs = {scale(value), zero(value)};
      for (const std::string& x : node.inputs) {
        inputs.insert(inputs.end(), {int8_name(x), scale(x), zero(x)});
      }
      push("QLinearConcat", kMicrosoft, node.name, inputs, int8_name(value)).attributes =
          node.attributes;
    } else {
      std::vector<std::string> inputs = node.inputs;
      for (size_t i = 1; i < inputs.size(); ++i) {
        if (f_.is_constant(inputs[i])) out_.constants[inputs[i]] = f_.constants.at(inputs[i]);
      }
      inputs.at(0) = int8_name(inputs[0]);
      push(node.op, "", node.name, inputs, int8_name(value)).attributes = node.attributes;
    }
  }

  const Graph& f_;
  const Fusion& fusion_;
  std::map<std::string, Quantisation> scales_;
  const QuantizeOptions& options_;
  Graph out_;
  bool softmax_ = false;
};

void refuse(const std::vector<Unsupported>& nodes) {
  if (nodes.empty()) return;
  std::string list;
  for (const Unsupported& u : nodes) {
    list += fmt::format("{}{} '{}' ({})", list.empty() ? "" : "; ", u.op, u.node, u.reason);
  }
  throw_input("quantise: unsupported nodes: {}", list);
}

}  // namespace

Graph quantise(const Graph& float_graph, const Dataset& calibration,
               const QuantizeOptions& options) {
  if (options.multiplier_bits < 8 || options.multiplier_bits > 24) {
    throw_input("quantise: multiplier_bits is {}, legal is 8..24", options.multiplier_bits);
  }
  if (float_graph.inputs.size() != 1 || float_graph.outputs.size() != 1) {
    throw_input("quantise: the network has {} inputs and {} outputs, must have one of each",
                float_graph.inputs.size(), float_graph.outputs.size());
  }
  refuse(unsupported_float_nodes(float_graph));
  std::set<std::string> names;
  for (const Node& node : float_graph.nodes) {
    if (!names.insert(node.name).second)
      throw_input("quantise: two nodes are named '{}'", node.name);
  }
  const Graph folded = fold(float_graph);
  refuse(unsupported_folded_nodes(folded));
  const auto ranges = calibrate(folded, calibration, options);
  const Fusion fusion = fuse_clamps(folded);
  Graph out =
      Emitter(folded, fusion, choose_scales(folded, fusion, ranges, options), options).run();
  if (calibration.preprocessing.has_value()) {
    put_preprocessing(*calibration.preprocessing, out.metadata);
  }
  out.metadata["aap.multiplier_bits"] = std::to_string(options.multiplier_bits);
  if (options.exact) out.metadata["aap.exact"] = "1";
  out.metadata["aap.calibration"] =
      fmt::format("{} images of {}, percentile {}, seed {}",
                  std::min(options.calibration_images, calibration.count()), calibration.name,
                  options.percentile, options.seed);
  return out;
}

}  // namespace aap
