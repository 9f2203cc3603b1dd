// SPDX-License-Identifier: Apache-2.0
#include "verif/regress/fault.h"

#include <fmt/format.h>

#include <cstring>

#include "golden/golden.h"
#include "model/error.h"
#include "verif/program_run.h"

namespace aap::regress {
namespace {

using isa::Error;

const std::map<std::string, isa::Field>& fields() {
  static const std::map<std::string, isa::Field> list = {
      {"header.opcode", isa::header::kOpcode},      {"header.wait", isa::header::kWait},
      {"header.post", isa::header::kPost},          {"check.config_hash", isa::check::kConfigHash},
      {"check.version", isa::check::kVersion},      {"load_act.addr", isa::load_act::kAddr},
      {"load_act.rows", isa::load_act::kRows},      {"load_act.dst", isa::load_act::kDst},
      {"load_wgt.entries", isa::load_wgt::kEntries}, {"exec.keep", isa::exec::kKeep},
      {"exec.steps", isa::exec::kSteps},            {"exec.cols", isa::exec::kCols},
      {"exec.act_base", isa::exec::kActBase},       {"exec.out_base", isa::exec::kOutBase},
      {"store.planes", isa::store::kPlanes},        {"store.out_base", isa::store::kOutBase},
      {"store.addr", isa::store::kAddr}};
  return list;
}

const std::map<std::string, isa::Opcode>& opcodes() {
  static const std::map<std::string, isa::Opcode> list = [] {
    std::map<std::string, isa::Opcode> all;
    for (const isa::Opcode op : {isa::Opcode::kCheck, isa::Opcode::kLoadAct, isa::Opcode::kLoadWgt, isa::Opcode::kExec,
                                 isa::Opcode::kStore, isa::Opcode::kEnd}) {
      all[isa::to_string(op)] = op;
    }
    return all;
  }();
  return list;
}

// A session with the program of a case and its parts, which the fault may change.
class FaultBench {
 public:
  FaultBench(const Case& c, const verif::SessionOptions& options)
      : case_(c), config_(load_config(c.config)), good_(make_network(c, config_)), program_(good_.program),
        run_(good_.program, config_, options) {
    session().watchdog = static_cast<uint32_t>(number_of(c, "watchdog", session().watchdog));
    session().drain_limit = static_cast<uint32_t>(number_of(c, "drain_limit", session().drain_limit));
  }

  CaseResult run() {
    inject();
    const CaseResult result = observe();
    recover();
    return result;
  }

 private:
  verif::Session& session() { return run_.session(); }
  const std::string& text(const char* key) const { return case_.parameters.at(key); }
  bool is(const char* fault) const { return text("fault") == fault; }

  void inject() {
    const std::string& fault = text("fault");
    if (fault == "flip" || fault == "field") {
      change_descriptor();
    } else if (fault == "program_length") {
      length_ = number_of(case_, "add", 0);
    } else if (fault != "start_busy" && fault != "abort" && fault != "soft_reset") {
      verif::MemoryFault f;
      f.write = fault == "write_response";
      f.burst = number_of(case_, "burst", 0);
      f.beat = static_cast<int>(number_of(case_, "beat", fault == "read_response" ? 0 : 1 << 20));
      if (case_.parameters.count("response") != 0) f.response = text("response") == "SLVERR" ? 2 : 3;
      f.early_last = fault == "read_last_early";
      f.missing_last = fault == "read_last_missing";
      f.hang = fault == "hang";
      session().memory().faults = {f};
    }
  }

  // The first descriptor with the opcode of the case; a changed field is sealed, a flipped bit is not.
  void change_descriptor() {
    const isa::Opcode op = opcodes().at(text("opcode"));
    for (uint32_t i = 0; i < program_.descriptor_count; ++i) {
      uint8_t* bytes = &program_.image[program_.descriptor_address - program_.base + i * isa::kDescriptorBytes];
      isa::Descriptor d;
      std::memcpy(d.words.data(), bytes, isa::kDescriptorBytes);
      if (d.opcode() != op) continue;
      if (is("flip")) {
        d.words[static_cast<size_t>(number_of(case_, "word", 0))] ^= 1U << number_of(case_, "bit", 0);
      } else {
        const isa::Field field = fields().at(text("field"));
        int64_t value = number_of(case_, "value", static_cast<int64_t>(d.get(field)) + number_of(case_, "add", 0));
        if (value < 0) value += int64_t{1} << config_.axi_addr_width;  // from the end of the addresses
        if (static_cast<uint64_t>(value) == d.get(field)) throw CaseFailure("set-up", "the descriptor holds that value already");
        d.set(field, static_cast<uint64_t>(value));
        d.seal();
      }
      std::memcpy(bytes, d.words.data(), isa::kDescriptorBytes);
      return;
    }
    throw CaseFailure("set-up", fmt::format("the program has no {} descriptor", text("opcode")));
  }

  void interfere() {
    session().step(static_cast<int>(number_of(case_, "after", 1)));
    if ((session().read_register(isa::reg::kStatus) & 1) == 0) {
      throw CaseFailure("set-up", fmt::format("the job had ended before cycle {}", number_of(case_, "after", 1)));
    }
    session().write_register(isa::reg::kControl, is("start_busy") ? 1U : is("abort") ? 2U : 4U);
    error_seen_ = session().cycle();
  }

  // Watches the error code while the job runs, so that the time from the error to idle is known within a register access.
  CaseResult observe() {
    verif::AxiMemory& memory = session().memory();
    std::copy(program_.image.begin(), program_.image.end(), memory.bytes.begin());
    place_tensor(program_.maps.at(static_cast<size_t>(program_.input)), config_, good_.input, memory.bytes.data());
    session().start_job(program_.descriptor_address, static_cast<uint32_t>(program_.descriptor_count + length_),
                        program_.base, program_.base + program_.memory_size - 1);
    const uint64_t start = session().cycle();
    if (is("start_busy") || is("abort") || is("soft_reset")) interfere();
    const auto returns = static_cast<uint64_t>(number_of(case_, "returns", 0));
    while ((session().read_register(isa::reg::kStatus) & 1) != 0) {
      const uint64_t now = session().cycle();
      if (returns != 0 && now >= start + returns) memory.faults.clear();
      if (error_seen_ == 0 && session().read_register(isa::reg::kErrorCode) != 0) error_seen_ = now;
      if (error_seen_ != 0 && now > error_seen_ + static_cast<uint64_t>(case_.limits.idle_cycles)) {
        throw CaseFailure("idle limit", fmt::format("not idle {} cycles after the error", case_.limits.idle_cycles));
      }
      if (now > start + static_cast<uint64_t>(case_.limits.cycles)) {
        throw CaseFailure("cycle limit", fmt::format("job not finished after {} cycles", case_.limits.cycles));
      }
    }
    CaseResult result;
    if (error_seen_ != 0) result.idle_cycles = session().cycle() - error_seen_;
    if (case_.expect.result == "reset") {
      const bool irq = (session().read_register(isa::reg::kIrqStatus) & 3) != 0;
      check_irq(irq);
      if (session().read_register(isa::reg::kErrorCode) != 0) throw CaseFailure("error", "a soft reset left an error code");
      return result;
    }
    const verif::JobResult job = session().finish_job(1000);
    result.cycles = job.cycles;
    const std::string got = job.done ? "done" : isa::to_string(job.error);
    if (got != case_.expect.result) {
      throw CaseFailure("error " + got, fmt::format("ended with {} at 0x{:x}, expected {}", got, job.error_address,
                                                     case_.expect.result));
    }
    if (session().read_register(isa::reg::kErrorCode) != static_cast<uint32_t>(job.error)) {
      throw CaseFailure("error", "the error code is not sticky");
    }
    check_irq(job.irq);
    if (got != "BUS_HUNG" && !memory.quiet()) throw CaseFailure("bus", "a transfer was still open at the interrupt");
    return result;
  }

  void check_irq(bool irq) const {
    if (irq != case_.expect.irq) {
      throw CaseFailure("interrupt", fmt::format("interrupt {}, expected {}", irq ? 1 : 0, case_.expect.irq ? 1 : 0));
    }
  }

  // The good program must still run; without reset but for a hung bus.
  void recover() {
    session().memory().faults.clear();
    if (case_.expect.result == "BUS_HUNG") session().reset();
    const verif::JobResult job = run_.run(good_.input, static_cast<uint64_t>(case_.limits.cycles));
    if (!job.done || job.error != Error::kNone) {
      throw CaseFailure("recovery", fmt::format("the next program ended with {} at 0x{:x}", isa::to_string(job.error),
                                                 job.error_address));
    }
    const verif::Comparison values = run_.compare(Golden(good_.network).run(good_.input));
    if (values.first) throw CaseFailure("recovery", "the next program: " + values.first->to_string());
  }

  const Case& case_;
  Config config_;
  CaseNetwork good_;
  Program program_;
  verif::ProgramRun run_;
  int64_t length_ = 0;
  uint64_t error_seen_ = 0;
};

}  // namespace

const std::map<std::string, FaultKeys>& fault_keys() {
  static const std::map<std::string, FaultKeys> list = {
      {"read_response", {{"response", "burst", "beat"}, {}}},
      {"read_last_early", {{"burst"}, {}}},
      {"read_last_missing", {{"burst"}, {}}},
      {"write_response", {{"response", "burst"}, {}}},
      {"hang", {{"burst", "watchdog", "drain_limit"}, {"returns"}}},
      {"flip", {{"opcode", "word", "bit"}, {}}},
      {"field", {{"opcode", "field"}, {"value", "add"}}},
      {"program_length", {{"add"}, {}}},
      {"start_busy", {{"after"}, {}}},
      {"abort", {{"after"}, {}}},
      {"soft_reset", {{"after"}, {}}}};
  return list;
}

std::vector<std::string> opcode_names() {
  std::vector<std::string> names;
  for (const auto& [name, op] : opcodes()) names.push_back(name);
  return names;
}

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for (const auto& [name, field] : fields()) names.push_back(name);
  return names;
}

uint64_t field_limit(const std::string& field) { return (uint64_t{1} << fields().at(field).width) - 1; }

CaseResult run_fault(const Case& c, const verif::SessionOptions& options) { return FaultBench(c, options).run(); }

}  // namespace aap::regress
