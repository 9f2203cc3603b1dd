// SPDX-License-Identifier: Apache-2.0
// Shapes that break tilers and random networks, compiled, replayed in random legal orders and
// compared with golden bit for bit, on three unlike configurations.
#define BOOST_TEST_MODULE compile_network
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <random>

#include "compile/compile.h"
#include "compile/test/replay.h"
#include "cyclemodel/cyclemodel.h"
#include "golden/golden.h"
#include "verif/networks/builder.h"
#include "verif/networks/shapes.h"
#include "verif/networks/small.h"

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
  Config shared = odd8;
  shared.name = "shared";
  shared.share = 4;
  Config dense = odd4;
  dense.name = "dense";
  dense.select = "DENSE";
  dense.share = dense.pes;
  Config window = odd4;  // 16 activations, 4 multipliers
  window.name = "window";
  window.select = "WINDOW";
  window.lanes = 4;
  window.window = 16;
  window.window_multipliers = 4;
  Config realigned = odd8;  // 64 activations
  realigned.name = "realigned";
  realigned.select = "WINDOW";
  realigned.lanes = 8;
  realigned.window = 64;
  realigned.window_multipliers = 8;
  realigned.realign = 1;
  validate(window, "window");
  validate(realigned, "realigned");
  validate(shared, "shared");
  validate(dense, "dense");
  return {load_config("configs/board.yaml"), load_config("configs/small.yaml"), odd4, odd8, shared,
          dense, window, realigned};
}

Int8Tensor random_input(const QNetwork& network, uint32_t seed) {
  const QTensorInfo& t = network.tensors[static_cast<size_t>(network.input)];
  verif::NetworkBuilder builder(seed, t.channels, t.height, t.width);
  return builder.random_input();
}

// Compiles, replays and compares; returns the number of values compared. Images after the first have inputs of their own.
int64_t check(const QNetwork& network, Config config, const Int8Tensor& input,
              const CompileOptions& options, uint32_t seed) {
  config.accumulator_width = 32;
  config.multiplier_width = 24;
  config.add_multiplier_width = 23;
  config.axi_addr_width = 32;
  const Program program = compile(network, config, options);
  std::vector<uint8_t> memory(program.memory_size, 0xa5);
  std::copy(program.image.begin(), program.image.end(), memory.begin());
  const auto images = static_cast<size_t>(program.images);
  std::vector<Int8Tensor> inputs = {input};
  for (size_t i = 1; i < images; ++i) inputs.push_back(random_input(network, seed + 100 + static_cast<uint32_t>(i)));
  for (size_t i = 0; i < images; ++i) {
    const FeatureMap& map = program.maps[static_cast<size_t>(program.input) + i * program.maps.size() / images];
    place_tensor(map, config, inputs[i], memory.data());
  }
  std::vector<uint8_t> model_memory = memory;
  ModelOptions functional;
  functional.timing = false;
  const ModelResult model = run_model(program, config, model_memory, functional);
  BOOST_CHECK_MESSAGE(model.ok(), model.error_text
                                      << ' ' << model.hazard_count << " hazards: "
                                      << (model.hazards.empty() ? "" : model.hazards[0]));
  test::Replay replay(program, config, memory, seed);
  replay.run();
  std::vector<std::vector<Int8Tensor>> golden;
  for (const Int8Tensor& x : inputs) golden.push_back(Golden(network).run(x));
  int64_t compared = 0, wrong = 0;
  for (size_t l = 0; l < program.layers.size(); ++l) {
    const ProgramLayer& layer = program.layers[l];
    const size_t image = l / (program.layers.size() / images), maps = program.maps.size() / images;
    if (!options.keep_all && layer.output != program.output + static_cast<int>(image * maps)) continue;
    const std::vector<Int8Tensor>& expected = golden[image];
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

}  // namespace

BOOST_AUTO_TEST_CASE(tail_networks) {
  for (const verif::NamedNetwork& named : verif::tail_networks()) {
    for (const Config& config : configs()) {
      BOOST_TEST_CONTEXT(named.name << " on " << config.name) {
        const QNetwork network = named.build(7);
        BOOST_CHECK_NO_THROW(
            BOOST_CHECK_GT(check(network, config, random_input(network, 3), {}, 1), 0));
      }
    }
  }
}

namespace {

// A network of one to six layers of every kind, shapes up to what replay does in milliseconds.
QNetwork random_network(uint32_t seed, int group) {
  std::minstd_rand random(seed * 2654435761U + 17);
  for (int i = 0; i < 5; ++i) random();
  auto pick = [&](int lo, int hi) {
    return lo + static_cast<int>(random() / 8 % static_cast<uint32_t>(hi - lo + 1));
  };
  verif::NetworkBuilder b(seed, pick(0, 2) == 0 ? pick(1, 6) : pick(1, 70), pick(1, 14),
                          pick(1, 14));
  int last = 0;
  const int layers = pick(1, 6);
  for (int i = 0; i < layers; ++i) {
    const QTensorInfo x = b.tensor(last);
    verif::LayerShape s;
    s.group = group;
    s.keep = pick(0, 2) == 0 ? 0 : pick(1, group);
    s.channels_out = pick(0, 3) == 0 ? pick(1, 3) : pick(1, 90);
    s.relu = pick(0, 1) == 0;
    auto window = [&](int most) {
      s.kernel_h = pick(1, most);
      s.kernel_w = pick(1, most);
      s.stride_h = pick(1, 3);
      s.stride_w = pick(1, 3);
      s.pad_top = pick(0, static_cast<int>(s.kernel_h));
      s.pad_left = pick(0, static_cast<int>(s.kernel_w));
      s.pad_bottom = pick(0, static_cast<int>(s.kernel_h));
      s.pad_right = pick(0, static_cast<int>(s.kernel_w));
      if (pick(0, 3) == 0) s.dilation_h = s.dilation_w = 2;
      while (s.dilation_h * (s.kernel_h - 1) + 1 > x.height + s.pad_top + s.pad_bottom)
        --s.kernel_h;
      while (s.dilation_w * (s.kernel_w - 1) + 1 > x.width + s.pad_left + s.pad_right) --s.kernel_w;
    };
    // Every window of a pool has a value: pads smaller than the kernel, in undilated kernels.
    auto pool_window = [&] {
      s.dilation_h = s.dilation_w = 1;
      s.kernel_h = std::min<int64_t>(pick(1, 4), x.height);
      s.kernel_w = std::min<int64_t>(pick(1, 4), x.width);
      s.stride_h = pick(1, 3);
      s.stride_w = pick(1, 3);
      s.pad_top = pick(0, static_cast<int>(s.kernel_h) - 1);
      s.pad_bottom = pick(0, static_cast<int>(s.kernel_h) - 1);
      s.pad_left = pick(0, static_cast<int>(s.kernel_w) - 1);
      s.pad_right = pick(0, static_cast<int>(s.kernel_w) - 1);
    };
    switch (pick(0, 10)) {
      case 0:
      case 1:
        window(5);
        last = b.conv(s, last);
        break;
      case 2:
        last = b.conv(s, last);
        break;
      case 3: {
        window(3);
        const int64_t groups = x.channels % 4 == 0 ? 4 : x.channels % 3 == 0 ? 3 : 1;
        s.groups = groups;
        s.channels_out = groups * pick(1, 20);
        last = b.conv(s, last);
        break;
      }
      case 4:
        window(4);
        last = b.depthwise(s, last);
        break;
      case 5:
        pool_window();
        last = b.max_pool(s, last);
        break;
      case 6:
        pool_window();
        last = b.average_pool(s, pick(0, 1) == 0, last);
        break;
      case 7:
        last = b.identity(last);
        break;
      case 8: {  // residual block, fused or not, either operand first
        s.channels_out = x.channels;
        const int a = b.conv(s, last);
        const int c = pick(0, 1) == 0 ? last : b.conv(s, last);
        last = pick(0, 1) == 0 ? b.add(a, c, s.relu) : b.add(c, a, s.relu);
        break;
      }
      case 9: {  // pieces with whole and ragged blocks
        std::vector<int> pieces;
        for (int k = pick(2, 3); k > 0; --k) {
          s.channels_out = pick(0, 1) == 0 ? 16 * pick(1, 2) : pick(1, 40);
          pieces.push_back(b.conv(s, last));
        }
        if (pick(0, 3) == 0) pieces.push_back(pieces[0]);
        last = b.concat(pieces);
        break;
      }
      default:
        last = b.fully_connected(s.channels_out, s.keep, group, last);
        break;
    }
  }
  return b.build();
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_networks) {
  const auto all = configs();
  const char* count = std::getenv("AAP_RANDOM_NETWORKS");
  const uint32_t networks = count == nullptr ? 60 : static_cast<uint32_t>(std::stoul(count));
  for (uint32_t seed = 1; seed <= networks; ++seed) {
    const Config& config = all[seed % all.size()];
    CompileOptions options;
    options.keep_all = seed / 4 % 3 != 0;
    options.dense = seed / 4 % 5 == 0;
    options.images = seed / 4 % 4 == 1 ? 9 : 1;
    options.base = seed % 3 == 0 ? 0x1240 : 0;
    BOOST_TEST_CONTEXT("seed " << seed << " on " << config.name) {
      const QNetwork network = random_network(seed, config.group);
      BOOST_CHECK_NO_THROW(
          BOOST_CHECK_GT(check(network, config, random_input(network, seed), options, seed), 0));
    }
  }
}

// Windows that no buffer holds at once: the kernel itself is cut.
BOOST_AUTO_TEST_CASE(kernel_larger_than_the_activation_buffer) {
  for (const Config& config : configs()) {
    verif::NetworkBuilder b(5, 20, 48, 60);
    b.fully_connected(9, 2, config.group);
    const QNetwork fully = b.build();
    BOOST_CHECK_NO_THROW(BOOST_CHECK_GT(check(fully, config, random_input(fully, 1), {}, 2), 0));
    verif::NetworkBuilder a(6, 20, 48, 60);
    a.global_average_pool();
    const QNetwork average = a.build();
    BOOST_CHECK_NO_THROW(
        BOOST_CHECK_GT(check(average, config, random_input(average, 1), {}, 2), 0));
  }
}

// Each program in several orders: a dependency without a token shows in some of them.
BOOST_AUTO_TEST_CASE(any_legal_order_gives_the_same_result) {
  for (const Config& config : configs()) {
    verif::NetworkBuilder b(9, 32, 13, 11);
    verif::LayerShape s;
    s.channels_out = 48;
    s.kernel_h = s.kernel_w = 3;
    s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = 1;
    s.keep = 2;
    s.group = config.group;
    const int first = b.conv(s);
    b.depthwise(s);
    s.channels_out = 48;
    const int second = b.conv(s);
    b.add(second, first);
    b.fully_connected(40, 2, config.group);
    const QNetwork network = b.build();
    for (uint32_t seed = 1; seed <= 8; ++seed) {
      CompileOptions options;
      options.keep_all = seed % 2 == 0;
      BOOST_CHECK_NO_THROW(
          BOOST_CHECK_GT(check(network, config, random_input(network, 1), options, seed), 0));
    }
  }
}

// Every kind of layer, fused additions and placed concatenations; more images than go through a layer one after the other.
BOOST_AUTO_TEST_CASE(several_images_in_one_start) {
  for (const Config& config : configs()) {
    for (const QNetwork& network : {verif::every_layer(3).build(), verif::every_pool(3).build()}) {
      for (const int images : {2, 3, 11, 64}) {
        CompileOptions one, options;
        options.images = images;
        one.keep_all = options.keep_all = images != 3;
        BOOST_TEST_CONTEXT(network.name << " on " << config.name << ", " << images << " images") {
          const int64_t values = check(network, config, random_input(network, 4), one, 5);
          BOOST_CHECK_EQUAL(check(network, config, random_input(network, 4), options, 5), values * images);
        }
      }
    }
  }
}

// Graph shapes that fusion and placement must see through.
BOOST_AUTO_TEST_CASE(odd_graphs) {
  verif::LayerShape s;
  s.channels_out = 16;
  std::vector<QNetwork> networks;
  {
    verif::NetworkBuilder b(1, 16, 5, 6);  // both operands the same; a convolution read twice
    const int a = b.conv(s);
    const int twice = b.add(a, a);
    const int c = b.conv(s, twice);
    b.add(b.conv(s, c), b.add(c, b.conv(s, c)));
    networks.push_back(b.build());
  }
  {
    verif::NetworkBuilder b(2, 16, 4,
                            4);  // the input, a piece twice, and concatenations in each other
    const int a = b.conv(s);
    const int inner = b.concat({a, b.conv(s, a)});
    const int outer = b.concat({inner, b.depthwise(s, inner)});
    b.concat({outer, 0, a, a});
    b.conv(s);
    networks.push_back(b.build());
  }
  {
    verif::NetworkBuilder b(3, 16, 4, 4);  // a residual read through a concatenation
    s.channels_out = 32;
    const int a = b.conv(s);
    const int c = b.conv(s, 0);
    const int both = b.concat({a, c});
    b.add(b.conv(s, both), c);
    networks.push_back(b.build());
  }
  {
    verif::NetworkBuilder b(4, 40, 3, 3);  // nothing but zeros, in all and in one tile of channels
    s.channels_out = 70;
    b.conv(s);
    b.conv(s);
    QNetwork n = b.build();
    std::fill(n.layers[0].weights.data.begin(), n.layers[0].weights.data.end(), int8_t{0});
    std::fill_n(n.layers[1].weights.data.begin(), 70 * 33, int8_t{0});
    networks.push_back(n);
  }
  for (QNetwork& network : networks) {
    for (const Config& config : configs()) {
      for (const bool keep_all : {true, false}) {
        CompileOptions options;
        options.keep_all = keep_all;
        BOOST_TEST_CONTEXT(network.name << " on " << config.name) {
          BOOST_CHECK_NO_THROW(
              BOOST_CHECK_GT(check(network, config, random_input(network, 4), options, 5), 0));
        }
      }
    }
  }
}
