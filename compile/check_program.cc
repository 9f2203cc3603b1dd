// SPDX-License-Identifier: Apache-2.0
#include "compile/check_program.h"

#include <algorithm>
#include <tuple>

#include "compile/gen/isa.h"

namespace aap {
namespace {

using isa::Descriptor;
using isa::Opcode;

// A block of a feature map; rows and columns outside it are padding that stands for them.
struct Block {
  int map = -1;  // -1: nothing was loaded here
  int64_t plane = 0, y = 0, x = 0;
};

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Runs the loads of a program by name only: what lies in every buffer word, not its value.
class ProgramReader {
 public:
  ProgramReader(const Program& program, const Config& config,
                const std::map<std::string, int>& keep_of)
      : program_(program),
        config_(config),
        banks_(static_cast<size_t>(config.superbanks()),
               std::vector<Block>(static_cast<size_t>(config.act_depth))),
        weight_rows_(static_cast<size_t>(config.weight_depth), -1),
        table_steps_(static_cast<size_t>(config.table_depth), -1) {
    const size_t per_image = program.layers.size() / static_cast<size_t>(program.images);
    for (const ProgramLayer& l : program.layers) {
      CheckedProgramLayer c;
      c.name = l.name;
      c.op = l.op;
      c.group = config.group;
      // Claims are of the network's layers: those of the first image.
      const auto claim = keep_of.find(program.layers[layers_.size() % per_image].name);
      c.keep = claim == keep_of.end() ? l.keep : claim->second;
      layers_.push_back(c);
    }
    for (const auto& [name, keep] : keep_of) {
      if (std::none_of(layers_.begin(), layers_.end(),
                       [&, n = name](const CheckedProgramLayer& l) { return l.name == n; })) {
        throw_input("keep {} of layer '{}', which the program does not have", keep, name);
      }
    }
  }

  ProgramCheck run() {
    for (at_ = 0; at_ < program_.descriptor_count; ++at_) {
      const Descriptor d = descriptor(at_);
      switch (d.opcode()) {
        case Opcode::kLoadAct:
          load_activations(d);
          break;
        case Opcode::kLoadWgt:
          load_entries(d, weight_rows_, config_.row_beats(), "weight");
          break;
        case Opcode::kLoadTab:
          load_entries(d, table_steps_, config_.table_beats(), "table");
          break;
        case Opcode::kExec:
          execute(d);
          break;
        default:
          break;
      }
      if (result_.violation) break;
    }
    for (const CheckedProgramLayer& l : layers_) {
      if (l.execs > 0) result_.layers.push_back(l);
    }
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& text) const {
    throw_input("program '{}': descriptor {}: {}", program_.network, at_, text);
  }

  // `bytes` of the image at a memory address.
  const uint8_t* image(uint64_t address, uint64_t bytes) const {
    if (address < program_.base || address - program_.base > program_.image.size() ||
        bytes > program_.image.size() - (address - program_.base)) {
      fail(fmt::format("{} bytes at {:#x} lie outside the image", bytes, address));
    }
    return program_.image.data() + (address - program_.base);
  }

  Descriptor descriptor(uint32_t number) const {
    const uint8_t* bytes = image(
        program_.descriptor_address + uint64_t{number} * isa::kDescriptorBytes, isa::kDescriptorBytes);
    Descriptor d;
    for (uint32_t& word : d.words) {
      word = static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
             static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
      bytes += 4;
    }
    if (!d.check_ok()) fail("its check word is wrong");
    return d;
  }

  // The feature map that an address of memory is in, and where.
  Block locate(uint64_t address) const {
    for (size_t m = 0; m < program_.maps.size(); ++m) {
      const FeatureMap& map = program_.maps[m];
      const int64_t block = config_.block_bytes();
      const int64_t planes = (map.channels + block - 1) / block;
      if (address < map.address || address - map.address >= static_cast<uint64_t>(planes) * map.plane_stride) {
        continue;
      }
      const auto offset = static_cast<int64_t>(address - map.address);
      const int64_t inner = offset % map.plane_stride, row = map.width * block;
      return {static_cast<int>(m), offset / map.plane_stride, inner / row, inner % row / block};
    }
    fail(fmt::format("address {:#x} lies in no feature map", address));
  }

  void load_activations(const Descriptor& d) {
    namespace f = isa::load_act;
    const auto get = [&](isa::Field field) { return static_cast<int64_t>(d.get(field)); };
    const int64_t nsb = config_.superbanks(), wrap = get(f::kWrap);
    const int64_t row_words = get(f::kLeftFill) + get(f::kCols) + get(f::kRightFill);
    const int64_t words = get(f::kPreFill) + row_words * get(f::kRows) + get(f::kPostFill);
    if (wrap < 1 || wrap > nsb || row_words < 1) fail("LOAD_ACT with wrap or columns out of range");
    for (int64_t p = 0; p < get(f::kPlanes); ++p) {
      const Block origin = locate(d.get(f::kAddr) + static_cast<uint64_t>(p) * d.get(f::kPlaneStride));
      const FeatureMap& map = program_.maps[static_cast<size_t>(origin.map)];
      const int64_t row_bytes = map.width * config_.block_bytes();
      const int64_t row_step = get(f::kRows) > 1 ? get(f::kRowStride) / row_bytes : 1;
      const int64_t start = get(f::kDst) + p / wrap * get(f::kPlaneStep);
      if (start + words > config_.act_depth) fail("LOAD_ACT beyond the activation banks");
      for (int64_t s = 0; s < nsb; ++s) {
        // Plane p goes where the mask, rotated left by p mod wrap, says.
        if ((get(f::kBankMask) >> ((s - p % wrap + nsb) % nsb) & 1) == 0) continue;
        for (int64_t n = 0; n < words; ++n) {
          const int64_t place = n - get(f::kPreFill);
          const int64_t row = floor_div(place, row_words);
          banks_[static_cast<size_t>(s)][static_cast<size_t>(start + n)] = {
              origin.map, origin.plane, origin.y + row * row_step,
              origin.x + place - row * row_words - get(f::kLeftFill)};
        }
      }
    }
  }

  void load_entries(const Descriptor& d, std::vector<int64_t>& buffer, int beats, const char* what) {
    const uint64_t bytes = static_cast<uint64_t>(beats) * static_cast<uint64_t>(config_.beat_bytes());
    const uint64_t entries = d.get(isa::load_wgt::kEntries), dst = d.get(isa::load_wgt::kDst);
    if (dst + entries > buffer.size()) fail(fmt::format("load beyond the {} buffer", what));
    image(d.get(isa::load_wgt::kAddr), entries * bytes);
    for (uint64_t i = 0; i < entries; ++i) {
      buffer[dst + i] = static_cast<int64_t>(d.get(isa::load_wgt::kAddr) + i * bytes);
    }
  }

  // Where the weights of one sum meet activations: group of channels at an input pixel.
  using Place = std::tuple<int, int64_t, int64_t, int64_t, int64_t>;  // map, plane, part, y, x

  struct Met {
    std::vector<uint32_t> channels;  // per PE, bit i: channel i of the group has a weight
    std::vector<int64_t> count;      // per PE
  };

  void execute(const Descriptor& d) {
    namespace f = isa::exec;
    const size_t number = d.get(isa::header::kLayer);
    if (number >= layers_.size()) fail(fmt::format("layer {} of {}", number, layers_.size()));
    if (d.get(f::kMax) != 0) return;
    CheckedProgramLayer& layer = layers_[number];
    ++layer.execs;
    // Partial sums of several pixel blocks may be on their way at once; each has its place.
    sum_ = &sums_[d.get(f::kPsumBase)];
    if (sums_.size() > static_cast<size_t>(config_.psum_depth)) {  // also a bound on memory
      fail(fmt::format("EXEC begins one more sum than the {} that may be open", config_.psum_depth));
    }
    if (d.get(f::kFirst) != 0) sum_->clear();
    const uint32_t steps = d.get(f::kSteps), keep = d.get(f::kKeep);
    for (uint32_t s = 0; s < steps; ++s) {
      const uint8_t* offsets = entry(table_steps_, d.get(f::kTabBase) + s, config_.table_beats(), "table");
      for (int lane = 0; lane < config_.lanes; ++lane) {
        const auto offset = static_cast<uint32_t>(offsets[2 * lane] | offsets[2 * lane + 1] << 8);
        const uint32_t word = d.get(f::kActBase) + (offset & ((1U << config_.offset_bits()) - 1));
        const auto group = static_cast<uint32_t>(config_.group);
        for (uint32_t k = 0; k < keep; ++k) {
          const uint8_t* row = entry(weight_rows_, d.get(f::kWgtBase) + s * keep + k, config_.row_beats(), "weight");
          const uint32_t counted = ((offset >> config_.offset_bits()) + k) % group;
          meet(row, lane, word, d.get(f::kDiagonal) != 0, counted, layer);
          if (result_.violation) return;
        }
      }
    }
    if (d.get(f::kLast) != 0) {
      close(d, layer);
      sums_.erase(d.get(f::kPsumBase));
    }
  }

  const uint8_t* entry(const std::vector<int64_t>& buffer, uint32_t index, int beats, const char* what) const {
    if (index >= buffer.size() || buffer[index] < 0) {
      fail(fmt::format("EXEC reads {} entry {}, which nothing loaded", what, index));
    }
    return image(static_cast<uint64_t>(buffer[index]),
                 static_cast<uint64_t>(beats) * static_cast<uint64_t>(config_.beat_bytes()));
  }

  static uint32_t bits(const uint8_t* row, int at, int n) {
    uint32_t value = 0;
    for (int b = 0; b < n; ++b) value |= static_cast<uint32_t>(row[(at + b) / 8] >> (at + b) % 8 & 1) << b;
    return value;
  }

  // All PEs' weights of one row and lane, which meet the activation word of that lane's bank. `counted` is the index of DENSE.
  void meet(const uint8_t* row, int lane, uint32_t word, bool diagonal, uint32_t counted, CheckedProgramLayer& layer) {
    Met* met = nullptr;
    for (int pe = 0; pe < config_.pes; ++pe) {
      const int at = (pe / config_.share * config_.lanes + lane) * config_.element_bits();
      if (bits(row, at + pe % config_.share * 8, 8) == 0) continue;
      const uint32_t index = diagonal         ? static_cast<uint32_t>(pe % config_.group)
                             : config_.dense() ? counted
                                               : bits(row, at + 8 * config_.share, config_.index_width());
      if (met == nullptr) {
        const auto superbank = static_cast<size_t>(lane / config_.block_groups());
        if (word >= banks_[superbank].size() || banks_[superbank][word].map < 0) {
          fail(fmt::format("EXEC reads word {} of bank {}, which nothing loaded", word, lane));
        }
        const Block& b = banks_[superbank][word];
        met = &(*sum_)[{b.map, b.plane, lane % config_.block_groups(), b.y, b.x}];
        met->channels.resize(static_cast<size_t>(config_.pes));
        met->count.resize(static_cast<size_t>(config_.pes));
      }
      const auto p = static_cast<size_t>(pe);
      ++met->count[p];
      if ((met->channels[p] >> index & 1U) != 0) {
        report(layer, pe, met, true);
        return;
      }
      met->channels[p] |= 1U << index;
    }
  }

  // A sum is complete: are there at most K weights at every place?
  void close(const Descriptor& d, CheckedProgramLayer& layer) {
    for (const auto& [place, met] : *sum_) {
      for (size_t pe = 0; pe < met.count.size(); ++pe) {
        const int64_t count = met.count[pe];
        if (count == 0) continue;
        ++layer.groups;
        layer.nonzero += count;
        layer.most = std::max(layer.most, count);
        if (count > layer.keep) {
          report(layer, static_cast<int>(pe), &met, false);
          result_.violation->output_channel = output_channel(d, static_cast<int64_t>(pe));
          return;
        }
      }
    }
  }

  void report(const CheckedProgramLayer& layer, int pe, const Met* met, bool twice) {
    ProgramViolation v;
    for (const auto& [place, here] : *sum_) {
      if (&here != met) continue;
      v.map = program_.maps[static_cast<size_t>(std::get<0>(place))].name;
      v.first_channel = std::get<1>(place) * config_.block_bytes() + std::get<2>(place) * config_.group;
      v.last_channel = v.first_channel + config_.group - 1;
      v.y = std::get<3>(place);
      v.x = std::get<4>(place);
    }
    v.layer = layer.name;
    v.descriptor = at_;
    v.output_channel = -1;
    v.pe = pe;
    v.count = met->count[static_cast<size_t>(pe)];
    v.keep = layer.keep;
    v.twice = twice;
    result_.violation = v;
  }

  // The first store of what the EXEC writes says which channels the PEs are.
  int64_t output_channel(const Descriptor& exec, int64_t pe) const {
    for (uint32_t i = at_ + 1; i < program_.descriptor_count; ++i) {
      const Descriptor d = descriptor(i);
      if (d.opcode() != Opcode::kStore || d.get(isa::header::kLayer) != exec.get(isa::header::kLayer)) continue;
      if (d.get(isa::store::kOutBase) != exec.get(isa::exec::kOutBase)) continue;
      return locate(d.get(isa::store::kAddr)).plane * config_.block_bytes() + pe;
    }
    return -1;
  }

  const Program& program_;
  const Config& config_;
  std::vector<std::vector<Block>> banks_;  // of a superbank: its lanes hold parts of the same blocks
  std::vector<int64_t> weight_rows_, table_steps_;  // address of what each entry was loaded from
  std::vector<CheckedProgramLayer> layers_;
  std::map<uint32_t, std::map<Place, Met>> sums_;  // by pixel in the partial-sum memory
  std::map<Place, Met>* sum_ = nullptr;            // of the EXEC
  uint32_t at_ = 0;
  ProgramCheck result_;
};

}  // namespace

std::string ProgramViolation::message() const {
  const std::string output = output_channel >= 0 ? fmt::format("output channel {}", output_channel)
                                                 : fmt::format("PE {}", pe);
  const std::string place = fmt::format("channels {}..{} of '{}' at input pixel ({}, {})",
                                        first_channel, last_channel, map, y, x);
  if (twice) {
    return fmt::format("layer '{}': {} has two weights for one of {} (descriptor {})", layer, output,
                       place, descriptor);
  }
  return fmt::format("layer '{}': {} has {} weights for {}, at most {} allowed (descriptor {})",
                     layer, output, count, place, keep, descriptor);
}

ProgramCheck check_program(const Program& program, const Config& config,
                           const std::map<std::string, int>& keep_of) {
  require_config(program, config);
  if (config.windowed()) {
    throw_input("program '{}': configuration {} has select WINDOW, whose programs are not checked", program.network, config.name);
  }
  return ProgramReader(program, config, keep_of).run();
}

}  // namespace aap
