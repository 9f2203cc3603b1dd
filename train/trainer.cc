// SPDX-License-Identifier: Apache-2.0
// The training loop. SGD with Nesterov momentum, a linear warm-up, then a cosine to zero.
#include "train/trainer.h"

#include <malloc.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/dataset.h"
#include "model/error.h"
#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/reference_network.h"
#include "train/torch_network.h"

namespace aap {
namespace {

constexpr int64_t kClasses = 10;
constexpr int64_t kTestBatch = 500;
// Of the teacher's part of the loss; the labels have the rest.
constexpr double kTemperature = 3.0;
constexpr double kTeacherShare = 0.7;
const std::string kMomentum = "momentum:";

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void check_range(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high))
    throw_input("{} is {}, legal is {}..{}", key, value, low, high);
}

void check_options(const TrainOptions& o) {
  if (o.task != "train" && o.task != "retrain") {
    throw_input("task is '{}', legal is 'train' or 'retrain'", o.task);
  }
  if (o.augment != "auto" && o.augment != "on" && o.augment != "off") {
    throw_input("augment is '{}', legal is 'auto', 'on' or 'off'", o.augment);
  }
  if (o.output.empty()) throw_input("output: no file named");
  if (o.task == "retrain" && o.input.empty())
    throw_input("input: retrain needs a network to start from");
  if (o.task == "train" && !o.input.empty()) {
    throw_input("input: '{}' given, but train starts from the reference network; use retrain",
                o.input);
  }
  check_range("epochs", o.epochs, 1, 10000);
  check_range("batch", o.batch, 2, 4096);
  check_range("learning rate", o.learning_rate, 0, 10);
  check_range("momentum", o.momentum, 0, 0.999);
  check_range("weight decay", o.weight_decay, 0, 1);
  check_range("label smoothing", o.label_smoothing, 0, 0.5);
  check_range("threads", o.threads, 1, 256);
  check_range("limit_images", static_cast<double>(o.limit_images), 0, 60000);
  check_range("progress_every", o.progress_every, 1, 1e9);
  if (o.limit_images == 1) throw_input("limit_images is 1, legal is 0 (all) or 2..60000");
  if (o.resume && o.checkpoint.empty()) throw_input("checkpoint: resume needs one");
}

// A value of the metadata, or the reference network's where the file states none.
float preprocessing(const Graph& graph, const char* key, const char* fallback,
                    const std::string& file) {
  const auto found = graph.metadata.find(key);
  const std::string text = found == graph.metadata.end() ? fallback : found->second;
  char* end = nullptr;
  const float value = std::strtof(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value)) {
    throw_input("{}: metadata '{}' is '{}', not a number", file, key, text);
  }
  return value;
}

// CRC-32 of all float constants: tells one start of a retraining from another.
uint32_t checksum(const Graph& graph) {
  uLong crc = 0;
  for (const auto& [name, constant] : graph.constants) {
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(name.data()), name.size());
    if (const auto* t = std::get_if<FloatTensor>(&constant)) {
      crc = crc32_z(crc, reinterpret_cast<const Bytef*>(t->data.data()),
                    t->data.size() * sizeof(float));
    }
  }
  return static_cast<uint32_t>(crc);
}

class Trainer {
 public:
  Trainer(const TrainOptions& options, const TrainCallback& progress)
      : options_(options),
        progress_(progress),
        graph_(options.task == "train" ? reference_network(options.seed)
                                       : read_onnx(options.input)),
        label_(options.task == "train" ? graph_.name : options.input),
        peak_(options.learning_rate > 0 ? options.learning_rate
              : options.task == "train" ? 0.1F
                                        : 0.05F),
        augment_(options.augment == "on" || (options.augment == "auto" && options.task == "train")),
        network_(checked(graph_, label_), options.task == "retrain") {
    at::set_num_threads(options.threads);
    mean_ = preprocessing(graph_, "aap.input_mean", kInputMean, label_);
    std_ = preprocessing(graph_, "aap.input_std", kInputStd, label_);
    if (!(std_ > 0))
      throw_input("{}: metadata 'aap.input_std' is {}, must be above 0", label_, std_);
    state_.options = {{"task", options.task},
                      {"start", fmt::format("{:08x}", checksum(graph_))},
                      {"epochs", fmt::format("{}", options.epochs)},
                      {"batch", fmt::format("{}", options.batch)},
                      {"learning_rate", fmt::format("{}", peak_)},
                      {"momentum", fmt::format("{}", options.momentum)},
                      {"weight_decay", fmt::format("{}", options.weight_decay)},
                      {"label_smoothing", fmt::format("{}", options.label_smoothing)},
                      {"augment", augment_ ? "on" : "off"},
                      {"teacher", load_teacher()},
                      {"seed", fmt::format("{}", options.seed)},
                      {"limit_images", fmt::format("{}", options.limit_images)}};
    if (options.resume) resume();
    train_ = fashion_mnist("train");
    test_ = fashion_mnist("test");
    train_images_ = limited(train_);
    test_images_ = limited(test_);
  }

  TrainResult run() {
    while (static_cast<int>(state_.epochs.size()) < options_.epochs) {
      epoch(static_cast<int>(state_.epochs.size()) + 1);
      if (!options_.checkpoint.empty()) save();
      if (!options_.snapshot.empty()) write(options_.snapshot);
    }
    write(options_.output);
    TrainResult result;
    result.epochs = state_.epochs;
    result.test_accuracy = state_.epochs.back().test_accuracy;
    result.test_images = test_images_;
    const NetworkCost cost = network_cost(graph_);
    result.macs = cost.macs;
    result.weights = cost.weights;
    result.libtorch_version = TORCH_VERSION;
    return result;
  }

 private:
  static const Graph& checked(const Graph& graph, const std::string& file) {
    if (graph.inputs.size() != 1 || graph.outputs.size() != 1) {
      throw_input("{}: {} inputs and {} outputs, training needs one of each", file,
                  graph.inputs.size(), graph.outputs.size());
    }
    const Shape& shape = graph.inputs[0].shape;
    if (shape.size() != 4 || shape[1] != 1 || shape[2] != 28 || shape[3] != 28) {
      throw_input("{}: input '{}' is not N x 1 x 28 x 28, the shape of Fashion-MNIST", file,
                  graph.inputs[0].name);
    }
    return graph;
  }

  // Returns what tells this teacher from another, "none" without one.
  std::string load_teacher() {
    const std::string& file = options_.teacher;
    if (file.empty()) return "none";
    teacher_graph_ = std::make_unique<Graph>(read_onnx(file));
    teacher_ = std::make_unique<TorchNetwork>(checked(*teacher_graph_, file), false);
    if (preprocessing(*teacher_graph_, "aap.input_mean", kInputMean, file) != mean_ ||
        preprocessing(*teacher_graph_, "aap.input_std", kInputStd, file) != std_) {
      throw_input("{}: the teacher's input_mean or input_std is not that of {}", file, label_);
    }
    return fmt::format("{:08x}", checksum(*teacher_graph_));
  }

  int64_t limited(const Dataset& dataset) const {
    return options_.limit_images > 0 ? std::min(options_.limit_images, dataset.count())
                                     : dataset.count();
  }

  float learning_rate(int64_t step, int64_t steps) const {
    const double warm =
        std::max(1.0, (options_.task == "train" ? 0.15 : 0.02) * static_cast<double>(steps));
    const double at = static_cast<double>(step) + 1.0;
    if (at <= warm) return static_cast<float>(peak_ * at / warm);
    const double done = (at - warm) / (static_cast<double>(steps) - warm + 1.0);
    return static_cast<float>(peak_ * 0.5 * (1.0 + std::cos(3.14159265358979323846 * done)));
  }

  void step(float rate) {
    const torch::NoGradGuard no_gradient;
    for (TorchNetwork::Parameter& p : network_.parameters()) {
      torch::Tensor gradient = p.value.grad();
      if (!gradient.defined()) continue;
      if (p.decay) gradient.add_(p.value, options_.weight_decay);
      p.velocity.mul_(options_.momentum).add_(gradient);
      p.value.sub_(gradient.add_(p.velocity, options_.momentum), rate);
      if (p.mask.defined()) p.value.mul_(p.mask);
      p.value.mutable_grad().reset();
    }
  }

  // One channel in both layouts at once has strides that libtorch takes for channels-first; stated
  // as N, H, W, C it is channels-last, which is a third faster for this network.
  torch::Tensor images(std::vector<float>& pixels, int64_t n) const {
    return torch::from_blob(pixels.data(), {n, 28, 28, 1}, torch::kFloat).permute({0, 3, 1, 2});
  }

  torch::Tensor logits(const torch::Tensor& x, bool training) {
    torch::Tensor y = network_.forward(x, training);
    if (y.dim() != 2 || y.size(1) != kClasses) {
      throw_input("{}: output '{}' is not N x {}", label_, graph_.outputs[0].name, kClasses);
    }
    return y;
  }

  // Cross entropy with the labels, mixed with the teacher's softened probabilities where there is
  // one.
  torch::Tensor loss_of(const torch::Tensor& y, const torch::Tensor& target,
                        const torch::Tensor& x) {
    const torch::Tensor hard =
        at::cross_entropy_loss(y, target, {}, at::Reduction::Mean, -100, options_.label_smoothing);
    if (!teacher_) return hard;
    torch::Tensor wanted;
    {
      const torch::NoGradGuard no_gradient;
      wanted = torch::softmax(teacher_->forward(x, false) / kTemperature, 1);
    }
    const torch::Tensor soft = -(wanted * torch::log_softmax(y / kTemperature, 1)).sum(1).mean();
    // The gradient of `soft` shrinks with the square of the temperature.
    return hard * (1.0 - kTeacherShare) + soft * (kTeacherShare * kTemperature * kTemperature);
  }

  void epoch(int number) {
    const double start = seconds_now();
    EpochBatches batches(train_, train_images_, options_.batch, mean_, std_, options_.seed, number,
                         augment_);
    const int64_t steps = batches.count() * options_.epochs;
    int64_t step_index = batches.count() * (number - 1);
    std::vector<float> pixels;
    std::vector<int64_t> labels;
    double loss_sum = 0.0;
    int64_t seen = 0, right = 0, done = 0;
    while (const int64_t n = batches.next(&pixels, &labels)) {
      ++done;
      const float rate = learning_rate(step_index++, steps);
      if (n == 1) continue;  // one image has no batch statistics
      const torch::Tensor target = torch::from_blob(labels.data(), {n}, torch::kLong);
      const torch::Tensor x = images(pixels, n);
      const torch::Tensor y = logits(x, true);
      const torch::Tensor loss = loss_of(y, target, x);
      loss.backward();
      step(rate);
      const double value = loss.item<double>();
      if (!std::isfinite(value)) {
        throw_input("loss is not finite in epoch {}, batch {}: lower the learning rate (now {})",
                    number, done, peak_);
      }
      loss_sum += value * static_cast<double>(n);
      right += y.detach().argmax(1).eq(target).sum().item<int64_t>();
      seen += n;
      if (progress_ && done % options_.progress_every == 0) {
        report(number, done, batches.count(), loss_sum / static_cast<double>(seen), start);
      }
    }
    EpochResult result;
    result.loss = loss_sum / static_cast<double>(seen);
    result.train_accuracy = 100.0 * static_cast<double>(right) / static_cast<double>(seen);
    result.test_accuracy = evaluate();
    result.seconds = seconds_now() - start;
    state_.epochs.push_back(result);
    if (progress_) report(number, done, done, result.loss, start, &result);
  }

  void report(int epoch, int64_t batch, int64_t batches, double loss, double start,
              const EpochResult* result = nullptr) const {
    TrainProgress p;
    p.epoch = epoch;
    p.epochs = options_.epochs;
    p.batch = batch;
    p.batches = batches;
    p.loss = loss;
    p.seconds = seconds_now() - start;
    p.epoch_done = result != nullptr;
    if (result != nullptr) p.test_accuracy = result->test_accuracy;
    progress_(p);
  }

  double evaluate() {
    const torch::NoGradGuard no_gradient;
    int64_t right = 0;
    for (int64_t first = 0; first < test_images_; first += kTestBatch) {
      const int64_t n = std::min(kTestBatch, test_images_ - first);
      FloatTensor batch = test_.batch(first, n, mean_, std_);
      const torch::Tensor best = logits(images(batch.data, n), false).argmax(1);
      for (int64_t i = 0; i < n; ++i) {
        right += best[i].item<int64_t>() == test_.labels[static_cast<size_t>(first + i)] ? 1 : 0;
      }
    }
    return 100.0 * static_cast<double>(right) / static_cast<double>(test_images_);
  }

  void save() {
    state_.tensors = network_.constants();
    for (const TorchNetwork::Parameter& p : network_.parameters()) {
      state_.tensors[kMomentum + p.name] = from_torch(p.velocity);
    }
    write_checkpoint(state_, options_.checkpoint);
  }

  void resume() {
    Checkpoint saved = read_checkpoint(options_.checkpoint);
    for (const auto& [key, value] : state_.options) {
      if (saved.options[key] != value) {
        throw_input("{}: checkpoint is of a run with {} = {}, this one has {}", options_.checkpoint,
                    key, saved.options[key], value);
      }
    }
    if (saved.epochs.empty() || static_cast<int>(saved.epochs.size()) > options_.epochs) {
      throw_input("{}: checkpoint holds {} epochs, legal is 1..{}", options_.checkpoint,
                  saved.epochs.size(), options_.epochs);
    }
    network_.set_constants(saved.tensors, options_.checkpoint);
    for (TorchNetwork::Parameter& p : network_.parameters()) {
      const auto found = saved.tensors.find(kMomentum + p.name);
      if (found == saved.tensors.end() || found->second.shape != p.value.sizes().vec()) {
        throw_input("{}: checkpoint has no momentum of '{}'", options_.checkpoint, p.name);
      }
      p.velocity = to_torch(found->second);
    }
    state_.epochs = saved.epochs;
  }

  void write(const std::string& path) {
    for (auto& [name, tensor] : network_.constants())
      graph_.float_constant(name) = std::move(tensor);
    graph_.metadata["aap.trained"] =
        fmt::format("{} {} epochs, batch {}, seed {}", options_.task, state_.epochs.size(),
                    options_.batch, options_.seed);
    graph_.metadata["aap.float_accuracy"] =
        fmt::format("{:.2f}", state_.epochs.back().test_accuracy);
    write_onnx(graph_, path);
  }

  const TrainOptions& options_;
  const TrainCallback& progress_;
  Graph graph_;
  std::string label_;
  float peak_;
  bool augment_;
  TorchNetwork network_;
  std::unique_ptr<Graph> teacher_graph_;
  std::unique_ptr<TorchNetwork> teacher_;
  float mean_ = 0.0F, std_ = 1.0F;
  Dataset train_, test_;
  int64_t train_images_ = 0, test_images_ = 0;
  Checkpoint state_;
};

TrainResult run_trainer(const TrainOptions& options, const TrainCallback& progress) {
  check_options(options);
  // Each step frees and takes the same large blocks; kept in the heap instead of returned to the
  // kernel, they cost no page faults, which were a quarter of the time.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 1 << 28);
  try {
    return Trainer(options, progress).run();
  } catch (const c10::Error& error) {
    throw_input("libtorch: {}", error.what_without_backtrace());
  }
}

}  // namespace
}  // namespace aap

extern "C" const aap::TrainerApi* aap_trainer_api() {
  static const aap::TrainerApi api = {aap::kTrainerApiVersion, aap::run_trainer};
  return &api;
}
