// SPDX-License-Identifier: Apache-2.0
#include "cyclemodel/descriptor.h"

#include <algorithm>

namespace aap::cyclemodel {
namespace {

Unit unit_of(isa::Opcode opcode) {
  switch (opcode) {
    case isa::Opcode::kLoadAct:
    case isa::Opcode::kLoadRes:
    case isa::Opcode::kLoadWgt:
    case isa::Opcode::kLoadTab:
    case isa::Opcode::kLoadPar:
      return Unit::kLoad;
    case isa::Opcode::kExec:
      return Unit::kExec;
    case isa::Opcode::kStore:
      return Unit::kStore;
    default:
      return Unit::kFetch;
  }
}

bool known(isa::Opcode opcode) {
  return unit_of(opcode) != Unit::kFetch || opcode == isa::Opcode::kCheck ||
         opcode == isa::Opcode::kEnd;
}

int signed_byte(uint32_t value) { return static_cast<int8_t>(value); }

bool tokens_ok(const Command& c) {
  static constexpr uint32_t kWaits[] = {isa::kLoadWaits, isa::kExecWaits, isa::kStoreWaits, 0};
  static constexpr uint32_t kPosts[] = {isa::kLoadPosts, isa::kExecPosts, isa::kStorePosts, 0};
  const auto unit = static_cast<size_t>(c.unit);
  return (c.wait & ~kWaits[unit]) == 0 && (c.post & ~kPosts[unit]) == 0;
}

bool lengths_ok(const Command& c, const Config& config) {
  const auto tile_planes = static_cast<uint32_t>(config.pes / config.block_bytes());
  switch (c.opcode) {
    case isa::Opcode::kLoadAct:
      return c.cols && c.rows && c.planes && c.wrap;
    case isa::Opcode::kLoadRes:
    case isa::Opcode::kStore:
      return c.cols && c.rows && c.planes && c.planes <= tile_planes;
    case isa::Opcode::kLoadWgt:
    case isa::Opcode::kLoadTab:
    case isa::Opcode::kLoadPar:
      return c.entries != 0;
    case isa::Opcode::kExec:
      return c.cols && c.rows && c.steps;
    default:
      return true;
  }
}

bool aligned(const Command& c, const Config& config) {
  const auto beat = static_cast<uint32_t>(config.beat_bytes());
  if (c.unit != Unit::kLoad && c.unit != Unit::kStore) return true;
  if (c.addr % beat != 0) return false;
  return !c.walks_planes() || (c.plane_stride % beat == 0 && c.row_stride % beat == 0);
}

}  // namespace

isa::Descriptor read_descriptor(const uint8_t* bytes) {
  isa::Descriptor d;
  for (size_t i = 0; i < d.words.size(); ++i) {
    d.words[i] = static_cast<uint32_t>(bytes[4 * i]) |
                 static_cast<uint32_t>(bytes[4 * i + 1]) << 8 |
                 static_cast<uint32_t>(bytes[4 * i + 2]) << 16 |
                 static_cast<uint32_t>(bytes[4 * i + 3]) << 24;
  }
  return d;
}

Fault check_descriptor(const isa::Descriptor& d, uint32_t number, uint32_t count, uint32_t address,
                       const Config& config) {
  using isa::Error;
  if (!d.check_ok()) return {Error::kBadCheck, address};
  if (!known(d.opcode())) return {Error::kBadOpcode, address};
  const Command c = decode(d, number, address);
  const bool is_check = c.opcode == isa::Opcode::kCheck;
  if ((number == 0 && !is_check) || (is_check && (d.get(isa::check::kConfigHash) != config.hash() ||
                                                  d.get(isa::check::kVersion) != isa::kVersion))) {
    return {Error::kConfigMismatch, address};
  }
  if (!tokens_ok(c)) return {Error::kBadToken, address};
  if (!lengths_ok(c, config)) return {Error::kBadLength, address};
  if (c.unit == Unit::kExec && (c.keep == 0 || c.keep > (config.windowed() ? 1U : static_cast<uint32_t>(config.group)))) {
    return {Error::kKeepRange, address};
  }
  if (c.diagonal && !config.has_diagonal()) return {Error::kBadMode, address};
  if (!aligned(c, config)) return {Error::kBadAlign, address};
  if ((c.opcode == isa::Opcode::kEnd) != (number + 1 == count))
    return {Error::kProgramEnd, address};
  return {};
}

Command decode(const isa::Descriptor& d, uint32_t number, uint32_t address) {
  Command c;
  c.number = number;
  c.address = address;
  c.opcode = d.opcode();
  c.unit = unit_of(c.opcode);
  c.wait = d.get(isa::header::kWait);
  c.post = d.get(isa::header::kPost);
  c.layer = d.get(isa::header::kLayer);
  if (c.opcode == isa::Opcode::kExec) {
    namespace f = isa::exec;
    c.keep = d.get(f::kKeep);
    c.first = d.get(f::kFirst) != 0;
    c.last = d.get(f::kLast) != 0;
    c.max = d.get(f::kMax) != 0;
    c.diagonal = d.get(f::kDiagonal) != 0;
    c.residual = d.get(f::kResidual) != 0;
    c.steps = d.get(f::kSteps);
    c.act_base = d.get(f::kActBase);
    c.wgt_base = d.get(f::kWgtBase);
    c.tab_base = d.get(f::kTabBase);
    c.par_base = d.get(f::kParBase);
    c.cols = d.get(f::kCols);
    c.rows = d.get(f::kRows);
    c.x_step = d.get(f::kXStep);
    c.y_step = d.get(f::kYStep);
    c.psum_base = d.get(f::kPsumBase);
    c.out_base = d.get(f::kOutBase);
    c.res_base = d.get(f::kResBase);
    c.zp = signed_byte(d.get(f::kZp));
    c.lo = signed_byte(d.get(f::kLo));
    c.hi = signed_byte(d.get(f::kHi));
    c.add_zp = signed_byte(d.get(f::kAddZp));
    c.add_shift = d.get(f::kAddShift);
    c.add_lo = signed_byte(d.get(f::kAddLo));
    c.add_hi = signed_byte(d.get(f::kAddHi));
    c.add_ma = d.get(f::kAddMa);
    c.add_mb = d.get(f::kAddMb);
    c.add_c = static_cast<int32_t>(d.get(f::kAddC));
  } else if (c.opcode == isa::Opcode::kStore) {
    namespace f = isa::store;
    c.addr = d.get(f::kAddr);
    c.plane_stride = d.get(f::kPlaneStride);
    c.row_stride = d.get(f::kRowStride);
    c.cols = d.get(f::kCols);
    c.rows = d.get(f::kRows);
    c.dst = d.get(f::kOutBase);
    c.planes = d.get(f::kPlanes);
  } else if (c.opcode == isa::Opcode::kLoadAct || c.opcode == isa::Opcode::kLoadRes) {
    namespace f = isa::load_act;
    c.addr = d.get(f::kAddr);
    c.plane_stride = d.get(f::kPlaneStride);
    c.row_stride = d.get(f::kRowStride);
    c.cols = d.get(f::kCols);
    c.rows = d.get(f::kRows);
    c.dst = d.get(f::kDst);
    c.planes = d.get(f::kPlanes);
    if (c.opcode == isa::Opcode::kLoadAct) {
      c.pre_fill = d.get(f::kPreFill);
      c.post_fill = d.get(f::kPostFill);
      c.left_fill = d.get(f::kLeftFill);
      c.right_fill = d.get(f::kRightFill);
      c.pad_value = static_cast<int8_t>(d.get(f::kPadValue));
      c.bank_mask = d.get(f::kBankMask) | d.get(f::kBankMaskHigh) << 8;
      c.plane_step = d.get(f::kPlaneStep);
      c.wrap = d.get(f::kWrap);
    }
  } else if (c.unit == Unit::kLoad) {
    namespace f = isa::load_wgt;  // the three linear loads share their fields
    c.addr = d.get(f::kAddr);
    c.entries = d.get(f::kEntries);
    c.dst = d.get(f::kDst);
  }
  return c;
}

uint64_t run_bytes(const Command& c, const Config& config) {
  const auto beat = static_cast<uint64_t>(config.beat_bytes());
  switch (c.opcode) {
    case isa::Opcode::kLoadWgt:
      return c.entries * beat * static_cast<uint64_t>(config.row_beats());
    case isa::Opcode::kLoadTab:
      return c.entries * beat * static_cast<uint64_t>(config.table_beats());
    case isa::Opcode::kLoadPar:
      return c.entries * beat * static_cast<uint64_t>(config.param_beats());
    default:
      return uint64_t{c.cols} * static_cast<uint64_t>(config.block_bytes());
  }
}

uint64_t run_count(const Command& c) { return c.walks_planes() ? uint64_t{c.planes} * c.rows : 1; }

uint32_t run_address(const Command& c, uint64_t run) {
  if (!c.walks_planes()) return c.addr;
  const auto plane = static_cast<uint32_t>(run / c.rows), row = static_cast<uint32_t>(run % c.rows);
  return c.addr + plane * c.plane_stride + row * c.row_stride;
}

uint32_t burst_bytes(uint32_t address, uint64_t left, const Config& config) {
  const uint64_t longest = uint64_t{static_cast<uint32_t>(config.max_burst)} *
                           static_cast<uint32_t>(config.beat_bytes());
  // A burst ends at a multiple of the longest one, so it never crosses 4 KiB either.
  return static_cast<uint32_t>(std::min(left, longest - address % longest));
}

}  // namespace aap::cyclemodel
