// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "cyclemodel/machine.h"

namespace aap::cyclemodel {

Fault Machine::store(const Command& c, uint32_t sequence) {
  const auto depth = static_cast<uint64_t>(config_.out_depth);
  if (c.dst + c.pixels() > depth) {
    return {isa::Error::kStoreRange, static_cast<uint32_t>(std::max<uint64_t>(c.dst, depth))};
  }
  if (const Fault fault = window(c)) return fault;

  const uint32_t known = order_.seen(Unit::kStore).exec_done;
  bool reported = false;
  for (uint64_t n = c.dst; n < c.dst + c.pixels(); ++n) {
    output_stamps_.read[n] = sequence;
    const uint32_t writer = output_stamps_.written[n];
    if ((writer != 0 && writer <= known) || reported) continue;
    reads(c, "output pixel", n, writer);
    reported = true;
  }
  for (uint32_t p = 0; p < c.planes; ++p) {
    size_t n = c.dst;
    for (uint32_t row = 0; row < c.rows; ++row) {
      uint8_t* to = at(run_address(c, uint64_t{p} * c.rows + row));
      for (uint32_t i = 0; i < c.cols; ++i, ++n, to += block_) {
        std::memcpy(to, &output_[n * pes_ + p * block_], block_);
      }
    }
  }
  write_memory(c, sequence);
  return {};
}

}  // namespace aap::cyclemodel
