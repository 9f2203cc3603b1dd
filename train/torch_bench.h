// SPDX-License-Identifier: Apache-2.0
// What libtorch takes for the work that prune/ does itself, for `aap bench`. In the trainer plugin,
// since only that needs libtorch.
#pragma once

#include <cstdint>
#include <string>

namespace aap {

// Seconds of processor time of the calling thread, libtorch limited to one thread.
struct TorchBenchApi {
  uint32_t version;  // kTorchBenchVersion; the loader refuses another
  const char* (*libtorch_version)();
  // topk of each row of magnitudes[groups][members], the shortest of `rounds`; sorted or not,
  // whichever is faster. masks[j] gets the bits of the members kept.
  double (*topk)(const float* magnitudes, int64_t groups, int members, int keep, int rounds,
                 uint32_t* masks);
};
constexpr uint32_t kTorchBenchVersion = 1;
constexpr const char* kTorchBenchSymbol = "aap_torch_bench_api";

// nullptr where the trainer was not built, with the reason in `why`. InputError where it is there
// and cannot be used.
const TorchBenchApi* load_torch_bench(std::string& why);

}  // namespace aap

extern "C" const aap::TorchBenchApi* aap_torch_bench_api();
