// SPDX-License-Identifier: Apache-2.0
// A flat YAML map read strictly: unknown, missing and duplicate keys, and numbers that are not plain
// decimal (010, 0x10, 1e3, 1.0) are errors that name file and key. yaml-cpp keeps duplicates and
// reads 010 as 8, so both are checked here.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace aap {

// The whole file; InputError when it cannot be read or is larger than 1 MiB.
std::string read_text_file(const std::string& path);

// Decimal integer without leading zeros or sign surprises; InputError naming origin and key.
int64_t strict_integer(const std::string& text, const std::string& origin, const std::string& key);

class StrictMap {
 public:
  StrictMap(const std::string& text, std::string origin);
  void take(const std::string& key, int& value);
  void take(const std::string& key, std::string& value);
  // Every key must have been taken.
  void finish() const;

 private:
  std::string pop(const std::string& key);
  std::string origin_;
  std::map<std::string, std::string> values_;
};

}  // namespace aap
