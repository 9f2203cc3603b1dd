// SPDX-License-Identifier: Apache-2.0
// aap_fetch: good programs are committed whole; every kind of bad descriptor is refused with its code, at its number.
#define BOOST_TEST_MODULE fetch
#include <boost/test/unit_test.hpp>

#include <functional>

#include DUT_HEADER
#include "compile/gen/isa.h"
#include "verif/unit/bench.h"

using namespace aap;
using namespace aap::bench;

namespace {

constexpr int kBeats = 512 / P_AxiDataWidth, kWords = P_AxiDataWidth / 32;
constexpr uint32_t kSlots = 16, kProgram = 0x1240;

std::vector<isa::Descriptor> good_program(int length) {
  std::vector<isa::Descriptor> program;
  isa::Descriptor check(isa::Opcode::kCheck);
  check.words[1] = P_ConfigHash;
  check.words[2] = isa::kVersion;
  program.push_back(check);
  const isa::Opcode ops[] = {isa::Opcode::kLoadAct, isa::Opcode::kLoadRes, isa::Opcode::kLoadWgt, isa::Opcode::kLoadTab,
                             isa::Opcode::kLoadPar, isa::Opcode::kExec, isa::Opcode::kStore};
  const uint32_t waits[] = {0x12, 0x12, 0x12, 0x12, 0x12, 0x09, 0x04}, posts[] = {1, 1, 1, 1, 1, 0x06, 0x18};
  for (int i = 0; program.size() + 1 < static_cast<size_t>(length); ++i) {
    isa::Descriptor d(ops[i % 7]);
    d.words[0] |= waits[i % 7] << 4 | posts[i % 7] << 9;
    d.words[5] = static_cast<uint32_t>(i) * 77777;
    program.push_back(d);
  }
  program.emplace_back(isa::Opcode::kEnd);
  for (auto& d : program) d.seal();
  return program;
}

struct Outcome {
  size_t committed = 0;
  bool end = false;
  isa::Error error = isa::Error::kNone;
  size_t number = 0;     // of the descriptor at fault
  uint32_t address = 0;  // as told after the fault
};

// A memory of random latency and a queue memory that holds everything up to `room` descriptors ahead.
Outcome run(const std::vector<isa::Descriptor>& program, size_t length, int stalls) {
  Random random;
  Clocked<DUT> bench;
  auto& d = *bench.dut;
  d.rst_ni = 0;
  d.clear_i = 1;
  d.halt_i = d.req_ready_i = d.r_valid_i = d.full_i = d.committing_i = d.fault_i = 0;
  d.program_addr_i = kProgram >> 6;
  d.program_len_i = static_cast<SData>(length);
  bench.edge();
  d.rst_ni = 1;
  bench.edge();
  d.clear_i = 0;
  Outcome o;
  size_t requested = 0, arrived = 0, freed = 0;
  int beat = 0;
  for (int cycle = 0; cycle < 20000; ++cycle) {
    d.committing_i = o.committed % (2 * kSlots);
    d.full_i = requested - freed >= kSlots;
    d.req_ready_i = stalls == 0 || random.one_in(stalls);
    d.r_valid_i = arrived < requested && (stalls == 0 || random.one_in(stalls));
    if (d.r_valid_i) {
      const auto& w = program.at(arrived).words;
      drive(d.r_data_i, Bits(w.begin() + beat * kWords, w.begin() + (beat + 1) * kWords));
    }
    bench.settle();
    BOOST_REQUIRE_EQUAL(uint32_t{d.request_o}, requested % (2 * kSlots));
    if (d.req_valid_o) BOOST_REQUIRE_EQUAL(uint32_t{d.req_addr_o}, (kProgram >> 6) + requested);
    if (d.r_valid_i) {
      BOOST_REQUIRE_EQUAL(int{d.wr_beat_o}, beat);
      BOOST_REQUIRE_EQUAL(uint32_t{d.wr_slot_o}, arrived % kSlots);
    }
    const bool request = d.req_valid_o && d.req_ready_i;
    BOOST_REQUIRE(!(d.full_i && request));
    const bool commit = d.commit_o;
    o.end = d.end_o;
    if (d.err_valid_o) {
      BOOST_REQUIRE(!commit);
      o.error = static_cast<isa::Error>(d.err_code_o);
      o.number = o.committed;
      bench.edge();
      d.halt_i = 1;
      d.fault_i = o.number % (2 * kSlots);
      bench.settle();
      o.address = d.fault_addr_o << 6;
      BOOST_REQUIRE(!d.req_valid_o);
      return o;
    }
    if (d.r_valid_i && ++beat == kBeats) beat = 0, ++arrived;
    bench.edge();
    requested += request;
    o.committed += commit;
    if (freed < o.committed && random.one_in(4)) ++freed;
    if (o.end) {
      BOOST_REQUIRE_EQUAL(requested, length);
      return o;
    }
  }
  BOOST_FAIL("neither end nor error");
  return o;
}

void refuse(size_t index, const std::function<void(isa::Descriptor&)>& change, isa::Error code, bool seal = true) {
  auto program = good_program(40);
  change(program[index]);
  if (seal) program[index].seal();
  for (const int stalls : {0, 3}) {
    const Outcome o = run(program, program.size(), stalls);
    BOOST_TEST((o.error == code));
    BOOST_TEST(o.number == index);
    BOOST_TEST(o.address == kProgram + 64 * index);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(good_programs) {
  for (const int length : {2, 3, 16, 17, 100}) {
    for (const int stalls : {0, 2, 5}) {
      const auto program = good_program(length);
      const Outcome o = run(program, program.size(), stalls);
      BOOST_TEST((o.error == isa::Error::kNone));
      BOOST_TEST(o.end);
      BOOST_TEST(o.committed == program.size() - 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(any_flipped_bit) {
  for (int bit = 0; bit < 512; bit += 7) {
    refuse(20, [&](isa::Descriptor& d) { d.words[static_cast<size_t>(bit / 32)] ^= 1U << bit % 32; }, isa::Error::kBadCheck, false);
  }
}

BOOST_AUTO_TEST_CASE(unknown_opcodes) {
  for (const uint32_t op : {0, 7, 10, 11, 12, 13, 14}) {
    refuse(5, [&](isa::Descriptor& d) { d.words[0] = op; }, isa::Error::kBadOpcode);
  }
}

BOOST_AUTO_TEST_CASE(tokens_of_other_units) {
  const uint32_t waits[] = {0x12, 0x12, 0x12, 0x12, 0x12, 0x09, 0x04}, posts[] = {1, 1, 1, 1, 1, 0x06, 0x18};
  for (size_t kind = 0; kind < 7; ++kind) {
    for (int t = 0; t < 5; ++t) {
      if ((waits[kind] >> t & 1) == 0) refuse(1 + kind, [&](isa::Descriptor& d) { d.words[0] |= 1U << (4 + t); }, isa::Error::kBadToken);
      if ((posts[kind] >> t & 1) == 0) refuse(1 + kind, [&](isa::Descriptor& d) { d.words[0] |= 1U << (9 + t); }, isa::Error::kBadToken);
    }
  }
  refuse(0, [](isa::Descriptor& d) { d.words[0] |= 1U << 4; }, isa::Error::kBadToken);
  refuse(39, [](isa::Descriptor& d) { d.words[0] |= 1U << 9; }, isa::Error::kBadToken);
}

BOOST_AUTO_TEST_CASE(another_configuration) {
  for (int bit = 0; bit < 32; ++bit) {
    refuse(0, [&](isa::Descriptor& d) { d.words[1] ^= 1U << bit; }, isa::Error::kConfigMismatch);
    refuse(0, [&](isa::Descriptor& d) { d.words[2] ^= 1U << bit; }, isa::Error::kConfigMismatch);
  }
  refuse(0, [](isa::Descriptor& d) { d = isa::Descriptor(isa::Opcode::kLoadWgt); }, isa::Error::kConfigMismatch);
}

BOOST_AUTO_TEST_CASE(end_where_it_does_not_belong) {
  refuse(10, [](isa::Descriptor& d) { d = isa::Descriptor(isa::Opcode::kEnd); }, isa::Error::kProgramEnd);
  refuse(39, [](isa::Descriptor& d) { d = isa::Descriptor(isa::Opcode::kExec); }, isa::Error::kProgramEnd);
  const Outcome o = run(good_program(40), 20, 0);
  BOOST_TEST((o.error == isa::Error::kProgramEnd));
  BOOST_TEST(o.number == 19U);
}
