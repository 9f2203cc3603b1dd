// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE onnx
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>

#include "model/graph.h"

using namespace aap;

namespace {

// A folder that goes with the test.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("aap_onnx_test_{}", getpid());
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

Node make_node(const std::string& op, const std::string& name, std::vector<std::string> in,
               std::vector<std::string> out) {
  Node n;
  n.op = op;
  n.name = name;
  n.inputs = std::move(in);
  n.outputs = std::move(out);
  return n;
}

// A graph with every kind of constant and attribute.
Graph sample() {
  Graph g;
  g.name = "sample";
  g.opset = 13;
  g.inputs = {{"x", DataType::kFloat, {-1, 2, 4, 4}}};
  g.outputs = {{"z", DataType::kFloat, {-1, 3}}};
  g.constants["w"] = FloatTensor({3, 2, 3, 3}, 0.25F);
  g.constants["bytes"] = Tensor<uint8_t>({3}, {0, 128, 255});
  g.constants["signed"] = Tensor<int8_t>({2}, {-128, 127});
  g.constants["ints"] = Tensor<int32_t>({2}, {INT32_MIN, INT32_MAX});
  g.constants["shape"] = Tensor<int64_t>({2}, {0, -1});
  g.constants["scalar"] = FloatTensor(Shape{}, 1.5F);
  g.constants["empty"] = FloatTensor(Shape{0}, 0.0F);
  g.metadata = {{"aap.group", "16"}, {"aap.keep.conv", "4"}};
  g.nodes.push_back(make_node("Conv", "conv", {"x", "w"}, {"a"}));
  g.nodes.back().attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}},
                               {"auto_pad", std::string("NOTSET")},
                               {"group", int64_t{1}},
                               {"number", 0.5F},
                               {"list", std::vector<float>{1, 2}},
                               {"tensor", Constant(Tensor<int8_t>({1}, {-3}))}};
  g.nodes.push_back(make_node("QLinearThing", "other", {"a", "scalar"}, {"b", ""}));
  g.nodes.back().domain = "com.microsoft";
  g.nodes.push_back(make_node("Reshape", "reshape", {"b", "shape"}, {"z"}));
  return g;
}

bool same_constant(const Constant& a, const Constant& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& t) {
        const auto& u = std::get<std::decay_t<decltype(t)>>(b);
        return t.shape == u.shape && t.data == u.data;
      },
      a);
}

bool same_attribute(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) return false;
  if (const auto* c = std::get_if<Constant>(&a)) return same_constant(*c, std::get<Constant>(b));
  return std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, Constant>) {
          return false;
        } else {
          return v == std::get<T>(b);
        }
      },
      a);
}

void check_same(const Graph& a, const Graph& b) {
  BOOST_TEST(a.name == b.name);
  BOOST_TEST(a.opset == b.opset);
  BOOST_TEST((a.metadata == b.metadata));
  BOOST_REQUIRE_EQUAL(a.nodes.size(), b.nodes.size());
  for (size_t i = 0; i < a.nodes.size(); ++i) {
    BOOST_TEST(a.nodes[i].op == b.nodes[i].op);
    BOOST_TEST(a.nodes[i].domain == b.nodes[i].domain);
    BOOST_TEST(a.nodes[i].name == b.nodes[i].name);
    BOOST_TEST(a.nodes[i].inputs == b.nodes[i].inputs);
    BOOST_TEST(a.nodes[i].outputs == b.nodes[i].outputs);
    BOOST_REQUIRE_EQUAL(a.nodes[i].attributes.size(), b.nodes[i].attributes.size());
    for (const auto& [key, value] : a.nodes[i].attributes) {
      BOOST_TEST(same_attribute(value, b.nodes[i].attributes.at(key)), key);
    }
  }
  BOOST_REQUIRE_EQUAL(a.constants.size(), b.constants.size());
  for (const auto& [name, c] : a.constants)
    BOOST_TEST(same_constant(c, b.constants.at(name)), name);
  BOOST_REQUIRE_EQUAL(a.inputs.size(), b.inputs.size());
  BOOST_TEST(a.inputs[0].shape == b.inputs[0].shape);
  BOOST_TEST(a.outputs[0].shape == b.outputs[0].shape);
}

// The sample as a protobuf message, changed, written and read; returns the error's text.
std::string error_of(const std::function<void(onnx::ModelProto&)>& change) {
  const Folder folder;
  write_onnx(sample(), folder.file("a.onnx"));
  onnx::ModelProto model;
  BOOST_REQUIRE(model.ParseFromString(read_bytes(folder.file("a.onnx"))));
  change(model);
  write_bytes(folder.file("b.onnx"), model.SerializeAsString());
  try {
    read_onnx(folder.file("b.onnx"));
  } catch (const InputError& error) {
    const std::string text = error.what();
    BOOST_TEST(text.find("b.onnx") != std::string::npos, "names the file: " << text);
    BOOST_TEST(text.find('\n') == std::string::npos, "is one line: " << text);
    return text;
  }
  return "no error";
}

#define CHECK_HAS(text, part) \
  BOOST_TEST(std::string(text).find(part) != std::string::npos, "'" << part << "' in: " << text)

}  // namespace

BOOST_AUTO_TEST_CASE(optional_inputs_left_out_at_the_end_are_dropped) {
  const Folder folder;
  Graph g = sample();
  g.nodes[0].inputs.insert(g.nodes[0].inputs.end(), 2, "");
  write_onnx(g, folder.file("g.onnx"));
  check_same(sample(), read_onnx(folder.file("g.onnx")));
}

BOOST_AUTO_TEST_CASE(round_trip) {
  const Folder folder;
  const Graph g = sample();
  write_onnx(g, folder.file("g.onnx"));
  check_same(g, read_onnx(folder.file("g.onnx")));
  // The same bytes each time, and nothing left beside the file.
  const std::string bytes = read_bytes(folder.file("g.onnx"));
  write_onnx(read_onnx(folder.file("g.onnx")), folder.file("g.onnx"));
  BOOST_TEST((read_bytes(folder.file("g.onnx")) == bytes));
  size_t files = 0;
  for (const auto& e : std::filesystem::directory_iterator(folder.path)) {
    files += e.exists() ? 1 : 0;
  }
  BOOST_TEST(files == 1U);
}

BOOST_AUTO_TEST_CASE(unwritable_path) {
  BOOST_CHECK_THROW(write_onnx(sample(), "/nonexistent/folder/g.onnx"), InputError);
  BOOST_CHECK_THROW(read_onnx("/nonexistent/g.onnx"), InputError);
  BOOST_CHECK_THROW(read_onnx("/tmp"), InputError);
}

BOOST_AUTO_TEST_CASE(nodes_are_sorted_and_named) {
  const Folder folder;
  Graph g = sample();
  std::swap(g.nodes[0], g.nodes[2]);
  g.nodes[1].name.clear();
  write_onnx(g, folder.file("g.onnx"));
  const Graph r = read_onnx(folder.file("g.onnx"));
  BOOST_TEST(r.nodes[0].name == "conv");
  BOOST_TEST(r.nodes[1].name == "QLinearThing_1");
  BOOST_TEST(r.nodes[2].name == "reshape");
}

BOOST_AUTO_TEST_CASE(constants_identities_and_dropouts_are_folded) {
  const Folder folder;
  Graph g;
  g.name = "fold";
  g.inputs = {{"x", DataType::kFloat, {-1, 4}}};
  g.outputs = {{"y", DataType::kFloat, {-1, 4}}};
  g.nodes.push_back(make_node("Constant", "c", {}, {"k"}));
  g.nodes.back().attributes["value"] = Constant(FloatTensor({4}, 2.0F));
  g.nodes.push_back(make_node("Identity", "i1", {"x"}, {"a"}));
  g.nodes.push_back(make_node("Add", "add", {"a", "k"}, {"b"}));
  g.nodes.push_back(make_node("Dropout", "d", {"b"}, {"c", "mask"}));
  g.nodes.push_back(make_node("Identity", "i2", {"c"}, {"y"}));
  write_onnx(g, folder.file("g.onnx"));
  const Graph r = read_onnx(folder.file("g.onnx"));
  BOOST_REQUIRE_EQUAL(r.nodes.size(), 1U);
  BOOST_TEST(r.nodes[0].name == "add");
  BOOST_TEST(r.nodes[0].inputs == (std::vector<std::string>{"x", "k"}));
  BOOST_TEST(r.nodes[0].outputs == (std::vector<std::string>{"y"}));
  BOOST_TEST(r.float_constant("k").data[3] == 2.0F);
}

BOOST_AUTO_TEST_CASE(wrong_files_name_the_place) {
  using Model = onnx::ModelProto;
  CHECK_HAS(error_of([](Model& m) { m.set_ir_version(11); }), "IR version is 11");
  CHECK_HAS(error_of([](Model& m) { m.mutable_opset_import(0)->set_version(7); }), "8..21");
  CHECK_HAS(error_of([](Model& m) { m.clear_opset_import(); }), "no opset");
  CHECK_HAS(error_of([](Model& m) { m.clear_graph(); }), "no graph");
  CHECK_HAS(error_of([](Model& m) { m.mutable_graph()->mutable_node(0)->set_input(0, "q"); }),
            "node 'conv' (Conv): nothing produces its input 'q'");
  CHECK_HAS(error_of([](Model& m) { m.mutable_graph()->mutable_node(0)->set_input(0, "b"); }),
            "cycle");
  CHECK_HAS(error_of([](Model& m) { m.mutable_graph()->mutable_node(1)->set_output(0, "a"); }),
            "value 'a' comes from");
  CHECK_HAS(error_of([](Model& m) { m.mutable_graph()->mutable_node(1)->set_name("conv"); }),
            "two nodes are named 'conv'");
  CHECK_HAS(error_of([](Model& m) { m.mutable_graph()->mutable_node(0)->clear_output(); }),
            "no output");
  CHECK_HAS(error_of([](Model& m) { m.mutable_graph()->mutable_output(0)->set_name("q"); }),
            "graph output 'q'");
  auto tensor = [](Model& m, const char* name) {
    for (auto& t : *m.mutable_graph()->mutable_initializer()) {
      if (t.name() == name) return &t;
    }
    throw std::logic_error(name);
  };
  CHECK_HAS(error_of([&](Model& m) { tensor(m, "w")->set_data_type(11); }),
            "tensor 'w': has data type DOUBLE");
  CHECK_HAS(error_of([&](Model& m) { tensor(m, "w")->set_data_type(10); }), "FLOAT16");
  CHECK_HAS(error_of([&](Model& m) { tensor(m, "w")->set_data_type(8); }), "STRING");
  CHECK_HAS(error_of([&](Model& m) { tensor(m, "w")->set_dims(0, 4); }), "tensor 'w': holds");
  CHECK_HAS(error_of([&](Model& m) { tensor(m, "w")->set_dims(0, -3); }), "negative");
  CHECK_HAS(error_of([&](Model& m) {
              for (int i = 0; i < 4; ++i) tensor(m, "w")->set_dims(i, int64_t{1} << 62);
            }),
            "too large");
  CHECK_HAS(
      error_of([&](Model& m) { tensor(m, "w")->set_data_location(onnx::TensorProto::EXTERNAL); }),
      "another file");
  CHECK_HAS(error_of([&](Model& m) {
              tensor(m, "bytes")->clear_raw_data();
              for (int v : {0, 1, 256}) tensor(m, "bytes")->add_int32_data(v);
            }),
            "value 256 is out of the range");
  CHECK_HAS(
      error_of([](Model& m) {
        m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
            1 + 10);
      }),
      "graph input 'x': has data type DOUBLE");
  CHECK_HAS(error_of([](Model& m) {
              m.mutable_graph()->mutable_node(0)->mutable_attribute(0)->set_type(
                  onnx::AttributeProto::GRAPH);
            }),
            "GRAPH");
}

// Never anything but InputError or a graph that can be written.
BOOST_AUTO_TEST_CASE(damaged_files_never_crash) {
  const Folder folder;
  write_onnx(sample(), folder.file("g.onnx"));
  std::vector<std::string> files = {read_bytes(folder.file("g.onnx"))};
  const std::string node_test =
      "/usr/share/libonnx-testdata/data/node/test_gemm_all_attributes/model.onnx";
  if (std::filesystem::exists(node_test)) files.push_back(read_bytes(node_test));
  int refused = 0, read = 0;
  auto attempt = [&](const std::string& bytes) {
    write_bytes(folder.file("bad.onnx"), bytes);
    try {
      const Graph g = read_onnx(folder.file("bad.onnx"));
      ++read;
      write_onnx(g, folder.file("again.onnx"));
      try {
        infer_shapes(g);
        unsupported_float_nodes(g);
      } catch (const InputError&) {
      }
    } catch (const InputError& error) {
      ++refused;
      BOOST_TEST(std::string(error.what()).find("bad.onnx") != std::string::npos, error.what());
    }
  };
  std::mt19937 random(1);
  for (const std::string& good : files) {
    for (size_t n = 0; n < good.size(); ++n) attempt(good.substr(0, n));
    for (int i = 0; i < 4000; ++i) {
      std::string bad = good;
      for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
        bad[random() % bad.size()] ^= static_cast<char>(1U << random() % 8);
      }
      attempt(bad);
    }
  }
  BOOST_TEST_MESSAGE(refused << " damaged files refused, " << read << " still a graph");
  BOOST_TEST(refused > 1000);
  BOOST_TEST(read > 100);
}

BOOST_AUTO_TEST_CASE(windows) {
  Node n = make_node("Conv", "n", {"x"}, {"y"});
  auto ints = [](std::vector<int64_t> v) { return v; };
  n.attributes["auto_pad"] = std::string("SAME_UPPER");
  n.attributes["strides"] = ints({2, 1});
  Window2d w = window_of(n, 3, 2, 5, 5);
  BOOST_TEST((w.out_h == 3 && w.out_w == 5));
  BOOST_TEST((w.pad_top == 1 && w.pad_bottom == 1 && w.pad_left == 0 && w.pad_right == 1));
  n.attributes["auto_pad"] = std::string("SAME_LOWER");
  w = window_of(n, 3, 2, 5, 5);
  BOOST_TEST((w.pad_left == 1 && w.pad_right == 0));
  n.attributes["auto_pad"] = std::string("VALID");
  n.attributes["dilations"] = ints({2, 1});
  w = window_of(n, 3, 2, 5, 5);
  BOOST_TEST((w.out_h == 1 && w.out_w == 4 && w.pad_top == 0));
  n.attributes.clear();
  n.attributes["ceil_mode"] = int64_t{1};
  n.attributes["strides"] = ints({2, 2});
  w = window_of(n, 2, 2, 5, 4);  // 5 rows need a third window that hangs over, 4 columns do not
  BOOST_TEST((w.out_h == 3 && w.pad_bottom == 1 && w.out_w == 2 && w.pad_right == 0));
  n.attributes["pads"] = ints({0, 1, 0, 1});
  w = window_of(n, 2, 2, 4, 3);  // a third window would start in the padding: it is dropped
  BOOST_TEST((w.out_w == 2 && w.pad_right == 1));
  n.attributes["pads"] = ints({0, 1, 0});
  BOOST_CHECK_THROW(window_of(n, 2, 2, 4, 3), InputError);
  n.attributes["pads"] = ints({0, -1, 0, 0});
  BOOST_CHECK_THROW(window_of(n, 2, 2, 4, 3), InputError);
  n.attributes.clear();
  n.attributes["strides"] = ints({0, 1});
  BOOST_CHECK_THROW(window_of(n, 2, 2, 4, 3), InputError);
  n.attributes.clear();
  BOOST_CHECK_THROW(window_of(n, 5, 1, 4, 3), InputError);
}
