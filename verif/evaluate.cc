// SPDX-License-Identifier: Apache-2.0
#include "verif/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

namespace aap::verif {
namespace {

std::vector<LayerTime> layer_times(const Program& program, const JobResult& job) {
  std::vector<uint64_t> ends(program.layers.size(), 0);
  for (size_t i = 0; i < ends.size(); ++i) {
    const auto it = job.layer_end.find(static_cast<uint16_t>(i));
    if (it != job.layer_end.end()) ends[i] = it->second;
  }
  const std::vector<uint64_t> cycles = cycles_between(ends);
  std::vector<LayerTime> times;
  for (size_t i = 0; i < ends.size(); ++i) times.push_back({program.layers[i].name, cycles[i]});
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

std::vector<uint64_t> cycles_between(const std::vector<uint64_t>& ends) {
  std::vector<size_t> order(ends.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return ends[a] < ends[b]; });
  std::vector<uint64_t> cycles(ends.size(), 0);
  uint64_t before = 0;
  for (const size_t i : order) {
    cycles[i] = ends[i] - before;
    before = ends[i];
  }
  return cycles;
}

Evaluation evaluate_rtl(const Program& program, const Config& config, const Dataset& dataset,
                        int64_t first, int64_t n, int jobs, const SessionOptions& options,
                        const InputOf& input_of, const Reference& reference,
                        const std::function<void(int64_t, int64_t)>& progress, const ModelOf& model_of) {
  if (first < 0 || n < 1 || first + n > dataset.count()) {
    throw_input("{}: images {}..{} asked for, legal is 0..{}", dataset.name, first, first + n - 1,
                dataset.count() - 1);
  }
  Shared shared;
  const int64_t abreast = program.images;
  const int64_t starts = (n + abreast - 1) / abreast;

  const auto work = [&]() {
    try {
      ProgramRun run(program, config, options);
      for (int64_t i = shared.next++; i < starts; i = shared.next++) {
        const int64_t begin_image = first + i * abreast, end_image = std::min(begin_image + abreast, first + n);
        std::vector<Int8Tensor> inputs;
        for (int64_t image = begin_image; image < end_image; ++image) inputs.push_back(input_of(dataset, image));
        while (inputs.size() < static_cast<size_t>(abreast)) inputs.push_back(Int8Tensor(inputs.back()));
        const uint64_t cycles_before = run.session().cycle();
        const auto begin = std::chrono::steady_clock::now();
        BusRecord bus;
        if (i == 0 && model_of) bus.attach(run.session());
        const JobResult job = run.run(inputs);
        run.session().on_bus = nullptr;
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        if (!job.done || job.error != isa::Error::kNone) {
          const std::string last = end_image - begin_image > 1 ? fmt::format("..{}", end_image - 1) : "";
          throw std::runtime_error(fmt::format("image {}{}: accelerator error {} at 0x{:x}", begin_image, last,
                                               isa::to_string(job.error), job.error_address));
        }
        std::vector<Comparison> comparisons;
        int64_t correct = 0;
        for (int64_t image = begin_image; image < end_image; ++image) {
          const auto place = static_cast<int>(image - begin_image);
          comparisons.push_back(run.compare(reference(inputs[static_cast<size_t>(place)]), place));
          correct += argmax_of(run.output(place)) == dataset.labels[static_cast<size_t>(image)] ? 1 : 0;
        }
        const std::string difference = i == 0 && model_of ? model_of(job, bus) : "";

        const std::lock_guard<std::mutex> lock(shared.mutex);
        Evaluation& total = shared.total;
        ++total.starts;
        total.images += end_image - begin_image;
        total.correct += correct;
        for (size_t c = 0; c < comparisons.size(); ++c) {
          const Comparison& comparison = comparisons[c];
          const int64_t image = begin_image + static_cast<int64_t>(c);
          total.values_compared += comparison.values;
          total.mismatches += comparison.mismatches;
          if (comparison.first && (total.first_mismatch_image < 0 || image < total.first_mismatch_image)) {
            total.first_mismatch = comparison.first;
            total.first_mismatch_image = image;
          }
        }
        if (i == 0) {
          total.job = job;
          total.layers = layer_times(program, job);
          total.model_difference = difference;
        }
        total.total_cycles += job.cycles;
        total.simulated_cycles += run.session().cycle() - cycles_before;
        total.simulation_seconds += seconds;
        shared.done += end_image - begin_image;
        if (progress) progress(shared.done, n);
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(shared.mutex);
      if (!shared.failure) shared.failure = std::current_exception();
      shared.next = starts;
    }
  };
  std::vector<std::thread> threads;
  // Waves are of one simulator.
  const int64_t workers = options.trace.path.empty() ? std::min<int64_t>(std::max(jobs, 1), starts) : 1;
  for (int64_t t = 0; t < workers; ++t) threads.emplace_back(work);
  for (std::thread& t : threads) t.join();
  if (shared.failure) std::rethrow_exception(shared.failure);
  return shared.total;
}

}  // namespace aap::verif
