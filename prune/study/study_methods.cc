// SPDX-License-Identifier: Apache-2.0
#include "prune/study/study_methods.h"

#include "prune/bn_recalibration.h"
#include "prune/obs.h"
#include "prune/permute.h"
#include "prune/prune.h"

namespace aap::study {

const std::vector<std::string>& methods() {
  static const std::vector<std::string> kMethods = {"magnitude", "recalibrated", "unconstrained",
                                                    "obs", "permuted"};
  return kMethods;
}

Graph apply(const Graph& dense, const std::string& method, int keep, int group,
            const FloatTensor& calibration, int threads) {
  Graph graph = dense;
  PruneOptions options;
  options.keep = keep;
  options.group = group;
  if (method == "unconstrained") options.method = PruneRule::kUnconstrained;
  if (method == "obs" || method == "permuted") options.score = "obs";
  const std::vector<LayerPlan> layers = plan(graph, options);
  if (method == "permuted") permute_channels(graph, layers);
  if (method == "obs" || method == "permuted") {
    ObsOptions obs;
    obs.threads = threads;
    obs_prune(graph, layers, calibration, obs);
    return graph;
  }
  prune(graph, layers);
  if (method != "magnitude") recalibrate_batch_norm(graph, calibration, threads);
  return graph;
}

}  // namespace aap::study
