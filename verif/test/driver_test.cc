// SPDX-License-Identifier: Apache-2.0
// The C driver of fpga/driver on the Verilated accelerator.
#define BOOST_TEST_MODULE driver
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "compile/compile.h"
#include "fpga/driver/aap.h"
#include "golden/golden.h"
#include "verif/networks/builder.h"
#include "verif/session.h"

namespace {

using namespace aap;

struct Board {
  Config config = load_config("configs/board.yaml");
  verif::NetworkBuilder builder{3, 16, 6, 6};
  QNetwork network;
  Program program;
  std::unique_ptr<verif::Session> session;
  aap_device device{};
  aap_job job{};

  Board() {
    builder.conv({});
    network = builder.build();
    CompileOptions options;
    options.base = 0x4000;
    program = compile(network, config, options);
    session = std::make_unique<verif::Session>(config, program.base, program.memory_size, verif::SessionOptions{});
    std::copy(program.image.begin(), program.image.end(), session->memory().bytes.begin());
    device.context = session.get();
    device.read = [](void* s, uint32_t offset) { return static_cast<verif::Session*>(s)->read_register(offset); };
    device.write = [](void* s, uint32_t offset, uint32_t value) {
      uint8_t response = 0;
      static_cast<verif::Session*>(s)->write_register(offset, value, &response);
      return int{response};
    };
    job.program_address = program.descriptor_address;
    job.descriptors = program.descriptor_count;
    job.window_base = program.base;
    job.window_limit = program.base + program.memory_size - 1;
    job.watchdog = 100000;
    job.drain_limit = 10000;
  }
  const FeatureMap& map(int index) const { return program.maps[static_cast<size_t>(index)]; }
  // Runs a random image through the driver and compares.
  void run() {
    const Int8Tensor input = builder.random_input();
    place_tensor(map(program.input), config, input, session->memory().bytes.data());
    BOOST_REQUIRE(aap_start(&device, &job) == AAP_OK);
    aap_result result{};
    BOOST_REQUIRE(aap_wait(&device, 100000, &result) == AAP_OK);
    BOOST_TEST(result.error == AAP_ERR_NONE);
    BOOST_TEST(result.cycles > 100U);
    const Int8Tensor got = fetch_tensor(map(program.output), config, session->memory().bytes.data());
    BOOST_TEST(got.data == Golden(network).run_output(input).data);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_network_runs_and_runs_again) {
  Board b;
  BOOST_TEST(aap_probe(&b.device, b.program.config_hash) == AAP_OK);
  b.run();
  b.run();
}

BOOST_AUTO_TEST_CASE(another_configuration_is_noticed) {
  Board b;
  BOOST_TEST(aap_probe(&b.device, b.program.config_hash ^ 1) == AAP_OTHER_CONFIG);
  aap_device other = b.device;
  other.read = [](void*, uint32_t) { return 0U; };
  BOOST_TEST(aap_probe(&other, b.program.config_hash) == AAP_NO_DEVICE);
}

BOOST_AUTO_TEST_CASE(a_fault_is_reported_and_the_next_job_runs) {
  Board b;
  uint8_t& byte = b.session->memory().bytes[b.program.descriptor_address - b.program.base + 64 + 8];
  byte ^= 1;  // the second descriptor's check word no longer holds
  BOOST_REQUIRE(aap_start(&b.device, &b.job) == AAP_OK);
  aap_result result{};
  BOOST_TEST(aap_wait(&b.device, 100000, &result) == AAP_FAULT);
  BOOST_TEST(result.error == AAP_ERR_BAD_CHECK);
  BOOST_TEST(result.address == b.program.descriptor_address + 64);
  byte ^= 1;
  b.run();
}

BOOST_AUTO_TEST_CASE(busy_timeout_and_abort) {
  Board b;
  BOOST_TEST(aap_finish(&b.device, nullptr) == AAP_BUSY);  // nothing has run
  BOOST_REQUIRE(aap_start(&b.device, &b.job) == AAP_OK);
  BOOST_TEST(aap_start(&b.device, &b.job) == AAP_BUSY);
  BOOST_TEST(aap_wait(&b.device, 1, nullptr) == AAP_TIMEOUT);
  BOOST_TEST(aap_abort(&b.device) == AAP_OK);
  aap_result result{};
  BOOST_TEST(aap_wait(&b.device, 100000, &result) == AAP_FAULT);
  BOOST_TEST(result.error == AAP_ERR_ABORTED);
  b.run();
}

BOOST_AUTO_TEST_CASE(refused_values_and_a_locked_window) {
  Board b;
  aap_job bad = b.job;
  bad.program_address += 4;
  BOOST_TEST(aap_start(&b.device, &bad) == AAP_REFUSED);
  b.run();
  b.session->write_register(AAP_REG_WINDOW_LOCK, 1);
  b.run();  // the same window
  bad = b.job;
  bad.window_limit -= 64;
  BOOST_TEST(aap_start(&b.device, &bad) == AAP_REFUSED);
}
