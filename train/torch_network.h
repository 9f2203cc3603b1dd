// SPDX-License-Identifier: Apache-2.0
// A float Graph executed with libtorch, with gradients. Private to the plugin: the only header of
// the project that includes libtorch.
#pragma once

#include <torch/torch.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/graph.h"

namespace aap {

class TorchNetwork {
 public:
  struct Parameter {
    std::string name;        // of the constant
    torch::Tensor value;     // requires a gradient
    torch::Tensor mask;      // 1 where the weight may change; undefined where all may
    torch::Tensor velocity;  // of the momentum, zero at first
    bool decay = false;      // weight decay applies (weights of Conv, Gemm, MatMul)
  };

  // Keeps a reference to the graph. With `masked`, weights that are exactly zero stay zero. Throws
  // InputError that lists every node which cannot be trained.
  TorchNetwork(const Graph& graph, bool masked);

  // images [N, C, H, W] to logits [N, classes] (a Softmax at the end is left out). With `training`,
  // batch normalisation uses and updates the statistics of the batch.
  torch::Tensor forward(const torch::Tensor& images, bool training);

  std::vector<Parameter>& parameters() { return parameters_; }

  // Every trained constant (parameters and batch-norm statistics) as data, and back.
  std::map<std::string, FloatTensor> constants() const;
  void set_constants(const std::map<std::string, FloatTensor>& constants, const std::string& file);

 private:
  torch::Tensor& value(const std::string& name) { return values_.at(name); }
  void add_parameter(const std::string& name, bool decay, bool masked);
  torch::Tensor run(const Node& node, std::map<std::string, torch::Tensor>& live, bool training);

  const Graph& graph_;
  std::vector<Parameter> parameters_;
  std::map<std::string, torch::Tensor>
      values_;                          // constants, float ones only; parameters share these
  std::set<std::string> trained_;       // names of parameters and batch-norm statistics
  std::set<std::string> overwritable_;  // values that a ReLU may overwrite
};

torch::Tensor to_torch(const FloatTensor& tensor);  // a copy
FloatTensor from_torch(const torch::Tensor& tensor);

}  // namespace aap
