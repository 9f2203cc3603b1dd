// SPDX-License-Identifier: Apache-2.0
// The state of a training between two epochs.
// File, little endian: "AAPCKPT1", u64 bytes of the payload, payload, u32 CRC-32 of the payload.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/tensor.h"
#include "train/trainer.h"

namespace aap {

struct Checkpoint {
  // Every option that changes the result, as "key" -> value: a resume with others is refused.
  std::map<std::string, std::string> options;
  std::vector<EpochResult> epochs;             // those done
  std::map<std::string, FloatTensor> tensors;  // network constants, and momentum as "momentum:NAME"
};

// Writes a temporary file, then renames it.
void write_checkpoint(const Checkpoint& checkpoint, const std::string& path);

// Throws InputError naming the file when it is absent, truncated, damaged or not a checkpoint.
Checkpoint read_checkpoint(const std::string& path);

}  // namespace aap
