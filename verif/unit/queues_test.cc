// SPDX-License-Identifier: Apache-2.0
// aap_queues: random programs; every reader gets its descriptors, whole, in order, and only those that were committed.
#define BOOST_TEST_MODULE queues
#include <boost/test/unit_test.hpp>

#include <array>

#include DUT_HEADER
#include "compile/gen/isa.h"
#include "verif/unit/bench.h"

using namespace aap;
using namespace aap::bench;

namespace {

constexpr int kBeats = 512 / P_AxiDataWidth, kSlots = 4 * P_QueueDepth;

int reader_of(isa::Opcode op) {  // -1 none, 0 load (and 1), 2 exec, 3 store
  if (op == isa::Opcode::kCheck || op == isa::Opcode::kEnd) return -1;
  return op == isa::Opcode::kExec ? 2 : op == isa::Opcode::kStore ? 3 : 0;
}

std::vector<isa::Descriptor> random_program(Random& random, int length) {
  const isa::Opcode ops[] = {isa::Opcode::kLoadAct, isa::Opcode::kLoadRes, isa::Opcode::kLoadWgt, isa::Opcode::kLoadTab,
                             isa::Opcode::kLoadPar, isa::Opcode::kExec, isa::Opcode::kStore};
  std::vector<isa::Descriptor> program;
  for (int i = 0; i < length; ++i) {
    isa::Descriptor d(i == 0 ? isa::Opcode::kCheck : ops[random.between(0, 6)]);
    for (size_t w = 1; w < 16; ++w) d.words[w] = static_cast<uint32_t>(random.bits(32));
    program.push_back(d);
  }
  return program;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_reader_gets_its_own_in_order) {
  Random random;
  Clocked<DUT> bench;
  auto& d = *bench.dut;
  for (int round = 0; round < 6; ++round) {
    const auto program = random_program(random, 60);
    d.rst_ni = round != 0;
    d.clear_i = 1;
    d.wr_valid_i = d.commit_i = d.desc_ready_i = 0;
    d.request_i = 0;
    bench.edge();
    d.rst_ni = 1;
    d.clear_i = 0;
    size_t requested = 0, written = 0, committed = 0;
    int beat_in = 0;
    std::array<size_t, 4> at{};            // next descriptor of each reader
    std::array<int, 4> beat{}, rest{};     // beat within it; cycles until ready again
    std::array<bool, 4> stuck{};           // exec holds back at its second half
    bool commit = false;
    int idle = 0;
    auto next_own = [&](int r) {
      while (at[r] < program.size() && reader_of(program[at[r]].opcode()) != (r == 1 ? 0 : r)) ++at[r];
    };
    for (int cycle = 0; cycle < 60000; ++cycle) {
      d.request_i = requested % (2 * kSlots);
      d.commit_i = commit;
      d.wr_valid_i = 0;
      if (written < requested && (round % 2 == 0 || random.one_in(3))) {
        d.wr_valid_i = 1;
        d.wr_slot_i = written % kSlots;
        d.wr_beat_i = beat_in;
        Bits data(program[written].words.begin() + beat_in * (P_AxiDataWidth / 32),
                  program[written].words.begin() + (beat_in + 1) * (P_AxiDataWidth / 32));
        drive(d.wr_data_i, data);
      }
      int ready = 0;
      for (int r = 0; r < 4; ++r) {
        if (beat[r] == 0 && rest[r] > 0) continue;
        if (r == 2 && beat[r] == kBeats / 2 && stuck[r]) continue;
        ready |= 1 << r;
      }
      d.desc_ready_i = ready;
      bench.settle();
      BOOST_REQUIRE_EQUAL(int{d.commit_o}, static_cast<int>(committed % (2 * kSlots)));
      if (!d.full_o && requested < program.size() && requested - written < 4) ++requested;
      for (int r = 0; r < 4; ++r) {
        if (beat[r] == 0 && rest[r] > 0) --rest[r];
        if (stuck[r] && random.one_in(8)) stuck[r] = false;
        if (!(d.desc_valid_o >> r & 1) || !(ready >> r & 1)) continue;
        next_own(r);
        BOOST_REQUIRE(at[r] < committed);
        BOOST_REQUIRE_EQUAL(int{d.desc_beat_o}, beat[r]);
        const Bits got = sample(d.desc_data_o);
        for (int w = 0; w < P_AxiDataWidth / 32; ++w)
          BOOST_REQUIRE_EQUAL(got[w], program[at[r]].words[beat[r] * (P_AxiDataWidth / 32) + w]);
        const auto number = at[r] % (2 * kSlots);
        if (r == 0) BOOST_REQUIRE_EQUAL(size_t{d.load_o}, number);
        if (r == 3) BOOST_REQUIRE_EQUAL(size_t{d.store_o}, number);
        if (r == 2 && beat[r] > 0) BOOST_REQUIRE_EQUAL(size_t{d.exec_o}, number);
        if (++beat[r] == kBeats) {
          beat[r] = 0;
          ++at[r];
          rest[r] = static_cast<int>(random.between(0, round < 3 ? 3 : 80));
        }
        if (r == 2 && beat[r] == kBeats / 2) stuck[r] = random.one_in(2);
      }
      commit = false;
      if (d.wr_valid_i && ++beat_in == kBeats) {
        beat_in = 0;
        ++written;
        commit = true;
      }
      if (d.commit_i) ++committed;
      const bool empty = d.empty_o && committed == program.size();
      bench.edge();
      if (empty && ++idle > 20) break;
    }
    BOOST_TEST(committed == program.size());
    for (int r = 0; r < 4; ++r) {
      next_own(r);
      BOOST_TEST(at[r] == program.size());
    }
    BOOST_TEST(d.quiet_o);
  }
}
