// SPDX-License-Identifier: Apache-2.0
// One layer's tiles to instructions on the stream. Internal.
#pragma once

#include "compile/layout.h"
#include "compile/stream.h"

namespace aap::compiler {

// What one layer's emission works on; all outlive it.
struct EmitContext {
  const Config& config;
  const Lowered& lowered;
  const Op& op;
  const LayerItems& items;
  int layer = 0;
  bool dense = false;
  Stream& stream;
  DataPool& pool;
};

class Emitter : EmitContext {
 public:
  explicit Emitter(const EmitContext& context) : EmitContext(context) {}

  // Appends the layer's instructions. False: a buffer cannot hold what one EXEC needs (rewind
  // then). `stop_after`: gives up (false) when the rough clock passes it. `commit`: weights are
  // packed and places in the data section taken.
  bool run(const Choice& choice, bool commit, double stop_after);

 private:
  struct ExecNeeds {
    int exec = 0;
    int load = -1;  // latest load
    bool ok = true;
  };

  bool emit_tile(const Choice& choice, const Tile& tile, int64_t tile_index, int64_t m_tile);
  int resident(Buffer buffer, uint64_t key, int size, ExecNeeds& needs, int* war);
  int load_entries(Buffer buffer, isa::Opcode opcode, int id, int entries, int beats,
                   ExecNeeds& needs);
  int load_activations(const Choice& choice, const Tile& tile, int64_t tile_index, int chunk_id,
                       int64_t* row_words, ExecNeeds& needs);
  int load_residual(const Tile& tile, uint64_t key, int64_t m_tile, ExecNeeds& needs);
  int table_id(const Choice& choice, int64_t m_tile, size_t pass_index, int64_t row_words);
  int64_t out_planes(int64_t m_tile) const;
  void used(Buffer buffer, uint64_t key, int writer, ExecNeeds& needs);

  bool commit_ = false;
  std::map<std::tuple<int64_t, size_t, int64_t>, int> tables_;  // m tile, pass, row words
  std::map<std::pair<int64_t, int>, int> params_;               // m tile, region
};

}  // namespace aap::compiler
