// SPDX-License-Identifier: Apache-2.0
#include "compile/compile.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "compile/emit.h"
#include "compile/gen/isa.h"
#include "compile/layout.h"
#include "compile/ops.h"
#include "compile/stream.h"
#include "model/error.h"

namespace aap {
namespace {

using namespace compiler;
using isa::Descriptor;
using isa::Opcode;

constexpr size_t kTrials = 16;
constexpr double kHandOver = 300;  // cycles from a layer's last store to the next layer's first row
constexpr uint64_t kAlign = 64;
// Images that go through a layer one after the other: weights that fit the buffer are read once, and the array need not wait for
// the layer before. More would need more tokens than a counter holds.
constexpr int kAbreast = 8;
constexpr int kLayerTokens = 48;  // of all images abreast

uint64_t align(uint64_t value) { return (value + kAlign - 1) / kAlign * kAlign; }

std::string refusal(const FitRow& row) {
  const std::string where = row.where.empty() ? "" : ", " + row.where;
  const std::string hint = row.key.empty() ? "not possible in hardware"
                                           : fmt::format("key '{}' is {}", row.key, row.have);
  return fmt::format("layer '{}'{}: needs {} {}, there are {} ({} too few; {})", row.layer, where,
                     row.need, row.resource, row.have, row.need - row.have, hint);
}

class Compiler {
 public:
  Compiler(const QNetwork& network, const Config& config, const CompileOptions& options)
      : network_(network),
        config_(config),
        options_(options),
        lowered_(lower_images(network, config, options)),
        stream_(config, lowered_.storages),
        pool_(std::max<uint64_t>(kAlign, static_cast<uint64_t>(config.beat_bytes()))) {}

  Program run() {
    std::vector<std::string> refusals;
    for (const Op& op : lowered_.ops) {
      for (const FitRow& row : check_arithmetic(op, config_)) {
        if (!row.ok()) refusals.push_back(refusal(row));
      }
    }
    const size_t most = 0xfffe;
    if (lowered_.ops.size() * static_cast<size_t>(options_.images) > most) {
      throw_input("network '{}' has more than {} layers{}", network_.name, most, for_images());
    }
    for (int image = 0; image < options_.images; ++image) {
      for (const Op& op : lowered_.ops) layers_.push_back(describe(lowered_.of_image(op, image), image));
    }
    tilings_.resize(lowered_.ops.size());
    for (int first = 0; first < options_.images && refusals.empty(); first += kAbreast) {
      compile_images(first, std::min(first + kAbreast, options_.images), refusals);
    }
    if (!refusals.empty()) {
      std::string text =
          fmt::format("network '{}' does not fit configuration '{}':", network_.name, config_.name);
      for (const auto& r : refusals) text += (&r == refusals.data() ? " " : "; ") + r;
      throw InputError(text);
    }
    return finish();
  }

 private:
  struct Tiling {
    explicit Tiling(LayerItems i) : items(std::move(i)) {}
    LayerItems items;
    Layout layout;
    std::optional<Choice> choice;  // of the image that was searched for
  };

  static Lowered lower_images(const QNetwork& network, const Config& config, const CompileOptions& options) {
    Lowered lowered = lower(network, config, options.keep_all);
    replicate(lowered, options.images);
    return lowered;
  }

  std::string for_images() const {
    return options_.images == 1 ? "" : fmt::format(" for {} images in one start", options_.images);
  }

  void compile_images(int first, int end, std::vector<std::string>& refusals) {
    for (size_t i = 0; i < lowered_.ops.size(); ++i) {
      for (int image = first; image < end; ++image) {
        stream_.begin_layer(kLayerTokens / (end - first));
        if (lowered_.ops[i].placed) continue;
        const std::string problem = compile_layer(i, image);
        if (problem.empty()) continue;
        refusals.push_back(problem);
        break;
      }
      if (end == options_.images) tilings_[i].reset();
    }
  }

  ProgramLayer describe(const Op& op, int image) const {
    ProgramLayer layer;
    layer.name = image == 0 ? op.name : fmt::format("{}@{}", op.name, image);
    layer.op = op.kind;
    layer.output = op.output;  // a tensor for now; becomes a map in finish()
    layer.in_channels = op.in_channels;
    layer.out_channels = op.out_channels;
    layer.out_height = op.out_height;
    layer.out_width = op.out_width;
    layer.kernel_h = op.kernel_h;
    layer.kernel_w = op.kernel_w;
    layer.group = config_.group;
    const int64_t pixels = op.out_height * op.out_width;
    if (op.conv) {
      layer.macs_dense = op.layer->weights.size() * pixels;
    } else if (!op.placed) {
      layer.macs_dense = op.out_channels * op.kernel_h * op.kernel_w * pixels;
    }
    return layer;
  }

  // "" or why the layer cannot run. Images after the first take its tiling: weights and tables are then the same blocks.
  std::string compile_layer(size_t index, int image) {
    auto& tiling = tilings_[index];
    if (!tiling) tiling = std::make_unique<Tiling>(LayerItems(lowered_.ops[index], config_, options_.dense));
    const Op op = lowered_.of_image(lowered_.ops[index], image);
    const size_t number = static_cast<size_t>(image) * lowered_.ops.size() + index;
    ProgramLayer& layer = layers_[number];
    layer.keep = tiling->items.keep();
    layer.macs_kept = tiling->items.kept() * op.out_height * op.out_width;
    layer.ideal_cycles = ceil_div(layer.macs_kept, config_.multipliers());
    Emitter emitter({config_, lowered_, op, tiling->items, static_cast<int>(number), options_.dense, stream_, pool_});
    const auto mark = stream_.mark();
    if (tiling->choice) {
      if (emitter.run(*tiling->choice, true, std::numeric_limits<double>::infinity())) return "";
      stream_.rewind(mark);  // other blocks lie in the buffers than before the image that was searched for
    }
    return search_tiling(op, *tiling, emitter, mark);
  }

  std::string search_tiling(const Op& op, Tiling& tiling, Emitter& emitter, const Stream::Mark& mark) {
    const Search found = search(op, config_, tiling.items, pool_);
    if (found.choices.empty()) return no_fit(op, tiling.items);
    std::optional<Choice> best;
    double best_time = std::numeric_limits<double>::infinity();
    size_t tried = 0;
    for (Choice choice : found.choices) {
      if (tried++ >= kTrials && best) break;
      for (const bool ramp : {false, true}) {
        choice.ramp = ramp;
        if (emitter.run(choice, false, best_time + kHandOver) && time_of(op) < best_time) {
          best_time = time_of(op);
          best = choice;
        }
        stream_.rewind(mark);
      }
    }
    if (!best) return no_fit(op, tiling.items);
    tiling.layout = *best->layout;
    tiling.choice = best;
    tiling.choice->layout = &tiling.layout;
    if (!emitter.run(*tiling.choice, true, std::numeric_limits<double>::infinity())) {
      throw std::logic_error("a tiling that fitted does not fit");
    }
    return "";
  }

  // When the next layer can go on: it starts when the first rows of all channels are in memory, and
  // the latency of that is hidden when they are there some time before the layer's end.
  double time_of(const Op& op) const {
    const Plane& out = lowered_.tensors[static_cast<size_t>(op.output)];
    const int64_t planes = ceil_div(op.out_channels, config_.block_bytes());
    const double first = stream_.written_by({out.storage, out.plane, out.plane + planes, 0,
                                             ceil_div(op.out_height, 4), 0, op.out_width});
    return std::max(first, stream_.now() - kHandOver);
  }

  std::string no_fit(const Op& op, const LayerItems& items) const {
    for (const FitRow& row : smallest_needs(op, config_, items)) {
      if (!row.ok()) return refusal(row);
    }
    return fmt::format("layer '{}': no tiling found, smallest needs fit", op.name);
  }

  Program finish() {
    auto& queues = stream_.queues();
    const auto order = program_order(queues);
    assign_tokens(queues);
    Program program;
    program.network = network_.name;
    program.config_name = config_.name;
    program.config_hash = config_.hash();
    program.base = options_.base;
    program.descriptor_address = options_.base;
    const uint64_t count = order.size() + 2;
    if (count > 0xffff) {
      throw_input(
          "network '{}' needs {} descriptors{}, a program holds 65535 at most ({} too many; "
          "larger buffers in the configuration make larger tiles{})",
          network_.name, count, for_images(), count - 0xffff, options_.images == 1 ? "" : ", fewer images fewer descriptors");
    }
    program.descriptor_count = static_cast<uint32_t>(count);
    const uint64_t data = align(count * isa::kDescriptorBytes);
    const uint64_t maps = align(data + pool_.size());
    const uint64_t size = maps + align(lowered_.map_bytes);
    check_memory(size, lowered_.map_bytes);
    program.memory_size = static_cast<uint32_t>(size);
    program.image.assign(data, 0);
    const auto section = pool_.section();
    program.image.insert(program.image.end(), section.begin(), section.end());
    uint32_t at = 0;
    auto append = [&](Descriptor d) {
      d.seal();
      for (const uint32_t word : d.words) {
        for (int b = 0; b < 4; ++b) program.image[at++] = static_cast<uint8_t>(word >> 8 * b);
      }
    };
    Descriptor check(Opcode::kCheck);
    check.set(isa::check::kConfigHash, program.config_hash);
    check.set(isa::check::kVersion, isa::kVersion);
    append(check);
    for (const auto& [unit, i] : order) {
      Instr& instr = queues[unit][static_cast<size_t>(i)];
      uint64_t address = options_.base + instr.address.offset;
      if (instr.address.kind == Address::kData) address += data;
      if (instr.address.kind == Address::kMap) {
        address += maps + lowered_.storages[static_cast<size_t>(instr.address.storage)].offset;
      }
      if (instr.address.kind != Address::kNone) instr.descriptor.set(isa::load_act::kAddr, address);
      instr.descriptor.set(isa::header::kLayer, static_cast<uint64_t>(instr.layer));
      append(instr.descriptor);
      count_work(instr.descriptor, layers_[static_cast<size_t>(instr.layer)]);
      layers_[static_cast<size_t>(instr.layer)].array_cycles += instr.array_cycles;
    }
    append(Descriptor(Opcode::kEnd));
    add_maps(program, options_.base + maps);
    program.softmax_on_host = network_.softmax_on_host;
    program.preprocessing = network_.preprocessing;
    return program;
  }

  void check_memory(uint64_t size, uint64_t maps) const {
    const uint64_t space = uint64_t{1} << config_.axi_addr_width;
    const uint64_t limit =
        options_.memory_limit == 0 ? space : std::min<uint64_t>(space, options_.memory_limit);
    const uint64_t end = options_.base + size;
    if (end > limit || size > 0xffffffff) {
      throw_input(
          "network '{}' needs {} bytes of memory{} from address {} ({} of them feature maps{}), "
          "the limit is {} ({} too few; key 'axi_addr_width' is {})",
          network_.name, size, for_images(), options_.base, maps,
          options_.keep_all ? ", all kept; reusing dead ones needs fewer" : "", limit,
          end - std::min(end, limit), config_.axi_addr_width);
    }
  }

  void count_work(const Descriptor& d, ProgramLayer& layer) const {
    const int64_t ab = config_.beat_bytes();
    auto entries = [&](int64_t beats) {
      const int64_t bytes = int64_t{d.get(isa::load_wgt::kEntries)} * beats * ab;
      layer.read_bytes += bytes;
      return bytes;
    };
    const int64_t blocks = int64_t{d.get(isa::load_act::kCols)} * d.get(isa::load_act::kRows);
    switch (d.opcode()) {
      case Opcode::kLoadAct:
      case Opcode::kLoadRes:
        layer.read_bytes += blocks * d.get(isa::load_act::kPlanes) * config_.block_bytes();
        break;
      case Opcode::kLoadWgt: {
        const int64_t bytes = entries(config_.row_beats());
        const int64_t weights = int64_t{d.get(isa::load_wgt::kEntries)} * config_.multipliers();
        layer.weight_bytes += weights;
        layer.index_bytes += bytes - weights;
        break;
      }
      case Opcode::kLoadTab:
        entries(config_.table_beats());
        break;
      case Opcode::kLoadPar:
        entries(config_.param_beats());
        break;
      case Opcode::kStore:
        layer.write_bytes += blocks * d.get(isa::store::kPlanes) * config_.block_bytes();
        break;
      default:
        break;
    }
  }

  // One map for each tensor that is in memory.
  void add_maps(Program& program, uint64_t address) {
    std::vector<int> map_of(lowered_.tensors.size(), -1);
    for (size_t t = 0; t < lowered_.tensors.size(); ++t) {
      const Plane& place = lowered_.tensors[t];
      if (place.storage < 0) continue;
      const size_t tensor = t % network_.tensors.size();
      const QTensorInfo& info = network_.tensors[tensor];
      const Storage& storage = lowered_.storages[static_cast<size_t>(place.storage)];
      FeatureMap map;
      map.name = info.name;
      map.tensor = static_cast<int>(tensor);
      map.channels = info.channels;
      map.height = info.height;
      map.width = info.width;
      map.plane_stride = static_cast<uint32_t>(storage.plane_bytes(config_));
      map.address = static_cast<uint32_t>(address + storage.offset +
                                          static_cast<uint64_t>(place.plane) * map.plane_stride);
      map.base = program.base;
      map.scale = info.scale;
      map.zero_point = info.zero_point;
      map_of[t] = static_cast<int>(program.maps.size());
      program.maps.push_back(map);
    }
    for (ProgramLayer& layer : layers_) layer.output = map_of[static_cast<size_t>(layer.output)];
    program.images = options_.images;
    program.layers = layers_;
    program.input = map_of[static_cast<size_t>(network_.input)];
    program.output = map_of[static_cast<size_t>(network_.output)];
  }

  const QNetwork& network_;
  const Config& config_;
  const CompileOptions& options_;
  Lowered lowered_;
  Stream stream_;
  DataPool pool_;
  std::vector<ProgramLayer> layers_;               // image after image
  std::vector<std::unique_ptr<Tiling>> tilings_;  // of the layers of one image
};

}  // namespace

Program compile(const QNetwork& network, const Config& config, const CompileOptions& options) {
  validate(network);
  if (options.base % kAlign != 0) {
    throw_input("base address {} is not a multiple of {}", options.base, kAlign);
  }
  if (options.images < 1 || options.images > Program::kMostImages) {
    throw_input("{} images in one start asked for, legal is 1..{}", options.images, Program::kMostImages);
  }
  return Compiler(network, config, options).run();
}

}  // namespace aap
