// SPDX-License-Identifier: Apache-2.0
#include "model/error.h"
#include "verif/hostile/mutate.h"
#include "verif/hostile/seeds.h"

namespace aap::hostile {

const std::vector<Format>& formats() {
  static const std::vector<Format> kFormats = [] {
    std::vector<Format> f;
    f.push_back({"onnx", ".onnx", onnx_seeds(), {{"field", mutate_onnx}, {"bytes", mutate_bytes}}});
    f.push_back({"config", ".yaml", config_seeds(), {{"yaml", mutate_yaml}, {"bytes", mutate_bytes}}});
    f.push_back({"recipe", ".yaml", recipe_seeds(), {{"yaml", mutate_yaml}, {"bytes", mutate_bytes}}});
    f.push_back({"program", ".aap", program_seeds(), {{"header", mutate_program_header}, {"metadata", mutate_program_metadata},
                 {"image", mutate_program_image}, {"bytes", mutate_bytes}}});
    f.push_back({"images", ".idx", image_seeds(), {{"header", mutate_header}, {"bytes", mutate_bytes}}});
    f.push_back({"npy", ".npy", npy_seeds(), {{"fields", mutate_npy}, {"header", mutate_header}, {"bytes", mutate_bytes}}});
    f.push_back({"cifar", ".bin", cifar_seeds(), {{"records", mutate_records}, {"bytes", mutate_bytes}}});
    return f;
  }();
  return kFormats;
}

Mutants::Mutants(const Format& format, uint32_t seed) : format_(format), seed_(seed) {
  for (size_t s = 0; s < format.seeds.size(); ++s) {
    for (size_t m = 0; m < format.mutators.size(); ++m) {
      Pick pick;
      std::string bytes = format.seeds[s].second;
      format.mutators[m].second(bytes, pick);
      if (pick.offered() == 0) throw_input("hostile: {} '{}' has nothing for mutator '{}'", format.name, format.seeds[s].first, format.mutators[m].first);
      parts_.push_back({s, m, pick.offered()});
      total_ += pick.offered();
    }
  }
}

uint64_t Mutants::choose(Random& random) const {
  const size_t chosen = random() % parts_.size();
  uint64_t first = 0;
  for (size_t p = 0; p < chosen; ++p) first += parts_[p].count;
  return first + random() % parts_[chosen].count;
}

Mutant Mutants::make(uint64_t n) const {
  if (n < total_) {
    for (const Part& part : parts_) {
      if (n >= part.count) {
        n -= part.count;
        continue;
      }
      Pick pick(n);
      Mutant mutant{format_.seeds[part.seed].second, ""};
      format_.mutators[part.mutator].second(mutant.bytes, pick);
      mutant.what = format_.seeds[part.seed].first + ": " + pick.what;
      return mutant;
    }
  }
  // A few changes at once, of any mutator; a change that no longer applies is none.
  std::seed_seq seq{seed_, static_cast<uint32_t>(n - total_)};
  Random random(seq);
  const auto below = [&](uint64_t limit) { return limit == 0 ? 0 : random() % limit; };
  const size_t seed = below(format_.seeds.size());
  Mutant mutant{format_.seeds[seed].second, format_.seeds[seed].first};
  const size_t changes = 1 + below(4);
  for (size_t c = 0; c < changes; ++c) {
    const Part& part = parts_[seed * format_.mutators.size() + below(format_.mutators.size())];
    Pick pick(below(part.count));
    format_.mutators[part.mutator].second(mutant.bytes, pick);
    mutant.what += ": " + pick.what;
  }
  return mutant;
}

}  // namespace aap::hostile
