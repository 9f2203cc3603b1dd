// SPDX-License-Identifier: Apache-2.0
// Which values of a float graph share one set of channels, and which constants follow it.
// Private to prune/.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/graph.h"
#include "prune/layer.h"

namespace aap {

// Channels that one set of producers makes, in one order for all who make or read them.
struct ChannelSpace {
  int64_t channels = 0;
  std::string producer;  // the first node that makes them
  std::string fixed;     // why their order may not change; empty where it may
  std::vector<std::string> producers;  // all nodes that make them, in the order of the graph
};

// A piece of dimension 1 of a value: all channels of a space, each `inner` entries wide (H * W
// after a Flatten).
struct Segment {
  int space = 0;
  int64_t inner = 1;
};
using Segments = std::vector<Segment>;

// A constant that follows its channels along one dimension.
struct Follower {
  std::string constant;
  size_t axis = 0;
  Segments segments;
};

// A layer with weights and what it reads.
struct SpaceReader {
  std::string node;
  Segments segments;
};

class ChannelSpaces {
 public:
  // `layers` from plan(). Errors: InputError for shapes that cannot be inferred.
  ChannelSpaces(const Graph& graph, const std::vector<LayerPlan>& layers);

  const std::vector<int>& roots() const { return roots_; }  // spaces left after merging
  ChannelSpace& space(int s) { return spaces_[static_cast<size_t>(find(s))]; }
  int find(int s) const;                          // the space that s was merged into
  int64_t width(const Segments& segments) const;  // of dimension 1
  const std::vector<SpaceReader>& readers() const { return readers_; }

  // Reorders every constant: order[place] = today's channel, for the roots that it names. Channels
  // that an order leaves out are gone.
  void apply(Graph& graph, const std::map<int, std::vector<int64_t>>& order) const;

 private:
  int make(int64_t channels, const std::string& producer, const std::string& fixed = "");
  void fix(const Segments& segments, const std::string& why);
  void merge(const Segments& a, const Segments& b, const std::string& node);
  // `axis` of the constant follows; fixed where another node reads the constant too.
  void follow(const std::string& constant, size_t axis, const Segments& segments);
  void visit(const Node& node);
  void visit_conv(const Node& node);
  void visit_matrix(const Node& node);
  void visit_add(const Node& node);
  void visit_concat(const Node& node);
  void visit_flatten(const Node& node);
  // The value becomes a fixed space of its own, and what the node reads is fixed too.
  void give_up(const Node& node, const std::string& why);

  const Graph& graph_;
  std::map<std::string, const LayerPlan*> layers_;
  std::map<std::string, Shape> shapes_;
  std::map<std::string, int> uses_;  // of constants
  std::map<std::string, Segments> values_;
  std::vector<ChannelSpace> spaces_;
  std::vector<int> parent_, roots_;
  std::vector<Follower> followers_;
  std::vector<SpaceReader> readers_;
};

}  // namespace aap
