// SPDX-License-Identifier: Apache-2.0
// Training on Fashion-MNIST, as the rest of the project sees it: no libtorch in this header. The
// code behind it is the plugin libaap_train.so, which train/load.h opens.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace aap {

struct TrainOptions {
  std::string task = "train";  // "train": the reference network from its seed; "retrain": `input`,
                               // where weights of Conv, Gemm and MatMul that are exactly 0 stay 0
  std::string output;          // ONNX file to write
  std::string input;           // ONNX file to start from (retrain only)
  int epochs = 8;              // 1 .. 10000
  int batch = 128;             // images a step, 1 .. 4096
  float learning_rate = 0.0F;  // peak; 0 takes 0.1 for train, 0.05 for retrain
  float momentum = 0.9F;       // Nesterov, 0 .. 0.999
  float weight_decay = 5e-4F;  // on weights only, not on biases or batch normalisation, 0 .. 1
  float label_smoothing = 0.0F;  // 0 .. 0.5
  // Shift by up to 2 pixels and mirror: "on", "off", or "auto", which is on for train and off for
  // retrain (one epoch at keep 4 of 16: 91.96 % without, 90.85 % with).
  std::string augment = "auto";
  std::string teacher;       // ONNX file whose logits are learnt beside the labels (Hinton et al.,
                             // "Distilling the Knowledge in a Neural Network", 2015); "" for none
  uint32_t seed = 1;         // initial weights, data order and augmentation
  std::string checkpoint;    // written whole after each epoch; "" for none
  bool resume = false;       // go on from `checkpoint`, to the bits of an unbroken run (one thread)
  std::string snapshot;      // ONNX file rewritten after each epoch; "" for none
  int threads = 2;           // 1 .. 256
  int64_t limit_images = 0;  // use only the first so many images of each split; 0 for all
  int progress_every = 50;   // batches between two progress calls
};

struct TrainProgress {
  int epoch = 0, epochs = 0;       // epoch 1 .. epochs
  int64_t batch = 0, batches = 0;  // batches done in this epoch
  double loss = 0.0;               // mean of this epoch so far
  double seconds = 0.0;            // since this epoch began
  bool epoch_done = false;
  double test_accuracy = 0.0;  // percent; only where epoch_done
};
// May throw to end the training; the checkpoint of the last whole epoch stays.
using TrainCallback = std::function<void(const TrainProgress&)>;

struct EpochResult {
  double loss = 0.0;            // mean over the epoch's training images
  double train_accuracy = 0.0;  // percent, on augmented images while weights change
  double test_accuracy = 0.0;   // percent
  double seconds = 0.0;         // wall time, evaluation included
};

struct TrainResult {
  double test_accuracy = 0.0;       // percent, float, of the network written
  std::vector<EpochResult> epochs;  // includes those before a resume
  int64_t test_images = 0;
  int64_t macs = 0, weights = 0;  // of the network, for one image (train/reference_network.h)
  std::string libtorch_version;
};

// What the plugin exports. Throws InputError for bad options, files and unsupported nodes (all
// listed).
struct TrainerApi {
  uint32_t version;  // kTrainerApiVersion; the loader refuses another
  TrainResult (*run)(const TrainOptions& options, const TrainCallback& progress);
};
// Goes up with every change of the structures above.
constexpr uint32_t kTrainerApiVersion = 2;
constexpr const char* kTrainerSymbol = "aap_trainer_api";

}  // namespace aap

extern "C" const aap::TrainerApi* aap_trainer_api();
