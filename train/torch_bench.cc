// SPDX-License-Identifier: Apache-2.0
#include "train/torch_bench.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <algorithm>
#include <ctime>
#include <vector>

namespace aap {
namespace {

double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double topk(const float* magnitudes, int64_t groups, int members, int keep, int rounds,
            uint32_t* masks) {
  c10::InferenceMode no_gradients;
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor x = at::from_blob(const_cast<float*>(magnitudes), {groups, members}, at::kFloat);
  double best = 1e300;
  at::Tensor indices;
  for (int r = 0; r < rounds; ++r) {
    for (const bool sorted : {false, true}) {
      const double start = thread_seconds();
      auto [values, found] = at::topk(x, keep, 1, true, sorted);
      best = std::min(best, thread_seconds() - start);
      indices = found;
    }
  }
  at::set_num_threads(threads);
  const int64_t* index = indices.data_ptr<int64_t>();
  for (int64_t j = 0; j < groups; ++j) {
    masks[j] = 0;
    for (int k = 0; k < keep; ++k) masks[j] |= 1U << index[j * keep + k];
  }
  return best;
}

const char* version() { return TORCH_VERSION; }

}  // namespace
}  // namespace aap

extern "C" const aap::TorchBenchApi* aap_torch_bench_api() {
  static const aap::TorchBenchApi api = {aap::kTorchBenchVersion, aap::version, aap::topk};
  return &api;
}
