// SPDX-License-Identifier: Apache-2.0
// What the host does with pixels before the network.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace aap {

// From pixels 0..255 to a network's float input: (x / divisor - mean) / std, in fp32, each operation
// rounded. One mean and std for all channels, or one each.
struct Preprocessing {
  float divisor = 255.0F;
  std::vector<float> mean = {0.0F}, std = {1.0F};

  // What pixel values 0..255 of channel `c` become; 256 values.
  std::vector<float> table(int64_t c) const;
  // InputError where `channels` channels have neither one mean and std nor `channels` of them.
  void check(int64_t channels, const std::string& name) const;
};

// From the metadata keys aap.input_divisor, aap.input_mean and aap.input_std: numbers, or lists
// separated by commas. Defaults where absent. InputError names `owner`, key, value and range.
Preprocessing preprocessing_of(const std::map<std::string, std::string>& metadata,
                               const std::string& owner);
// The keys that preprocessing_of reads, written so that the same floats are read.
void put_preprocessing(const Preprocessing& p, std::map<std::string, std::string>& metadata);

}  // namespace aap
