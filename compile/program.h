// SPDX-License-Identifier: Apache-2.0
// The program file: what a host loads into memory, and what it must know to use it.
// Byte format: docs/program_format.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/preprocessing.h"
#include "model/qnetwork.h"
#include "model/tensor.h"
#include "spec/config.h"

namespace aap {

// Where a feature map lies in memory: [ceil(C / B)][H][W][B] bytes.
struct FeatureMap {
  std::string name;  // tensor name
  int tensor = -1;   // index into QNetwork::tensors
  int64_t channels = 0, height = 0, width = 0;
  uint32_t address = 0;       // of plane 0
  uint32_t base = 0;          // Program::base, so that a map says where it lies in an image
  uint32_t plane_stride = 0;  // bytes
  double scale = 1.0;
  int zero_point = 0;
};

// What the compiler knows of a layer; the numbers of reports. Cycle counts are ideal ones.
struct ProgramLayer {
  std::string name;  // ONNX node name
  std::string op;    // "conv", "depthwise", "fully_connected", "max_pool", ...
  int output = -1;   // index into Program::maps
  int64_t in_channels = 0, out_channels = 0, out_height = 0, out_width = 0;
  int64_t kernel_h = 1, kernel_w = 1;
  int keep = 0, group = 0;   // K of G as run; K = G is dense
  int64_t macs_dense = 0;    // multiplications of the layer without pruning
  int64_t macs_kept = 0;     // non-padding kept weights x output pixels
  int64_t array_cycles = 0;  // rows issued: sum over EXECs of pixels x max(steps x keep, DC)
  int64_t ideal_cycles = 0;  // macs_kept / multipliers, rounded up
  int64_t weight_bytes = 0;  // weights moved, without indices
  int64_t index_bytes = 0;   // indices moved (and padding of rows)
  int64_t read_bytes = 0, write_bytes = 0;  // all traffic of the layer
};

struct Program {
  static constexpr uint32_t kFormatVersion = 2;
  static constexpr int kMostImages = 64;
  static constexpr uint32_t kMostSimulated = 1U << 30;  // bytes of memory that simulators give it
  std::string network;  // name of the network
  std::string config_name;
  uint32_t config_hash = 0;  // spec/config.h
  uint32_t base = 0;         // address that the image is loaded at
  uint32_t memory_size = 0;  // bytes from base that the program may touch (image and feature maps)
  uint32_t descriptor_address = 0;
  uint32_t descriptor_count = 0;
  std::vector<uint8_t> image;  // descriptors, weights, tables, parameters; from base
  int images = 1;  // computed in one start, 1..kMostImages
  // Image after image, each with as many of both; names of layers of image n > 0 end in "@n".
  std::vector<FeatureMap> maps;
  std::vector<ProgramLayer> layers;  // index = layer number of the descriptors
  int input = -1, output = -1;       // indices into maps, of the first image
  bool softmax_on_host = false;
  Preprocessing preprocessing;
};

// Whole or not at all. Errors: InputError.
void write_program(const Program& program, const std::string& path);

// Refuses, with one line: not a program file, another format version, truncated, checksum, sizes
// that disagree.
Program read_program(const std::string& path);

// Refuses a program made for another configuration, naming both.
void require_config(const Program& program, const Config& config);

// Refuses a program whose feature maps are not tensors of the network.
void require_network(const Program& program, const QNetwork& network);

// Feature map <-> [C,H,W] tensor. `memory` begins at program.base.
void place_tensor(const FeatureMap& map, const Config& config, const Int8Tensor& chw,
                  uint8_t* memory);
Int8Tensor fetch_tensor(const FeatureMap& map, const Config& config, const uint8_t* memory);

}  // namespace aap
