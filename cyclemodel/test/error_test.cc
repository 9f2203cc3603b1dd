// SPDX-License-Identifier: Apache-2.0
// Every fault that a program can cause, with its code and address, and every hazard.
#define BOOST_TEST_MODULE cyclemodel_error
#include "model/error.h"

#include <boost/test/unit_test.hpp>

#include "cyclemodel/test/assembler.h"

namespace aap::test {
namespace {

constexpr uint32_t kBase = 0x1000;
constexpr uint32_t kWgt = 1, kTab = 2, kPar = 3, kAct = 4, kExec = 5, kStore = 6;  // of add_layer

uint32_t descriptor(uint32_t number) { return kBase + number * isa::kDescriptorBytes; }

struct Case {
  explicit Case(const LayerOptions& o = {}) : a(board(), kBase) { layer = add_layer(a, o); }
  Case& set(uint32_t number, isa::Field field, uint64_t value) {
    a.at(number).set(field, value);
    return *this;
  }
  // Both runs stop with this fault.
  void fails(isa::Error code, uint32_t address) {
    for (const bool timing : {true, false}) {
      ModelOptions options;
      options.timing = timing;
      const ModelResult r = a.run(options);
      BOOST_TEST_INFO("text: " << r.error_text);
      BOOST_TEST(isa::to_string(r.error) == isa::to_string(code));
      BOOST_TEST(r.error_address == address);
      BOOST_TEST(!r.ok());
    }
  }
  void hazard(const std::string& text, bool timed_only = false) {
    for (const bool timing : {true, false}) {
      if (timed_only && !timing) continue;
      ModelOptions options;
      options.timing = timing;
      const ModelResult r = a.run(options);
      BOOST_TEST(r.error_text == "");
      bool found = false;
      std::string all;
      for (const std::string& h : r.hazards) {
        found = found || h.find(text) != std::string::npos;
        all += h + "\n";
      }
      BOOST_TEST(found, "'" << text << "' is not in: " << all);
      BOOST_TEST(!r.ok());
    }
  }
  Assembler a;
  Layer layer;
};

BOOST_AUTO_TEST_CASE(no_fault) {
  Case c;
  const ModelResult r = c.a.run();
  BOOST_TEST(r.ok(), r.error_text);
}

BOOST_AUTO_TEST_CASE(bad_opcode) {
  Case c;
  c.set(kAct, isa::header::kOpcode, 7).fails(isa::Error::kBadOpcode, descriptor(kAct));
}

BOOST_AUTO_TEST_CASE(bad_check) {
  Case c;
  c.a.program();
  c.a.seal = false;
  c.set(kTab, isa::load_tab::kDst, 1).fails(isa::Error::kBadCheck, descriptor(kTab));
}

BOOST_AUTO_TEST_CASE(config_mismatch) {
  Case hash;
  hash.set(0, isa::check::kConfigHash, 1).fails(isa::Error::kConfigMismatch, descriptor(0));
  Case version;
  version.set(0, isa::check::kVersion, 99).fails(isa::Error::kConfigMismatch, descriptor(0));
  Case without;
  without.a.descriptors.erase(without.a.descriptors.begin());
  without.fails(isa::Error::kConfigMismatch, descriptor(0));
}

BOOST_AUTO_TEST_CASE(bad_token) {
  Case wait;
  wait.set(kExec, isa::header::kWait, kE2L).fails(isa::Error::kBadToken, descriptor(kExec));
  Case post;
  post.set(kStore, isa::header::kPost, kL2E).fails(isa::Error::kBadToken, descriptor(kStore));
  Case check;
  check.set(0, isa::header::kPost, kL2E).fails(isa::Error::kBadToken, descriptor(0));
}

BOOST_AUTO_TEST_CASE(bad_length) {
  const std::pair<uint32_t, isa::Field> fields[] = {
      {kWgt, isa::load_wgt::kEntries}, {kTab, isa::load_tab::kEntries},
      {kPar, isa::load_par::kEntries}, {kAct, isa::load_act::kCols},
      {kAct, isa::load_act::kRows},    {kAct, isa::load_act::kPlanes},
      {kExec, isa::exec::kSteps},      {kExec, isa::exec::kCols},
      {kExec, isa::exec::kRows},       {kStore, isa::store::kCols},
      {kStore, isa::store::kRows},     {kStore, isa::store::kPlanes}};
  for (const auto& [number, field] : fields) {
    Case c;
    c.set(number, field, 0).fails(isa::Error::kBadLength, descriptor(number));
  }
  Case planes;
  planes.set(kStore, isa::store::kPlanes, 3).fails(isa::Error::kBadLength, descriptor(kStore));
}

BOOST_AUTO_TEST_CASE(keep_range) {
  Case none;
  none.set(kExec, isa::exec::kKeep, 0).fails(isa::Error::kKeepRange, descriptor(kExec));
  Case many;
  many.set(kExec, isa::exec::kKeep, 17).fails(isa::Error::kKeepRange, descriptor(kExec));
}

BOOST_AUTO_TEST_CASE(bad_align) {
  const std::pair<uint32_t, isa::Field> fields[] = {{kWgt, isa::load_wgt::kAddr},
                                                    {kAct, isa::load_act::kPlaneStride},
                                                    {kAct, isa::load_act::kRowStride},
                                                    {kStore, isa::store::kRowStride}};
  for (const auto& [number, field] : fields) {
    Case c;
    c.set(number, field, 0x20008).fails(isa::Error::kBadAlign, descriptor(number));
  }
}

BOOST_AUTO_TEST_CASE(window) {
  Case load;
  load.set(kWgt, isa::load_wgt::kAddr, 0x800).fails(isa::Error::kWindow, 0x800);
  // The fault is at the burst that leaves the window: the second, after 1 KiB.
  Case crossing;
  const uint32_t limit = kBase + crossing.a.memory_size;
  crossing.set(kWgt, isa::load_wgt::kEntries, 8)
      .set(kWgt, isa::load_wgt::kAddr, limit - 1024)
      .fails(isa::Error::kWindow, limit);
  Case store;
  store.set(kStore, isa::store::kAddr, limit).fails(isa::Error::kWindow, limit);
}

BOOST_AUTO_TEST_CASE(load_range) {
  Case rows;
  rows.set(kWgt, isa::load_wgt::kDst, 510).fails(isa::Error::kLoadRange, 512);
  Case words;
  words.set(kAct, isa::load_act::kDst, 2047).fails(isa::Error::kLoadRange, 2048);
  Case fill;
  fill.set(kAct, isa::load_act::kPostFill, 2047).fails(isa::Error::kLoadRange, 2048);
}

BOOST_AUTO_TEST_CASE(exec_range) {
  const struct {
    isa::Field field;
    uint32_t value, address;
  } cases[] = {{isa::exec::kActBase, 2040, 2048},
               {isa::exec::kWgtBase, 509, 512},
               {isa::exec::kTabBase, 511, 512},
               {isa::exec::kParBase, 29, 32},
               {isa::exec::kOutBase, 505, 512}};
  for (const auto& [field, value, address] : cases) {
    Case c;
    c.set(kExec, field, value).fails(isa::Error::kExecRange, address);
  }
  Case psum;
  psum.set(kExec, isa::exec::kLast, 0)
      .set(kExec, isa::exec::kPsumBase, 249)
      .fails(isa::Error::kExecRange, 256);
  Case residual;
  residual.set(kExec, isa::exec::kResidual, 1)
      .set(kExec, isa::exec::kResBase, 512)
      .fails(isa::Error::kExecRange, 512);
}

BOOST_AUTO_TEST_CASE(store_range) {
  Case c;
  c.set(kStore, isa::store::kOutBase, 511).fails(isa::Error::kStoreRange, 512);
}

BOOST_AUTO_TEST_CASE(program_end) {
  Case none;
  none.a.end = false;
  none.fails(isa::Error::kProgramEnd, descriptor(kStore));
  Case early;
  early.a.program();
  early.a.add(isa::Opcode::kEnd, 0, 0, {});
  early.fails(isa::Error::kProgramEnd, descriptor(kStore + 1));
}

BOOST_AUTO_TEST_CASE(token_overflow) {
  Case c;
  const isa::Descriptor load = c.a.at(kPar);
  for (int i = 0; i < 300; ++i) {
    c.a.descriptors.insert(c.a.descriptors.begin() + kAct, load);
    c.a.at(kAct).set(isa::header::kPost, kL2E);
  }
  // EXEC takes one at most in the meantime.
  for (const bool timing : {true, false}) {
    ModelOptions options;
    options.timing = timing;
    const ModelResult r = c.a.run(options);
    BOOST_TEST(isa::to_string(r.error) == "TOKEN_OVERFLOW");
    BOOST_TEST(r.error_address >= descriptor(kAct + 254));
    BOOST_TEST(r.error_address <= descriptor(kAct + 256));
  }
}

BOOST_AUTO_TEST_CASE(token_deadlock) {
  Case c;
  c.set(kExec, isa::header::kWait, kL2E | kS2E)
      .fails(isa::Error::kTokenDeadlock, descriptor(kExec));
  // A full ring in front of the descriptor that would give the token.
  Case full;
  const isa::Descriptor store = full.a.at(kStore);
  for (int i = 0; i < 16; ++i) {
    full.a.descriptors.insert(full.a.descriptors.begin() + 1, store);
  }
  full.fails(isa::Error::kTokenDeadlock, descriptor(1));
}

BOOST_AUTO_TEST_CASE(loads_that_execute_does_not_wait_for) {
  Case c;
  c.set(kExec, isa::header::kWait, 0);
  c.hazard("EXEC 5 reads");
  c.hazard("tokens left at the end: 1 L2E");
}

BOOST_AUTO_TEST_CASE(load_that_does_not_wait_for_execute) {
  Case c;
  add_layer(c.a, {});  // same buffers, no E2L
  c.hazard("that exec 5 may still have to read");
}

BOOST_AUTO_TEST_CASE(store_that_does_not_wait_for_execute) {
  Case c;
  c.set(kStore, isa::header::kWait, 0).hazard("STORE 6 reads output pixel 0");
}

BOOST_AUTO_TEST_CASE(execute_that_does_not_wait_for_the_store) {
  LayerOptions o;
  o.exec_post = kE2L;
  Case c(o);
  o.load_wait = kE2L;
  o.exec_post = 0;
  add_layer(c.a, o);
  c.hazard("EXEC 11 overwrites output pixel 0 that store 6");
}

BOOST_AUTO_TEST_CASE(load_of_outputs_that_are_not_in_memory) {
  LayerOptions o;
  o.exec_post = kE2L;
  o.store_post = kS2E;
  Case c(o);
  o.load_wait = kE2L;
  o.exec_wait = kS2E;
  o.exec_post = o.store_post = 0;
  add_layer(c.a, o);
  c.set(10, isa::load_act::kAddr, c.layer.output).hazard("LOAD_ACT 10 reads memory at");
}

BOOST_AUTO_TEST_CASE(store_over_inputs_that_are_still_read) {
  Case c;
  namespace la = isa::load_act;
  // A later load of the first layer's output region that no token orders before its STORE. Which of
  // the two comes first differs between the runs; that they race does not.
  c.a.descriptors.insert(c.a.descriptors.begin() + kExec, c.a.at(kAct));
  c.set(kExec, la::kAddr, c.layer.output).set(kExec, la::kDst, 1000).set(kExec, la::kPlanes, 2);
  c.set(kExec, isa::header::kPost, 0);
  c.hazard(" memory at ");
}

BOOST_AUTO_TEST_CASE(entries_that_nothing_wrote) {
  Case act;
  act.set(kExec, isa::exec::kActBase, 4).hazard("activation word 16 that nothing wrote");
  Case par;
  par.set(kExec, isa::exec::kParBase, 4).hazard("parameter entry 4 that nothing wrote");
  Case psum;
  psum.set(kExec, isa::exec::kFirst, 0).hazard("partial sum of pixel 0 that nothing wrote");
}

BOOST_AUTO_TEST_CASE(wrong_arguments) {
  Case c;
  Program p = c.a.program();
  std::vector<uint8_t> memory(100);
  BOOST_CHECK_THROW(run_model(p, c.a.config, memory), InputError);
  load_image(p, memory);
  ModelOptions options;
  options.read_latency = 0;
  BOOST_CHECK_THROW(run_model(p, c.a.config, memory, options), InputError);
  p.memory_size = 64;
  BOOST_CHECK_THROW(load_image(p, memory), InputError);
}

}  // namespace
}  // namespace aap::test
