// SPDX-License-Identifier: Apache-2.0
#include "prune/study/study_methods.h"

#include "prune/bn_recalibration.h"
#include "prune/obs.h"
#include "prune/obs_score.h"
#include "prune/permute.h"
#include "prune/prune.h"

namespace aap::study {

const std::vector<std::string>& methods() {
  static const std::vector<std::string> kMethods = {"magnitude", "recalibrated", "unconstrained",
                                                    "obs", "permuted", "refitted"};
  return kMethods;
}

Graph apply(const Graph& dense, const std::string& method, int keep, int group,
            const FloatTensor& calibration, int threads) {
  Graph graph = dense;
  PruneOptions options;
  options.keep = keep;
  options.group = group;
  if (method == "unconstrained") options.method = PruneRule::kUnconstrained;
  const bool refit = method == "refitted", permute = refit || method == "permuted";
  const bool second_order = permute || method == "obs";
  if (second_order) options.score = "obs";
  const std::vector<LayerPlan> layers = plan(graph, options);
  if (permute) permute_channels(graph, layers, {}, {{"obs", obs_scorer(calibration, threads)}});
  if (second_order) {
    ObsOptions obs;
    obs.threads = threads;
    obs.refit_unpruned = refit;
    obs_prune(graph, layers, calibration, obs);
    return graph;
  }
  prune(graph, layers);
  if (method != "magnitude") recalibrate_batch_norm(graph, calibration, threads);
  return graph;
}

}  // namespace aap::study
