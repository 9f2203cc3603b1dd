// SPDX-License-Identifier: Apache-2.0
// Compiled networks: every layer as golden computes it, no race, and the same with and without the
// clock, on fast and slow memories.
#define BOOST_TEST_MODULE cyclemodel_network
#include <boost/test/unit_test.hpp>

#include <random>

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
  config.add_multiplier_width = 23;
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
    BOOST_TEST(r.counts.exec_cycles > 0U);
    if (options.timing) BOOST_TEST(r.cycles > r.counts.exec_cycles + r.counts.stall_requant);
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

// Passing a stretch of cycles in one go changes nothing, nor does leaving the values out.
BOOST_AUTO_TEST_CASE(stretches_of_cycles) {
  const Config board = load_config("configs/board.yaml");
  std::minstd_rand random(3);
  for (const auto& shape : verif::tail_networks()) {
    const QNetwork network = shape.build(5);
    const Program program = compile(network, board);
    ModelOptions options;
    options.read_latency = 1 + static_cast<int>(random() % 60);
    options.write_latency = 1 + static_cast<int>(random() % 60);
    options.cycles_per_beat = 1 + static_cast<int>(random() % 4 / 3);
    options.shared_bandwidth = random() % 2 != 0;
    std::vector<uint8_t> memory;
    load_image(program, memory);
    std::vector<BusEvent> events[2];
    ModelResult result[2];
    for (const int every : {0, 1}) {
      options.every_cycle = options.values = every != 0;
      options.on_bus = [&](const BusEvent& e) { events[every].push_back(e); };
      result[every] = run_model(program, board, memory, options);
    }
    BOOST_TEST_CONTEXT(shape.name << " read latency " << options.read_latency << " write latency " << options.write_latency
                                  << " cycles per beat " << options.cycles_per_beat << " shared " << options.shared_bandwidth) {
      BOOST_TEST(result[0].cycles == result[1].cycles);
      for (const CycleCause& cause : kCycleCauses) {
        BOOST_TEST((result[0].counts.*cause.member == result[1].counts.*cause.member), cause.key);
      }
      BOOST_TEST_REQUIRE(events[0].size() == events[1].size());
      for (size_t i = 0; i < events[0].size(); ++i) BOOST_TEST_REQUIRE(events[0][i].cycle == events[1][i].cycle);
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
  BOOST_TEST(r.counts.exec_cycles >= ideal);
  BOOST_TEST(r.cycles < ideal * 100 / 90);
}

}  // namespace
}  // namespace aap::test
