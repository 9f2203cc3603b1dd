// SPDX-License-Identifier: Apache-2.0
// The two bus sides of docs/accelerator.md, Bus: requests split into bursts, bursts on their way, data beats.
#pragma once

#include <cstdint>

#include "cyclemodel/descriptor.h"
#include "cyclemodel/fifo.h"
#include "spec/config.h"

namespace aap::cyclemodel {

// Consecutive beats that a unit asks for.
struct Request {
  uint32_t address = 0;
  uint64_t beats = 0;
  bool fetch = false;       // reads: a descriptor
  bool store = false;
  bool post = false;        // writes: S2L belongs to its last response
  uint32_t layer = 0xffff, descriptor = 0;
};

struct Burst {
  uint32_t address = 0, beats = 0;
  bool fetch = false;
  bool post = false;        // the last of a request that posts
  uint32_t layer = 0xffff, descriptor = 0;
};

// A request and its current burst.
class Splitting {
 public:
  explicit Splitting(const Config& config)
      : beat_(static_cast<uint32_t>(config.beat_bytes())),
        longest_(static_cast<uint32_t>(config.max_burst)) {}
  const Burst& burst() const { return burst_; }

 protected:
  uint32_t first_beats() const { return longest_ - request_.address / beat_ % longest_; }
  bool final_burst() const { return request_.beats <= first_beats(); }
  void next_burst(bool final) {
    const uint32_t beats = final ? static_cast<uint32_t>(request_.beats) : first_beats();
    burst_ = {request_.address, beats, request_.fetch, request_.post && final, request_.layer,
              request_.descriptor};
    request_.address += beats * beat_;
    request_.beats -= beats;
  }

  Request request_;
  Burst burst_;

 private:
  uint32_t beat_, longest_;
};

// One register holds the request that is split, one the burst that is checked and then shown on the bus.
class Splitter : public Splitting {
 public:
  using Splitting::Splitting;

  bool on_bus() const { return burst_valid_ && shown_; }        // AVALID
  bool waits_for_grant() const { return burst_valid_ && !shown_; }
  // AREADY is always high, so a burst is on the bus for one cycle.
  bool advances() const { return request_valid_ && (!burst_valid_ || shown_); }
  bool ready() const { return !request_valid_ || (advances() && final_burst()); }
  bool busy() const { return request_valid_ || burst_valid_; }
  bool busy_without_fetches() const {
    return (request_valid_ && !request_.fetch) || (burst_valid_ && !burst_.fetch);
  }
  bool has_request() const { return request_valid_; }

  // The edge: `grant` shows the burst that waits, `accepted` is a request taken in this cycle or null.
  void edge(bool grant, const Request* accepted) {
    const bool advance = advances(), final = final_burst();
    if (advance) {
      next_burst(final);
      shown_ = false;
      burst_valid_ = true;
    } else if (on_bus()) {
      burst_valid_ = false;
      shown_ = false;
    } else if (grant) {
      shown_ = true;
    }
    if (advance && final) request_valid_ = false;
    if (accepted != nullptr) {
      request_ = *accepted;
      request_valid_ = true;
    }
  }

 private:
  bool request_valid_ = false, burst_valid_ = false, shown_ = false;
};

// `outstanding` 1: one request at a time, read or write, one burst of it at a time: checked, shown, and on its way until its last
// beat or its response has come.
class OneBurst : public Splitting {
 public:
  using Splitting::Splitting;

  bool ready() const { return !valid_; }
  bool checks() const { return valid_ && !shown_; }
  bool on_bus() const { return shown_ && !taken_; }
  bool loads() const { return valid_ && !request_.fetch && !request_.store; }
  bool stores() const { return valid_ && request_.store; }

  // The edge: `done` with the burst's last beat or response, `accepted` is a request taken in this cycle or null.
  void edge(bool done, const Request* accepted) {
    if (accepted != nullptr) {
      request_ = *accepted;
      valid_ = true;
      begin();
    } else if (done) {
      if (final_) valid_ = shown_ = false;
      else begin();
    } else if (shown_) {
      taken_ = true;
    } else if (valid_) {
      shown_ = true;
    }
  }

 private:
  void begin() {
    final_ = final_burst();
    next_burst(final_);
    shown_ = taken_ = false;
  }
  bool valid_ = false, shown_ = false, taken_ = false, final_ = false;
};

// Bursts that were shown and whose data (reads) or response (writes) has not come. At most `outstanding`.
class InFlight {
 public:
  explicit InFlight(const Config& config) : limit_(static_cast<size_t>(config.outstanding)) {}
  bool full() const { return bursts_.size() == limit_; }
  bool empty() const { return bursts_.empty(); }
  const Burst& front() const { return bursts_.front(); }
  void push(const Burst& burst) { bursts_.push(burst); }
  void pop() { bursts_.pop(); }

 private:
  size_t limit_;
  Fifo<Burst, kMostBursts> bursts_;
};

}  // namespace aap::cyclemodel
