// SPDX-License-Identifier: Apache-2.0
#include "verif/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>

namespace aap::verif {
namespace {

std::vector<LayerTime> layer_times(const Program& program, const JobResult& job) {
  std::vector<LayerTime> times;
  uint64_t before = 0;
  for (size_t i = 0; i < program.layers.size(); ++i) {
    const auto it = job.layer_end.find(static_cast<uint16_t>(i));
    const uint64_t end = it == job.layer_end.end() ? before : std::max(before, it->second);
    times.push_back({program.layers[i].name, end - before});
    before = end;
  }
  return times;
}

int64_t argmax_of(const Int8Tensor& values) {
  return std::max_element(values.data.begin(), values.data.end()) - values.data.begin();
}

// Shared by the threads; everything but `next` under the mutex.
struct Shared {
  std::mutex mutex;
  std::atomic<int64_t> next{0};
  int64_t done = 0;
  Evaluation total;
  std::exception_ptr failure;
};

}  // namespace

Evaluation evaluate_rtl(const Program& program, const Config& config, const Dataset& dataset,
                        int64_t first, int64_t n, int jobs, const SessionOptions& options,
                        const InputOf& input_of, const Reference& reference,
                        const std::function<void(int64_t, int64_t)>& progress, const ModelOf& model_of) {
  if (first < 0 || n < 1 || first + n > dataset.count()) {
    throw_input("{}: images {}..{} asked for, legal is 0..{}", dataset.name, first, first + n - 1,
                dataset.count() - 1);
  }
  Shared shared;

  const auto work = [&]() {
    try {
      ProgramRun run(program, config, options);
      for (int64_t i = shared.next++; i < n; i = shared.next++) {
        const Int8Tensor input = input_of(dataset, first + i);
        const uint64_t cycles_before = run.session().cycle();
        const auto begin = std::chrono::steady_clock::now();
        BusRecord bus;
        if (i == 0 && model_of) bus.attach(run.session());
        const JobResult job = run.run(input);
        run.session().on_bus = nullptr;
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        if (!job.done || job.error != isa::Error::kNone) {
          throw std::runtime_error(fmt::format("image {}: accelerator error {} at 0x{:x}", first + i,
                                               isa::to_string(job.error), job.error_address));
        }
        const Comparison comparison = run.compare(reference(input));
        const std::string difference = i == 0 && model_of ? model_of(job, bus) : "";
        const bool correct = argmax_of(run.output()) == dataset.labels[static_cast<size_t>(first + i)];

        const std::lock_guard<std::mutex> lock(shared.mutex);
        Evaluation& total = shared.total;
        ++total.images;
        total.correct += correct ? 1 : 0;
        total.values_compared += comparison.values;
        total.mismatches += comparison.mismatches;
        if (comparison.first && (total.first_mismatch_image < 0 || first + i < total.first_mismatch_image)) {
          total.first_mismatch = comparison.first;
          total.first_mismatch_image = first + i;
        }
        if (i == 0) {
          total.job = job;
          total.layers = layer_times(program, job);
          total.model_difference = difference;
        }
        total.total_cycles += job.cycles;
        total.simulated_cycles += run.session().cycle() - cycles_before;
        total.simulation_seconds += seconds;
        if (progress) progress(++shared.done, n);
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(shared.mutex);
      if (!shared.failure) shared.failure = std::current_exception();
      shared.next = n;
    }
  };
  std::vector<std::thread> threads;
  // Waves are of one simulator.
  const int64_t workers = options.trace.path.empty() ? std::min<int64_t>(std::max(jobs, 1), n) : 1;
  for (int64_t t = 0; t < workers; ++t) threads.emplace_back(work);
  for (std::thread& t : threads) t.join();
  if (shared.failure) std::rethrow_exception(shared.failure);
  return shared.total;
}

}  // namespace aap::verif
