// SPDX-License-Identifier: Apache-2.0
#include "spec/strict_yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "model/error.h"

namespace aap {

std::string read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw_input("{}: cannot be opened", path);
  constexpr size_t kLimit = 1 << 20;
  std::string text(kLimit + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) throw_input("{}: cannot be read", path);
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kLimit) throw_input("{}: larger than {} bytes", path, kLimit);
  return text;
}

int64_t strict_integer(const std::string& text, const std::string& origin, const std::string& key) {
  const size_t start = (!text.empty() && text[0] == '-') ? 1 : 0;
  const bool digits = text.size() > start && text.size() - start <= 18 &&
                      text.find_first_not_of("0123456789", start) == std::string::npos;
  if (!digits || (text.size() - start > 1 && text[start] == '0') || text == "-0") {
    throw_input("{}: key '{}' is '{}', legal is a decimal integer without leading zeros", origin,
                key, text);
  }
  return std::stoll(text);
}

StrictMap::StrictMap(const std::string& text, std::string origin) : origin_(std::move(origin)) {
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& e) {
    throw_input("{}: line {}: not YAML: {}", origin_, e.mark.line + 1, e.msg);
  }
  if (!root.IsMap()) throw_input("{}: not a map of keys", origin_);
  for (const auto& entry : root) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
      throw_input("{}: line {}: key and value must be plain scalars", origin_,
                  entry.first.Mark().line + 1);
    }
    const std::string key = entry.first.Scalar();
    if (!values_.emplace(key, entry.second.Scalar()).second) {
      throw_input("{}: key '{}' appears twice", origin_, key);
    }
  }
}

std::string StrictMap::pop(const std::string& key) {
  const auto it = values_.find(key);
  if (it == values_.end()) throw_input("{}: key '{}' is missing", origin_, key);
  std::string value = it->second;
  values_.erase(it);
  return value;
}

void StrictMap::take(const std::string& key, int& value) {
  const int64_t number = strict_integer(pop(key), origin_, key);
  if (number < std::numeric_limits<int>::min() || number > std::numeric_limits<int>::max()) {
    throw_input("{}: key '{}' is {}, which does not fit 32 bits", origin_, key, number);
  }
  value = static_cast<int>(number);
}

void StrictMap::take(const std::string& key, std::string& value) { value = pop(key); }

void StrictMap::finish() const {
  if (!values_.empty()) throw_input("{}: key '{}' is unknown", origin_, values_.begin()->first);
}

}  // namespace aap
