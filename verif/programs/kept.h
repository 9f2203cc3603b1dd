// SPDX-License-Identifier: Apache-2.0
// Programs that earlier versions wrote, each with an input and every feature map that it must give.
// Policy: docs/program_format.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/tensor.h"
#include "spec/config.h"

namespace aap::verif {

// One int8 tensor [C, H, W] of a kept program.
struct KeptTensor {
  std::string name;  // "input", or the feature map's name
  Int8Tensor values;
};

// The text beside a program: "name C H W" and the values as two hexadecimal digits each, a line a
// tensor, the input first. Errors: InputError naming file and line.
std::vector<KeptTensor> read_tensors(const std::string& path);
std::string write_tensors(const std::vector<KeptTensor>& tensors);

// Paths of the kept programs in a folder, sorted.
std::vector<std::string> kept_programs(const std::string& folder);
// "every_board_v1_0123abcd": network, configuration, format version, configuration hash.
std::string kept_name(const std::string& network, const Config& config);

// Adds the Adler-32 of both files of a kept program to the folder's list, which the test compares.
void note_sums(const std::string& stem);
uint32_t file_sum(const std::string& path);

constexpr const char* kKeptFolder = "verif/programs/kept";
constexpr const char* kKeptConfigs[] = {"verif/programs/configs/board.yaml",
                                        "verif/programs/configs/small.yaml"};
constexpr const char* kKeptNetworks[] = {"every", "pools"};

}  // namespace aap::verif
