// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/machine.h"

#include <fmt/format.h>

#include <algorithm>

namespace aap::cyclemodel {
namespace {

size_t size_of(int value) { return static_cast<size_t>(value); }

constexpr size_t kMostHazards = 16;

}  // namespace

Machine::Machine(const Config& config, uint32_t base, std::vector<uint8_t>& memory,
                 const Order& order)
    : config_(config),
      base_(base),
      memory_(memory),
      order_(order),
      g_(size_of(config.group)),
      lanes_(size_of(config.lanes)),
      pes_(size_of(config.pes)),
      block_(size_of(config.block_bytes())),
      act_depth_(size_of(config.act_depth)),
      act_(lanes_ * g_ * act_depth_),
      weights_(config.windowed() ? 0 : size_of(config.weight_depth) * lanes_ * pes_),
      indices_(weights_.size()),
      table_(size_of(config.table_depth) * lanes_),
      first_index_(table_.size()),
      params_(size_of(config.param_depth) * size_of(config.requantisers)),
      psum_(size_of(config.psum_depth) * pes_),
      psum_valid_(size_of(config.psum_depth)),
      residual_(size_of(config.residual_depth) * pes_),
      output_(size_of(config.out_depth) * pes_),
      act_stamps_(lanes_ * act_depth_),
      weight_stamps_(size_of(config.weight_depth)),
      table_stamps_(size_of(config.table_depth)),
      param_stamps_(size_of(config.param_depth)),
      residual_stamps_(size_of(config.residual_depth)),
      output_stamps_(size_of(config.out_depth)),
      memory_stamps_(memory.size() / size_of(config.beat_bytes()) + 1),
      index_(pes_) {}

Fault Machine::run(const Command& c, uint32_t sequence, const WindowRows* windows) {
  switch (c.opcode) {
    case isa::Opcode::kLoadAct:
      return load_planes(c, sequence);
    case isa::Opcode::kLoadRes:
      return load_residual(c, sequence);
    case isa::Opcode::kExec:
      return exec(c, sequence, windows);
    case isa::Opcode::kStore:
      return store(c, sequence);
    default:
      return load_entries(c, sequence);
  }
}

void Machine::hazard(std::string text) {
  if (hazard_count_++ < kMostHazards) hazards_.push_back(std::move(text));
}

void Machine::overwrites(const Command& c, const char* buffer, uint64_t entry, uint32_t reader) {
  const Unit unit =
      c.unit == Unit::kLoad ? Unit::kExec : (c.unit == Unit::kExec ? Unit::kStore : Unit::kLoad);
  hazard(
      fmt::format("{} {} overwrites {} {} that {} {} may still have to read: no token orders them",
                  isa::to_string(c.opcode), c.number, buffer, entry, unit_name(unit),
                  order_.number(unit, reader)));
}

void Machine::reads(const Command& c, const char* buffer, uint64_t entry, uint32_t writer) {
  if (writer == 0) {
    hazard(fmt::format("{} {} reads {} {} that nothing wrote", isa::to_string(c.opcode), c.number,
                       buffer, entry));
    return;
  }
  const Unit unit =
      c.unit == Unit::kExec ? Unit::kLoad : (c.unit == Unit::kStore ? Unit::kExec : Unit::kStore);
  hazard(fmt::format("{} {} reads {} {} that {} {} may not have written yet: no token orders them",
                     isa::to_string(c.opcode), c.number, buffer, entry, unit_name(unit),
                     order_.number(unit, writer)));
}

Fault Machine::window(const Command& c) const {
  const uint64_t bytes = run_bytes(c, config_);
  for (uint64_t run = 0; run < run_count(c); ++run) {
    const uint32_t begin = run_address(c, run);
    const uint64_t limit = uint64_t{base_} + memory_.size();
    if (begin >= base_ && begin + bytes <= limit) continue;
    uint32_t address = begin;
    for (uint64_t left = bytes; left != 0;) {
      const uint32_t burst = burst_bytes(address, left, config_);
      if (address < base_ || uint64_t{address} + burst > limit)
        return {isa::Error::kWindow, address};
      address += burst;
      left -= burst;
    }
  }
  return {};
}

void Machine::read_memory(const Command& c, uint32_t sequence) {
  const auto beat = size_of(config_.beat_bytes());
  const uint64_t beats = run_bytes(c, config_) / beat;
  const uint32_t known = order_.seen(Unit::kLoad).store_done;
  for (uint64_t run = 0; run < run_count(c); ++run) {
    const uint32_t address = run_address(c, run);
    const size_t first = (address - base_) / beat;
    for (size_t i = first; i < first + beats; ++i) {
      memory_stamps_.read[i] = sequence;
      if (memory_stamps_.written[i] <= known) continue;
      reads(c, "memory at", base_ + i * beat, memory_stamps_.written[i]);
      return;
    }
  }
}

void Machine::write_memory(const Command& c, uint32_t sequence) {
  const auto beat = size_of(config_.beat_bytes());
  const uint64_t beats = run_bytes(c, config_) / beat;
  const uint32_t known = order_.seen(Unit::kStore).load_done;
  bool reported = false;
  for (uint64_t run = 0; run < run_count(c); ++run) {
    const uint32_t address = run_address(c, run);
    const size_t first = (address - base_) / beat;
    for (size_t i = first; i < first + beats; ++i) {
      memory_stamps_.written[i] = sequence;
      if (memory_stamps_.read[i] <= known || reported) continue;
      overwrites(c, "memory at", base_ + i * beat, memory_stamps_.read[i]);
      reported = true;
    }
  }
}

}  // namespace aap::cyclemodel
