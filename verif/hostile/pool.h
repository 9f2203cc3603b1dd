// SPDX-License-Identifier: Apache-2.0
// Worker processes with a bound on memory and processor time, so that a crash is a result.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace aap::hostile {

struct Limits {
  uint64_t megabytes = 768;  // live heap of one case
  double seconds = 10;       // processor time of one case
};

struct Finding {
  uint64_t item = 0;
  std::string what;  // one line
};

struct PoolResult {
  uint64_t run = 0, accepted = 0;
  double slowest = 0;           // seconds
  uint64_t slowest_item = 0;
  uint64_t most_megabytes = 0;
  uint64_t most_item = 0;
  std::vector<Finding> findings;
};

// Runs `work` for every item in `jobs` processes. `work` returns "" or what was wrong, and sets
// `accepted`. A process that dies is a finding; the items behind it go on in a new one.
PoolResult run_pool(const std::vector<uint64_t>& items, int jobs, const Limits& limits,
                    const std::function<std::string(uint64_t item, bool& accepted)>& work);

}  // namespace aap::hostile
