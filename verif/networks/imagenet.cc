// SPDX-License-Identifier: Apache-2.0
#include "verif/networks/imagenet.h"

namespace aap::verif {
namespace {

LayerShape square(int64_t channels_out, int64_t kernel, int64_t stride, int64_t pad, bool relu = true) {
  LayerShape s;
  s.channels_out = channels_out;
  s.kernel_h = s.kernel_w = kernel;
  s.stride_h = s.stride_w = stride;
  s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = pad;
  s.relu = relu;
  return s;
}

class Layers {
 public:
  Layers(NetworkBuilder& builder, const SyntheticPruning& pruning) : b_(builder), p_(pruning) {}

  int conv(LayerShape s, int input = -1) {
    s.group = p_.group;
    s.keep = p_.keep;
    return b_.conv(s, input);
  }
  int first(const LayerShape& s) { return b_.conv(s); }  // all weights
  int depthwise(int64_t stride) { return b_.depthwise(square(0, 3, stride, 1)); }
  int max(int64_t kernel, int64_t stride, int64_t pad = 0) { return b_.max_pool(square(0, kernel, stride, pad)); }
  int fully_connected(int64_t channels_out) {
    return b_.fully_connected(channels_out, p_.keep_fully_connected, p_.group);
  }
  int average() { return b_.global_average_pool(); }
  int add(int a, int b) { return b_.add(a, b, true); }
  int concat(int a, int b) { return b_.concat({a, b}); }

 private:
  NetworkBuilder& b_;
  const SyntheticPruning& p_;
};

void vgg16(NetworkBuilder& builder, const SyntheticPruning& pruning) {
  Layers n(builder, pruning);
  n.first(square(64, 3, 1, 1));
  n.conv(square(64, 3, 1, 1));
  n.max(2, 2);
  const struct {
    int64_t channels;
    int convolutions;
  } stages[] = {{128, 2}, {256, 3}, {512, 3}, {512, 3}};
  for (const auto& stage : stages) {
    for (int i = 0; i < stage.convolutions; ++i) n.conv(square(stage.channels, 3, 1, 1));
    n.max(2, 2);
  }
  n.fully_connected(4096);
  n.fully_connected(4096);
  n.fully_connected(1000);
}

void resnet50(NetworkBuilder& builder, const SyntheticPruning& pruning) {
  Layers n(builder, pruning);
  n.first(square(64, 7, 2, 3));
  int x = n.max(3, 2, 1);
  const struct {
    int64_t channels;
    int blocks;
  } stages[] = {{64, 3}, {128, 4}, {256, 6}, {512, 3}};
  for (const auto& stage : stages) {
    for (int i = 0; i < stage.blocks; ++i) {
      const int64_t stride = i == 0 && stage.channels != 64 ? 2 : 1;
      const int shortcut = i == 0 ? n.conv(square(4 * stage.channels, 1, stride, 0, false), x) : x;
      n.conv(square(stage.channels, 1, 1, 0), x);
      n.conv(square(stage.channels, 3, stride, 1));
      x = n.add(n.conv(square(4 * stage.channels, 1, 1, 0, false)), shortcut);
    }
  }
  n.average();
  n.fully_connected(1000);
}

void mobilenetv1(NetworkBuilder& builder, const SyntheticPruning& pruning) {
  Layers n(builder, pruning);
  n.first(square(32, 3, 2, 1));
  const struct {
    int64_t stride, channels;
  } blocks[] = {{1, 64},  {2, 128}, {1, 128}, {2, 256}, {1, 256}, {2, 512}, {1, 512},
                {1, 512}, {1, 512}, {1, 512}, {1, 512}, {2, 1024}, {1, 1024}};
  for (const auto& block : blocks) {
    n.depthwise(block.stride);
    n.conv(square(block.channels, 1, 1, 0));
  }
  n.average();
  n.fully_connected(1000);
}

void alexnet(NetworkBuilder& builder, const SyntheticPruning& pruning) {
  Layers n(builder, pruning);
  const auto grouped = [&](LayerShape s) {
    s.groups = 2;
    n.conv(s);
  };
  n.first(square(96, 11, 4, 0));
  n.max(3, 2);
  grouped(square(256, 5, 1, 2));
  n.max(3, 2);
  n.conv(square(384, 3, 1, 1));
  grouped(square(384, 3, 1, 1));
  grouped(square(256, 3, 1, 1));
  n.max(3, 2);
  n.fully_connected(4096);
  n.fully_connected(4096);
  n.fully_connected(1000);
}

void squeezenet(NetworkBuilder& builder, const SyntheticPruning& pruning) {
  Layers n(builder, pruning);
  const auto fire = [&](int64_t squeeze, int64_t expand) {
    const int s = n.conv(square(squeeze, 1, 1, 0));
    const int one = n.conv(square(expand, 1, 1, 0), s);
    n.concat(one, n.conv(square(expand, 3, 1, 1), s));
  };
  n.first(square(64, 3, 2, 0));
  n.max(3, 2);
  fire(16, 64);
  fire(16, 64);
  n.max(3, 2);
  fire(32, 128);
  fire(32, 128);
  n.max(3, 2);
  fire(48, 192);
  fire(48, 192);
  fire(64, 256);
  fire(64, 256);
  n.conv(square(1000, 1, 1, 0));
  n.average();
}

}  // namespace

QNetwork ImageNetNetwork::build(uint32_t seed, const SyntheticPruning& pruning, int64_t size) const {
  NetworkBuilder builder(seed, 3, size, size);
  layers(builder, pruning);
  QNetwork network = builder.build();
  network.name = name + "_synthetic";
  return network;
}

Int8Tensor ImageNetNetwork::input(uint32_t seed, int64_t size) const {
  return NetworkBuilder(seed, 3, size, size).random_input();
}

const std::vector<ImageNetNetwork>& imagenet_networks() {
  static const std::vector<ImageNetNetwork> networks = {{"vgg16", 224, 32, vgg16, 1},
                                                        {"resnet50", 224, 64, resnet50},
                                                        {"mobilenetv1", 224, 64, mobilenetv1},
                                                        {"alexnet", 227, 67, alexnet},
                                                        {"squeezenet", 224, 64, squeezenet}};
  return networks;
}

}  // namespace aap::verif
