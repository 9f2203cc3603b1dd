// SPDX-License-Identifier: Apache-2.0
// What the functional and the timed run share: the program, the machine, tokens, and results.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cyclemodel/cyclemodel.h"
#include "cyclemodel/descriptor.h"
#include "cyclemodel/machine.h"
#include "cyclemodel/order.h"

namespace aap::cyclemodel {

// A descriptor under way: what its unit knew when it began.
struct Running {
  Command command;
  uint32_t sequence = 0;
  Seen knew;
};

class Scheduler {
 public:
  Scheduler(const Program& program, const Config& config, std::vector<uint8_t>& memory,
            const ModelOptions& options, ModelResult& result);

 protected:
  // Reads and checks descriptor `number`; false after a fault.
  bool fetch(uint32_t number, Command& command);
  uint32_t descriptor_address(uint32_t number) const;
  // The unit takes the descriptor, whose tokens are there, and it acts; false after a fault.
  bool begin(const Command& command, Running& running);
  // Posts those tokens of the descriptor's mask that are in `tokens`; false after a fault.
  bool post(const Running& running, uint32_t tokens);
  void fail(isa::Error code, uint32_t address, std::string text);
  void deadlock(const std::vector<const Command*>& heads);
  bool failed() const { return result_.error != isa::Error::kNone; }
  LayerCycles& layer(uint32_t number);
  void finish();

  const Program& program_;
  const Config& config_;
  const ModelOptions& options_;
  ModelResult& result_;
  Order order_;
  std::optional<Machine> machine_;  // absent: no values
  std::optional<WindowRows> windows_;  // WINDOW: of the EXEC that began last

 private:
  void load_windows(const Command& c);

  std::vector<uint8_t>& memory_;
  uint64_t rows_ = 0;  // issued so far
};

// Runs everything as soon as tokens and queues allow, without a clock.
void run_functional(const Program& program, const Config& config, std::vector<uint8_t>& memory,
                    const ModelOptions& options, ModelResult& result);
// The same with the clock.
void run_timed(const Program& program, const Config& config, std::vector<uint8_t>& memory,
               const ModelOptions& options, ModelResult& result);

}  // namespace aap::cyclemodel
