// SPDX-License-Identifier: Apache-2.0
// What every unit bench of a Verilated module needs: a clock, random numbers, ports of any width.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "verilated.h"

namespace aap::bench {

// Seed of a bench: AAP_SEED in the environment or 1.
inline uint64_t seed() {
  const char* text = std::getenv("AAP_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 1;
}

class Random {
 public:
  explicit Random(uint64_t s = seed()) : engine_(s) {}
  int64_t between(int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(engine_);
  }
  bool one_in(int n) { return between(1, n) == 1; }
  uint64_t bits(int n) { return n >= 64 ? engine_() : engine_() & ((uint64_t{1} << n) - 1); }

 private:
  std::mt19937_64 engine_;
};

// A vector of bits, little-endian, as a port of any width.
using Bits = std::vector<uint32_t>;

inline void put(Bits& v, int lsb, int width, uint64_t value) {
  for (int i = 0; i < width; ++i) {
    const int at = lsb + i;
    const uint32_t mask = 1u << (at % 32);
    v[at / 32] = (value >> i & 1) != 0 ? v[at / 32] | mask : v[at / 32] & ~mask;
  }
}
inline uint64_t get(const Bits& v, int lsb, int width) {
  uint64_t value = 0;
  for (int i = 0; i < width; ++i)
    value |= static_cast<uint64_t>(v[(lsb + i) / 32] >> ((lsb + i) % 32) & 1) << i;
  return value;
}
inline Bits make_bits(int width) { return Bits((width + 31) / 32, 0); }

template <std::size_t N>
void drive(VlWide<N>& port, const Bits& v, int from_word = 0) {
  for (std::size_t i = 0; i < N; ++i) port[i] = v[from_word + i];
}
inline void drive(QData& port, const Bits& v, int from_word = 0) {
  port = v[from_word] | static_cast<uint64_t>(v[from_word + 1]) << 32;
}
template <class Narrow>
void drive(Narrow& port, const Bits& v, int from_word = 0) {
  port = static_cast<Narrow>(v[from_word]);
}
template <std::size_t N>
Bits sample(const VlWide<N>& port) {
  Bits v(N);
  for (std::size_t i = 0; i < N; ++i) v[i] = port[i];
  return v;
}
inline Bits sample(QData port) {
  return {static_cast<uint32_t>(port), static_cast<uint32_t>(port >> 32)};
}
inline Bits sample(IData port) { return {port}; }
inline Bits sample(SData port) { return {port}; }
inline Bits sample(CData port) { return {port}; }

// A Verilated module with clk_i. Inputs change while the clock is low; settle() makes outputs that
// depend on them valid.
template <class Model>
class Clocked {
 public:
  Clocked() {
    context_->randReset(2);
    context_->randSeed(static_cast<int>(seed() & 0x7fffffff));
    dut = std::make_unique<Model>(context_.get(), "dut");
    dut->clk_i = 0;
  }
  ~Clocked() { dut->final(); }
  void settle() { dut->eval(); }
  void edge() {
    dut->eval();
    dut->clk_i = 1;
    dut->eval();
    context_->timeInc(1);
    dut->clk_i = 0;
    dut->eval();
    ++cycle;
  }
  std::unique_ptr<VerilatedContext> context_ = std::make_unique<VerilatedContext>();
  std::unique_ptr<Model> dut;
  int64_t cycle = 0;
};

}  // namespace aap::bench
