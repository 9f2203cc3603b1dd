// SPDX-License-Identifier: Apache-2.0
// The run with a clock: events for descriptors, bursts and tokens; what lies between two events
// (beats, rows, drain cycles) follows from a formula.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "cyclemodel/scheduler.h"
#include "cyclemodel/structure.h"

namespace aap::cyclemodel {

// Data beats of one channel, or of both when they share the bandwidth: beats take the first free
// places at or after the time they are ready.
class Channel {
 public:
  struct Span {
    uint64_t first = 0, last = 0;  // cycle of the first beat, and the last cycle taken
  };
  // `beats` beats, each taking `cycles`.
  Span take(uint64_t ready, uint64_t beats, uint64_t cycles);
  void forget_before(uint64_t now);

 private:
  std::deque<Span> busy_;  // in order, apart
};

class Timeline : Scheduler {
 public:
  Timeline(const Program& program, const Config& config, std::vector<uint8_t>& memory,
           const ModelOptions& options, ModelResult& result);
  void run();

 private:
  enum class Kind {
    kReadChannel,  // a read address may go out
    kDescriptor,   // the next descriptor has arrived at the fetch unit
    kAppend,       // the fetch unit may append
    kTry,          // unit `argument` may take a descriptor
    kLoadDone,
    kExecRead,
    kExecDone,
    kStoreBurst,
    kStoreRead,
    kStoreDone,
  };
  struct Event {
    uint64_t time, order;
    Kind kind;
    Unit unit;
    bool operator>(const Event& o) const {
      return time != o.time ? time > o.time : order > o.order;
    }
  };
  struct Walk {  // bursts of a load or store
    bool active = false;
    uint64_t run = 0, runs = 0, offset = 0, bytes = 0;  // of a run
    Running running;
  };

  void at(uint64_t time, Kind kind, Unit unit = Unit::kFetch);
  void handle(const Event& event);
  void try_unit(Unit unit);
  bool take(Unit unit, Running& running);
  uint64_t parsed(const Command& command, uint64_t unit_free, uint64_t beats) const;

  // timeline_read.cc
  void kick_read_channel(uint64_t time);
  void read_channel();
  uint64_t fetch_bytes_wanted() const;
  void grant_fetch(uint64_t bytes);
  void grant_load();
  void append_descriptors();
  void take_load();

  void take_exec();
  void count_wait();
  void take_store();
  void store_burst();
  Channel& write_channel() { return options_.shared_bandwidth ? read_data_ : write_data_; }
  void done(const Running& running, uint32_t tokens);
  std::deque<Command>& queue(Unit unit) { return queues_[static_cast<size_t>(unit)]; }
  Running pop(std::deque<Running>& list);

  const Structure structure_;
  uint64_t now_ = 0, order_of_events_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::array<std::deque<Command>, kUnits> queues_;
  uint32_t taken_ = 0;
  uint64_t beat_, per_beat_;  // bytes; cycles

  // fetch
  uint64_t requested_bytes_ = 0;
  uint32_t arrived_ = 0, appended_ = 0;
  uint64_t append_free_ = 0;

  // read channel
  static constexpr uint64_t kNever = UINT64_MAX;
  uint64_t channel_event_ = kNever, address_free_ = 1;
  std::deque<uint64_t> reads_out_;  // last beat of bursts in flight
  Channel read_data_, write_data_;

  // load
  Walk load_;
  uint64_t load_ready_ = 0;  // next burst, or next descriptor
  uint64_t loads_under_way_ = 0, load_write_free_ = 0;
  std::deque<std::pair<uint64_t, uint64_t>> fifo_;  // time, beats that leave then
  uint64_t fifo_used_ = 0;
  std::deque<Running> loads_;

  // exec
  enum class Wait { kNothing, kLoad, kStore };
  Wait exec_wait_ = Wait::kNothing;
  uint64_t exec_wait_since_ = 0, exec_free_ = 0;
  uint64_t next_last_row_ = 0;  // earliest issue of the next pixel's last row
  uint64_t last_exec_done_ = 0;
  std::deque<Running> exec_reads_, exec_dones_;

  // store
  Walk store_;
  uint64_t store_free_ = 0, store_data_free_ = 0;
  uint64_t last_response_ = 0;
  std::deque<uint64_t> writes_out_;  // responses of bursts in flight
  std::deque<Running> store_reads_, store_dones_;
};

}  // namespace aap::cyclemodel
