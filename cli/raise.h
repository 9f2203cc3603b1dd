// SPDX-License-Identifier: Apache-2.0
// Options of `aap prune` that raise what is kept: K per layer under a budget, channel permutation,
// second-order update, bias re-calibration.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "model/graph.h"
#include "prune/prune.h"

namespace aap::cli {

class RaiseOptions {
 public:
  // Images of the data set, preprocessed, so many of them.
  using ImageSource = std::function<FloatTensor(int64_t)>;

  // `recipe` and `score` say themselves what --obs says.
  void add(CLI::App& sub, CLI::Option* recipe, CLI::Option* score);
  bool allocates() const { return !allocate_.empty(); }
  int64_t obs_images() const { return obs_; }  // 0 where --obs was not given
  bool refits() const { return refit_; }
  bool any() const { return permute_ || obs_ > 0 || bias_ > 0 || bias_variance_ || refit_ || allocates(); }

  // Gives each layer its K. `config` is the configuration whose cycles count, "" where none was given.
  void allocate(const Graph& graph, std::vector<LayerPlan>& layers, const ImageSource& images,
                const std::string& config, int threads, nlohmann::ordered_json& j) const;
  void permute(Graph& graph, const std::vector<LayerPlan>& layers, const Scorers& scorers,
               nlohmann::ordered_json& j) const;
  // After pruning; `dense` is the graph before it.
  void correct_biases(Graph& graph, const Graph& dense, const ImageSource& images, int threads,
                      nlohmann::ordered_json& j) const;

 private:
  bool permute_ = false, refit_ = false, bias_variance_ = false;
  int64_t obs_ = 0, bias_ = 0, allocate_images_ = 256;
  uint32_t permute_seed_ = 1;
  std::string allocate_;
  std::vector<int> keeps_ = {1, 2, 4, 8, 16};
};

// prune(), with the layers that the plan gives to the second-order update (prune/obs.h) done by it on
// `images` of the data set. `refit`: layers that keep all their weights are solved for, too.
void prune_with_update(Graph& graph, const std::vector<LayerPlan>& layers, const Scorers& scorers,
                       const FloatTensor& images, bool refit, int threads, nlohmann::ordered_json& j);

// What the above left in `j`, for people.
void print_raised(const nlohmann::ordered_json& j);

}  // namespace aap::cli
