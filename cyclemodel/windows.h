// SPDX-License-Identifier: Apache-2.0
// WINDOW: the weight rows of the PEs as they lie in the buffer, the windows of an EXEC read from them, and the cycles in which
// the array has them (docs/accelerator.md, "WINDOW").
#pragma once

#include <cstdint>
#include <vector>

#include "cyclemodel/descriptor.h"
#include "spec/config.h"

namespace aap::cyclemodel {

// Rows of the PE with fewest and with most weights in a window: cycles in which all PEs work, and that the window takes.
struct WindowCycles {
  uint64_t least = 0, most = 0;
};

class WindowRows {
 public:
  struct Term {
    uint16_t column = 0;  // lane * G + channel
    int16_t weight = 0;
  };

  explicit WindowRows(const Config& config);
  // `bytes` of a weight row in memory, row_bits() of them used; a row beyond the buffer is left out.
  void load(uint64_t row, const uint8_t* bytes);
  // Reads the windows of an EXEC; false when the rows of a PE run out of the buffer.
  bool list(const Command& c);

  // Of the EXEC listed last.
  const std::vector<WindowCycles>& cycles() const { return cycles_; }                   // [window]
  const std::vector<Term>& terms(uint64_t window, uint64_t pe) const { return terms_[window * pes_ + pe]; }
  uint32_t rows_used() const { return rows_used_; }                                     // from wgt_base on
  bool two_proposals() const { return two_proposals_; }                                 // of a maximum by a PE in one cycle
  bool ends_differ() const { return ends_differ_; }  // the row that ends the pixel is not that of its last window

 private:
  struct Element {
    int8_t weight = 0;
    uint8_t index = 0;
    bool ends = false;  // the window
  };
  bool list_pe(const Command& c, uint64_t pe);

  bool realign_;
  uint64_t muls_, pes_, depth_, element_bits_, weight_bits_, index_bits_;
  std::vector<Element> elements_;   // [row][pe][multiplier]
  std::vector<uint8_t> pixel_end_;  // [row][pe]
  std::vector<WindowCycles> cycles_;
  std::vector<std::vector<Term>> terms_;
  uint32_t rows_used_ = 0;
  bool two_proposals_ = false, ends_differ_ = false;
};

// An EXEC's windows on their way through the array.
struct WindowPlan {
  uint64_t last_issue = 0;  // cycle in which its last window is issued,
  uint64_t half_from = 0;   // from which the next descriptor's first half may be taken,
  uint64_t leaves = 0;      // and in which the array finishes with the last window
  uint64_t working = 0, imbalance = 0, requant = 0;  // cycles
  // What the array does after last_issue; the rest of the time until `leaves` it has no window.
  struct Stretch {
    uint64_t from = 0, until = 0;  // cycles [from, until)
    bool drain = false;            // waits for the drain
  };
  std::vector<Stretch> tail;
};

// first_issue: earliest cycle of the first window's issue. whole_from: since when the second half of the descriptor is there.
// next_pixel: earliest last cycle of a pixel.
WindowPlan plan_windows(const std::vector<WindowCycles>& windows, uint64_t pixels, uint64_t first_issue,
                        uint64_t whole_from, uint64_t next_pixel, uint64_t drain_cycles);

}  // namespace aap::cyclemodel
