// SPDX-License-Identifier: Apache-2.0
// Faults: after each a sticky code with its address, idle in bounded time, no traffic outside the window, an
// interrupt, and the next program correct without reset. AAP_TEST_CONFIG picks the configuration.
#define BOOST_TEST_MODULE errors
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <cstring>

#include "verif/test/check_network.h"

namespace {

using namespace aap;
using namespace aap::verif;
using isa::Error;

constexpr uint64_t kLimit = 400000;

Config config() {
  const char* path = std::getenv("AAP_TEST_CONFIG");
  return load_config(path == nullptr ? "configs/board.yaml" : path);
}

// One network, compiled once, with its reference.
struct Bench {
  Config c = config();
  QNetwork network = narrow(grid_networks()[0].build(1), c.multiplier_width, c.accumulator_width, c.add_multiplier_width);
  Program program = compile(network, c);
  Int8Tensor input = NetworkBuilder(9, network.tensors[0].channels, network.tensors[0].height,
                                    network.tensors[0].width).random_input();
  ProgramRun run{program, c, {}};

  Session& session() { return run.session(); }
  std::vector<uint8_t>& bytes() { return session().memory().bytes; }
  isa::Descriptor descriptor(uint32_t index) {
    isa::Descriptor d;
    std::memcpy(d.words.data(), &program.image[program.descriptor_address - program.base + index * 64], 64);
    return d;
  }
  void put(uint32_t index, const isa::Descriptor& d) {
    std::memcpy(&program.image[program.descriptor_address - program.base + index * 64], d.words.data(), 64);
  }
  uint32_t first_of(isa::Opcode op) {
    for (uint32_t i = 0; i < program.descriptor_count; ++i) {
      if (descriptor(i).opcode() == op) return i;
    }
    throw std::runtime_error("no such descriptor");
  }
  void load() {
    std::copy(program.image.begin(), program.image.end(), bytes().begin());
    place_tensor(program.maps.at(static_cast<size_t>(program.input)), c, input, bytes().data());
  }
  JobResult start() {
    load();
    return session().run_job(program.descriptor_address, program.descriptor_count, program.base,
                             program.base + program.memory_size - 1, kLimit);
  }
  // The good program must still run, without reset.
  void check_recovery() {
    ProgramRun& r = run;
    session().memory().faults.clear();
    const JobResult job = r.run(input, kLimit);
    BOOST_TEST(job.done);
    BOOST_TEST(isa::to_string(job.error) == std::string("NONE"));
    BOOST_TEST(r.compare(Golden(network).run(input)).mismatches == 0U);
  }
  void check_fault(const JobResult& job, Error code) {
    BOOST_TEST(!job.done);
    BOOST_TEST(job.irq);
    BOOST_TEST(std::string(isa::to_string(job.error)) == isa::to_string(code));
    BOOST_TEST(session().memory().quiet());
  }
};

// A descriptor of the program changed; `seal` false leaves its check word wrong.
void check_bad_descriptor(isa::Opcode op, const std::function<void(isa::Descriptor&)>& change, Error code,
                          bool seal = true) {
  Bench b;
  const Program good = b.program;
  const uint32_t index = b.first_of(op);
  isa::Descriptor d = b.descriptor(index);
  change(d);
  if (seal) d.seal();
  b.put(index, d);
  b.check_fault(b.start(), code);
  b.program = good;
  b.check_recovery();
}

}  // namespace

BOOST_AUTO_TEST_CASE(read_errors_on_every_position) {
  for (const uint8_t response : {2, 3}) {
    for (const int64_t burst : {0, 3, 9}) {
      for (const int beat : {0, 1, -1}) {
        Bench b;
        MemoryFault f;
        f.burst = burst;
        f.beat = beat;
        f.response = response;
        b.session().memory().faults = {f};
        const JobResult job = b.start();
        b.check_fault(job, response == 2 ? Error::kReadSlverr : Error::kReadDecerr);
        b.check_recovery();
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(read_last_early_or_missing) {
  for (const bool early : {false, true}) {
    Bench b;
    MemoryFault f;
    f.burst = 2;
    f.beat = 1 << 20;
    (early ? f.early_last : f.missing_last) = true;
    b.session().memory().faults = {f};
    b.check_fault(b.start(), Error::kReadLast);
    b.check_recovery();
  }
}

BOOST_AUTO_TEST_CASE(write_errors) {
  for (const uint8_t response : {2, 3}) {
    for (const int64_t burst : {0, 2}) {
      Bench b;
      MemoryFault f;
      f.write = true;
      f.burst = burst;
      f.response = response;
      b.session().memory().faults = {f};
      b.check_fault(b.start(), response == 2 ? Error::kWriteSlverr : Error::kWriteDecerr);
      b.check_recovery();
    }
  }
}

BOOST_AUTO_TEST_CASE(flipped_bit_in_every_word) {
  for (int word = 0; word < 16; ++word) {
    check_bad_descriptor(isa::Opcode::kExec, [&](isa::Descriptor& d) { d.words[static_cast<size_t>(word)] ^= 1U << (word * 2); },
                         Error::kBadCheck, false);
  }
}

BOOST_AUTO_TEST_CASE(malformed_descriptors) {
  namespace e = isa::exec;
  namespace l = isa::load_act;
  const Config c = config();
  check_bad_descriptor(isa::Opcode::kExec, [](auto& d) { d.set(isa::header::kOpcode, 14); }, Error::kBadOpcode);
  check_bad_descriptor(isa::Opcode::kExec, [](auto& d) { d.set(e::kKeep, 0); }, Error::kKeepRange);
  check_bad_descriptor(isa::Opcode::kExec, [&](auto& d) { d.set(e::kKeep, static_cast<uint64_t>(c.group) + 1); }, Error::kKeepRange);
  check_bad_descriptor(isa::Opcode::kExec, [](auto& d) { d.set(e::kSteps, 0); }, Error::kBadLength);
  check_bad_descriptor(isa::Opcode::kExec, [](auto& d) { d.set(e::kCols, 0); }, Error::kBadLength);
  check_bad_descriptor(isa::Opcode::kExec, [](auto& d) { d.set(e::kSteps, 65535); }, Error::kExecRange);
  check_bad_descriptor(isa::Opcode::kExec, [](auto& d) { d.set(e::kActBase, 65535); }, Error::kExecRange);
  check_bad_descriptor(isa::Opcode::kExec, [](auto& d) { d.set(e::kOutBase, 65535); }, Error::kExecRange);
  check_bad_descriptor(isa::Opcode::kExec, [](auto& d) { d.set(isa::header::kWait, 1U << isa::kTokE2S); }, Error::kBadToken);
  check_bad_descriptor(isa::Opcode::kLoadAct, [](auto& d) { d.set(l::kRows, 0); }, Error::kBadLength);
  check_bad_descriptor(isa::Opcode::kLoadAct, [](auto& d) { d.set(l::kDst, 65535); }, Error::kLoadRange);
  check_bad_descriptor(isa::Opcode::kLoadAct, [](auto& d) { d.set(l::kAddr, d.get(l::kAddr) + 1); }, Error::kBadAlign);
  check_bad_descriptor(isa::Opcode::kLoadWgt, [](auto& d) { d.set(isa::load_wgt::kEntries, 65535); }, Error::kLoadRange);
  check_bad_descriptor(isa::Opcode::kStore, [](auto& d) { d.set(isa::store::kPlanes, 0); }, Error::kBadLength);
  check_bad_descriptor(isa::Opcode::kStore, [](auto& d) { d.set(isa::store::kOutBase, 65535); }, Error::kStoreRange);
  check_bad_descriptor(isa::Opcode::kCheck, [](auto& d) { d.set(isa::check::kConfigHash, 1); }, Error::kConfigMismatch);
  check_bad_descriptor(isa::Opcode::kCheck, [](auto& d) { d.set(isa::check::kVersion, 99); }, Error::kConfigMismatch);
  check_bad_descriptor(isa::Opcode::kEnd, [](auto& d) { d.set(isa::header::kOpcode, 13); }, Error::kBadOpcode);
}

BOOST_AUTO_TEST_CASE(addresses_outside_the_window) {
  const Config c = config();
  const auto last = static_cast<uint32_t>((uint64_t{1} << c.axi_addr_width) - 64);
  check_bad_descriptor(isa::Opcode::kLoadAct, [&](auto& d) { d.set(isa::load_act::kAddr, last); }, Error::kWindow);
  check_bad_descriptor(isa::Opcode::kStore, [&](auto& d) { d.set(isa::store::kAddr, last); }, Error::kWindow);
}

BOOST_AUTO_TEST_CASE(token_that_nobody_gives) {
  check_bad_descriptor(isa::Opcode::kLoadAct, [](auto& d) { d.set(isa::header::kWait, 1U << isa::kTokS2L); },
                       Error::kTokenDeadlock);
}

BOOST_AUTO_TEST_CASE(program_without_end_and_with_an_early_end) {
  Bench b;
  b.load();
  b.check_fault(b.session().run_job(b.program.descriptor_address, b.program.descriptor_count - 1, b.program.base,
                                    b.program.base + b.program.memory_size - 1, kLimit), Error::kProgramEnd);
  b.check_recovery();
  b.load();
  b.check_fault(b.session().run_job(b.program.descriptor_address, b.program.descriptor_count + 1, b.program.base,
                                    b.program.base + b.program.memory_size - 1, kLimit), Error::kProgramEnd);
  b.check_recovery();
}

BOOST_AUTO_TEST_CASE(start_while_busy_abort_and_soft_reset) {
  for (const uint32_t control : {1U, 2U, 4U}) {
    Bench b;
    b.load();
    b.session().start_job(b.program.descriptor_address, b.program.descriptor_count, b.program.base,
                          b.program.base + b.program.memory_size - 1);
    b.session().step(300);
    b.session().write_register(isa::reg::kControl, control);
    if (control == 4U) {
      // A soft reset clears what it caused: wait for idle.
      for (int i = 0; i < 1000 && (b.session().read_register(isa::reg::kStatus) & 1) != 0; ++i) b.session().step(10);
      BOOST_TEST((b.session().read_register(isa::reg::kStatus) & 1) == 0U);
    } else {
      b.check_fault(b.session().finish_job(kLimit), control == 1U ? Error::kStartBusy : Error::kAborted);
    }
    b.check_recovery();
  }
}

BOOST_AUTO_TEST_CASE(registers_while_busy_and_unmapped) {
  Bench b;
  uint8_t response = 0;
  b.session().read_register(0x7c, &response);
  BOOST_TEST(response == 2);
  b.session().write_register(0xffc, 1, &response);
  BOOST_TEST(response == 2);
  b.session().write_register(isa::reg::kId, 1, &response);
  BOOST_TEST(response == 2);
  b.load();
  b.session().start_job(b.program.descriptor_address, b.program.descriptor_count, b.program.base,
                        b.program.base + b.program.memory_size - 1);
  b.session().step(100);
  b.session().write_register(isa::reg::kProgramAddr, 0x40, &response);
  BOOST_TEST(response == 2);
  BOOST_TEST(b.session().read_register(isa::reg::kProgramAddr) == b.program.descriptor_address);
  BOOST_TEST(b.session().finish_job(kLimit).done);
}

BOOST_AUTO_TEST_CASE(window_lock_holds) {
  Bench b;
  b.session().write_register(isa::reg::kWindowBase, 0x1000);
  b.session().write_register(isa::reg::kWindowLock, 1);
  uint8_t response = 0;
  b.session().write_register(isa::reg::kWindowBase, 0x2000, &response);
  BOOST_TEST(response == 2);
  BOOST_TEST(b.session().read_register(isa::reg::kWindowBase) == 0x1000U);
}

BOOST_AUTO_TEST_CASE(hung_bus_ends_in_bus_hung_until_reset) {
  Bench b;
  MemoryFault f;
  f.burst = 4;
  f.hang = true;
  b.session().memory().faults = {f};
  b.session().watchdog = 2000;
  b.session().drain_limit = 1000;
  b.load();
  const JobResult job = b.session().run_job(b.program.descriptor_address, b.program.descriptor_count, b.program.base,
                                            b.program.base + b.program.memory_size - 1, kLimit);
  BOOST_TEST(std::string(isa::to_string(job.error)) == "BUS_HUNG");
  b.session().memory().faults.clear();
  b.session().reset();
  b.check_recovery();
}

BOOST_AUTO_TEST_CASE(watchdog_ends_a_slow_bus) {
  Bench b;
  MemoryFault f;
  f.burst = 4;
  f.hang = true;
  b.session().memory().faults = {f};
  b.session().watchdog = 2000;
  b.session().drain_limit = 100000;
  b.load();
  b.session().start_job(b.program.descriptor_address, b.program.descriptor_count, b.program.base,
                        b.program.base + b.program.memory_size - 1);
  b.session().step(6000);
  b.session().memory().faults.clear();  // the bus comes back while draining
  b.check_fault(b.session().finish_job(kLimit), Error::kWatchdog);
  b.check_recovery();
}
