// SPDX-License-Identifier: Apache-2.0
#include "compile/emit.h"

#include <algorithm>

namespace aap::compiler {
namespace {

using isa::Descriptor;
using isa::Opcode;

uint8_t byte_of(int value) { return static_cast<uint8_t>(value & 0xff); }

}  // namespace

int64_t Emitter::out_planes(int64_t m_tile) const {
  const auto [m0, m1] = items.channels(m_tile);
  return ceil_div(m1 - m0, config.block_bytes());
}

// Start of a place for a block that is not resident; needs.ok turns false when there is none.
int Emitter::resident(Buffer buffer, uint64_t key, int size, ExecNeeds& needs, int* war) {
  BufferCache::Segment* s = stream.buffer(buffer).allocate(key, size, needs.exec, war);
  if (s == nullptr) {
    needs.ok = false;
    return 0;
  }
  return s->start;
}

// The exec reads the block; `writer` >= 0: this load has just written it.
void Emitter::used(Buffer buffer, uint64_t key, int writer, ExecNeeds& needs) {
  BufferCache::Segment* s = stream.buffer(buffer).find(key);
  s->reader = needs.exec;
  s->pinned_by = needs.exec;
  if (writer >= 0) s->writer = writer;
  needs.load = std::max(needs.load, s->writer);
}

int Emitter::load_entries(Buffer buffer, Opcode opcode, int id, int entries, int beats,
                          ExecNeeds& needs) {
  const uint64_t key = static_cast<uint64_t>(id) + 1;
  if (const auto* s = stream.buffer(buffer).find(key)) {
    const int start = s->start;
    used(buffer, key, -1, needs);
    return start;
  }
  int war = -1;
  const int start = resident(buffer, key, entries, needs, &war);
  if (!needs.ok) return 0;
  Instr instr;
  instr.descriptor = Descriptor(opcode);
  instr.descriptor.set(isa::load_wgt::kEntries, static_cast<uint64_t>(entries));
  instr.descriptor.set(isa::load_wgt::kDst, static_cast<uint64_t>(start));
  instr.layer = layer;
  if (commit_) instr.address = {Address::kData, -1, pool.offset(id)};
  instr.need[kExec] = war;
  used(buffer, key, stream.add_load(std::move(instr), int64_t{entries} * beats), needs);
  return start;
}

int Emitter::load_activations(const Choice& choice, const Tile& tile, int64_t tile_index,
                              int chunk_id, int64_t* row_words, ExecNeeds& needs) {
  const Chunk& chunk = choice.layout->chunks[static_cast<size_t>(chunk_id)];
  const Axis ys = input_axis(tile.y, tile.rows, op.stride_h, chunk.ky0, chunk.ky1, op.dilation_h,
                             op.pad_top, op.height, true);
  const Axis xs = input_axis(tile.x, tile.cols, op.stride_w, chunk.kx0, chunk.kx1, op.dilation_w,
                             op.pad_left, op.width, false);
  *row_words = xs.size();
  const uint64_t key = (static_cast<uint64_t>(layer) + 1) << 48 |
                       static_cast<uint64_t>(chunk_id) << 24 | static_cast<uint64_t>(tile_index);
  if (const auto* s = stream.buffer(kActBuffer).find(key)) {
    const int start = s->start;
    used(kActBuffer, key, -1, needs);
    return start;
  }
  const int wrap = choice.layout->key.wrap;
  const auto blocks = static_cast<int64_t>(chunk.planes.size());
  int war = -1;
  const int start = resident(
      kActBuffer, key, static_cast<int>(ceil_div(blocks, wrap) * choice.plane_words), needs, &war);
  if (!needs.ok) return 0;
  const int64_t beats_per_block = config.block_bytes() / config.beat_bytes();
  uint64_t mask0 = 0;
  for (int s = 0; s < config.superbanks(); s += wrap) mask0 |= uint64_t{1} << s;
  int writer = -1;
  for (int64_t i = 0; i < blocks;) {
    // A run of neighbouring planes; one that starts inside a wrap ends with it.
    const Plane first = op.in[static_cast<size_t>(chunk.planes[static_cast<size_t>(i)])];
    const int64_t residue = i % wrap;
    int64_t n = 1;
    for (; i + n < blocks && (residue == 0 || residue + n < wrap); ++n) {
      const Plane next = op.in[static_cast<size_t>(chunk.planes[static_cast<size_t>(i + n)])];
      if (next.storage != first.storage || next.plane != first.plane + n) break;
    }
    const Storage& storage = lowered.storages[static_cast<size_t>(first.storage)];
    const auto row_bytes = static_cast<uint64_t>(op.width * config.block_bytes());
    Instr instr;
    Descriptor& d = instr.descriptor = Descriptor(Opcode::kLoadAct);
    namespace f = isa::load_act;
    d.set(f::kPlaneStride, storage.plane_bytes(config));
    // Whole rows without padding are one long row, which bursts better.
    const bool flat = xs.real == op.width && xs.size() == xs.real && ys.step == 1;
    d.set(f::kRowStride, row_bytes * static_cast<uint64_t>(flat ? ys.real : ys.step));
    d.set(f::kCols, static_cast<uint64_t>(flat ? xs.real * ys.real : xs.real));
    d.set(f::kRows, static_cast<uint64_t>(flat ? 1 : ys.real));
    d.set(f::kDst, static_cast<uint64_t>(start + i / wrap * choice.plane_words));
    d.set(f::kPlanes, static_cast<uint64_t>(n));
    d.set(f::kPreFill, static_cast<uint64_t>(ys.pre * xs.size()));
    d.set(f::kPostFill, static_cast<uint64_t>(ys.post * xs.size()));
    d.set(f::kLeftFill, static_cast<uint64_t>(xs.pre));
    d.set(f::kRightFill, static_cast<uint64_t>(xs.post));
    d.set(f::kPadValue, byte_of(op.pad_value));
    d.set(f::kBankMask, mask0 << residue & 0xff);
    d.set(f::kBankMaskHigh, mask0 << residue >> 8 & 0xff);
    d.set(f::kPlaneStep, static_cast<uint64_t>(choice.plane_words));
    d.set(f::kWrap, static_cast<uint64_t>(wrap));
    instr.layer = layer;
    instr.address = {Address::kMap, first.storage,
                     static_cast<uint64_t>(first.plane) * storage.plane_bytes(config) +
                         static_cast<uint64_t>(ys.begin) * row_bytes +
                         static_cast<uint64_t>(xs.begin * config.block_bytes())};
    instr.need[kExec] = war;
    instr.need[kStore] =
        stream.last_store({first.storage, first.plane, first.plane + n, ys.begin,
                           ys.begin + (ys.real - 1) * ys.step + 1, xs.begin, xs.begin + xs.real});
    const int64_t fills = ys.size() * xs.size() - ys.real * xs.real;
    writer = stream.add_load(std::move(instr), n * (ys.real * xs.real * beats_per_block + fills));
    i += n;
  }
  used(kActBuffer, key, writer, needs);
  return start;
}

int Emitter::load_residual(const Tile& tile, uint64_t key, int64_t m_tile, ExecNeeds& needs) {
  int war = -1;
  const int start = resident(kResBuffer, key, static_cast<int>(tile.rows * tile.cols), needs, &war);
  if (!needs.ok) return 0;
  const Plane base = lowered.tensors[static_cast<size_t>(op.residual)];
  const Storage& storage = lowered.storages[static_cast<size_t>(base.storage)];
  const int64_t plane = base.plane + m_tile * config.pes / config.block_bytes();
  const auto row_bytes = static_cast<uint64_t>(op.out_width * config.block_bytes());
  const bool flat = tile.cols == op.out_width;
  Instr instr;
  Descriptor& d = instr.descriptor = Descriptor(Opcode::kLoadRes);
  namespace f = isa::load_res;
  d.set(f::kPlaneStride, storage.plane_bytes(config));
  d.set(f::kRowStride, row_bytes * static_cast<uint64_t>(flat ? tile.rows : 1));
  d.set(f::kCols, static_cast<uint64_t>(flat ? tile.cols * tile.rows : tile.cols));
  d.set(f::kRows, static_cast<uint64_t>(flat ? 1 : tile.rows));
  d.set(f::kDst, static_cast<uint64_t>(start));
  d.set(f::kPlanes, static_cast<uint64_t>(out_planes(m_tile)));
  instr.layer = layer;
  instr.address = {Address::kMap, base.storage,
                   static_cast<uint64_t>(plane) * storage.plane_bytes(config) +
                       static_cast<uint64_t>(tile.y) * row_bytes +
                       static_cast<uint64_t>(tile.x * config.block_bytes())};
  instr.need[kExec] = war;
  instr.need[kStore] = stream.last_store({base.storage, plane, plane + out_planes(m_tile), tile.y,
                                          tile.y + tile.rows, tile.x, tile.x + tile.cols});
  const int64_t work =
      out_planes(m_tile) * tile.rows * tile.cols * config.block_bytes() / config.beat_bytes();
  used(kResBuffer, key, stream.add_load(std::move(instr), work), needs);
  return start;
}

int Emitter::table_id(const Choice& choice, int64_t m_tile, size_t pass_index, int64_t row_words) {
  const auto [it, fresh] = tables_.emplace(std::tuple(m_tile, pass_index, row_words), -1);
  if (fresh) {
    const Layout& l = *choice.layout;
    const Pass& pass = l.passes[static_cast<size_t>(m_tile)][pass_index];
    const Chunk& chunk = l.chunks[static_cast<size_t>(pass.chunk)];
    const int64_t step = chunk.ky1 - chunk.ky0 == 1 ? op.stride_h : 1;
    it->second = pool.intern(pack_table(op, config, chunk, l.plans[static_cast<size_t>(pass.plan)],
                                        pass.first, pass.steps, l.key.wrap, row_words,
                                        choice.plane_words, step));
  }
  return it->second;
}

bool Emitter::emit_tile(const Choice& choice, const Tile& tile, int64_t tile_index,
                        int64_t m_tile) {
  const Layout& layout = *choice.layout;
  const auto& passes = layout.passes[static_cast<size_t>(m_tile)];
  const auto [m0, m1] = items.channels(m_tile);
  const int64_t pixels = tile.rows * tile.cols;
  // Keys of blocks that serve one EXEC only.
  const uint64_t once = (static_cast<uint64_t>(layer) + 1) << 48 |
                        static_cast<uint64_t>(tile_index * items.m_tiles() + m_tile);
  for (size_t p = 0; p < passes.size(); ++p) {
    const Pass& pass = passes[p];
    const Chunk& chunk = layout.chunks[static_cast<size_t>(pass.chunk)];
    const LanePlan& plan = layout.plans[static_cast<size_t>(pass.plan)];
    const bool last = p + 1 == passes.size();
    ExecNeeds needs;
    needs.exec = stream.next(kExec);
    if (commit_ && pool.empty(pass.weights)) {
      pool.fill(pass.weights,
                pack_weights(op, config, dense, m0, m1, chunk, plan, pass.first, pass.steps));
    }
    Instr instr;
    Descriptor& d = instr.descriptor = Descriptor(Opcode::kExec);
    namespace f = isa::exec;
    const int64_t row_words = input_axis(tile.x, tile.cols, op.stride_w, chunk.kx0, chunk.kx1,
                                         op.dilation_w, op.pad_left, op.width, false)
                                  .size();
    const int wgt = load_entries(kWgtBuffer, Opcode::kLoadWgt, pass.weights,
                                 static_cast<int>(plan.rows(config, pass.first, pass.steps)),
                                 config.row_beats(), needs);
    const int tab = needs.ok ? load_entries(kTabBuffer, Opcode::kLoadTab,
                                            table_id(choice, m_tile, p, row_words), pass.steps,
                                            config.table_beats(), needs)
                             : 0;
    int par = 0;
    if (last && needs.ok) {
      const auto [it, fresh] = params_.emplace(std::pair(m_tile, tile.params), -1);
      if (fresh) it->second = pool.intern(pack_params(op, config, m0, tile.params));
      par = load_entries(kParBuffer, Opcode::kLoadPar, it->second, config.drain_cycles(),
                         config.param_beats(), needs);
    }
    int64_t words = row_words;
    const int act =
        needs.ok ? load_activations(choice, tile, tile_index, pass.chunk, &words, needs) : 0;
    if (last && op.residual >= 0 && needs.ok) {
      d.set(f::kResBase, static_cast<uint64_t>(load_residual(tile, once, m_tile, needs)));
    }
    int out = 0;
    if (last && needs.ok) {
      out = resident(kOutBuffer, once, static_cast<int>(pixels), needs, &instr.need[kStore]);
    }
    if (!needs.ok) return false;
    d.set(f::kKeep, static_cast<uint64_t>(plan.keep));
    d.set(f::kFirst, p == 0);
    d.set(f::kLast, last);
    d.set(f::kMax, op.max);
    d.set(f::kDiagonal, op.diagonal);
    d.set(f::kResidual, last && op.residual >= 0);
    d.set(f::kSteps, static_cast<uint64_t>(pass.steps));
    d.set(f::kActBase, static_cast<uint64_t>(act));
    d.set(f::kWgtBase, static_cast<uint64_t>(wgt));
    d.set(f::kTabBase, static_cast<uint64_t>(tab));
    d.set(f::kParBase, static_cast<uint64_t>(par));
    d.set(f::kCols, static_cast<uint64_t>(tile.cols));
    d.set(f::kRows, static_cast<uint64_t>(tile.rows));
    d.set(f::kXStep, static_cast<uint64_t>(tile.cols > 1 ? op.stride_w : 0));
    const int64_t y_words = (chunk.ky1 - chunk.ky0 == 1 ? 1 : op.stride_h) * row_words;
    d.set(f::kYStep, static_cast<uint64_t>(tile.rows > 1 ? y_words : 0));
    d.set(f::kOutBase, static_cast<uint64_t>(out));
    if (last) {
      d.set(f::kZp, byte_of(op.zp));
      d.set(f::kLo, byte_of(op.lo));
      d.set(f::kHi, byte_of(op.hi));
      if (op.residual >= 0) {
        d.set(f::kAddZp, byte_of(op.add_zp));
        d.set(f::kAddShift, static_cast<uint64_t>(op.add_shift));
        d.set(f::kAddLo, byte_of(op.add_lo));
        d.set(f::kAddHi, byte_of(op.add_hi));
        static_assert(f::kAddMa.width == kAddMultiplierBits && f::kAddMb.width == kAddMultiplierBits);
        d.set(f::kAddMa, op.add_ma);
        d.set(f::kAddMb, op.add_mb);
        d.set(f::kAddC, static_cast<uint32_t>(op.add_c));
      }
    }
    instr.layer = layer;
    instr.need[kLoad] = needs.load;
    const int64_t rows = plan.cycles(config, pass.first, pass.steps);
    instr.array_cycles = pixels * std::max<int64_t>(rows, config.drain_cycles());
    stream.add_exec(std::move(instr), pixels, std::max<int64_t>(rows, config.drain_cycles()));
    if (!last) continue;

    const Plane base = lowered.tensors[static_cast<size_t>(op.output)];
    const Storage& storage = lowered.storages[static_cast<size_t>(base.storage)];
    const int64_t plane = base.plane + m_tile * config.pes / config.block_bytes();
    const auto row_bytes = static_cast<uint64_t>(op.out_width * config.block_bytes());
    const bool flat = tile.cols == op.out_width;
    Instr store;
    Descriptor& s = store.descriptor = Descriptor(Opcode::kStore);
    namespace sf = isa::store;
    s.set(sf::kPlaneStride, storage.plane_bytes(config));
    s.set(sf::kRowStride, row_bytes * static_cast<uint64_t>(flat ? tile.rows : 1));
    s.set(sf::kCols, static_cast<uint64_t>(flat ? pixels : tile.cols));
    s.set(sf::kRows, static_cast<uint64_t>(flat ? 1 : tile.rows));
    s.set(sf::kOutBase, static_cast<uint64_t>(out));
    s.set(sf::kPlanes, static_cast<uint64_t>(out_planes(m_tile)));
    store.layer = layer;
    store.address = {Address::kMap, base.storage,
                     static_cast<uint64_t>(plane) * storage.plane_bytes(config) +
                         static_cast<uint64_t>(tile.y) * row_bytes +
                         static_cast<uint64_t>(tile.x * config.block_bytes())};
    store.need[kExec] = needs.exec;
    const int64_t work = pixels * out_planes(m_tile) * config.block_bytes() / config.beat_bytes();
    const int index = stream.add_store(std::move(store), work,
                                       {base.storage, plane, plane + out_planes(m_tile), tile.y,
                                        tile.y + tile.rows, tile.x, tile.x + tile.cols});
    stream.buffer(kOutBuffer).find(once)->reader = index;
  }
  return true;
}

bool Emitter::run(const Choice& choice, bool commit, double stop_after) {
  commit_ = commit;
  tables_.clear();
  const auto tiles = cut_tiles(op, choice.rows, choice.cols, choice.ramp);
  for (int64_t g = 0; g < items.m_tiles(); g += choice.m_group) {
    const int64_t end = std::min(g + choice.m_group, items.m_tiles());
    for (size_t t = 0; t < tiles.size(); ++t) {
      for (int64_t m = g; m < end; ++m) {
        if (!emit_tile(choice, tiles[t], static_cast<int64_t>(t), m)) return false;
      }
      if (stream.now() > stop_after) return false;
    }
  }
  return true;
}

}  // namespace aap::compiler
