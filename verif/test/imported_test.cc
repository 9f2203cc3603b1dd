// SPDX-License-Identifier: Apache-2.0
// From ONNX files to RTL: every form of integer graph, and networks that others made where they are present
// (scripts/real_networks.sh is the long run of those). Configuration: configs/board.yaml.
#define BOOST_TEST_MODULE imported
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <filesystem>
#include <random>

#include "compile/compile.h"
#include "golden/golden.h"
#include "model/float_executor.h"
#include "model/npy.h"
#include "model/qimport.h"
#include "quantize/quantize.h"
#include "verif/networks/graphs.h"
#include "verif/program_run.h"

using namespace aap;

namespace {

const std::string kReal = "../shared/real/";

bool present() {
  if (std::filesystem::exists(kReal)) return true;
  BOOST_TEST_MESSAGE("SKIPPED: " << kReal << " is not there");
  return false;
}

// Every value of every layer in RTL against golden.
void on_rtl(const QNetwork& network, const std::vector<Int8Tensor>& inputs) {
  const Config config = load_config("configs/board.yaml");
  const Program program = compile(network, config, CompileOptions{});
  const Golden golden(network);
  verif::ProgramRun run(program, config, verif::SessionOptions{});
  for (const Int8Tensor& input : inputs) {
    const verif::JobResult job = run.run(input);
    BOOST_REQUIRE(job.done);
    BOOST_REQUIRE_MESSAGE(job.error == isa::Error::kNone, isa::to_string(job.error));
    const verif::Comparison c = run.compare(golden.run(input));
    BOOST_TEST(c.values > 0U);
    BOOST_TEST(c.mismatches == 0U, (c.first ? c.first->to_string() : ""));
  }
}

// The first `count` inputs: class and values against what another runtime computed. Values may differ by few steps of
// the output where rounding in fp32 or of the sum's multipliers reaches it (docs/numerics.md), classes hardly.
void against_oracle(const QNetwork& network, const Dataset& data, const std::string& expected, int64_t count) {
  const Golden golden(network);
  const Constant oracle = read_npy(expected);
  double step = 1.0;  // integers
  if (network.output_real) step = network.tensors[static_cast<size_t>(network.output)].scale;
  int64_t same_class = 0;
  for (int64_t i = 0; i < count; ++i) {
    const FloatTensor y = host_output(network, golden.run_output(quantise_input(network, data, i)));
    std::vector<double> want;
    std::visit([&](const auto& t) { want.assign(t.data.begin() + i * y.size(), t.data.begin() + (i + 1) * y.size()); }, oracle);
    for (size_t k = 0; k < want.size(); ++k) BOOST_TEST(std::fabs(y.data[k] - want[k]) <= 4.1 * step);
    same_class += std::max_element(y.data.begin(), y.data.end()) - y.data.begin() ==
                  std::max_element(want.begin(), want.end()) - want.begin();
  }
  BOOST_TEST(same_class >= count - 1);
}

std::vector<Int8Tensor> first_inputs(const QNetwork& network, const Dataset& data, int64_t n) {
  std::vector<Int8Tensor> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(quantise_input(network, data, i));
  return out;
}

Dataset cifar() {
  Dataset d = read_dataset(kReal + "cifar10_test1000.bin", "");
  d.preprocessing = Preprocessing{255.0F, {0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};
  return d;
}

// A float network through our quantiser: classes as the float network's.
QNetwork quantised(const std::string& file, const Dataset& data, int64_t count) {
  const Graph graph = read_onnx(kReal + file);
  QuantizeOptions options;
  options.calibration_images = 16;
  options.threads = 2;
  const QNetwork network = import_quantised(quantise(graph, data.subset(100, 16), options));
  const FloatTensor y = FloatExecutor(graph).run(data.batch(0, count, Preprocessing{}), 2);
  const Golden golden(network);
  const int64_t classes = y.size() / count;
  int64_t same = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto row = y.data.begin() + i * classes;
    same += argmax(golden.run_output(quantise_input(network, data, i))) == std::max_element(row, row + classes) - row;
  }
  BOOST_TEST(same >= count - 2, file << ": " << same << " of " << count << " classes as in float");
  return network;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_form_of_graph_on_rtl) {
  for (const verif::NamedGraph& named : verif::integer_graphs()) {
    BOOST_TEST_CONTEXT("graph " << named.name << " seed 1") {
      const QNetwork network = import_quantised(named.build(1));
      std::mt19937 random(1);
      const QTensorInfo& x = network.tensors[static_cast<size_t>(network.input)];
      Int8Tensor input({x.channels, x.height, x.width});
      for (int8_t& v : input.data) v = static_cast<int8_t>(random());
      on_rtl(network, {input});
    }
  }
}

BOOST_AUTO_TEST_CASE(resnet20_integer_graphs) {
  if (!present()) return;
  const Dataset data = cifar();
  for (const std::string name : {"resnet20.qdq_s8s8_pc", "resnet20.qop_u8s8_pc"}) {
    BOOST_TEST_CONTEXT(name) {
      const QNetwork network = import_quantised(read_onnx(kReal + name + ".onnx"));
      BOOST_TEST(network.layers.size() == 32U);  // 21 convolutions, 9 sums, an average, a matrix
      against_oracle(network, data, kReal + name + ".ort.npy", 20);
      on_rtl(network, first_inputs(network, data, 1));
    }
  }
}

BOOST_AUTO_TEST_CASE(dscnn_keyword_spotting) {
  if (!present()) return;
  const Dataset data = read_dataset(kReal + "kws_inputs.npy", kReal + "kws_labels.npy");
  const QNetwork network = import_quantised(read_onnx(kReal + "dscnn_kws_int8.onnx"));
  BOOST_TEST((network.softmax_on_host && !network.input_real && !network.output_real));
  against_oracle(network, data, kReal + "dscnn_kws_int8.ort.npy", 20);
  on_rtl(network, first_inputs(network, data, 2));
}

BOOST_AUTO_TEST_CASE(resnet20_float_graph) {
  if (!present()) return;
  const Dataset data = cifar();
  const QNetwork network = quantised("resnet20.onnx", data, 20);
  on_rtl(network, first_inputs(network, data, 1));
}

BOOST_AUTO_TEST_CASE(mnist_float_graph_of_opset_8) {
  if (!present()) return;
  Dataset data = read_dataset(kReal + "t10k-images-idx3-ubyte.gz", kReal + "t10k-labels-idx1-ubyte.gz");
  data.preprocessing = Preprocessing{1.0F, {0.0F}, {1.0F}};
  const QNetwork network = quantised("mnist.onnx", data, 20);
  on_rtl(network, first_inputs(network, data, 1));
}
