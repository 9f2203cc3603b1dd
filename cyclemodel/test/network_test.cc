// SPDX-License-Identifier: Apache-2.0
// Compiled networks: every layer as golden computes it, no race, and the same with and without the
// clock, on fast and slow memories.
#define BOOST_TEST_MODULE cyclemodel_network
#include <boost/test/unit_test.hpp>

#include "compile/compile.h"
#include "cyclemodel/cyclemodel.h"
#include "golden/golden.h"
#include "verif/networks/builder.h"
#include "verif/networks/shapes.h"

namespace aap::test {
namespace {

Int8Tensor random_input(const QNetwork& network) {
  const QTensorInfo& t = network.tensors[static_cast<size_t>(network.input)];
  return verif::NetworkBuilder(11, t.channels, t.height, t.width).random_input();
}

// Values that differ from golden's, over all layers; -1 when nothing was compared.
int64_t differences(const QNetwork& network, const Program& program, const Config& config,
                    const Int8Tensor& input, const std::vector<uint8_t>& memory) {
  const std::vector<Int8Tensor> expected = Golden(network).run(input);
  int64_t compared = 0, different = 0;
  for (const ProgramLayer& layer : program.layers) {
    const FeatureMap& map = program.maps[static_cast<size_t>(layer.output)];
    const Int8Tensor got = fetch_tensor(map, config, memory.data());
    const Int8Tensor& want = expected[static_cast<size_t>(map.tensor)];
    for (int64_t i = 0; i < want.size(); ++i, ++compared) {
      different += got.data[static_cast<size_t>(i)] != want.data[static_cast<size_t>(i)];
    }
  }
  return compared == 0 ? -1 : different;
}

void check(const QNetwork& network, Config config) {
  config.accumulator_width =
      32;  // the networks' sums and multipliers are not made for narrower ones
  config.multiplier_width = 24;
  config.axi_addr_width = 32;
  const Program program = compile(network, config);
  const Int8Tensor input = random_input(network);
  const FeatureMap& map = program.maps[static_cast<size_t>(program.input)];
  for (const int latency : {0, 1, 20, 150}) {  // 0: without a clock
    ModelOptions options;
    options.timing = latency != 0;
    if (options.timing) options.read_latency = options.write_latency = latency;
    options.shared_bandwidth = latency == 150;
    std::vector<uint8_t> memory;
    load_image(program, memory);
    place_tensor(map, config, input, memory.data());
    const ModelResult r = run_model(program, config, memory, options);
    BOOST_TEST_INFO(network.name << " on " << config.name << ", latency " << latency);
    BOOST_TEST(r.error_text == "");
    BOOST_TEST(r.hazard_count == 0U, (r.hazards.empty() ? "" : r.hazards[0]));
    BOOST_TEST(differences(network, program, config, input, memory) == 0);
    BOOST_TEST(r.exec_cycles > 0U);
    if (options.timing) BOOST_TEST(r.cycles > r.exec_cycles + r.stall_requant);
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_break_tilers) {
  const Config board = load_config("configs/board.yaml"), small = load_config("configs/small.yaml");
  for (const auto& shape : verif::tail_networks()) {
    BOOST_TEST_CONTEXT(shape.name) {
      check(shape.build(5), board);
      check(shape.build(6), small);
    }
  }
}

// At least 90 % use of the multipliers: 64 channels in and out, 4 of 16.
BOOST_AUTO_TEST_CASE(steady_state_of_a_convolution) {
  const Config config = load_config("configs/board.yaml");
  verif::NetworkBuilder builder(1, 64, 28, 28);
  verif::LayerShape s;
  s.channels_out = 64;
  s.kernel_h = s.kernel_w = 3;
  s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = 1;
  s.keep = 4;
  s.group = 16;
  builder.conv(s);
  const QNetwork network = builder.build();
  const Program program = compile(network, config);
  std::vector<uint8_t> memory;
  load_image(program, memory);
  const ModelResult r = run_model(program, config, memory);
  BOOST_TEST(r.ok(), r.error_text);
  const uint64_t ideal = 28 * 28 * 9 * 64 * 64 / 4 / 128;
  BOOST_TEST(r.exec_cycles >= ideal);
  BOOST_TEST(r.cycles < ideal * 100 / 90);
}

}  // namespace
}  // namespace aap::test
