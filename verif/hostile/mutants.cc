// SPDX-License-Identifier: Apache-2.0
#include "verif/hostile/mutate.h"
#include "verif/hostile/seeds.h"

namespace aap::hostile {

const std::vector<Format>& formats() {
  static const std::vector<Format> kFormats = [] {
    std::vector<Format> f;
    f.push_back({"onnx", ".onnx", onnx_seeds(), {{"field", mutate_onnx}, {"bytes", mutate_bytes}}});
    f.push_back({"config", ".yaml", config_seeds(), {{"yaml", mutate_yaml}, {"bytes", mutate_bytes}}});
    f.push_back({"recipe", ".yaml", recipe_seeds(), {{"yaml", mutate_yaml}, {"bytes", mutate_bytes}}});
    f.push_back({"program", ".aap", program_seeds(), {{"field", mutate_program}, {"bytes", mutate_bytes}}});
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
      parts_.push_back({s, m, pick.offered()});
      total_ += pick.offered();
    }
  }
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
