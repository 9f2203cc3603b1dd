// SPDX-License-Identifier: Apache-2.0
#include "verif/compare_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace aap::verif {
namespace {

constexpr const char* kEventNames[] = {"read address", "last read beat", "write address", "last write beat", "write response"};

// Both sides' events in one order: those of one cycle by kind.
std::vector<BusEvent> sorted(std::vector<BusEvent> events) {
  std::stable_sort(events.begin(), events.end(), [](const BusEvent& a, const BusEvent& b) {
    return std::tie(a.cycle, a.kind) < std::tie(b.cycle, b.kind);
  });
  return events;
}

bool equal(const BusEvent& a, const BusEvent& b) {
  return std::tie(a.cycle, a.kind, a.address, a.beats, a.layer) == std::tie(b.cycle, b.kind, b.address, b.beats, b.layer);
}

std::string text_of(const std::vector<BusEvent>& events, size_t i) {
  if (i >= events.size()) return "nothing more";
  const BusEvent& e = events[i];
  const std::string owner = e.layer == 0xffff ? "descriptors" : fmt::format("layer {}", e.layer);
  return fmt::format("cycle {}: {} 0x{:x} of {} beats, {}", e.cycle, kEventNames[static_cast<size_t>(e.kind)], e.address,
                     e.beats, owner);
}

}  // namespace

ModelOptions model_options(const MemoryOptions& memory) {
  ModelOptions options;
  options.read_latency = memory.read_latency;
  options.write_latency = memory.write_latency;
  options.cycles_per_beat = memory.cycles_per_beat;
  options.shared_bandwidth = memory.shared_bandwidth;
  return options;
}

bool model_applies(const MemoryOptions& memory) { return memory.stall_percent == 0; }

std::string compare_with_model(const Program& program, const Config& config, const MemoryOptions& memory, const JobResult& job,
                               const BusRecord* bus, std::vector<CycleCounts>* layers) {
  ModelOptions options = model_options(memory);
  options.values = false;
  std::vector<BusEvent> have;
  if (bus != nullptr) {
    options.on_bus = [&](const aap::BusEvent& e) {
      have.push_back({e.cycle, static_cast<BusEvent::Kind>(e.kind), e.address, e.beats, static_cast<uint16_t>(e.layer)});
    };
  }
  std::vector<uint8_t> bytes;
  load_image(program, bytes);
  const ModelResult model = run_model(program, config, bytes, options);
  if (!model.ok()) return fmt::format("cycle model stops: {}", model.error_text);

  if (layers != nullptr) {
    for (size_t i = 0; i < program.layers.size(); ++i) layers->push_back(model.layers.at(i).counts);
  }
  std::string text;
  const auto differs = [&](const std::string& what, uint64_t rtl, uint64_t predicted) {
    if (rtl == predicted) return;
    text += fmt::format("{}{}: RTL {}, model {}", text.empty() ? "" : "; ", what, rtl, predicted);
  };
  if (bus != nullptr) {
    const std::vector<BusEvent> rtl = sorted(bus->events());
    have = sorted(std::move(have));
    size_t i = 0;
    while (i < rtl.size() && i < have.size() && equal(rtl[i], have[i])) ++i;
    if (i < rtl.size() || i < have.size()) {
      const uint64_t at = std::min(i < rtl.size() ? rtl[i].cycle : UINT64_MAX, i < have.size() ? have[i].cycle : UINT64_MAX);
      ModelOptions again = options;
      again.on_bus = nullptr;
      again.describe_cycle = at;
      text = fmt::format("first divergence: RTL {}, model {} (model's units in cycle {}: {})", text_of(rtl, i),
                         text_of(have, i), at, run_model(program, config, bytes, again).description);
    }
  }
  differs("CYCLES", job.cycles, model.cycles);
  if (config.perf_counters != 0) {
    for (const CycleCause& cause : kCycleCauses) differs(cause.key, job.counts.*cause.member, model.counts.*cause.member);
    differs("sum of the counters", job.counts.total(), job.cycles);
  }
  for (size_t i = 0; i < program.layers.size(); ++i) {
    const auto it = job.layer_end.find(static_cast<uint16_t>(i));
    differs("end of layer " + program.layers[i].name, it == job.layer_end.end() ? 0 : it->second, model.layers.at(i).written);
  }
  return text;
}

}  // namespace aap::verif
