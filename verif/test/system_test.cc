// SPDX-License-Identifier: Apache-2.0
// Whole programs on the Verilated accelerator. AAP_TEST_CONFIG picks one configuration file, so that ctest runs
// them side by side; AAP_TEST_SEED another seed (default 1).
#define BOOST_TEST_MODULE system
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <random>

#include "spec/strict_yaml.h"
#include "verif/networks/small.h"
#include "verif/test/check_network.h"

namespace {

uint32_t seed() {
  const char* text = std::getenv("AAP_TEST_SEED");
  return text == nullptr ? 1U : static_cast<uint32_t>(aap::strict_integer(text, "AAP_TEST_SEED", "seed"));
}

aap::Config config() {
  const char* path = std::getenv("AAP_TEST_CONFIG");
  return aap::load_config(path == nullptr ? "configs/board.yaml" : path);
}

// The grid's configurations run few networks, the two named ones all.
bool full(const aap::Config& c) { return c.name == "board" || c.name == "small"; }

void run_all(const aap::verif::SessionOptions& options, bool dense, bool all) {
  const aap::Config c = config();
  const auto& list = all ? aap::verif::tail_networks() : aap::verif::grid_networks();
  for (const auto& named : list) {
    const std::string difference = aap::verif::check_network(named, c, seed(), options, dense);
    BOOST_TEST(difference.empty(), difference << "; repeat with AAP_TEST_CONFIG=configs file of " << c.name
                                              << " AAP_TEST_SEED=" << seed() << " build/bin/test_system");
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(networks_are_bit_exact) { run_all({}, false, full(config())); }

BOOST_AUTO_TEST_CASE(networks_are_bit_exact_with_random_stalls) {
  aap::verif::SessionOptions options;
  options.memory.stall_percent = 40;
  options.memory.read_latency = 3;
  options.memory.write_latency = 1;
  run_all(options, false, false);
}

BOOST_AUTO_TEST_CASE(networks_are_bit_exact_when_dense) { run_all({}, true, false); }

// What WINDOW is for; other selectors run such weights at the largest count of any group.
BOOST_AUTO_TEST_CASE(networks_are_bit_exact_with_unconstrained_weights) {
  const aap::Config c = config();
  const auto& list = aap::verif::grid_networks();
  for (size_t i = 0; i < (c.windowed() ? list.size() : 1); ++i) {
    const std::string difference = aap::verif::check_network(list[i], c, seed(), {}, false, true);
    BOOST_TEST(difference.empty(), difference << "; repeat with AAP_TEST_CONFIG=configs file of " << c.name << " AAP_TEST_SEED="
                                              << seed() << " build/bin/test_system --run_test=*_unconstrained_*");
  }
}

BOOST_AUTO_TEST_CASE(networks_are_bit_exact_with_a_slow_memory) {
  aap::verif::SessionOptions options;
  options.memory.cycles_per_beat = 3;
  options.memory.read_latency = 150;
  options.memory.write_latency = 90;
  options.memory.shared_bandwidth = true;
  run_all(options, false, false);
}

BOOST_AUTO_TEST_CASE(three_images_in_one_start_are_bit_exact) {
  const aap::Config c = config();
  for (const bool pools : {false, true}) {
    const aap::verif::NamedNetwork named{pools ? "every_pool" : "every_layer", "", [&](uint32_t s) {
      return (pools ? aap::verif::every_pool(s) : aap::verif::every_layer(s)).build();
    }};
    const std::string difference = aap::verif::check_network(named, c, seed(), {}, false, false, 3);
    BOOST_TEST(difference.empty(), difference);
  }
}

// Random networks on random memories without stalls: values, and every cycle as the cycle model says. AAP_TEST_RUNS: how many.
BOOST_AUTO_TEST_CASE(cycles_are_the_models_on_random_networks_and_memories) {
  const aap::Config c = config();
  const char* text = std::getenv("AAP_TEST_RUNS");
  const auto runs = text == nullptr ? 8U : static_cast<uint32_t>(aap::strict_integer(text, "AAP_TEST_RUNS", "runs"));
  uint32_t refused = 0;
  for (uint32_t run = 0; run < runs; ++run) {
    const uint32_t s = seed() * 1000 + run;
    std::minstd_rand random(s);
    const auto pick = [&](std::initializer_list<int> list) { return list.begin()[random() / 64 % list.size()]; };
    aap::verif::SessionOptions options;
    options.memory.read_latency = pick({1, 2, 3, 7, 20, 61, 200});
    options.memory.write_latency = pick({1, 2, 5, 20, 133});
    options.memory.cycles_per_beat = pick({1, 1, 1, 2, 5});
    options.memory.shared_bandwidth = pick({0, 1}) != 0;
    const aap::verif::NamedNetwork named{"random network", "", aap::verif::random_network};
    try {
      aap::compile(aap::verif::narrow(named.build(s), c.multiplier_width, c.accumulator_width, c.add_multiplier_width), c);
    } catch (const aap::InputError&) {
      ++refused;  // narrow accumulators, small buffers
      continue;
    }
    const std::string difference = aap::verif::check_network(named, c, s, options);
    BOOST_TEST(difference.empty(), difference << "; read latency " << options.memory.read_latency << ", write latency "
                                              << options.memory.write_latency << ", cycles per beat "
                                              << options.memory.cycles_per_beat << ", shared " << options.memory.shared_bandwidth
                                              << "; repeat with AAP_TEST_CONFIG=configs file of " << c.name << " AAP_TEST_SEED="
                                              << seed() << " AAP_TEST_RUNS=" << run + 1
                                              << " build/bin/test_system --run_test=cycles_*");
  }
  BOOST_TEST(refused * 2 <= runs, refused << " of " << runs << " random networks were refused");
}

BOOST_AUTO_TEST_CASE(an_image_after_another_leaves_nothing_behind) {
  const aap::Config c = config();
  const aap::QNetwork network =
      aap::verif::narrow(aap::verif::grid_networks()[0].build(seed()), c.multiplier_width, c.accumulator_width, c.add_multiplier_width);
  aap::verif::ProgramRun run(aap::compile(network, c), c, {});
  aap::verif::NetworkBuilder inputs(5, network.tensors[0].channels, network.tensors[0].height, network.tensors[0].width);
  uint32_t first_cycles = 0;
  for (int i = 0; i < 3; ++i) {
    const aap::Int8Tensor input = inputs.random_input();
    const aap::verif::JobResult job = run.run(input);
    BOOST_TEST(job.done);
    BOOST_TEST(run.compare(aap::Golden(network).run(input)).mismatches == 0U);
    // Fixed latency: the same program takes the same time, whatever the data.
    if (i == 0) first_cycles = job.cycles;
    BOOST_TEST(job.cycles == first_cycles);
  }
}
