// SPDX-License-Identifier: Apache-2.0
#include "verif/program_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace aap::verif {

std::string Mismatch::to_string() const {
  return fmt::format("layer {} tensor {} pixel ({}, {}) channel {}: expected {}, got {}, written in cycle {}",
                     layer, tensor, y, x, channel, expected, got, cycle);
}

ProgramRun::ProgramRun(const Program& program, const Config& config, const SessionOptions& options)
    : program_(program), config_(config),
      session_((require_config(program, config), config), program.base, program.memory_size, options) {}

JobResult ProgramRun::run(const Int8Tensor& input, uint64_t cycle_limit) {
  return run(std::vector<Int8Tensor>(static_cast<size_t>(program_.images), input), cycle_limit);
}

JobResult ProgramRun::run(const std::vector<Int8Tensor>& inputs, uint64_t cycle_limit) {
  if (inputs.size() != static_cast<size_t>(program_.images)) {
    throw_input("{} inputs for a program of {} images", inputs.size(), program_.images);
  }
  std::vector<uint8_t>& bytes = session_.memory().bytes;
  // Everything anew: a value left over from the previous image must not pass for a result.
  std::fill(bytes.begin(), bytes.end(), 0xa5);
  std::fill(session_.memory().write_cycle.begin(), session_.memory().write_cycle.end(), 0);
  std::copy(program_.image.begin(), program_.image.end(), bytes.begin());
  for (size_t i = 0; i < inputs.size(); ++i) {
    place_tensor(program_.maps.at(static_cast<size_t>(program_.input) + i * maps_per_image()), config_, inputs[i], bytes.data());
  }
  if (cycle_limit == 0) {
    cycle_limit = 1000000;
    for (const ProgramLayer& layer : program_.layers) {
      cycle_limit += 20 * static_cast<uint64_t>(layer.array_cycles) +
                     20 * static_cast<uint64_t>(layer.read_bytes + layer.write_bytes);
    }
  }
  job_start_ = session_.cycle();
  return session_.run_job(program_.descriptor_address, program_.descriptor_count, program_.base,
                          program_.base + program_.memory_size - 1, cycle_limit);
}

Int8Tensor ProgramRun::map(int index) {
  return fetch_tensor(program_.maps.at(static_cast<size_t>(index)), config_,
                      session_.memory().bytes.data());
}

Int8Tensor ProgramRun::output(int image) {
  return map(program_.output + image * static_cast<int>(maps_per_image()));
}

Comparison ProgramRun::compare(const std::vector<Int8Tensor>& expected, int image) {
  Comparison result;
  const size_t layers = program_.layers.size() / static_cast<size_t>(program_.images);
  for (size_t l = 0; l < layers; ++l) {
    const ProgramLayer& layer = program_.layers.at(static_cast<size_t>(image) * layers + l);
    if (layer.output < 0) continue;
    const FeatureMap& fm = program_.maps.at(static_cast<size_t>(layer.output));
    if (fm.tensor < 0 || static_cast<size_t>(fm.tensor) >= expected.size()) continue;
    const Int8Tensor& want = expected[static_cast<size_t>(fm.tensor)];
    if (want.data.empty()) continue;
    const Int8Tensor got = map(layer.output);
    if (want.data.size() != got.data.size()) {
      throw_input("layer {}: reference has {} values, the program {}", layer.name, want.data.size(),
                  got.data.size());
    }
    const int64_t area = fm.height * fm.width;
    for (size_t i = 0; i < want.data.size(); ++i) {
      ++result.values;
      if (want.data[i] == got.data[i]) continue;
      ++result.mismatches;
      if (result.first) continue;
      Mismatch m;
      m.layer = layer.name;
      m.tensor = fm.name;
      m.channel = static_cast<int64_t>(i) / area;
      m.y = static_cast<int64_t>(i) % area / fm.width;
      m.x = static_cast<int64_t>(i) % fm.width;
      m.expected = want.data[i];
      m.got = got.data[i];
      const int64_t block = config_.block_bytes();
      const size_t offset = fm.address - program_.base +
                            static_cast<size_t>(m.channel / block) * fm.plane_stride +
                            static_cast<size_t>((m.y * fm.width + m.x) * block + m.channel % block);
      const uint32_t written =
          session_.memory().write_cycle.at(offset / static_cast<size_t>(config_.beat_bytes()));
      m.cycle = written >= job_start_ ? written - job_start_ : 0;
      result.first = m;
    }
  }
  if (result.values == 0) throw_input("nothing was compared: no layer of the program has a reference");
  return result;
}

}  // namespace aap::verif
