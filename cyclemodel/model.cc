// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "cyclemodel/cyclemodel.h"
#include "cyclemodel/scheduler.h"
#include "model/error.h"

namespace aap {
namespace cyclemodel {

Scheduler::Scheduler(const Program& program, const Config& config, std::vector<uint8_t>& memory,
                     const ModelOptions& options, ModelResult& result)
    : program_(program),
      config_(config),
      options_(options),
      result_(result),
      memory_(memory) {
  if (options.values) machine_.emplace(config, program.base, memory, order_);
  if (config.windowed()) windows_.emplace(config);
}

uint32_t Scheduler::descriptor_address(uint32_t number) const {
  return program_.descriptor_address + number * isa::kDescriptorBytes;
}

void Scheduler::fail(isa::Error code, uint32_t address, std::string text) {
  if (failed()) return;
  result_.error = code;
  result_.error_address = address;
  result_.error_text = fmt::format("{}: {}", isa::to_string(code), text);
}

bool Scheduler::fetch(uint32_t number, Command& command) {
  const uint32_t address = descriptor_address(number);
  if (address < program_.base ||
      uint64_t{address} + isa::kDescriptorBytes > uint64_t{program_.base} + memory_.size()) {
    fail(isa::Error::kWindow, address, fmt::format("descriptor {} is outside the memory", number));
    return false;
  }
  const isa::Descriptor descriptor = read_descriptor(memory_.data() + (address - program_.base));
  const Fault fault =
      check_descriptor(descriptor, number, program_.descriptor_count, address, config_);
  if (fault) {
    fail(fault.code, fault.address, fmt::format("descriptor {}", number));
    return false;
  }
  command = decode(descriptor, number, address);
  return true;
}

bool Scheduler::begin(const Command& command, Running& running) {
  running.command = command;
  if (command.unit == Unit::kExec) {
    rows_ += command.pixels() * command.steps * command.keep;
    if (rows_ > options_.most_rows) {
      throw_input("program of network {}: EXEC {} of layer {}: more than {} rows are issued, which the cycle model refuses",
                  program_.network, command.number, command.layer, options_.most_rows);
    }
  }
  running.sequence = order_.begin(command);
  running.knew = order_.seen(command.unit);
  const bool listed = windows_ && command.unit == Unit::kExec && windows_->list(command);
  Fault fault;
  if (machine_) {
    fault = machine_->run(command, running.sequence, listed ? &*windows_ : nullptr);
  } else if (windows_ && command.unit == Unit::kExec && !listed) {
    fault = {isa::Error::kExecRange, static_cast<uint32_t>(config_.weight_depth)};
  }
  if (fault) {
    fail(fault.code, fault.address,
         fmt::format("{} {} of layer {}, at {}", isa::to_string(command.opcode), command.number,
                     command.layer, fault.address));
    return false;
  }
  if (windows_ && command.opcode == isa::Opcode::kLoadWgt) load_windows(command);
  return true;
}

void Scheduler::load_windows(const Command& c) {
  const uint64_t bytes = run_bytes(c, config_), row_bytes = bytes / c.entries;
  if (c.addr < program_.base || c.addr - program_.base + bytes > memory_.size()) return;  // without values nothing is checked
  const uint8_t* from = memory_.data() + (c.addr - program_.base);
  for (uint64_t row = 0; row < c.entries; ++row) windows_->load(c.dst + row, from + row * row_bytes);
}

bool Scheduler::post(const Running& running, uint32_t tokens) {
  for (int t = 0; t < isa::kTokens; ++t) {
    if ((running.command.post & tokens & 1U << t) == 0) continue;
    if (order_.post(t, running.knew, running.sequence)) continue;
    fail(isa::Error::kTokenOverflow, running.command.address,
         fmt::format("{} {} posts more tokens than a counter holds",
                     isa::to_string(running.command.opcode), running.command.number));
    return false;
  }
  return true;
}

void Scheduler::deadlock(const std::vector<const Command*>& heads) {
  static constexpr const char* kNames[] = {"L2E", "E2L", "E2S", "S2E", "S2L"};
  std::string text;
  uint32_t address = 0;
  for (const Command* head : heads) {
    if (head == nullptr) continue;
    if (address == 0) address = head->address;
    address = std::min(address, head->address);
    text += fmt::format("{}{} {} waits for", text.empty() ? "" : ", ", isa::to_string(head->opcode),
                        head->number);
    for (int t = 0; t < isa::kTokens; ++t) {
      if ((order_.missing(head->wait) >> t & 1) != 0) text += fmt::format(" {}", kNames[t]);
    }
  }
  fail(isa::Error::kTokenDeadlock, address, text);
}

LayerCycles& Scheduler::layer(uint32_t number) {
  if (number >= result_.layers.size()) result_.layers.resize(number + 1);
  return result_.layers[number];
}

void Scheduler::finish() {
  if (!machine_) return;
  if (!failed() && !order_.left().empty()) {
    machine_->hazard(fmt::format("tokens left at the end: {}", order_.left()));
  }
  result_.hazards = machine_->hazards();
  result_.hazard_count = machine_->hazard_count();
}

}  // namespace cyclemodel

void load_image(const Program& program, std::vector<uint8_t>& memory) {
  if (program.image.size() > program.memory_size) {
    throw_input("program of network {}: image has {} bytes, memory_size is {}", program.network,
                program.image.size(), program.memory_size);
  }
  if (program.memory_size > Program::kMostSimulated) {
    throw_input("program of network {}: takes {} bytes of memory, the cycle model has at most {}",
                program.network, program.memory_size, Program::kMostSimulated);
  }
  memory.assign(program.memory_size, 0);
  std::copy(program.image.begin(), program.image.end(), memory.begin());
}

ModelResult run_model(const Program& program, const Config& config, std::vector<uint8_t>& memory,
                      const ModelOptions& options) {
  if (memory.size() != program.memory_size) {
    throw_input("program of network {}: memory has {} bytes, memory_size is {}", program.network,
                memory.size(), program.memory_size);
  }
  if (options.read_latency < 1 || options.write_latency < 1 || options.cycles_per_beat < 1) {
    throw_input("model options: latencies and cycles_per_beat must be at least 1");
  }
  if (!options.timing && !options.values) throw_input("model options: neither timing nor values are asked for");
  ModelResult result;
  result.layers.resize(program.layers.size());
  if (options.timing) {
    cyclemodel::run_timed(program, config, memory, options, result);
  } else {
    cyclemodel::run_functional(program, config, memory, options, result);
  }
  return result;
}

}  // namespace aap
