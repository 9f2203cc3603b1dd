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

double obs(const float* hessian, float* weights, int64_t rows, int64_t columns, int group, int keep,
           double damping) {
  c10::InferenceMode no_gradients;
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  constexpr int64_t kBlock = 128;
  at::Tensor h = at::from_blob(const_cast<float*>(hessian), {columns, columns}, at::kFloat).clone();
  at::Tensor w = at::from_blob(weights, {rows, columns}, at::kFloat);
  const double start = thread_seconds();
  h.diagonal().add_(damping * h.diagonal().mean().item<double>());
  // The upper factor of the inverse, whose row i prices and spreads the removal of column i.
  const at::Tensor u = at::linalg_cholesky(at::cholesky_inverse(at::linalg_cholesky(h))).t().contiguous();
  for (int64_t first = 0; first < columns; first += kBlock) {
    const int64_t last = std::min(columns, first + kBlock), count = last - first;
    at::Tensor block = w.slice(1, first, last).clone();
    const at::Tensor factor = u.slice(0, first, last).slice(1, first, last);
    const at::Tensor diagonal = factor.diagonal();
    at::Tensor error = at::zeros_like(block), gone = at::zeros({rows, count}, at::kBool);
    for (int64_t i = 0; i < count; ++i) {
      if ((first + i) % group == 0) {
        const int64_t size = std::min<int64_t>(group, count - i);
        const at::Tensor cost = block.slice(1, i, i + size).square() / diagonal.slice(0, i, i + size).square();
        if (size > keep) gone.scatter_(1, std::get<1>(cost.topk(size - keep, 1, false)) + i, true);
      }
      const at::Tensor column = block.select(1, i).clone();
      const at::Tensor kept = column.masked_fill(gone.select(1, i), 0.0);
      const at::Tensor e = (column - kept) / diagonal[i];
      block.slice(1, i, count).sub_(e.unsqueeze(1) * factor[i].slice(0, i, count).unsqueeze(0));
      block.select(1, i).copy_(kept);
      error.select(1, i).copy_(e);
    }
    w.slice(1, first, last).copy_(block);
    if (last < columns) {
      w.slice(1, last, columns).sub_(error.matmul(u.slice(0, first, last).slice(1, last, columns)));
    }
  }
  const double seconds = thread_seconds() - start;
  at::set_num_threads(threads);
  return seconds;
}

const char* version() { return TORCH_VERSION; }

}  // namespace
}  // namespace aap

extern "C" const aap::TorchBenchApi* aap_torch_bench_api() {
  static const aap::TorchBenchApi api = {aap::kTorchBenchVersion, aap::version, aap::topk, aap::obs};
  return &api;
}
