// SPDX-License-Identifier: Apache-2.0
// One graph with its inputs and what ONNX Runtime computed for it: a folder with graph.onnx, input.npy
// and, after scripts/ort_run.py, values.json and values/.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "golden/certify.h"
#include "golden/explain.h"

namespace aap::differential {

// Writes graph.onnx, with that IR version, and input.npy; makes the folder.
void write_case(const std::string& folder, const Graph& graph, const Constant& inputs,
                int64_t ir_version);

struct CaseResult {
  std::string folder;
  std::string refused;    // why the import refused the graph; nothing else is set then
  bool runtime_refused = false;  // the import took it, ONNX Runtime did not; nothing else is set then
  LayerComparison total;  // over all layers and images
  std::vector<LayerComparison> layers;
  int64_t images = 0;
  int64_t input_values = 0, input_differences = 0;  // of QuantizeLinear at the input
  int64_t result_values = 0, result_differences = 0;  // the graph's output against its own integers
  int64_t output_values = 0, output_differences = 0;  // end to end
  int largest_output_difference = 0;                  // in output steps
  std::map<std::string, int64_t> output_causes;       // NetworkComparison::output_causes
  int64_t stored_values = 0, stored_differences = 0;  // ONNX Runtime against expected.npy, if there
  Certificate certificate;
  // A layer that the certificate calls exact and that differs nevertheless.
  std::string certificate_broken;
  std::string first_failure;  // empty when all is equal or explained
};

// Compares the first `images` images (0: all). InputError: the folder is not complete, or a value has not
// the shape that the network gives it.
CaseResult compare_case(const std::string& folder, int64_t images = 0);

// The values of image `index`, by name, in the int8 domain and the layout of the network's tensors.
class RuntimeValues {
 public:
  explicit RuntimeValues(const std::string& folder);
  int64_t images() const { return images_; }
  NamedValues image(const QNetwork& network, int64_t index) const;
  const Constant& input() const { return input_; }
  // What ONNX Runtime said when it refused the graph; empty when it ran.
  const std::string& refusal() const { return refusal_; }
  // A value as the runtime gave it, [images, ...]; InputError when it has none of that name.
  const Constant& value(const std::string& name) const;

 private:
  Constant input_;
  std::map<std::string, Constant> values_;
  int64_t images_ = 0;
  std::string refusal_;
};

}  // namespace aap::differential
