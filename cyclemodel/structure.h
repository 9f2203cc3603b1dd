// SPDX-License-Identifier: Apache-2.0
// Latencies and small buffers that follow from how docs/accelerator.md divides the hardware: a
// stage per memory read, per arithmetic step and per hand-over. Nothing here is measured.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cyclemodel/descriptor.h"
#include "spec/config.h"

namespace aap::cyclemodel {

struct Structure {
  explicit Structure(const Config& c)
      : hand_over(static_cast<uint64_t>(
            std::max(1U, isa::kDescriptorBytes / static_cast<uint32_t>(c.beat_bytes())))),
        tree(tree_stages(c.lanes)),
        drain(static_cast<uint64_t>(c.drain_cycles())),
        fetch_ahead(static_cast<uint64_t>(c.queue_depth)),
        fifo_beats(static_cast<uint64_t>(2 * c.max_burst)),
        store_beat_cycles(static_cast<uint64_t>(c.beat_bytes() / c.requantisers)) {}

  // A descriptor leaves its queue beat by beat once the unit is free; the unit begins a cycle after
  // the last beat and the tokens are there. EXEC needs the first half to begin; the second holds
  // constants of the drain, kept once: it comes when the previous EXEC has left the drain, and the
  // last row of the first pixel waits for it.
  uint64_t hand_over;
  uint64_t begin = 1;
  uint64_t half() const { return (hand_over + 1) / 2; }

  // docs/accelerator.md, Latencies: from the last row of an EXEC until its buffers are read and its
  // outputs are written.
  uint64_t tree, drain;
  uint64_t exec_read(bool residual) const { return (residual ? 14 : 8) + tree + drain; }
  uint64_t exec_done() const { return 19 + tree + drain; }

  // A descriptor is checked and appended one cycle after its last beat; it can be handed on the
  // next.
  uint64_t append = 1, appended = 1;
  uint64_t token = 1;       // from an event to the counter
  uint64_t fetch_ahead;     // descriptors requested or held before the queues
  uint64_t load_ahead = 2;  // loads requested or being written
  uint64_t fifo_beats;      // read data that waits for the write side of loads
  uint64_t load_write = 1;  // data beat to buffer

  // The output buffer is read an entry of NREQ bytes per cycle: as fast as the drain writes it.
  uint64_t store_beat_cycles;
  uint64_t store_read = 2;  // entry address to data beat

 private:
  static uint64_t tree_stages(int lanes) { return lanes == 1 ? 0 : lanes == 8 ? 2 : 1; }
};

}  // namespace aap::cyclemodel
