// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdlib>

#include "model/error.h"
#include "model/preprocessing.h"

namespace aap {
namespace {

constexpr size_t kMaxChannels = 4096;

// Numbers separated by commas, low..high each.
std::vector<float> numbers(const std::map<std::string, std::string>& metadata,
                           const std::string& key, double low, double high,
                           const std::string& owner, std::vector<float> fallback) {
  const auto it = metadata.find(key);
  if (it == metadata.end()) return fallback;
  std::vector<float> out;
  const char* at = it->second.c_str();
  for (bool more = true; more;) {
    char* end = nullptr;
    const double v = std::strtod(at, &end);
    more = *end == ',';
    if (end == at || (!more && *end != '\0') || !(v >= low && v <= high) ||
        out.size() == kMaxChannels) {
      throw_input("network '{}': metadata '{}' is '{}', legal are numbers {}..{}, separated by commas",
                  owner, key, it->second, low, high);
    }
    out.push_back(static_cast<float>(v));
    at = end + 1;
  }
  return out;
}

}  // namespace

std::vector<float> Preprocessing::table(int64_t c) const {
  const auto at = [&](const std::vector<float>& v) {
    return v.size() == 1 ? v[0] : v.at(static_cast<size_t>(c));
  };
  std::vector<float> out;
  for (int x = 0; x < 256; ++x) {
    out.push_back((static_cast<float>(x) / divisor - at(mean)) / at(std));
  }
  return out;
}

void Preprocessing::check(int64_t channels, const std::string& name) const {
  for (const auto* list : {&mean, &std}) {
    if (list->size() != 1 && static_cast<int64_t>(list->size()) != channels) {
      throw_input("'{}': preprocessing states a {} for {} channels, the images have {}", name,
                  list == &mean ? "mean" : "std", list->size(), channels);
    }
  }
  for (float s : std) {
    if (!(std::fabs(s) > 0.0F)) throw_input("'{}': preprocessing divides by {}", name, s);
  }
  if (!(std::fabs(divisor) > 0.0F)) throw_input("'{}': preprocessing divides by {}", name, divisor);
}

Preprocessing preprocessing_of(const std::map<std::string, std::string>& metadata,
                               const std::string& owner) {
  Preprocessing p;
  p.mean = numbers(metadata, "aap.input_mean", -1e6, 1e6, owner, p.mean);
  p.std = numbers(metadata, "aap.input_std", 1e-6, 1e6, owner, p.std);
  const auto divisor = numbers(metadata, "aap.input_divisor", 1e-6, 1e6, owner, {p.divisor});
  if (divisor.size() != 1) {
    throw_input("network '{}': metadata 'aap.input_divisor' has {} numbers, legal is one", owner,
                divisor.size());
  }
  p.divisor = divisor[0];
  return p;
}

void put_preprocessing(const Preprocessing& p, std::map<std::string, std::string>& metadata) {
  metadata["aap.input_divisor"] = fmt::format("{}", p.divisor);
  metadata["aap.input_mean"] = fmt::format("{}", fmt::join(p.mean, ","));
  metadata["aap.input_std"] = fmt::format("{}", fmt::join(p.std, ","));
}

}  // namespace aap
