// SPDX-License-Identifier: Apache-2.0
#include "prune/permute.h"

#include <algorithm>
#include <map>

#include "prune/permute_graph.h"

namespace aap {
namespace {

// The scores of a layer as a consumer of channels: rows are (m, position), or (block of outputs
// that share indices, position).
PermuteUse use_of(const LayerPlan& layer, const std::vector<float>& scores) {
  PermuteUse use;
  const int64_t m = layer.shape[0], c = layer.shape[1], p = layer.shape[2] * layer.shape[3];
  const int64_t blocks = (m + layer.share - 1) / layer.share;
  use.channels = c;
  use.group = layer.group;
  use.keep = layer.keep;
  use.tail_keep = kept_in_group(layer, c % layer.group == 0 ? layer.group : c % layer.group);
  use.rows = blocks * p;
  use.scores.assign(static_cast<size_t>(c * use.rows), 0.0F);
  for (int64_t mi = 0; mi < m; ++mi) {
    for (int64_t ci = 0; ci < c; ++ci) {
      const float* from = scores.data() + (mi * c + ci) * p;
      float* to = use.scores.data() + ci * use.rows + mi / layer.share * p;
      // Scores may be infinite ("keep in any case"); sums need numbers.
      for (int64_t i = 0; i < p; ++i) to[i] += std::min(from[i], 1e30F);
    }
  }
  return use;
}

struct Reader {
  const LayerPlan* layer = nullptr;
  Segments segments;
  PermuteUse use;  // scores follow the channels as they move
};

void reorder(PermuteUse& use, const std::vector<int64_t>& order) {
  const std::vector<float> old = use.scores;
  for (size_t p = 0; p < order.size(); ++p) {
    const auto from = old.begin() + (use.offset + order[p]) * use.rows;
    std::copy(from, from + use.rows,
              use.scores.begin() + (use.offset + static_cast<int64_t>(p)) * use.rows);
  }
}

// First channel of the reader that comes from the space.
int64_t offset_of(ChannelSpaces& spaces, const Segments& segments, int root) {
  int64_t offset = 0;
  for (const Segment& s : segments) {
    if (spaces.find(s.space) == root) break;
    offset += spaces.space(s.space).channels;
  }
  return offset;
}

// Why this reader cannot take part in a search; such a space keeps its order.
std::string problem(ChannelSpaces& spaces, const Reader& reader, int root) {
  const int64_t positions = reader.layer->shape[2] * reader.layer->shape[3];
  int64_t times = 0;
  for (const Segment& s : reader.segments) {
    times += spaces.find(s.space) == root ? 1 : 0;
    if (reader.layer->op != "Conv" && s.inner != positions) {
      return fmt::format("fully connected layer '{}' reads channels of different sizes",
                         reader.layer->name);
    }
  }
  if (times > 1) return fmt::format("layer '{}' reads them twice", reader.layer->name);
  return "";
}

}  // namespace

std::vector<PermutedChannels> permute_channels(Graph& graph, const std::vector<LayerPlan>& layers,
                                               const PermuteSearch& options,
                                               const Scorers& scorers) {
  std::map<std::string, const LayerPlan*> plan_of;
  for (const LayerPlan& layer : layers) plan_of[layer.name] = &layer;
  ChannelSpaces spaces(graph, layers);
  std::vector<Reader> readers;
  for (const SpaceReader& reader : spaces.readers()) {
    const auto layer = plan_of.find(reader.node);
    if (layer == plan_of.end() || layer->second->rule != PruneRule::kAap) continue;
    const LayerPlan& plan = *layer->second;
    const std::vector<float> weights = layer_weights(graph, plan);
    readers.push_back(
        {&plan, reader.segments, use_of(plan, score_layer(graph, plan, weights, scorers))});
  }
  std::vector<PermutedChannels> report;
  std::map<int, std::vector<int64_t>> order;
  for (int root : spaces.roots()) {
    const ChannelSpace& space = spaces.space(root);
    PermutedChannels entry;
    entry.producer = space.producer;
    entry.channels = space.channels;
    entry.reason = space.fixed;
    std::vector<Reader*> own;
    for (Reader& reader : readers) {
      const bool reads =
          std::any_of(reader.segments.begin(), reader.segments.end(),
                      [&](const Segment& s) { return spaces.find(s.space) == root; });
      if (!reads) continue;
      entry.readers.push_back(reader.layer->name);
      if (entry.reason.empty()) entry.reason = problem(spaces, reader, root);
      own.push_back(&reader);
    }
    if (entry.reason.empty() && own.empty()) entry.reason = "no pruned layer reads them";
    if (entry.reason.empty()) {
      std::vector<const PermuteUse*> uses;
      for (Reader* reader : own) {
        reader->use.offset = offset_of(spaces, reader->segments, root);
        for (float v : reader->use.scores) entry.total += static_cast<double>(v);
        uses.push_back(&reader->use);
      }
      const PermuteFound found = search_permutation(space.channels, uses, options);
      entry.before = found.before;
      entry.after = found.after;
      entry.bound = found.bound;
      entry.swaps = found.swaps;
      order[root] = found.order;
      for (Reader* reader : own) reorder(reader->use, found.order);
    }
    report.push_back(std::move(entry));
  }
  spaces.apply(graph, order);
  return report;
}

}  // namespace aap
