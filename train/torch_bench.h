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
  // SparseGPT (arXiv 2301.00774, its published procedure in fp32): damping as a share of the mean
  // diagonal of hessian[columns][columns], inverse by Cholesky, keep of each group of columns, update in
  // blocks of 128. weights[rows][columns] become the pruned ones. Throws std::exception.
  double (*obs)(const float* hessian, float* weights, int64_t rows, int64_t columns, int group,
                int keep, double damping);
};
constexpr uint32_t kTorchBenchVersion = 2;
constexpr const char* kTorchBenchSymbol = "aap_torch_bench_api";

// nullptr where the trainer was not built, with the reason in `why`. InputError where it is there
// and cannot be used.
const TorchBenchApi* load_torch_bench(std::string& why);

}  // namespace aap

extern "C" const aap::TorchBenchApi* aap_torch_bench_api();
