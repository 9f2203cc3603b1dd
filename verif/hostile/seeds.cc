// SPDX-License-Identifier: Apache-2.0
#include "verif/hostile/seeds.h"

#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include <onnx/onnx_pb.h>

#include "compile/compile.h"
#include "model/graph.h"
#include "model/npy.h"
#include "prune/recipe.h"
#include "quantize/quantize.h"
#include "verif/networks/small.h"

namespace aap::hostile {
namespace {

std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string temporary(const std::string& extension) {
  return fmt::format("/tmp/aap_hostile_seed_{}{}", getpid(), extension);
}

std::string onnx_bytes(const Graph& graph) {
  const std::string path = temporary(".onnx");
  write_onnx(graph, path);
  std::string bytes = read_bytes(path);
  std::remove(path.c_str());
  return bytes;
}

// As the reader gives it: constants, copies and dropouts folded.
Graph read_back(const Graph& graph) {
  const std::string path = temporary(".onnx");
  write_onnx(graph, path);
  Graph read = read_onnx(path);
  std::remove(path.c_str());
  return read;
}

FloatTensor pattern(const Shape& shape, int seed) {
  FloatTensor t(shape);
  uint32_t x = static_cast<uint32_t>(seed) * 2654435761U + 1;
  for (float& v : t.data) {
    x = x * 1664525U + 1013904223U;
    v = static_cast<float>(static_cast<int>(x >> 24) - 128) / 256.0F;
  }
  return t;
}

Node& node(Graph& g, const std::string& op, std::vector<std::string> inputs,
           const std::string& output) {
  Node n;
  n.op = op;
  n.name = output + "_node";
  n.inputs = std::move(inputs);
  n.outputs = {output};
  g.nodes.push_back(std::move(n));
  return g.nodes.back();
}

// Every float operator that the project reads, on 4 channels of 6 x 6.
Graph float_graph() {
  Graph g;
  g.name = "seed";
  g.inputs = {{"x", DataType::kFloat, {-1, 4, 6, 6}}};
  g.metadata["aap.input_mean"] = "0.5";
  g.metadata["aap.input_std"] = "0.25";
  g.constants["w1"] = pattern({4, 4, 3, 3}, 1);
  g.constants["b1"] = pattern({4}, 2);
  g.constants["w2"] = pattern({4, 1, 3, 3}, 3);
  g.constants["w3"] = pattern({4, 4, 1, 1}, 4);
  for (const char* name : {"scale", "shift", "mean"}) g.constants[name] = pattern({4}, 5);
  g.constants["variance"] = FloatTensor({4}, 1.0F);
  g.constants["zero"] = FloatTensor({}, 0.0F);
  g.constants["six"] = FloatTensor({}, 6.0F);
  g.constants["shape"] = Tensor<int64_t>({2}, std::vector<int64_t>{1, -1});
  g.constants["wg"] = pattern({6, 8}, 6);
  g.constants["bg"] = pattern({6}, 7);
  g.constants["wm"] = pattern({6, 3}, 8);
  using Ints = std::vector<int64_t>;
  auto& conv = node(g, "Conv", {"x", "w1", "b1"}, "c1");
  conv.attributes["pads"] = Ints{1, 1, 1, 1};
  conv.attributes["kernel_shape"] = Ints{3, 3};
  conv.attributes["strides"] = Ints{1, 1};
  conv.attributes["dilations"] = Ints{1, 1};
  conv.attributes["group"] = int64_t{1};
  node(g, "BatchNormalization", {"c1", "scale", "shift", "mean", "variance"}, "n1")
      .attributes["epsilon"] = 1e-5F;
  node(g, "Relu", {"n1"}, "r1");
  auto& deep = node(g, "Conv", {"r1", "w2"}, "d1");
  deep.attributes["group"] = int64_t{4};
  deep.attributes["auto_pad"] = std::string("SAME_UPPER");
  node(g, "Clip", {"d1", "zero", "six"}, "l1");
  node(g, "Conv", {"l1", "w3"}, "c3");
  node(g, "Add", {"c3", "r1"}, "a1");
  auto& max = node(g, "MaxPool", {"a1"}, "m1");
  max.attributes["kernel_shape"] = Ints{2, 2};
  max.attributes["strides"] = Ints{2, 2};
  max.attributes["ceil_mode"] = int64_t{0};
  auto& average = node(g, "AveragePool", {"a1"}, "v1");
  average.attributes["kernel_shape"] = Ints{3, 3};
  average.attributes["strides"] = Ints{2, 2};
  average.attributes["pads"] = Ints{1, 1, 1, 1};
  average.attributes["count_include_pad"] = int64_t{1};
  node(g, "Concat", {"m1", "v1"}, "k1").attributes["axis"] = int64_t{1};
  node(g, "GlobalAveragePool", {"k1"}, "p1");
  node(g, "Dropout", {"p1"}, "o1");
  node(g, "Flatten", {"o1"}, "f1").attributes["axis"] = int64_t{1};
  auto& gemm = node(g, "Gemm", {"f1", "wg", "bg"}, "g1");
  gemm.attributes["transB"] = int64_t{1};
  gemm.attributes["alpha"] = 1.0F;
  node(g, "MatMul", {"g1", "wm"}, "t1");
  node(g, "Reshape", {"t1", "shape"}, "s1");
  node(g, "Softmax", {"s1"}, "y").attributes["axis"] = int64_t{-1};
  g.outputs = {{"y", DataType::kFloat, {-1, 3}}};
  return g;
}

Dataset noise(const Shape& image, int64_t count) {
  Dataset data;
  data.name = "noise";
  data.image_shape = image;
  const auto bytes = static_cast<size_t>(element_count(image) * count);
  for (size_t i = 0; i < bytes; ++i) data.pixels.push_back(static_cast<uint8_t>(i * 37 + i / 7));
  data.labels.assign(static_cast<size_t>(count), 0);
  return data;
}

// A graph in QDQ form as converters write it: int8 NHWC input, layouts, padding, depthwise, a
// residual, a mean over the image, a fully connected layer and Softmax.
class QdqGraph {
 public:
  Graph build() {
    g_.name = "qdq";
    g_.inputs = {{"x", DataType::kInt8, {1, 6, 6, 4}}};
    parameters("x", 0.05F, 3);
    dequantise("x", "xf");
    node(g_, "Transpose", {"xf"}, "xt").attributes["perm"] = Ints{0, 3, 1, 2};
    g_.constants["pads"] = Tensor<int64_t>({8}, Ints{0, 0, 1, 1, 0, 0, 1, 1});
    node(g_, "Pad", {"xt", "pads"}, "xp");
    conv("xp", "c1", {4, 4, 3, 3}, 1, 0);
    node(g_, "Relu", {"c1"}, "r1");
    requantise("r1", 0.04F, -128);
    conv("r1_d", "c2", {4, 1, 3, 3}, 4, 1);
    requantise("c2", 0.03F, 5);
    node(g_, "Add", {"c2_d", "r1_d"}, "a1");
    requantise("a1", 0.05F, -100);
    auto& pool = node(g_, "MaxPool", {"a1_d"}, "m1");
    pool.attributes["kernel_shape"] = pool.attributes["strides"] = Ints{2, 2};
    requantise("m1", 0.05F, -100);
    node(g_, "GlobalAveragePool", {"m1_d"}, "p1");
    requantise("p1", 0.02F, -90);
    node(g_, "Squeeze", {"p1_d"}, "s1").attributes["axes"] = Ints{2, 3};
    integers("w", {4, 3}, 0.02F);
    node(g_, "MatMul", {"s1", "w_d"}, "t1");
    requantise("t1", 0.1F, 7);
    node(g_, "Softmax", {"t1_d"}, "y").attributes["axis"] = int64_t{1};
    g_.opset = 12;
    g_.outputs = {{"y", DataType::kFloat, {1, 3}}};
    return g_;
  }

 private:
  using Ints = std::vector<int64_t>;

  void parameters(const std::string& value, float scale, int zero) {
    g_.constants[value + "_s"] = FloatTensor({}, scale);
    g_.constants[value + "_z"] = Tensor<int8_t>({}, static_cast<int8_t>(zero));
  }
  void dequantise(const std::string& value, const std::string& to) {
    node(g_, "DequantizeLinear", {value, value + "_s", value + "_z"}, to);
  }
  void requantise(const std::string& value, float scale, int zero) {
    const std::string q = value + "_q";
    parameters(q, scale, zero);
    node(g_, "QuantizeLinear", {value, q + "_s", q + "_z"}, q);
    dequantise(q, value + "_d");
  }
  void integers(const std::string& name, const Shape& shape, float scale) {
    Int8Tensor w(shape);
    for (size_t i = 0; i < w.data.size(); ++i) w.data[i] = static_cast<int8_t>(i * 29);
    g_.constants[name] = w;
    parameters(name, scale, 0);
    dequantise(name, name + "_d");
  }
  void conv(const std::string& from, const std::string& to, const Shape& w, int64_t group, int64_t pad) {
    integers(to + "_w", w, 0.02F);
    g_.constants[to + "_b"] = Tensor<int32_t>({w[0]}, 17);
    g_.constants[to + "_b_s"] = FloatTensor({}, from == "xp" ? 0.05F * 0.02F : 0.04F * 0.02F);
    node(g_, "DequantizeLinear", {to + "_b", to + "_b_s"}, to + "_b_d");
    auto& n = node(g_, "Conv", {from, to + "_w_d", to + "_b_d"}, to);
    n.attributes["group"] = group;
    n.attributes["pads"] = Ints{pad, pad, pad, pad};
  }
  Graph g_;
};

// The same file with typed fields in place of raw bytes, inputs stated for initializers, IR 3.
std::string typed(const std::string& bytes) {
  onnx::ModelProto model;
  model.ParseFromString(bytes);
  model.set_ir_version(3);
  auto* graph = model.mutable_graph();
  for (auto& t : *graph->mutable_initializer()) {
    const std::string raw = t.raw_data();
    t.clear_raw_data();
    const auto read = [&](auto zero, auto add) {
      for (size_t at = 0; at + sizeof zero <= raw.size(); at += sizeof zero) {
        std::memcpy(&zero, raw.data() + at, sizeof zero);
        add(zero);
      }
    };
    switch (t.data_type()) {
      case onnx::TensorProto::FLOAT: read(0.0F, [&](float v) { t.add_float_data(v); }); break;
      case onnx::TensorProto::INT8: read(int8_t{0}, [&](int8_t v) { t.add_int32_data(v); }); break;
      case onnx::TensorProto::UINT8: read(uint8_t{0}, [&](uint8_t v) { t.add_int32_data(v); }); break;
      case onnx::TensorProto::INT32: read(int32_t{0}, [&](int32_t v) { t.add_int32_data(v); }); break;
      default: read(int64_t{0}, [&](int64_t v) { t.add_int64_data(v); });
    }
    auto* input = graph->add_input();
    input->set_name(t.name());
    input->mutable_type()->mutable_tensor_type()->set_elem_type(t.data_type());
  }
  std::string out;
  model.SerializeToString(&out);
  return out;
}

std::string gzip(const std::string& bytes) {
  const std::string path = temporary(".gz");
  gzFile file = gzopen(path.c_str(), "wb9");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  std::string out = read_bytes(path);
  std::remove(path.c_str());
  return out;
}

std::string program_bytes(const verif::NetworkBuilder& builder, const std::string& path_of_config) {
  const Config config = load_config(path_of_config);
  const std::string path = temporary(".aap");
  const QNetwork network = verif::narrow(builder.build(), config.multiplier_width, config.accumulator_width,
                                         config.add_multiplier_width);
  write_program(compile(network, config), path);
  std::string bytes = read_bytes(path);
  std::remove(path.c_str());
  return bytes;
}

}  // namespace

std::string tiny_config() { return "configs/board.yaml"; }

Seeds onnx_seeds() {
  const Graph g = float_graph();
  QuantizeOptions options;
  options.calibration_images = 4;
  const Graph q = quantise(read_back(g), noise({4, 6, 6}, 4), options);
  return {{"float", onnx_bytes(g)},
          {"float_typed", typed(onnx_bytes(g))},
          {"qlinear", onnx_bytes(q)},
          {"qlinear_typed", typed(onnx_bytes(q))},
          {"qdq", onnx_bytes(QdqGraph().build())}};
}

const Graph& recipe_network() {
  static const Graph kGraph = read_back(float_graph());
  return kGraph;
}

Seeds recipe_seeds() {
  return {{"written", write_recipe(recipe_network(), 4, 2)},
          {"rules",
           "group: 4\nseed: 1\n"
           "defaults: {method: aap, keep: 2, share: 1, tail: keep, score: magnitude}\n"
           "types:\n  first: {method: dense}\n  fully_connected: {keep: 1}\n"
           "layers:\n  - {name: \"c*\", keep: 3}\n  - name: d1_node\n    method: dense\n"
           "slim:\n  - {name: \"c1_node\", keep_percent: 50}\n"}};
}

Seeds config_seeds() {
  return {{"board", read_bytes("configs/board.yaml")}, {"small", read_bytes("configs/small.yaml")}};
}

Seeds program_seeds() {
  return {{"board", program_bytes(verif::every_layer(1), "configs/board.yaml")},
          {"small", program_bytes(verif::every_layer(2), "configs/small.yaml")},
          {"pools", program_bytes(verif::every_pool(3), "configs/board.yaml")}};
}

Seeds npy_seeds() {
  Seeds seeds;
  const std::vector<std::pair<const char*, Constant>> arrays = {
      {"floats", pattern({2, 3, 2, 2}, 9)},
      {"integers", Int8Tensor({2, 5}, 1)},
      {"pixels", Tensor<uint8_t>({2, 3, 2, 2}, 200)},
      {"labels", Tensor<int64_t>({2}, std::vector<int64_t>{3, 255})}};
  for (const auto& [name, value] : arrays) {
    const std::string path = temporary(".npy");
    write_npy(value, path);
    seeds.emplace_back(name, read_bytes(path));
    std::remove(path.c_str());
  }
  return seeds;
}

Seeds cifar_seeds() {
  std::string two;
  for (size_t n = 0; n < 2; ++n) {
    two += static_cast<char>(9 * n);  // the labels allowed are 0..9
    for (size_t i = 0; i < 3 * 32 * 32; ++i) two += static_cast<char>(i * 37 + n);
  }
  return {{"two", two}};
}

Seeds image_seeds() {
  const auto file = [](const std::string& header, size_t bytes) {
    std::string s = header;
    for (size_t i = 0; i < bytes; ++i) s += static_cast<char>(i % 10);
    return s;
  };
  const std::string grey = file(std::string("\0\0\x08\x03\0\0\0\2\0\0\0\5\0\0\0\4", 16), 40);
  const std::string colour = file(std::string("\0\0\x08\x04\0\0\0\2\0\0\0\3\0\0\0\5\0\0\0\4", 20), 120);
  const std::string labels = file(std::string("\0\0\x08\x01\0\0\0\2", 8), 2);
  return {{"images", grey}, {"colour", colour}, {"labels", labels}, {"images.gz", gzip(grey)}, {"labels.gz", gzip(labels)}};
}

}  // namespace aap::hostile
