// SPDX-License-Identifier: Apache-2.0
#include "compile/ops.h"

#include <algorithm>
#include <map>
#include <set>

#include "model/error.h"

namespace aap::compiler {
namespace {

// Which layer writes a tensor and how many layers read it.
struct Uses {
  int producer = -1;
  int readers = 0;
};

std::vector<Uses> find_uses(const QNetwork& network) {
  std::vector<Uses> uses(network.tensors.size());
  for (size_t i = 0; i < network.layers.size(); ++i) {
    for (const int t : network.layers[i].inputs) uses[static_cast<size_t>(t)].readers++;
    uses[static_cast<size_t>(network.layers[i].output)].producer = static_cast<int>(i);
  }
  return uses;
}

// Lengths of runs of equal counts along one axis: (first output position, count).
std::vector<std::pair<int64_t, int64_t>> counted_runs(int64_t out, int64_t in, int64_t kernel,
                                                      int64_t stride, int64_t dilation,
                                                      int64_t pad_before, int64_t pad_after,
                                                      bool include_pad) {
  std::vector<std::pair<int64_t, int64_t>> runs;
  for (int64_t o = 0; o < out; ++o) {
    int64_t n = 0;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t i = o * stride + k * dilation - pad_before;
      n += include_pad ? i < in + pad_after : i >= 0 && i < in;
    }
    if (runs.empty() || runs.back().second != n) runs.emplace_back(o, n);
  }
  return runs;
}

class Lowering {
 public:
  Lowering(const QNetwork& network, const Config& config)
      : network_(network), config_(config), uses_(find_uses(network)) {
    result_.tensors.resize(network.tensors.size());
  }

  Lowered run(bool keep_all) {
    find_fusions();
    place_tensors();
    for (size_t i = 0; i < network_.layers.size(); ++i) {
      if (fused_into_.count(static_cast<int>(i)) != 0) continue;
      make_op(static_cast<int>(i));
    }
    place_storages(keep_all);
    return std::move(result_);
  }

 private:
  const QTensorInfo& info(int tensor) const {
    return network_.tensors[static_cast<size_t>(tensor)];
  }
  int64_t planes_of(int tensor) const {
    return ceil_div(info(tensor).channels, config_.block_bytes());
  }

  // An addition takes over the layer that makes one of its operands when nobody else reads that
  // operand; the pair runs where the addition stands, so the other operand is there.
  void find_fusions() {
    for (size_t i = 0; i < network_.layers.size(); ++i) {
      const QLayer& layer = network_.layers[i];
      if (layer.op != QOp::kAdd || layer.inputs[0] == layer.inputs[1]) continue;
      int best = -1;
      for (const int t : layer.inputs) {
        const Uses& use = uses_[static_cast<size_t>(t)];
        if (use.producer < 0 || use.readers != 1 || t == network_.output) continue;
        if (network_.layers[static_cast<size_t>(use.producer)].op != QOp::kConv) continue;
        best = std::max(best, use.producer);
      }
      if (best < 0) continue;
      fused_into_[best] = static_cast<int>(i);
      fused_from_[static_cast<int>(i)] = best;
    }
  }

  int new_storage(int tensor, int64_t planes) {
    Storage s;
    s.planes = planes;
    s.height = info(tensor).height;
    s.width = info(tensor).width;
    s.first_op = 1 << 30;
    s.last_op = -1;
    result_.storages.push_back(s);
    return static_cast<int>(result_.storages.size()) - 1;
  }

  // Concatenations whose inputs can be written in place give their inputs memory inside their own.
  void place_tensors() {
    std::vector<char> placed(network_.tensors.size(), 0);
    for (int i = static_cast<int>(network_.layers.size()) - 1; i >= 0; --i) {
      const QLayer& layer = network_.layers[static_cast<size_t>(i)];
      if (layer.op != QOp::kConcat) continue;
      bool ok = layer.lo == -128 && layer.hi == 127;
      std::set<int> seen;
      for (size_t k = 0; k < layer.inputs.size(); ++k) {
        const int t = layer.inputs[k];
        ok = ok && seen.insert(t).second && placed[static_cast<size_t>(t)] == 0 &&
             uses_[static_cast<size_t>(t)].producer >= 0 &&
             (k + 1 == layer.inputs.size() || info(t).channels % config_.block_bytes() == 0);
      }
      if (!ok) continue;
      in_place_.insert(i);
      Plane& whole = result_.tensors[static_cast<size_t>(layer.output)];
      if (placed[static_cast<size_t>(layer.output)] == 0) {
        whole = {new_storage(layer.output, planes_of(layer.output)), 0};
        placed[static_cast<size_t>(layer.output)] = 1;
      }
      int64_t plane = whole.plane;
      for (const int t : layer.inputs) {
        result_.tensors[static_cast<size_t>(t)] = {whole.storage, plane};
        placed[static_cast<size_t>(t)] = 1;
        plane += planes_of(t);
      }
    }
    for (size_t t = 0; t < network_.tensors.size(); ++t) {
      const bool fused = uses_[t].producer >= 0 && fused_into_.count(uses_[t].producer) != 0;
      const bool exists = uses_[t].producer >= 0 || static_cast<int>(t) == network_.input;
      if (placed[t] != 0 || fused || !exists) continue;
      const int tensor = static_cast<int>(t);
      result_.tensors[t] = {new_storage(tensor, planes_of(tensor)), 0};
    }
  }

  void add_input(Op& op, int tensor) {
    const Plane first = result_.tensors[static_cast<size_t>(tensor)];
    for (int64_t p = 0; p < planes_of(tensor); ++p) {
      op.in.push_back({first.storage, first.plane + p});
    }
  }

  static void one_to_one(Op& op, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) op.source.push_back(static_cast<int32_t>(c));
  }

  void set_window(Op& op, const QLayer& l) {
    op.kernel_h = l.kernel_h;
    op.kernel_w = l.kernel_w;
    op.stride_h = l.stride_h;
    op.stride_w = l.stride_w;
    op.dilation_h = l.dilation_h;
    op.dilation_w = l.dilation_w;
    op.pad_top = l.pad_top;
    op.pad_left = l.pad_left;
  }

  void make_op(int index) {
    const QLayer& layer = network_.layers[static_cast<size_t>(index)];
    const auto fused = fused_from_.find(index);
    const QLayer& main =
        fused == fused_from_.end() ? layer : network_.layers[static_cast<size_t>(fused->second)];
    Op op;
    op.layer = &main;
    op.name = main.name;
    op.output = layer.output;
    const QTensorInfo& x = info(main.inputs[0]);
    const QTensorInfo& y = info(layer.output);
    op.in_channels = x.channels;
    op.height = x.height;
    op.width = x.width;
    op.out_channels = y.channels;
    op.out_height = y.height;
    op.out_width = y.width;
    op.regions = {{0, y.height, 0, y.width, 0}};
    op.lo = main.lo;
    op.hi = main.hi;
    op.zp = main.output_zero_point;
    switch (main.op) {
      case QOp::kConv:
        make_conv(op, main, x);
        break;
      case QOp::kMaxPool:
        op.kind = "max_pool";
        op.max = true;
        set_window(op, main);
        add_input(op, main.inputs[0]);
        one_to_one(op, x.channels);
        op.pad_value = -128;
        op.zp = 0;
        op.requant = {{1, 0}};
        break;
      case QOp::kAveragePool:
        make_average(op, main, x);
        break;
      case QOp::kIdentity:
        op.kind = "identity";
        add_input(op, main.inputs[0]);
        one_to_one(op, x.channels);
        op.bias = -x.zero_point;
        op.requant = main.requant;
        break;
      case QOp::kAdd:
        op.kind = "add";
        add_input(op, main.inputs[0]);
        one_to_one(op, x.channels);
        make_copy(op);
        break;
      case QOp::kConcat:
        make_concat(op, main, index);
        break;
    }
    if (layer.op == QOp::kAdd)
      set_residual(op, layer, fused == fused_from_.end() ? -1 : main.output);
    touch_storages(op, main, layer);
    op.diagonal = is_diagonal(op);
    result_.ops.push_back(std::move(op));
  }

  bool is_diagonal(const Op& op) const {
    if (!config_.has_diagonal()) return false;
    if (op.conv) return op.layer->groups == op.in_channels && op.in_channels == op.out_channels;
    for (int64_t m = 0; m < op.out_channels; ++m) {
      if ((op.source[static_cast<size_t>(m)] - m) % config_.group != 0) return false;
    }
    return true;
  }

  static void make_copy(Op& op) {
    op.requant = {{1, 0}};
    op.zp = 0;
    op.lo = -128;
    op.hi = 127;
  }

  void make_conv(Op& op, const QLayer& l, const QTensorInfo& x) {
    op.conv = true;
    set_window(op, l);
    add_input(op, l.inputs[0]);
    op.pad_value = x.zero_point;
    op.requant = l.requant;
    const bool whole = l.kernel_h == x.height && l.kernel_w == x.width && op.out_height == 1 &&
                       op.out_width == 1 && l.groups == 1;
    op.kind = whole                                    ? "fully_connected"
              : l.groups == x.channels && l.groups > 1 ? "depthwise"
                                                       : "conv";
  }

  void make_average(Op& op, const QLayer& l, const QTensorInfo& x) {
    op.kind = "average_pool";
    set_window(op, l);
    add_input(op, l.inputs[0]);
    one_to_one(op, x.channels);
    op.pad_value = x.zero_point;  // so that every window sums kernel_h * kernel_w values
    op.bias = -l.kernel_h * l.kernel_w * x.zero_point;
    const auto rows = counted_runs(op.out_height, x.height, l.kernel_h, l.stride_h, l.dilation_h,
                                   l.pad_top, l.pad_bottom, l.count_include_pad);
    const auto cols = counted_runs(op.out_width, x.width, l.kernel_w, l.stride_w, l.dilation_w,
                                   l.pad_left, l.pad_right, l.count_include_pad);
    op.regions.clear();
    std::map<int64_t, int> index_of;
    for (size_t r = 0; r < rows.size(); ++r) {
      for (size_t c = 0; c < cols.size(); ++c) {
        const int64_t n = rows[r].second * cols[c].second;
        if (n < 1 || n > static_cast<int64_t>(l.requant.size())) {
          throw_input("layer '{}': a window counts {} values, legal is 1..{}", l.name, n,
                      l.requant.size());
        }
        const auto [it, fresh] = index_of.emplace(n, static_cast<int>(index_of.size()));
        if (fresh) op.requant.push_back(l.requant[static_cast<size_t>(n - 1)]);
        op.regions.push_back(
            {rows[r].first, r + 1 < rows.size() ? rows[r + 1].first : op.out_height, cols[c].first,
             c + 1 < cols.size() ? cols[c + 1].first : op.out_width, it->second});
      }
    }
  }

  void make_concat(Op& op, const QLayer& l, int index) {
    op.kind = "concat";
    op.in_channels = op.out_channels;
    op.placed = in_place_.count(index) != 0;
    for (const int t : l.inputs) {
      const auto base = static_cast<int64_t>(op.in.size()) * config_.block_bytes();
      add_input(op, t);
      for (int64_t c = 0; c < info(t).channels; ++c) {
        op.source.push_back(static_cast<int32_t>(base + c));
      }
    }
    make_copy(op);
    op.lo = l.lo;
    op.hi = l.hi;
  }

  void set_residual(Op& op, const QLayer& add, int fused_tensor) {
    const int mine = fused_tensor >= 0 ? fused_tensor : add.inputs[0];
    const bool first = add.inputs[0] == mine;
    op.residual = first ? add.inputs[1] : add.inputs[0];
    op.add_ma = first ? add.ma : add.mb;
    op.add_mb = first ? add.mb : add.ma;
    op.add_shift = add.add_shift;
    // Hardware counts both operands from -128.
    op.add_c = add.add_constant - 128 * static_cast<int32_t>(add.ma + add.mb);
    op.add_zp = add.output_zero_point;
    op.add_lo = add.lo;
    op.add_hi = add.hi;
    if (fused_tensor >= 0) op.kind += "+add";
  }

  void touch(int tensor, int op) {
    Storage& s =
        result_.storages[static_cast<size_t>(result_.tensors[static_cast<size_t>(tensor)].storage)];
    s.first_op = std::min(s.first_op, op);
    s.last_op = std::max(s.last_op, op);
  }

  void touch_storages(const Op& op, const QLayer& main, const QLayer& layer) {
    const int n = static_cast<int>(result_.ops.size());
    for (const int t : main.inputs) touch(t, n);
    if (op.residual >= 0) touch(op.residual, n);
    touch(layer.output, n);
  }

  // Offsets of the storages; first fit among those alive at the same time.
  void place_storages(bool keep_all) {
    if (network_.input >= 0) touch(network_.input, -1);
    if (network_.output >= 0) touch(network_.output, 1 << 30);
    constexpr uint64_t kAlign = 64;
    std::vector<Storage*> done;
    for (Storage& s : result_.storages) {
      const uint64_t size = s.plane_bytes(config_) * static_cast<uint64_t>(s.planes);
      uint64_t at = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (const Storage* other : done) {
          const uint64_t end =
              other->offset + other->plane_bytes(config_) * static_cast<uint64_t>(other->planes);
          const bool alive =
              keep_all || (s.first_op <= other->last_op && other->first_op <= s.last_op);
          if (alive && at < end && other->offset < at + size) {
            at = (end + kAlign - 1) / kAlign * kAlign;
            moved = true;
          }
        }
      }
      s.offset = at;
      result_.map_bytes = std::max(result_.map_bytes, at + size);
      done.push_back(&s);
    }
  }

  const QNetwork& network_;
  const Config& config_;
  std::vector<Uses> uses_;
  std::map<int, int> fused_into_, fused_from_;  // convolution -> addition and back
  std::set<int> in_place_;                      // concatenations without work
  Lowered result_;
};

}  // namespace

Op Lowered::of_image(const Op& op, int image) const {
  Op result = op;
  const int storage = image * static_cast<int>(storages.size()) / images;
  const int tensor = image * static_cast<int>(tensors.size()) / images;
  for (Plane& p : result.in) p.storage += storage;
  result.output += tensor;
  if (result.residual >= 0) result.residual += tensor;
  return result;
}

void replicate(Lowered& lowered, int images) {
  constexpr uint64_t kAlign = 64;
  const size_t storages = lowered.storages.size(), tensors = lowered.tensors.size();
  const uint64_t stride = (lowered.map_bytes + kAlign - 1) / kAlign * kAlign;
  for (int image = 1; image < images; ++image) {
    for (size_t s = 0; s < storages; ++s) {
      Storage storage = lowered.storages[s];
      storage.offset += stride * static_cast<uint64_t>(image);
      lowered.storages.push_back(storage);
    }
    for (size_t t = 0; t < tensors; ++t) {
      Plane plane = lowered.tensors[t];
      if (plane.storage >= 0) plane.storage += image * static_cast<int>(storages);
      lowered.tensors.push_back(plane);
    }
  }
  lowered.map_bytes += stride * static_cast<uint64_t>(images - 1);
  lowered.images = images;
}

Lowered lower(const QNetwork& network, const Config& config, bool keep_all) {
  return Lowering(network, config).run(keep_all);
}

}  // namespace aap::compiler
