// SPDX-License-Identifier: Apache-2.0
// A tiny assembler for tests: descriptors by field, data by value, written from docs/accelerator.md
// with straightforward loops of its own.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "compile/gen/isa.h"
#include "compile/program.h"
#include "cyclemodel/cyclemodel.h"
#include "spec/config.h"

namespace aap::test {

constexpr uint32_t kL2E = 1, kE2L = 2, kE2S = 4, kS2E = 8, kS2L = 16;

Config board();  // configs/board.yaml
Config small();  // configs/small.yaml, with accumulators and multipliers wide enough for any test

struct Weight {
  int value = 0, index = 0;
};

class Assembler {
 public:
  explicit Assembler(const Config& config, uint32_t base = 0x1000);

  using Fields = std::initializer_list<std::pair<isa::Field, uint64_t>>;
  // Appends a descriptor; returns its number (0 is CHECK).
  uint32_t add(isa::Opcode opcode, uint32_t wait, uint32_t post, Fields fields, uint32_t layer = 0);
  isa::Descriptor& at(uint32_t number) { return descriptors[number]; }

  // Reserves bytes in memory, beat-aligned to 4 KiB so that tests know the bursts; returns the
  // address.
  uint32_t reserve(size_t bytes);
  uint8_t* data(uint32_t address) { return &data_[address - data_base_]; }

  // rows[row][pe * lanes + lane]
  uint32_t weights(const std::vector<std::vector<Weight>>& rows);
  // steps[step][lane]
  uint32_t table(const std::vector<std::vector<int>>& steps);
  struct Par {
    int32_t bias = 0;
    uint32_t m = 1, t = 0;
  };
  uint32_t parameters(const std::vector<Par>& channels);  // of whole entries

  // With END and checks in place.
  Program program();
  // Runs it; memory is kept for value().
  ModelResult run(const ModelOptions& options = {});
  int8_t value(uint32_t address) const { return static_cast<int8_t>(memory[address - base_]); }

  Config config;
  std::vector<isa::Descriptor> descriptors;
  bool seal = true, end = true;
  uint32_t memory_size = 1U << 20;
  std::vector<uint8_t> memory;

 private:
  uint32_t base_, data_base_;
  std::vector<uint8_t> data_;
};

// One complete layer, 1 row of `cols` pixels, 1x1 kernel, `planes` input planes (one word per pixel
// and plane group), every lane at offset lane-independent step * cols, keep weights per group;
// loads, EXEC and STORE with tokens. Weight of (row, pe, lane) is a small pattern, activation too.
struct Layer {
  uint32_t input = 0, output = 0;
  uint32_t cols = 0, steps = 0, keep = 0;
  std::vector<std::vector<Weight>> rows;
  std::vector<Assembler::Par> par;
  std::vector<std::vector<std::vector<int8_t>>> act;  // [pixel][step][lane * G + channel]
};

struct LayerOptions {
  uint32_t cols = 8, steps = 2, keep = 2, dst = 0, wgt = 0, tab = 0, par = 0, out = 0;
  uint32_t load_wait = 0, exec_wait = 0, exec_post = 0, store_wait = 0, store_post = 0;
  uint32_t layer = 0;
  int seed = 1;
};
Layer add_layer(Assembler& a, const LayerOptions& o);
// Expected sum before requantisation.
int64_t expected_sum(const Assembler& a, const Layer& layer, uint32_t pixel, int pe);
// Address of output channel `pe` of a pixel of a one-row layer.
uint32_t output_address(const Assembler& a, const Layer& layer, uint32_t pixel, int pe);

}  // namespace aap::test
