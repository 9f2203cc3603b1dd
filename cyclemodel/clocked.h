// SPDX-License-Identifier: Apache-2.0
// The run with a clock: every cycle of every unit as docs/accelerator.md states it. Stretches in which nothing changes but counts
// (rows issued, beats of a burst, waiting) are passed in one go.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "cyclemodel/bus.h"
#include "cyclemodel/fixed_memory.h"
#include "cyclemodel/ring.h"
#include "cyclemodel/scheduler.h"
#include "cyclemodel/units.h"

namespace aap::cyclemodel {

class Clocked : Scheduler {
 public:
  Clocked(const Program& program, const Config& config, std::vector<uint8_t>& memory, const ModelOptions& options,
          ModelResult& result);
  void run();

 private:
  // What happens in a cycle, worked out from the state before it.
  struct Signals {
    std::array<bool, kReaders> ready{};  // readers that take a beat of a descriptor
    Ring::Beat beat;
    bool load_begins = false, write_side_begins = false, exec_starts = false, store_begins = false;
    bool fetch_asks = false, fetch_taken = false, load_row_taken = false, load_busy = false;
    bool read_shown = false, read_on_bus = false, read_valid = false, read_fetch = false, read_taken = false;
    bool write_shown = false, write_on_bus = false, store_row_taken = false, store_busy = false;
    bool write_beat = false, write_last = false, data_taken = false, row_end = false, response = false;
    bool burst_done = false;
    bool quiet = false, ending = false;
  };
  void step();
  Signals signals() const;
  std::array<bool, kReaders> readers_ready() const;
  bool all_quiet(const std::array<bool, kReaders>& ready) const;
  bool all_idle() const;

  void count_stall(uint64_t from, uint64_t until);
  void begin_units(const Signals& s);
  void edge_descriptors(const Signals& s);
  void edge_loads(const Signals& s);
  void edge_load_writes(const Signals& s);
  void edge_exec(const Signals& s);
  void edge_store(const Signals& s);
  void edge_reads(const Signals& s);
  void edge_writes(const Signals& s);
  bool begin_unit(Running& running);
  void finished(const Running& running, uint32_t tokens);
  void describe();
  void report(BusEvent::Kind kind, const Burst& burst);

  // clocked_skip.cc: cycles in which only data moves.
  uint64_t still_cycles() const;
  void pass(uint64_t cycles);
  bool store_flows() const {
    return store_.state == StoreUnit::State::kRead || store_.fetched || store_.full;
  }

  bool wait_is_over(const Running& running) const { return order_.missing(running.command.wait) == 0; }
  bool fetch_asks() const { return requested_ != program_.descriptor_count && !ring_.full(requested_); }
  bool read_accepts() const { return one_ ? one_burst_.ready() : read_splitter_.ready(); }
  bool write_accepts() const {
    if (!one_) return write_splitter_.ready();
    return one_burst_.ready() && !fetch_asks() && loads_.state != LoadRequests::State::kRequest;
  }
  bool load_busy() const { return one_ ? one_burst_.loads() : read_splitter_.busy_without_fetches(); }
  bool store_busy() const { return one_ ? one_burst_.stores() : write_splitter_.busy(); }
  bool bus_busy() const { return one_ ? !one_burst_.ready() : read_splitter_.busy() || write_splitter_.busy(); }
  const Burst& read_burst() const { return one_ ? one_burst_.burst() : read_splitter_.burst(); }
  const Burst& write_burst() const { return one_ ? one_burst_.burst() : write_splitter_.burst(); }
  bool loading() const { return loads_.ahead != 0 || load_writes_.writing(); }

  uint64_t now_ = 0;
  bool ended_ = false;
  FixedMemory memory_;
  // fetch
  uint32_t requested_ = 0;     // descriptors
  uint32_t arrived_beats_ = 0;
  bool check_ = false;         // a whole descriptor waits for its verdict
  bool end_seen_ = false;
  Ring ring_;
  // units
  LoadRequests loads_;
  std::deque<Running> begun_loads_;
  LoadWrites load_writes_;
  ExecUnit exec_;
  StoreUnit store_;
  std::deque<Running> stores_to_post_;
  // bus: the splitters, or with `outstanding` 1 the one burst
  bool one_;
  Splitter read_splitter_, write_splitter_;
  OneBurst one_burst_;
  Request accepted_;           // by the one burst, in this cycle
  InFlight reads_, writes_;
  bool write_job_ = false;     // a burst's data is due
  Burst write_burst_;
  uint64_t write_left_ = 0;    // beats of it
  // end and deadlock
  uint32_t quiet_ = 0;
  uint32_t taken_ = 0;
};

}  // namespace aap::cyclemodel
