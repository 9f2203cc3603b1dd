// SPDX-License-Identifier: Apache-2.0
#include "compile/disassemble.h"

#include <algorithm>

#include "model/error.h"

namespace aap {
namespace {

using isa::Descriptor;
using isa::Field;
using isa::Opcode;

struct Named {
  const char* name;
  Field field;
};

const std::vector<Named>& fields_of(Opcode op) {
  static const std::vector<Named> load2d = {{"addr", isa::load_act::kAddr},
                                            {"plane_stride", isa::load_act::kPlaneStride},
                                            {"row_stride", isa::load_act::kRowStride},
                                            {"cols", isa::load_act::kCols},
                                            {"rows", isa::load_act::kRows},
                                            {"dst", isa::load_act::kDst},
                                            {"planes", isa::load_act::kPlanes},
                                            {"pre_fill", isa::load_act::kPreFill},
                                            {"post_fill", isa::load_act::kPostFill},
                                            {"left_fill", isa::load_act::kLeftFill},
                                            {"right_fill", isa::load_act::kRightFill},
                                            {"pad_value", isa::load_act::kPadValue},
                                            {"bank_mask", isa::load_act::kBankMask},
                                            {"bank_mask_high", isa::load_act::kBankMaskHigh},
                                            {"plane_step", isa::load_act::kPlaneStep},
                                            {"wrap", isa::load_act::kWrap}};
  static const std::vector<Named> linear = {{"addr", isa::load_wgt::kAddr},
                                            {"entries", isa::load_wgt::kEntries},
                                            {"dst", isa::load_wgt::kDst}};
  static const std::vector<Named> exec = {{"keep", isa::exec::kKeep},
                                          {"first", isa::exec::kFirst},
                                          {"last", isa::exec::kLast},
                                          {"max", isa::exec::kMax},
                                          {"residual", isa::exec::kResidual},
                                          {"diagonal", isa::exec::kDiagonal},
                                          {"steps", isa::exec::kSteps},
                                          {"act_base", isa::exec::kActBase},
                                          {"wgt_base", isa::exec::kWgtBase},
                                          {"tab_base", isa::exec::kTabBase},
                                          {"par_base", isa::exec::kParBase},
                                          {"cols", isa::exec::kCols},
                                          {"rows", isa::exec::kRows},
                                          {"x_step", isa::exec::kXStep},
                                          {"y_step", isa::exec::kYStep},
                                          {"psum_base", isa::exec::kPsumBase},
                                          {"out_base", isa::exec::kOutBase},
                                          {"res_base", isa::exec::kResBase},
                                          {"zp", isa::exec::kZp},
                                          {"lo", isa::exec::kLo},
                                          {"hi", isa::exec::kHi},
                                          {"add_zp", isa::exec::kAddZp},
                                          {"add_shift", isa::exec::kAddShift},
                                          {"add_lo", isa::exec::kAddLo},
                                          {"add_hi", isa::exec::kAddHi},
                                          {"add_ma", isa::exec::kAddMa},
                                          {"add_mb", isa::exec::kAddMb},
                                          {"add_c", isa::exec::kAddC}};
  static const std::vector<Named> store = {{"addr", isa::store::kAddr},
                                           {"plane_stride", isa::store::kPlaneStride},
                                           {"row_stride", isa::store::kRowStride},
                                           {"cols", isa::store::kCols},
                                           {"rows", isa::store::kRows},
                                           {"out_base", isa::store::kOutBase},
                                           {"planes", isa::store::kPlanes}};
  static const std::vector<Named> check = {{"config_hash", isa::check::kConfigHash},
                                           {"version", isa::check::kVersion}};
  static const std::vector<Named> none;
  switch (op) {
    case Opcode::kCheck:
      return check;
    case Opcode::kLoadAct:
    case Opcode::kLoadRes:
      return load2d;
    case Opcode::kLoadWgt:
    case Opcode::kLoadTab:
    case Opcode::kLoadPar:
      return linear;
    case Opcode::kExec:
      return exec;
    case Opcode::kStore:
      return store;
    case Opcode::kEnd:
      return none;
  }
  return none;
}

std::string tokens(uint32_t mask) {
  static const char* const kNames[] = {"L2E", "E2L", "E2S", "S2E", "S2L"};
  std::string text;
  for (int i = 0; i < isa::kTokens; ++i) {
    if ((mask >> i & 1) == 0) continue;
    text += (text.empty() ? "" : ",");
    text += kNames[i];
  }
  return text.empty() ? "-" : text;
}

bool is_signed(const std::string& name) {
  return name == "zp" || name == "lo" || name == "hi" || name == "add_zp" || name == "add_lo" ||
         name == "add_hi" || name == "pad_value" || name == "add_c";
}

std::string value_of(const Named& named, uint32_t value) {
  const std::string name = named.name;
  if (name == "addr" || name == "config_hash") return fmt::format("0x{:08x}", value);
  if (name == "bank_mask") return fmt::format("0x{:02x}", value);
  if (!is_signed(name)) return fmt::format("{}", value);
  return fmt::format(
      "{}", named.field.width == 8 ? static_cast<int8_t>(value) : static_cast<int32_t>(value));
}

uint64_t little(const uint8_t* bytes, int n) {
  uint64_t v = 0;
  for (int i = 0; i < n; ++i) v |= uint64_t{bytes[i]} << 8 * i;
  return v;
}

// The entries that a linear load brings.
void dump_entries(const Program& program, const Config& config, const Descriptor& d,
                  std::string& out) {
  const Opcode op = d.opcode();
  const int beats = op == Opcode::kLoadWgt   ? config.row_beats()
                    : op == Opcode::kLoadTab ? config.table_beats()
                                             : config.param_beats();
  const auto bytes = static_cast<uint64_t>(beats * config.beat_bytes());
  const uint64_t at = uint64_t{d.get(isa::load_wgt::kAddr)} - program.base;
  const uint64_t n = d.get(isa::load_wgt::kEntries);
  if (at + n * bytes > program.image.size()) {
    out += "        outside the image\n";
    return;
  }
  const uint64_t shown = op == Opcode::kLoadWgt ? std::min<uint64_t>(n, 1) : n;
  for (uint64_t i = 0; i < shown; ++i) {
    const uint8_t* entry = &program.image[at + i * bytes];
    std::string line = fmt::format("        {}:", i);
    if (op == Opcode::kLoadTab) {
      for (int l = 0; l < config.lanes; ++l) {
        const uint64_t offset = little(entry + 2 * l, 2);
        line += fmt::format(" {}", offset & ((1U << config.offset_bits()) - 1));
        if (config.dense()) line += fmt::format("@{}", offset >> config.offset_bits());
      }
    } else if (op == Opcode::kLoadPar) {
      for (int c = 0; c < config.requantisers; ++c) {
        const uint64_t w = little(entry + 8 * c, 8);
        line += fmt::format(" {}*{}/2^{}", static_cast<int32_t>(w & 0xffffffff), w >> 32 & 0xffffff,
                            w >> 56);
      }
    } else {
      // Weights of the PEs that share an index, then the index.
      const auto bits = [&](int at, int n) {
        uint32_t v = 0;
        for (int b = at; b < at + n; ++b) {
          v |= static_cast<uint32_t>(entry[b / 8] >> (b % 8) & 1) << (b - at);
        }
        return v;
      };
      for (int e = 0; e < config.elements(); ++e) {
        const int at = e * config.element_bits();
        if (config.windowed()) {  // a PE's elements; | ends a window, || the pixel
          const int width = config.window_element_bits();
          for (int i = 0; i < config.muls(); ++i) {
            line += fmt::format(" {}@{}", static_cast<int8_t>(bits(at + i * width, 8)),
                                bits(at + i * width + 8, config.window_index_width()));
            if (config.realign != 0 && bits(at + (i + 1) * width - 1, 1) != 0) line += " |";
          }
          if (config.realign == 0 && bits(at + config.muls() * width, 1) != 0) line += " |";
          if (bits(at + config.element_bits() - 1, 1) != 0) line += " ||";
          continue;
        }
        for (int i = 0; i < config.share; ++i) {
          line += fmt::format("{}{}", i == 0 ? " " : ",", static_cast<int8_t>(bits(at + 8 * i, 8)));
        }
        if (!config.dense()) {
          line += fmt::format("@{}", bits(at + 8 * config.share, config.index_width()));
        }
      }
    }
    out += line + '\n';
  }
}

}  // namespace

std::string disassemble(const Descriptor& d) {
  const Opcode op = d.opcode();
  std::string text = isa::to_string(op);
  if (text == "unknown") {
    return fmt::format("unknown opcode {}", d.get(isa::header::kOpcode));
  }
  text += fmt::format(" layer {} wait {} post {}", d.get(isa::header::kLayer),
                      tokens(d.get(isa::header::kWait)), tokens(d.get(isa::header::kPost)));
  for (const Named& n : fields_of(op)) {
    text += fmt::format(" {} {}", n.name, value_of(n, d.get(n.field)));
  }
  if (!d.check_ok()) text += " BAD CHECK WORD";
  return text;
}

std::vector<Descriptor> read_descriptors(const Program& program) {
  const uint64_t at = uint64_t{program.descriptor_address} - program.base;
  if (program.descriptor_address < program.base ||
      at + uint64_t{program.descriptor_count} * isa::kDescriptorBytes > program.image.size()) {
    throw_input("program '{}': descriptors lie outside the image", program.network);
  }
  std::vector<Descriptor> result(program.descriptor_count);
  for (size_t i = 0; i < result.size(); ++i) {
    for (size_t w = 0; w < result[i].words.size(); ++w) {
      result[i].words[w] =
          static_cast<uint32_t>(little(&program.image[at + i * isa::kDescriptorBytes + 4 * w], 4));
    }
  }
  return result;
}

std::string disassemble(const Program& program, const DisassembleOptions& options) {
  const auto descriptors = read_descriptors(program);
  std::string out;
  for (size_t i = 0; i < descriptors.size(); ++i) {
    const Descriptor& d = descriptors[i];
    if (options.layer >= 0 && d.get(isa::header::kLayer) != static_cast<uint32_t>(options.layer)) {
      continue;
    }
    out += fmt::format("{:6} {}\n", i, disassemble(d));
    const Opcode op = d.opcode();
    const bool linear = op == Opcode::kLoadWgt || op == Opcode::kLoadTab || op == Opcode::kLoadPar;
    if (options.config != nullptr && linear) dump_entries(program, *options.config, d, out);
  }
  return out;
}

}  // namespace aap
