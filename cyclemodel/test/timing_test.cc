// SPDX-License-Identifier: Apache-2.0
// Cycle counts that follow from docs/accelerator.md: each test bounds what the structure may add to
// them, and none repeats a number that the model produced.
#define BOOST_TEST_MODULE cyclemodel_timing
#include <boost/test/unit_test.hpp>
#include <random>

#include "cyclemodel/test/assembler.h"

namespace aap::test {
namespace {

// Set-up of a descriptor, latencies of the array and drain, memory latency: what one dependent
// chain fetch, load, EXEC, STORE costs at most besides its work.
constexpr uint64_t kChain = 250;

uint64_t load_stalls(const CycleCounts& c) { return c.stall_weights + c.stall_activations + c.stall_tokens; }

void require_clean(const ModelResult& r) {
  BOOST_TEST_REQUIRE(r.error_text == "");
  BOOST_TEST_REQUIRE(r.hazard_count == 0U, (r.hazards.empty() ? "" : r.hazards[0]));
}

BOOST_AUTO_TEST_CASE(compute_bound_exec) {
  Assembler a(board());
  LayerOptions o;
  o.cols = 500;
  o.steps = 4;
  o.keep = 16;
  add_layer(a, o);
  const ModelResult r = a.run();
  require_clean(r);
  BOOST_TEST(r.counts.exec_cycles == 500U * 64);
  BOOST_TEST(r.counts.stall_requant == 0U);
  const uint64_t load_beats = 4 * 4 * 500 + 64 * 12 + 4 + 32, store_beats = 500 * 2 * 2;
  BOOST_TEST(r.cycles > r.counts.exec_cycles + load_beats);
  BOOST_TEST(r.cycles < r.counts.exec_cycles + load_beats + store_beats + kChain);
}

BOOST_AUTO_TEST_CASE(drain_bound_exec) {
  for (const Config& config : {board(), small()}) {
    Assembler a(config);
    LayerOptions o;
    o.cols = 30;
    o.steps = 1;
    o.keep = 1;
    add_layer(a, o);
    const ModelResult r = a.run();
    require_clean(r);
    BOOST_TEST(r.counts.exec_cycles == 30U);
    BOOST_TEST(r.counts.stall_requant == 29U * (static_cast<unsigned>(config.drain_cycles()) - 1));
  }
}

// An EXEC that differs from the one before in its bases alone does not wait for the drain; with RP 3 every one does.
BOOST_AUTO_TEST_CASE(execs_alike_overlap) {
  const auto cycles = [](const Config& config, uint32_t columns, uint32_t hi) {
    Assembler a(config);
    LayerOptions o;
    o.cols = columns;
    o.steps = 1;
    o.keep = 1;
    add_layer(a, o);
    isa::Descriptor next = a.at(5);
    next.set(isa::header::kWait, 0);
    next.set(isa::exec::kHi, hi);
    next.set(isa::exec::kOutBase, columns);
    a.at(5).set(isa::header::kPost, 0);
    a.descriptors.insert(a.descriptors.begin() + 6, next);
    const ModelResult r = a.run();
    require_clean(r);
    BOOST_TEST(r.counts.exec_cycles == 2 * columns);
    return r.cycles;
  };
  const auto hi = [](const Config& config) {
    Assembler a(config);
    add_layer(a, {});
    return static_cast<uint32_t>(a.at(5).get(isa::exec::kHi));
  };
  // Drain and array are 25 cycles deep, of which parsing the descriptor needs some anyway.
  const uint32_t same = hi(board());
  const uint64_t waits = cycles(board(), 40, same ^ 1) - cycles(board(), 40, same);
  BOOST_TEST(waits >= 12U);
  BOOST_TEST(waits <= 25U);
  BOOST_TEST(cycles(board(), 3, same ^ 1) == cycles(board(), 3, same));
  BOOST_TEST(cycles(small(), 12, hi(small()) ^ 1) == cycles(small(), 12, hi(small())));
}

BOOST_AUTO_TEST_CASE(load_bound_program) {
  for (const Config& config : {board(), small()}) {
    Assembler a(config);
    const uint32_t rows = 256, count = 10;
    const auto bytes = rows * static_cast<uint32_t>(config.row_beats() * config.beat_bytes());
    const uint32_t weights = a.reserve(bytes);
    for (uint32_t i = 0; i < count; ++i) {
      a.add(isa::Opcode::kLoadWgt, 0, 0,
            {{isa::load_wgt::kAddr, weights}, {isa::load_wgt::kEntries, rows}}, 3);
    }
    const ModelResult r = a.run();
    require_clean(r);
    const uint64_t beats = uint64_t{bytes} * count / static_cast<uint64_t>(config.beat_bytes());
    BOOST_TEST(r.read_bytes == uint64_t{bytes} * count);
    BOOST_TEST(r.layers.at(3).read_bytes == r.read_bytes);
    BOOST_TEST(r.cycles > beats);
    // Descriptor fetches share the channel; the small configuration has one burst of 16 beats on its way: check, address, latency.
    const uint64_t all = beats + r.fetch_bytes / static_cast<uint64_t>(config.beat_bytes());
    const uint64_t slowest = config.outstanding > 1 ? all : all * (2 + 20 + 15) / 16;
    BOOST_TEST(r.cycles < slowest * 102 / 100 + kChain);
  }
}

BOOST_AUTO_TEST_CASE(padding_takes_write_cycles_not_bandwidth) {
  Assembler a(board());
  const uint32_t input = a.reserve(64 * 64 * 16);
  namespace la = isa::load_act;
  const uint32_t n = a.add(isa::Opcode::kLoadAct, 0, 0,
                           {{la::kAddr, input},
                            {la::kRowStride, 256},
                            {la::kPlaneStride, 4096},
                            {la::kCols, 16},
                            {la::kRows, 16},
                            {la::kPlanes, 1},
                            {la::kBankMask, 15},
                            {la::kWrap, 1}});
  const ModelResult plain = a.run();
  a.at(n).set(la::kLeftFill, 20);
  a.at(n).set(la::kRightFill, 20);
  const ModelResult padded = a.run();
  require_clean(padded);
  BOOST_TEST(padded.read_bytes == plain.read_bytes);
  BOOST_TEST(padded.cycles > 16 * 56U);
  BOOST_TEST(padded.cycles < 16 * 56U + kChain);
  BOOST_TEST(plain.cycles < 16 * 16U + kChain);
}

// Two layers in different parts of the buffers: the second loads while the first computes.
BOOST_AUTO_TEST_CASE(loads_hide_behind_compute) {
  LayerOptions o;
  o.cols = 200;
  o.steps = 2;
  o.keep = 16;
  Assembler one(board());
  add_layer(one, o);
  const ModelResult single = one.run();
  require_clean(single);

  Assembler a(board());
  add_layer(a, o);
  LayerOptions next = o;
  next.layer = 1;
  next.dst = 500;
  next.wgt = 100;
  next.tab = 10;
  next.par = 8;
  next.out = 200;
  next.seed = 2;
  add_layer(a, next);
  const ModelResult both = a.run();
  require_clean(both);
  // The second layer's EXEC and STORE remain; nothing of its loads.
  const uint64_t exec = 200 * 32;
  BOOST_TEST(both.cycles < single.cycles + exec + 100);
  BOOST_TEST(both.cycles >= single.cycles + exec);
  BOOST_TEST(both.layers.at(1).first_cycle < single.layers.at(0).last_cycle);
  BOOST_TEST(load_stalls(both.layers.at(1).counts) == 0U);

  // The same with one buffer: E2L makes the second layer's loads wait.
  Assembler b(board());
  add_layer(b, o);
  b.at(5).set(isa::header::kPost, kE2S | kE2L);
  b.at(6).set(isa::header::kPost, kS2E);
  LayerOptions same = o;
  same.load_wait = kE2L;
  same.exec_wait = kS2E;
  same.layer = 1;
  add_layer(b, same);
  const ModelResult serial = b.run();
  require_clean(serial);
  const uint64_t load_beats = 200 * 8 + 32 * 12;
  BOOST_TEST(serial.cycles > both.cycles + load_beats);
  BOOST_TEST(load_stalls(serial.layers.at(1).counts) > load_beats);
  BOOST_TEST(load_stalls(serial.layers.at(1).counts) < load_beats + kChain);
}

BOOST_AUTO_TEST_CASE(execute_waits_for_the_store) {
  LayerOptions o;
  o.cols = 400;
  o.steps = 1;
  o.keep = 4;
  Assembler a(board());
  add_layer(a, o);
  // The same EXEC and STORE again, into the same output buffer.
  const isa::Descriptor exec = a.at(5), store = a.at(6);
  a.at(6).set(isa::header::kPost, kS2E);
  a.descriptors.push_back(exec);
  a.at(7).set(isa::header::kWait, kS2E);
  a.at(7).set(isa::header::kLayer, 1);
  a.descriptors.push_back(store);
  const ModelResult r = a.run();
  require_clean(r);
  // Two entries of 8 bytes make a beat, so the store takes 400 x 4 cycles after the drain.
  BOOST_TEST(load_stalls(r.layers.at(1).counts) == 0U);
  BOOST_TEST(r.layers.at(1).counts.stall_output > 400 * 4U);
  BOOST_TEST(r.layers.at(1).counts.stall_output < 400 * 4 + 50U);
  BOOST_TEST(r.counts.stall_output == r.layers.at(1).counts.stall_output);
}

BOOST_AUTO_TEST_CASE(latencies_are_paid_once_in_a_chain) {
  const auto cycles = [](int read, int write) {
    Assembler a(board());
    const uint32_t from = a.reserve(4096);
    // One load after the only fetch burst.
    a.add(isa::Opcode::kLoadWgt, 0, 0,
          {{isa::load_wgt::kAddr, from}, {isa::load_wgt::kEntries, 1}});
    ModelOptions options;
    options.read_latency = read;
    options.write_latency = write;
    return a.run(options).cycles;
  };
  BOOST_TEST(cycles(120, 20) == cycles(20, 20) + 200);
  BOOST_TEST(cycles(20, 300) == cycles(20, 20));

  const auto chain = [](int write) {
    Assembler a(board());
    LayerOptions o;
    add_layer(a, o);
    a.at(6).set(isa::header::kPost, kS2L);
    o.load_wait = kS2L;
    add_layer(a, o);
    a.at(12).set(isa::exec::kOutBase, 100);
    a.at(13).set(isa::store::kOutBase, 100);
    ModelOptions options;
    options.write_latency = write;
    return a.run(options).cycles;
  };
  // Once before the loads go on, once at the end.
  BOOST_TEST(chain(120) == chain(20) + 200);
}

BOOST_AUTO_TEST_CASE(bandwidth) {
  const auto run = [](int per_beat, bool shared) {
    Assembler a(board());
    LayerOptions o;
    o.cols = 400;
    o.steps = 1;
    o.keep = 4;
    add_layer(a, o);
    LayerOptions next = o;
    next.dst = 500;
    next.wgt = 100;
    next.tab = 10;
    next.par = 8;
    next.out = 0;
    a.at(6).set(isa::header::kPost, kS2E);
    next.exec_wait = kS2E;
    add_layer(a, next);
    ModelOptions options;
    options.cycles_per_beat = per_beat;
    options.shared_bandwidth = shared;
    const ModelResult r = a.run(options);
    require_clean(r);
    return r;
  };
  const ModelResult full = run(1, false), shared = run(1, true), half = run(2, false);
  const uint64_t beats = (full.read_bytes + full.write_bytes + full.fetch_bytes) / 16;
  BOOST_TEST(shared.cycles >= full.cycles);
  BOOST_TEST(shared.cycles >= beats);
  BOOST_TEST(half.cycles > full.cycles);
  BOOST_TEST(half.read_bytes == full.read_bytes);
}

// Parameters and residuals are read last: E2L comes with them, and E2S later.
BOOST_AUTO_TEST_CASE(tokens_of_execute) {
  const auto load_begins = [](bool residual) {
    Assembler a(board());
    LayerOptions o;
    o.cols = 4;
    add_layer(a, o);
    isa::Descriptor residuals(isa::Opcode::kLoadRes);
    residuals.set(isa::load_res::kAddr, a.reserve(4096));
    residuals.set(isa::load_res::kCols, 4);
    residuals.set(isa::load_res::kRows, 1);
    residuals.set(isa::load_res::kPlanes, 2);
    a.descriptors.insert(a.descriptors.begin() + 1, residuals);
    a.at(6).set(isa::header::kPost, kE2S | kE2L);
    if (residual) a.at(6).set(isa::exec::kResidual, 1);
    isa::Descriptor load = a.at(4);
    load.set(isa::header::kWait, kE2L);
    load.set(isa::header::kLayer, 1);
    a.descriptors.push_back(load);
    const ModelResult r = a.run();
    require_clean(r);
    return std::make_pair(r.layers.at(1).first_cycle, r.cycles);
  };
  const auto plain = load_begins(false), residual = load_begins(true);
  BOOST_TEST(plain.first < residual.first);
  BOOST_TEST(plain.second <= residual.second);
}

BOOST_AUTO_TEST_CASE(write_events_cover_every_byte_in_order) {
  Assembler a(board());
  LayerOptions o;
  o.cols = 300;
  add_layer(a, o);
  ModelOptions options;
  options.record_writes = true;
  const ModelResult r = a.run(options);
  uint64_t bytes = 0, cycle = 0;
  for (const WriteEvent& w : r.writes) {
    BOOST_TEST(w.cycle > cycle);
    BOOST_TEST(w.address / 4096 == (w.address + w.bytes - 1) / 4096);
    BOOST_TEST(w.bytes <= 64 * 16U);
    BOOST_TEST(w.descriptor == 6U);
    cycle = w.cycle;
    bytes += w.bytes;
  }
  BOOST_TEST(bytes == r.write_bytes);
  BOOST_TEST(bytes == 300U * 32);
}

BOOST_AUTO_TEST_CASE(timed_and_untimed_runs_agree) {
  for (const Config& config : {board(), small()}) {
    Assembler a(config);
    LayerOptions o;
    o.keep = 3;
    add_layer(a, o);
    ModelOptions untimed;
    untimed.timing = false;
    const ModelResult timed = a.run();
    const std::vector<uint8_t> memory = a.memory;
    const ModelResult plain = a.run(untimed);
    BOOST_TEST((memory == a.memory));
    BOOST_TEST(timed.counts.exec_cycles == plain.counts.exec_cycles);
    BOOST_TEST(timed.read_bytes == plain.read_bytes);
    BOOST_TEST(timed.write_bytes == plain.write_bytes);
    BOOST_TEST(plain.cycles == 0U);
  }
}

BOOST_AUTO_TEST_CASE(counters_add_up) {
  Assembler a(board());
  add_layer(a, {});
  const ModelResult r = a.run();
  BOOST_TEST(r.counts.total() == r.cycles);
  BOOST_TEST(load_stalls(r.counts) > 0U);
  BOOST_TEST(r.layers.at(0).last_cycle < r.cycles);
}

}  // namespace
}  // namespace aap::test
