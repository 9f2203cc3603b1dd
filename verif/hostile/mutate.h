// SPDX-License-Identifier: Apache-2.0
// Mutants of small valid files. Every mutator has two halves: the systematic one, where mutant n of
// count() makes one change to one field, and the random one, where a seed makes a few at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "verif/hostile/pick.h"

namespace aap::hostile {

// Makes the change that `pick` asks for in the file's bytes.
using Mutator = std::function<void(std::string& bytes, Pick& pick)>;

// Protobuf: every field of every message of an ONNX file, set or not, through reflection; removed,
// doubled, emptied, exchanged, set to each value that has broken a reader somewhere.
void mutate_onnx(std::string& bytes, Pick& pick);
// Configuration YAML: every line and every value, and whole files that are not a map of scalars.
void mutate_yaml(std::string& bytes, Pick& pick);
// Program file: header words, every node of the metadata, every word of every descriptor. The check
// sums and check words are right again afterwards, but for the mutants that are about them.
void mutate_program_header(std::string& bytes, Pick& pick);
void mutate_program_metadata(std::string& bytes, Pick& pick);
void mutate_program_image(std::string& bytes, Pick& pick);
// A program file of an earlier format version or configuration hash as one of these, for the corpus: header
// alone, check sums right where they were. What is no program file stays as it is.
std::string updated_program(std::string bytes, uint32_t version, uint32_t config_hash);
// IDX, NPY and other binary headers: each of the first 128 bytes and big- and little-endian words.
void mutate_header(std::string& bytes, Pick& pick);
// CIFAR-10 binary: every label, records cut short, doubled, one too many.
void mutate_records(std::string& bytes, Pick& pick);
// The dictionary of an npy file: each key removed, doubled and set to each value that has broken a
// reader somewhere, the header's length right again; and values NaN, infinite, negative, huge.
void mutate_npy(std::string& bytes, Pick& pick);
// Truncation at every offset, every bit of small files, pieces removed and doubled, bytes appended.
void mutate_bytes(std::string& bytes, Pick& pick);

struct Mutant {
  std::string bytes, what;
};

// One format's seed files and mutators.
struct Format {
  std::string name;       // "onnx", "yaml", "program", "idx", ...
  std::string extension;  // of the file given to the readers
  std::vector<std::pair<std::string, std::string>> seeds;  // name, bytes
  std::vector<std::pair<std::string, Mutator>> mutators;
};

const std::vector<Format>& formats();

// Mutants of a format: the systematic ones of every seed and mutator, then as many random ones as
// are asked for.
class Mutants {
 public:
  Mutants(const Format& format, uint32_t seed);
  uint64_t systematic() const { return total_; }
  // The number of a systematic mutant, every seed and mutator as likely as the others: headers are
  // small, but most of what breaks readers is in them.
  uint64_t choose(Random& random) const;
  // Mutant n; from systematic() on, the n-th random one of this seed.
  Mutant make(uint64_t n) const;
  const Format& format() const { return format_; }

 private:
  struct Part {
    size_t seed, mutator;
    uint64_t count;
  };
  const Format& format_;
  uint32_t seed_;
  std::vector<Part> parts_;
  uint64_t total_ = 0;
};

}  // namespace aap::hostile
