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
        tree_stages(log2_of(c.lanes)),
        fifo_beats(static_cast<uint64_t>(2 * c.max_burst)),
        store_beat_cycles(static_cast<uint64_t>(c.beat_bytes() / c.requantisers)) {}

  // A descriptor leaves its queue beat by beat once the unit is free; the unit begins a cycle after
  // the last beat and the tokens are there. EXEC needs the first half to begin; the second holds
  // constants of the drain, kept once: it comes when the previous EXEC has left the drain, and the
  // last row of the first pixel waits for it.
  uint64_t hand_over;
  uint64_t begin = 1;
  uint64_t half() const { return (hand_over + 1) / 2; }
  uint64_t tree_stages;

  // A descriptor is checked and appended one cycle after its last beat; it can be handed on the
  // next.
  uint64_t append = 1, appended = 1;
  uint64_t token = 1;        // from an event to the counter
  uint64_t fetch_ahead = 4;  // descriptors requested or held before the queues
  uint64_t load_ahead = 2;   // loads requested or being written
  uint64_t fifo_beats;       // read data that waits for the write side of loads
  uint64_t load_write = 1;   // data beat to buffer

  // Row issued: table read, address sum, activation and weight read.
  uint64_t buffer_read = 3;
  // From there: select, multiply, adder tree, accumulate, copy to the drain register.
  uint64_t array() const { return buffer_read + 2 + tree_stages + 2; }
  // Drain cycle to output word: sums, product (two stages), shift, round and zero point, clamp,
  // write.
  uint64_t requantise = 7;
  uint64_t residual_add = 4;  // products, sum, shift and round, clamp

  // The output buffer is read an entry of NREQ bytes per cycle: as fast as the drain writes it.
  uint64_t store_beat_cycles;
  uint64_t store_read = 2;  // entry address to data beat

 private:
  static uint64_t log2_of(int value) {
    uint64_t stages = 0;
    while ((1 << stages) < value) ++stages;
    return stages;
  }
};

}  // namespace aap::cyclemodel
