// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/test/assembler.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace aap::test {

Config board() { return load_config(std::string(AAP_SOURCE_DIR) + "/configs/board.yaml"); }
Config small() {
  Config c = load_config(std::string(AAP_SOURCE_DIR) + "/configs/small.yaml");
  c.accumulator_width = 32;
  c.multiplier_width = 24;
  c.add_multiplier_width = 23;
  return c;
}

Assembler::Assembler(const Config& c, uint32_t base)
    : config(c), base_(base), data_base_(base + 0x10000) {
  memory_size = config.axi_addr_width >= 22 ? 1U << 21 : 1U << 19;
  add(isa::Opcode::kCheck, 0, 0,
      {{isa::check::kConfigHash, config.hash()}, {isa::check::kVersion, isa::kVersion}});
}

uint32_t Assembler::add(isa::Opcode opcode, uint32_t wait, uint32_t post, Fields fields,
                        uint32_t layer) {
  isa::Descriptor d(opcode);
  d.set(isa::header::kWait, wait);
  d.set(isa::header::kPost, post);
  d.set(isa::header::kLayer, layer);
  for (const auto& [field, value] : fields) d.set(field, value);
  descriptors.push_back(d);
  return static_cast<uint32_t>(descriptors.size() - 1);
}

uint32_t Assembler::reserve(size_t bytes) {
  const auto address = data_base_ + static_cast<uint32_t>(data_.size());
  data_.resize(data_.size() + (bytes + 4095) / 4096 * 4096);
  return address;
}

uint32_t Assembler::weights(const std::vector<std::vector<Weight>>& rows) {
  const auto row_bytes = static_cast<size_t>(config.row_beats() * config.beat_bytes());
  const uint32_t address = reserve(rows.size() * row_bytes);
  const int width = 8 + config.index_width();
  for (size_t r = 0; r < rows.size(); ++r) {
    uint8_t* to = data(address) + r * row_bytes;
    for (size_t e = 0; e < rows[r].size(); ++e) {
      const int bits = (rows[r][e].value & 0xff) | rows[r][e].index << 8;
      for (int b = 0; b < width; ++b) {  // bit by bit: slow and hard to get wrong
        const size_t at = e * static_cast<size_t>(width) + static_cast<size_t>(b);
        if ((bits >> b & 1) != 0) to[at / 8] = static_cast<uint8_t>(to[at / 8] | 1 << at % 8);
      }
    }
  }
  return address;
}

uint32_t Assembler::table(const std::vector<std::vector<int>>& steps) {
  const auto bytes = static_cast<size_t>(config.table_beats() * config.beat_bytes());
  const uint32_t address = reserve(steps.size() * bytes);
  for (size_t s = 0; s < steps.size(); ++s) {
    for (size_t l = 0; l < steps[s].size(); ++l) {
      data(address)[s * bytes + 2 * l] = static_cast<uint8_t>(steps[s][l] & 0xff);
      data(address)[s * bytes + 2 * l + 1] = static_cast<uint8_t>(steps[s][l] >> 8);
    }
  }
  return address;
}

uint32_t Assembler::parameters(const std::vector<Par>& channels) {
  const auto n = static_cast<size_t>(config.requantisers);
  const auto bytes = static_cast<size_t>(config.param_beats() * config.beat_bytes());
  const uint32_t address = reserve(channels.size() / n * bytes);
  for (size_t c = 0; c < channels.size(); ++c) {
    const uint32_t words[] = {static_cast<uint32_t>(channels[c].bias),
                              channels[c].m | channels[c].t << 24};
    std::memcpy(data(address) + c / n * bytes + c % n * 8, words, 8);
  }
  return address;
}

Program Assembler::program() {
  if (end) add(isa::Opcode::kEnd, 0, 0, {});
  end = false;
  Program p;
  p.network = "test";
  p.config_hash = config.hash();
  p.base = base_;
  p.memory_size = memory_size;
  p.descriptor_address = base_;
  p.descriptor_count = static_cast<uint32_t>(descriptors.size());
  p.image.resize(data_base_ - base_);
  for (size_t i = 0; i < descriptors.size(); ++i) {
    if (seal) descriptors[i].seal();
    std::memcpy(&p.image[i * isa::kDescriptorBytes], descriptors[i].words.data(),
                isa::kDescriptorBytes);
  }
  p.image.insert(p.image.end(), data_.begin(), data_.end());
  return p;
}

ModelResult Assembler::run(const ModelOptions& options) {
  const Program p = program();
  load_image(p, memory);
  return run_model(p, config, memory, options);
}

Layer add_layer(Assembler& a, const LayerOptions& o) {
  const Config& c = a.config;
  std::mt19937 random(static_cast<unsigned>(o.seed));
  const auto pick = [&](int lo, int hi) {
    return lo + static_cast<int>(random() % static_cast<unsigned>(hi - lo + 1));
  };
  const auto lanes = static_cast<size_t>(c.lanes), pes = static_cast<size_t>(c.pes);
  const auto block = static_cast<uint32_t>(c.block_bytes());
  const auto group = static_cast<size_t>(c.group);
  Layer l;
  l.cols = o.cols;
  l.steps = o.steps;
  l.keep = o.keep;
  // Step s reads plane group s: planes s * NSB .. of the feature map, one superbank each.
  const auto superbanks = static_cast<uint32_t>(c.superbanks());
  const uint32_t planes = o.steps * superbanks;
  l.input = a.reserve(size_t{planes} * o.cols * block);
  l.act.assign(o.cols,
               std::vector<std::vector<int8_t>>(o.steps, std::vector<int8_t>(lanes * group)));
  for (uint32_t s = 0; s < o.steps; ++s) {
    for (uint32_t p = 0; p < o.cols; ++p) {
      for (size_t i = 0; i < lanes * group; ++i) {
        const auto value = static_cast<int8_t>(pick(-128, 127));
        l.act[p][s][i] = value;
        const uint32_t plane = s * superbanks + static_cast<uint32_t>(i / block);
        a.data(l.input)[(plane * o.cols + p) * block + i % block] = static_cast<uint8_t>(value);
      }
    }
  }
  l.rows.assign(o.steps * o.keep, std::vector<Weight>(pes * lanes));
  for (auto& row : l.rows) {
    for (auto& w : row) w = {pick(0, 3) == 0 ? 0 : pick(-128, 127), pick(0, c.group - 1)};
  }
  for (size_t m = 0; m < pes; ++m) {
    l.par.push_back({pick(-1000, 1000), static_cast<uint32_t>(pick(1, 2000)),
                     static_cast<uint32_t>(pick(16, 20))});
  }
  std::vector<std::vector<int>> offsets;
  for (uint32_t s = 0; s < o.steps; ++s) {
    offsets.emplace_back(lanes, static_cast<int>(s * o.cols));
  }
  const uint32_t weights = a.weights(l.rows), table = a.table(offsets), par = a.parameters(l.par);
  l.output = a.reserve(pes * o.cols);
  namespace la = isa::load_act;
  a.add(isa::Opcode::kLoadWgt, o.load_wait, 0,
        {{isa::load_wgt::kAddr, weights},
         {isa::load_wgt::kEntries, l.rows.size()},
         {isa::load_wgt::kDst, o.wgt}},
        o.layer);
  a.add(isa::Opcode::kLoadTab, 0, 0,
        {{isa::load_tab::kAddr, table},
         {isa::load_tab::kEntries, o.steps},
         {isa::load_tab::kDst, o.tab}},
        o.layer);
  a.add(isa::Opcode::kLoadPar, 0, 0,
        {{isa::load_par::kAddr, par},
         {isa::load_par::kEntries, static_cast<uint32_t>(c.drain_cycles())},
         {isa::load_par::kDst, o.par}},
        o.layer);
  a.add(isa::Opcode::kLoadAct, 0, kL2E,
        {{la::kAddr, l.input},
         {la::kPlaneStride, o.cols * block},
         {la::kRowStride, o.cols * block},
         {la::kCols, o.cols},
         {la::kRows, 1},
         {la::kDst, o.dst},
         {la::kPlanes, planes},
         {la::kBankMask, 1},
         {la::kWrap, superbanks},
         {la::kPlaneStep, o.cols}},
        o.layer);
  namespace e = isa::exec;
  a.add(isa::Opcode::kExec, kL2E | o.exec_wait, kE2S | o.exec_post,
        {{e::kKeep, o.keep},
         {e::kFirst, 1},
         {e::kLast, 1},
         {e::kSteps, o.steps},
         {e::kActBase, o.dst},
         {e::kWgtBase, o.wgt},
         {e::kTabBase, o.tab},
         {e::kParBase, o.par},
         {e::kCols, o.cols},
         {e::kRows, 1},
         {e::kXStep, 1},
         {e::kOutBase, o.out},
         {e::kLo, 0x80},
         {e::kHi, 0x7f}},
        o.layer);
  a.add(isa::Opcode::kStore, kE2S | o.store_wait, o.store_post,
        {{isa::store::kAddr, l.output},
         {isa::store::kPlaneStride, o.cols * block},
         {isa::store::kRowStride, o.cols * block},
         {isa::store::kCols, o.cols},
         {isa::store::kRows, 1},
         {isa::store::kOutBase, o.out},
         {isa::store::kPlanes, static_cast<uint32_t>(c.pes / c.block_bytes())}},
        o.layer);
  return l;
}

int64_t expected_sum(const Assembler& a, const Layer& l, uint32_t pixel, int pe) {
  int64_t sum = 0;
  for (uint32_t s = 0; s < l.steps; ++s) {
    for (uint32_t k = 0; k < l.keep; ++k) {
      for (int lane = 0; lane < a.config.lanes; ++lane) {
        const Weight& w = l.rows[s * l.keep + k][static_cast<size_t>(pe * a.config.lanes + lane)];
        sum += w.value * l.act[pixel][s][static_cast<size_t>(lane * a.config.group + w.index)];
      }
    }
  }
  return sum;
}

uint32_t output_address(const Assembler& a, const Layer& l, uint32_t pixel, int pe) {
  const auto block = static_cast<uint32_t>(a.config.block_bytes());
  const auto channel = static_cast<uint32_t>(pe);
  return l.output + (channel / block * l.cols + pixel) * block + channel % block;
}

}  // namespace aap::test
