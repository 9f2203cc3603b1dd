// SPDX-License-Identifier: Apache-2.0
#include "verif/session.h"

#include <fmt/format.h>

#include "verif/gtkwave.h"

namespace aap::verif {

Session::Session(const Config& config, uint32_t base, size_t size, const SessionOptions& options)
    : config_(config), options_(options),
      dut_(load_dut(config.name, !options.trace.path.empty(), options.seed)),
      memory_(base, size, config.beat_bytes(), options.memory) {
  if (dut_->axi_data_width() != config.axi_data_width) {
    throw_input("simulator library of configuration {}: AXI data width {}, the configuration file says {}",
                config.name, dut_->axi_data_width(), config.axi_data_width);
  }
  if (!options.trace.path.empty()) {
    if (!dut_->trace_open(options.trace.path)) {
      throw_input("{}: wave file cannot be written", options.trace.path);
    }
    write_gtkwave_view(options.trace.path, config);
    tracing_ = true;
  }
  memory_.on_bus = [this](const BusEvent& event) {
    BusEvent from_start = event;
    from_start.cycle -= job_.start_cycle;
    if (event.kind == BusEvent::Kind::kWriteResponse) job_.layer_end[event.layer] = from_start.cycle + 1;
    if (on_bus) on_bus(from_start);
  };
  reset();
  const uint32_t hash = read_register(isa::reg::kConfigHash);
  if (hash != config.hash()) {
    throw_input("simulator library of configuration {}: hash {:08x}, the configuration file has {:08x}; "
                "rebuild it with: scripts/build_sim.sh configs/{}.yaml",
                config.name, hash, config.hash(), config.name);
  }
}

Session::~Session() { dut_->trace_close(); }

void Session::check_health() {
  if (dut_->failed()) {
    dut_->trace_close();
    throw std::runtime_error(fmt::format("cycle {}: an assertion of the RTL failed", cycle_));
  }
  if (!memory_.violation().empty()) {
    dut_->trace_close();
    throw std::runtime_error(fmt::format("cycle {}: AXI protocol: {}", cycle_, memory_.violation()));
  }
}

void Session::step(int cycles) {
  for (int i = 0; i < cycles; ++i) {
    if (tracing_) {
      dut_->trace_enable(cycle_ >= options_.trace.first_cycle && cycle_ <= options_.trace.last_cycle);
    }
    memory_.drive(*dut_, cycle_);
    dut_->settle();
    memory_.sample(*dut_, cycle_);
    dut_->rise();
    ++cycle_;
    if (dut_->failed() || !memory_.violation().empty()) check_health();
  }
}

void Session::reset(int cycles) {
  dut_->in = DutInputs{};
  memory_.clear_pending();
  step(cycles);
  dut_->in.rst_n = true;
  step(1);
}

void Session::write_register(uint32_t offset, uint32_t value, uint8_t* response) {
  DutInputs& in = dut_->in;
  in.axil_awaddr = offset;
  in.axil_wdata = value;
  in.axil_wstrb = 0xf;
  in.axil_awvalid = in.axil_wvalid = in.axil_bready = true;
  for (int i = 0; i < 1000; ++i) {
    step();
    if (dut_->out.axil_awready) {
      in.axil_awvalid = false;
      write_taken_ = cycle_ - 1;
    }
    if (dut_->out.axil_wready) in.axil_wvalid = false;
    if (dut_->out.axil_bvalid) {
      in.axil_bready = false;
      if (response != nullptr) {
        *response = dut_->out.axil_bresp;
      } else if (dut_->out.axil_bresp != 0) {
        throw std::runtime_error(fmt::format("register 0x{:02x}: write answered {}", offset,
                                             dut_->out.axil_bresp));
      }
      return;
    }
  }
  throw std::runtime_error(fmt::format("register 0x{:02x}: write not answered in 1000 cycles", offset));
}

uint32_t Session::read_register(uint32_t offset, uint8_t* response) {
  DutInputs& in = dut_->in;
  in.axil_araddr = offset;
  in.axil_arvalid = in.axil_rready = true;
  for (int i = 0; i < 1000; ++i) {
    step();
    if (dut_->out.axil_arready) in.axil_arvalid = false;
    if (dut_->out.axil_rvalid) {
      in.axil_rready = false;
      if (response != nullptr) {
        *response = dut_->out.axil_rresp;
      } else if (dut_->out.axil_rresp != 0) {
        throw std::runtime_error(fmt::format("register 0x{:02x}: read answered {}", offset,
                                             dut_->out.axil_rresp));
      }
      return dut_->out.axil_rdata;
    }
  }
  throw std::runtime_error(fmt::format("register 0x{:02x}: read not answered in 1000 cycles", offset));
}

void Session::start_job(uint32_t program_address, uint32_t descriptors, uint32_t window_base,
                        uint32_t window_limit) {
  write_register(isa::reg::kStatus, 6);
  write_register(isa::reg::kIrqStatus, 3);
  write_register(isa::reg::kIrqEnable, 3);
  write_register(isa::reg::kProgramAddr, program_address);
  write_register(isa::reg::kProgramLen, descriptors);
  write_register(isa::reg::kWindowBase, window_base);
  write_register(isa::reg::kWindowLimit, window_limit);
  write_register(isa::reg::kWatchdog, watchdog);
  write_register(isa::reg::kDrainLimit, drain_limit);
  job_ = JobResult{};
  write_register(isa::reg::kControl, 1);
  job_.start_cycle = write_taken_ + 1;
}

JobResult Session::finish_job(uint64_t cycle_limit) {
  const uint64_t deadline = job_.start_cycle + cycle_limit;
  while (!dut_->out.irq) {
    if (cycle_ >= deadline) {
      throw std::runtime_error(fmt::format("job not finished after {} cycles", cycle_limit));
    }
    step();
  }
  job_.irq = true;
  job_.end_cycle = cycle_;
  const uint32_t status = read_register(isa::reg::kStatus);
  if ((status & 1) != 0) throw std::runtime_error("interrupt while busy");
  job_.done = (status & 2) != 0;
  job_.error = static_cast<isa::Error>(read_register(isa::reg::kErrorCode));
  job_.error_address = read_register(isa::reg::kErrorAddr);
  job_.cycles = read_register(isa::reg::kCycles);
  uint32_t offset = isa::reg::kExecCycles;
  for (const CycleCause& cause : kCycleCauses) {
    job_.counts.*cause.member = read_register(offset);
    offset += 4;
  }
  return job_;
}

JobResult Session::run_job(uint32_t program_address, uint32_t descriptors, uint32_t window_base,
                           uint32_t window_limit, uint64_t cycle_limit) {
  start_job(program_address, descriptors, window_base, window_limit);
  return finish_job(cycle_limit);
}

}  // namespace aap::verif
