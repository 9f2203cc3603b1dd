// SPDX-License-Identifier: Apache-2.0
#include "verif/axi_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace aap::verif {

AxiMemory::AxiMemory(uint32_t base, size_t size, int beat_bytes, const MemoryOptions& options)
    : bytes(size), write_cycle(size / static_cast<size_t>(beat_bytes) + 1), base_(base),
      beat_bytes_(beat_bytes), options_(options), random_(options.seed) {}

bool AxiMemory::stalled() {
  return options_.stall_percent > 0 &&
         static_cast<int>(random_() / 64 % 100) < options_.stall_percent;
}

const MemoryFault* AxiMemory::fault_of(bool write, int64_t burst) const {
  for (const MemoryFault& f : faults) {
    if (f.write == write && f.burst == burst) return &f;
  }
  return nullptr;
}

bool AxiMemory::inside(uint32_t address, size_t size) const {
  return address >= base_ && address - base_ + size <= bytes.size();
}

void AxiMemory::complain(const std::string& text) {
  if (violation_.empty()) violation_ = text;
}

void AxiMemory::clear_pending() {
  reads_.clear();
  writes_.clear();
  responses_.clear();
}

void AxiMemory::drive(Dut& dut, uint64_t cycle) {
  DutInputs& in = dut.in;
  in.arready = !stalled() && reads_.size() < 64;
  in.awready = !stalled() && writes_.size() < 64;

  // Write data is taken from the cycle after its address on.
  in.wready = !writes_.empty() && cycle >= next_write_cycle_ && !stalled();

  // A response once valid stays; the manager may take it whenever it likes.
  if (!(last_in_.bvalid && !last_out_.bready)) {
    in.bvalid = false;
    if (!responses_.empty() && cycle >= responses_.front().ready_cycle && !stalled()) {
      const MemoryFault* fault = fault_of(true, responses_.front().number);
      if (fault == nullptr || !fault->hang) {
        in.bvalid = true;
        in.bresp = fault != nullptr ? fault->response : 0;
      }
    }
  }
  if (!(last_in_.rvalid && !last_out_.rready)) {
    in.rvalid = false;
    in.rlast = false;
    in.rresp = 0;
    if (!reads_.empty() && cycle >= reads_.front().ready_cycle && cycle >= next_read_cycle_ && !stalled()) {
      const Burst& burst = reads_.front();
      const MemoryFault* fault = fault_of(false, burst.number);
      if (fault == nullptr || !fault->hang) {
        in.rvalid = true;
        in.rlast = burst.done + 1 == burst.beats;
        in.rdata = {};
        const uint32_t address = burst.address + static_cast<uint32_t>(burst.done * beat_bytes_);
        if (inside(address, static_cast<size_t>(beat_bytes_))) {
          std::memcpy(in.rdata.data(), &bytes[address - base_], static_cast<size_t>(beat_bytes_));
        } else {
          in.rresp = 3;
        }
        if (fault != nullptr) {
          const int beat = fault->beat < 0 ? burst.beats - 1 : fault->beat;
          if (beat == burst.done) in.rresp = fault->response;
          if (fault->early_last && burst.done + 2 == burst.beats) in.rlast = true;
          if (fault->missing_last && in.rlast) in.rlast = false;
        }
      }
    }
  }
}

void AxiMemory::take_address(bool write, uint32_t address, int len, int size, int burst,
                             uint16_t user, uint64_t cycle) {
  const char* channel = write ? "AW" : "AR";
  const uint32_t length = static_cast<uint32_t>((len + 1) * beat_bytes_);
  if ((1 << size) != beat_bytes_) complain(fmt::format("{}: size {} is not a full beat", channel, size));
  if (burst != 1) complain(fmt::format("{}: burst type {} is not INCR", channel, burst));
  if (address % static_cast<uint32_t>(beat_bytes_) != 0) {
    complain(fmt::format("{}: address 0x{:x} is not aligned", channel, address));
  }
  if ((address >> 12) != ((address + length - 1) >> 12)) {
    complain(fmt::format("{}: burst 0x{:x}+{} crosses 4 KiB", channel, address, length));
  }
  Burst b{address, len + 1, 0, user, cycle + static_cast<uint64_t>(options_.read_latency), 0};
  b.number = write ? write_bursts_++ : read_bursts_++;
  if (on_bus) {
    on_bus({cycle, write ? BusEvent::Kind::kWriteAddress : BusEvent::Kind::kReadAddress, address,
            static_cast<uint32_t>(len + 1), user});
  }
  (write ? writes_ : reads_).push_back(b);
}

void AxiMemory::take_write_data(const Dut& dut, uint64_t cycle) {
  Burst& burst = writes_.front();
  const uint32_t address = burst.address + static_cast<uint32_t>(burst.done * beat_bytes_);
  const auto* data = reinterpret_cast<const uint8_t*>(dut.out.wdata.data());
  for (int i = 0; i < beat_bytes_; ++i) {
    if (((dut.out.wstrb >> i) & 1) == 0) continue;
    if (!inside(address + static_cast<uint32_t>(i), 1)) {
      complain(fmt::format("W: byte 0x{:x} is outside the memory", address + static_cast<uint32_t>(i)));
      break;
    }
    bytes[address - base_ + static_cast<uint32_t>(i)] = data[i];
    write_cycle[(address - base_) / static_cast<uint32_t>(beat_bytes_)] = static_cast<uint32_t>(cycle);
  }
  ++write_beats_;
  ++burst.done;
  const auto per_beat = static_cast<uint64_t>(options_.cycles_per_beat);
  next_write_cycle_ = cycle + per_beat;
  if (options_.shared_bandwidth) next_read_cycle_ = std::max(next_read_cycle_, cycle + 1) + per_beat;
  const bool last = burst.done == burst.beats;
  if (last != dut.out.wlast) complain(fmt::format("W: WLAST wrong in burst 0x{:x}", burst.address));
  if (last) {
    burst.ready_cycle = cycle + static_cast<uint64_t>(options_.write_latency);
    if (on_bus) on_bus(event_of(BusEvent::Kind::kWriteLast, burst, cycle));
    responses_.push_back(burst);
    writes_.pop_front();
  }
}

BusEvent AxiMemory::event_of(BusEvent::Kind kind, const Burst& burst, uint64_t cycle) {
  return {cycle, kind, burst.address, static_cast<uint32_t>(burst.beats), burst.user};
}

void AxiMemory::check_stability(const Dut& dut) {
  const DutOutputs& now = dut.out;
  const DutOutputs& was = last_out_;
  if (!dut.in.rst_n) return;
  if (was.arvalid && !last_in_.arready &&
      (!now.arvalid || now.araddr != was.araddr || now.arlen != was.arlen)) {
    complain("AR: changed or withdrawn before ARREADY");
  }
  if (was.awvalid && !last_in_.awready &&
      (!now.awvalid || now.awaddr != was.awaddr || now.awlen != was.awlen)) {
    complain("AW: changed or withdrawn before AWREADY");
  }
  // Strobes may fall when a burst is abandoned; the handshake may not.
  if (was.wvalid && !last_in_.wready && !now.wvalid) complain("W: withdrawn before WREADY");
}

void AxiMemory::sample(const Dut& dut, uint64_t cycle) {
  check_stability(dut);
  const DutInputs& in = dut.in;
  const DutOutputs& out = dut.out;
  if (in.rst_n) {
    if (out.arvalid && in.arready) {
      take_address(false, out.araddr, out.arlen, out.arsize, out.arburst, out.aruser, cycle);
    }
    if (in.bvalid && out.bready) {
      if (on_bus) on_bus(event_of(BusEvent::Kind::kWriteResponse, responses_.front(), cycle));
      responses_.pop_front();
    }
    // The read beat first: a write beat of the same cycle delays the next one.
    if (in.rvalid && out.rready) {
      Burst& burst = reads_.front();
      ++read_beats_;
      ++burst.done;
      next_read_cycle_ = std::max(next_read_cycle_, cycle + static_cast<uint64_t>(options_.cycles_per_beat));
      const MemoryFault* fault = fault_of(false, burst.number);
      const bool early = fault != nullptr && fault->early_last && in.rlast;
      if (burst.done == burst.beats || early) {
        if (on_bus) on_bus(event_of(BusEvent::Kind::kReadLast, burst, cycle));
        reads_.pop_front();
      }
    }
    if (out.wvalid && in.wready) take_write_data(dut, cycle);
    if (out.awvalid && in.awready) {
      take_address(true, out.awaddr, out.awlen, out.awsize, out.awburst, out.awuser, cycle);
    }
  }
  last_in_ = in;
  last_out_ = out;
}

}  // namespace aap::verif
