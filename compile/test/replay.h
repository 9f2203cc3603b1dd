// SPDX-License-Identifier: Apache-2.0
// Runs a program's descriptors in any order that queues and tokens allow, each at once, and keeps
// who wrote and who last read every buffer entry. An order that tokens do not exclude and that is
// wrong gives a wrong result for some seed. Written from docs/accelerator.md, apart from compile/.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "compile/disassemble.h"
#include "compile/program.h"
#include "spec/config.h"

namespace aap::test {

class Replay {
 public:
  Replay(const Program& program, const Config& config, std::vector<uint8_t>& memory, uint32_t seed)
      : p_(program), c_(config), memory_(memory), random_(seed) {
    act_.assign(static_cast<size_t>(c_.lanes * c_.act_depth * c_.group), 0x55);
    wgt_.resize(static_cast<size_t>(c_.weight_depth));
    tab_.resize(static_cast<size_t>(c_.table_depth));
    par_.resize(static_cast<size_t>(c_.param_depth));
    psum_.assign(static_cast<size_t>(c_.psum_depth * c_.pes), 0);
    res_.assign(static_cast<size_t>(c_.residual_depth * c_.pes), 0);
    out_.assign(static_cast<size_t>(c_.out_depth * c_.pes), 0);
  }

  // Throws std::runtime_error on deadlock, on tokens left over and on illegal descriptors.
  void run() {
    const auto program = read_descriptors(p_);
    std::array<std::deque<isa::Descriptor>, 3> queues;
    size_t next = 0;
    for (;;) {
      std::vector<int> choices;
      for (int u = 0; u < 3; ++u) {
        if (!queues[u].empty() && ready(queues[u].front())) choices.push_back(u);
      }
      if (next < program.size() && fetchable(program[next], queues)) choices.push_back(3);
      if (choices.empty()) break;
      const int choice = choices[random_() % choices.size()];
      if (choice == 3) {
        fetch(program[next++], queues);
        continue;
      }
      const isa::Descriptor d = queues[choice].front();
      queues[choice].pop_front();
      take(d);
      execute(d);
      post(d);
    }
    if (next != program.size())
      throw std::runtime_error("deadlock before descriptor " + std::to_string(next));
    for (const int t : tokens_) {
      if (t != 0) throw std::runtime_error("tokens left at the end");
    }
  }

  int most_tokens() const { return most_tokens_; }

 private:
  static int unit_of(const isa::Descriptor& d) {
    switch (d.opcode()) {
      case isa::Opcode::kExec:
        return 1;
      case isa::Opcode::kStore:
        return 2;
      case isa::Opcode::kCheck:
      case isa::Opcode::kEnd:
        return 3;
      default:
        return 0;
    }
  }
  bool fetchable(const isa::Descriptor& d,
                 const std::array<std::deque<isa::Descriptor>, 3>& q) const {
    if (d.opcode() == isa::Opcode::kEnd) return q[0].empty() && q[1].empty() && q[2].empty();
    const int u = unit_of(d);
    return u == 3 || q[u].size() < static_cast<size_t>(c_.queue_depth);
  }
  void fetch(const isa::Descriptor& d, std::array<std::deque<isa::Descriptor>, 3>& q) {
    require(d.check_ok(), "check word");
    if (unit_of(d) != 3) q[unit_of(d)].push_back(d);
  }
  bool ready(const isa::Descriptor& d) const {
    for (int t = 0; t < 5; ++t) {
      if ((d.get(isa::header::kWait) >> t & 1) != 0 && tokens_[t] == 0) return false;
    }
    return true;
  }
  void take(const isa::Descriptor& d) {
    for (int t = 0; t < 5; ++t) tokens_[t] -= d.get(isa::header::kWait) >> t & 1;
  }
  void post(const isa::Descriptor& d) {
    for (int t = 0; t < 5; ++t) {
      tokens_[t] += d.get(isa::header::kPost) >> t & 1;
      most_tokens_ = std::max(most_tokens_, tokens_[t]);
    }
    require(most_tokens_ <= 255, "token counter");
  }
  static void require(bool ok, const std::string& what) {
    if (!ok) throw std::runtime_error("illegal: " + what);
  }
  uint8_t* at(uint64_t address, uint64_t n) {
    require(address >= p_.base && address - p_.base + n <= memory_.size(), "address");
    require(address % static_cast<uint64_t>(c_.beat_bytes()) == 0, "alignment");
    return &memory_[address - p_.base];
  }

  void execute(const isa::Descriptor& d);
  void load2d(const isa::Descriptor& d, bool residual);
  void load_linear(const isa::Descriptor& d, std::vector<std::vector<uint8_t>>& to, int beats);
  // [pe][window] of (index in the window, weight)
  using Windows = std::vector<std::vector<std::vector<std::pair<uint32_t, int>>>>;
  Windows window_lists(const isa::Descriptor& d) const;
  void exec(const isa::Descriptor& d);
  void store(const isa::Descriptor& d);

  const Program& p_;
  const Config& c_;
  std::vector<uint8_t>& memory_;
  std::minstd_rand random_;
  std::array<int, 5> tokens_{};
  int most_tokens_ = 0;
  std::vector<uint8_t> act_, res_, out_;
  std::vector<std::vector<uint8_t>> wgt_, tab_, par_;
  std::vector<int64_t> psum_;
};

}  // namespace aap::test
