// SPDX-License-Identifier: Apache-2.0
// Shapes that break tilers and random networks, compiled, replayed in random legal orders and
// compared with golden bit for bit, on three unlike configurations.
#define BOOST_TEST_MODULE compile_network
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "compile/compile.h"
#include "compile/test/replay.h"
#include "golden/golden.h"
#include "verif/networks/builder.h"
#include "verif/networks/shapes.h"

namespace {

using namespace aap;

std::vector<Config> configs() {
  Config odd4;
  odd4.name = "odd4";
  odd4.select = "GROUP";
  odd4.group = 4;
  odd4.lanes = 8;
  odd4.pes = 16;
  odd4.requantisers = 4;
  odd4.act_depth = 512;
  odd4.weight_depth = 128;
  odd4.table_depth = 64;
  odd4.param_depth = 16;
  odd4.psum_depth = 64;
  odd4.out_depth = 64;
  odd4.residual_depth = 64;
  odd4.queue_depth = 2;
  Config odd8 = odd4;
  odd8.name = "odd8";
  odd8.group = 8;
  odd8.lanes = 2;
  odd8.axi_data_width = 64;
  odd8.out_depth = 16;
  validate(odd4, "odd4");
  validate(odd8, "odd8");
  return {load_config("configs/board.yaml"), load_config("configs/small.yaml"), odd4, odd8};
}

// Compiles, replays and compares; returns the number of values compared.
int64_t check(const QNetwork& network, Config config, const Int8Tensor& input,
              const CompileOptions& options, uint32_t seed) {
  config.accumulator_width = 32;
  config.multiplier_width = 24;
  config.axi_addr_width = 32;
  const Program program = compile(network, config, options);
  std::vector<uint8_t> memory(program.memory_size, 0xa5);
  std::copy(program.image.begin(), program.image.end(), memory.begin());
  place_tensor(program.maps[static_cast<size_t>(program.input)], config, input, memory.data());
  test::Replay replay(program, config, memory, seed);
  replay.run();
  const auto expected = Golden(network).run(input);
  int64_t compared = 0, wrong = 0;
  for (const ProgramLayer& layer : program.layers) {
    if (!options.keep_all && layer.output != program.output) continue;
    const FeatureMap& map = program.maps[static_cast<size_t>(layer.output)];
    const Int8Tensor got = fetch_tensor(map, config, memory.data());
    const Int8Tensor& want = expected[static_cast<size_t>(map.tensor)];
    for (int64_t i = 0; i < want.size(); ++i) {
      if (got.data[static_cast<size_t>(i)] != want.data[static_cast<size_t>(i)] && wrong++ == 0) {
        BOOST_ERROR(network.name << ' ' << config.name << " layer " << layer.name << " value " << i
                                 << ": " << int{got.data[static_cast<size_t>(i)]} << ", golden "
                                 << int{want.data[static_cast<size_t>(i)]});
      }
    }
    compared += want.size();
  }
  return compared;
}

Int8Tensor random_input(const QNetwork& network, uint32_t seed) {
  const QTensorInfo& t = network.tensors[static_cast<size_t>(network.input)];
  verif::NetworkBuilder builder(seed, t.channels, t.height, t.width);
  return builder.random_input();
}

const auto kTails = verif::tail_networks();

}  // namespace

BOOST_DATA_TEST_CASE(tail_networks, boost::unit_test::data::xrange(kTails.size()), index) {
  for (const Config& config : configs()) {
    BOOST_TEST_CONTEXT(kTails[index].name << " on " << config.name) {
      const QNetwork network = kTails[index].build(7);
      BOOST_CHECK_NO_THROW(
          BOOST_CHECK_GT(check(network, config, random_input(network, 3), {}, 1), 0));
    }
  }
}
