// SPDX-License-Identifier: Apache-2.0
// Buffers and memory, and what each descriptor does to them. A descriptor acts at once when its
// unit begins it: in a program without races any moment between begin and finish gives the same
// result, and races are reported.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cyclemodel/descriptor.h"
#include "cyclemodel/order.h"
#include "cyclemodel/windows.h"
#include "spec/config.h"

namespace aap::cyclemodel {

class Machine {
 public:
  // memory begins at address base and is the window.
  Machine(const Config& config, uint32_t base, std::vector<uint8_t>& memory, const Order& order);

  // Runs a descriptor with sequence number `sequence` in its unit. A faulty one changes nothing. windows: WINDOW's, which have
  // listed the EXEC; absent where its rows run out of the buffer.
  Fault run(const Command& command, uint32_t sequence, const WindowRows* windows = nullptr);

  void hazard(std::string text);
  const std::vector<std::string>& hazards() const { return hazards_; }
  uint64_t hazard_count() const { return hazard_count_; }

 private:
  struct Parameter {
    int32_t bias = 0;
    uint32_t multiplier = 0, shift = 0;
  };
  struct Run {
    uint32_t word = 0, count = 0;
  };
  using Term = WindowRows::Term;
  // Pixels at a time: the columns of a step stay in the first-level cache.
  static constexpr size_t kPixelBlock = 128;
  // Who touched an entry last; 0 is nobody.
  struct Stamps {
    std::vector<uint32_t> written, read;
    explicit Stamps(size_t entries) : written(entries, 0), read(entries, 0) {}
  };

  Fault load_planes(const Command& c, uint32_t sequence);
  Fault load_residual(const Command& c, uint32_t sequence);
  Fault load_entries(const Command& c, uint32_t sequence);
  void unpack_weights(const uint8_t* bytes, uint32_t row);
  Fault exec(const Command& c, uint32_t sequence, const WindowRows* windows);
  Fault store(const Command& c, uint32_t sequence);

  Fault exec_range(const Command& c) const;
  void exec_races(const Command& c, uint32_t sequence);
  void exec_act_races(const Command& c, uint32_t sequence);
  void accumulate(const Command& c);
  void accumulate_few(const Command& c);
  void list_terms(const Command& c);
  void list_windows(const Command& c, const WindowRows& windows);
  void gather_column(size_t column, uint32_t offset, size_t first, size_t count);
  // Of all PEs in row `row` = k of a step.
  const uint8_t* row_indices(const Command& c, size_t step, size_t k, size_t lane);
  void add_terms(int32_t* sums, size_t begin, size_t end, bool max, size_t count) const;
  void drain(const Command& c, uint32_t number);
  int64_t wrap_accumulator(int64_t value, const Command& c, const char* what);

  Fault window(const Command& c) const;
  // Marks memory [address, address + bytes) and reports races.
  void read_memory(const Command& c, uint32_t sequence);
  void write_memory(const Command& c, uint32_t sequence);
  void overwrites(const Command& c, const char* buffer, uint64_t entry, uint32_t reader);
  void reads(const Command& c, const char* buffer, uint64_t entry, uint32_t writer);

  uint8_t* at(uint32_t address) { return memory_.data() + (address - base_); }
  size_t act_index(size_t lane, uint32_t channel) const {
    return (lane * g_ + channel) * act_depth_;
  }

  const Config& config_;
  uint32_t base_;
  std::vector<uint8_t>& memory_;
  const Order& order_;
  size_t g_, lanes_, pes_, block_, act_depth_;

  std::vector<int8_t> act_;          // [lane][channel][word]: pixels of one channel side by side
  std::vector<int8_t> weights_;      // [row][lane][pe]
  std::vector<uint8_t> indices_;     // [row][lane][pe]
  uint32_t rows_used_ = 0;           // of the current EXEC, from wgt_base
  std::vector<uint16_t> table_;      // [step][lane]
  std::vector<uint8_t> first_index_;  // [step][lane], DENSE
  std::vector<Parameter> params_;    // [entry][channel]
  std::vector<int32_t> psum_;        // [pixel][pe]
  std::vector<uint8_t> psum_valid_;  // [pixel]
  std::vector<int8_t> residual_;     // [pixel][pe]
  std::vector<int8_t> output_;       // [pixel][pe]

  Stamps act_stamps_;  // [lane][word]
  Stamps weight_stamps_, table_stamps_, param_stamps_;
  Stamps residual_stamps_;  // [pixel], written by load, read by exec
  Stamps output_stamps_;    // [pixel], written by exec, read by store
  Stamps memory_stamps_;    // [beat], written by store, read by load

  std::vector<uint32_t> pixel_word_;  // of the current EXEC
  std::vector<int32_t> sums_;         // [pe][pixel]
  std::vector<Run> runs_;             // the same as consecutive words, all of one length
  std::vector<uint8_t> index_;        // [pe], made up for a row whose indices are not stored
  std::vector<Term> terms_;           // by step, then PE
  std::vector<size_t> term_begin_;
  std::vector<uint8_t> used_;     // [step][column]
  std::vector<int16_t> columns_;  // [lane * G + channel][pixel of a block]

  std::vector<std::string> hazards_;
  uint64_t hazard_count_ = 0;
};

}  // namespace aap::cyclemodel
