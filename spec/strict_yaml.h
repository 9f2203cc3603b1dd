// SPDX-License-Identifier: Apache-2.0
// A flat YAML map read strictly: unknown, missing and duplicate keys, and numbers that are not plain
// decimal (010, 0x10, 1e3, 1.0) are errors that name file and key. yaml-cpp keeps duplicates and
// reads 010 as 8, so both are checked here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

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

// The same strictness for maps within maps and lists: a tree read once from text, then taken apart
// key by key; whatever is left over is unknown. Errors name the key by its path ("layers[2].keep").
class StrictTree {
 public:
  enum class Kind { kScalar, kMap, kList };

  // The root must be a map.
  static StrictTree parse(const std::string& text, const std::string& origin);

  bool has(const std::string& key) const { return map_.count(key) != 0; }
  // Each removes the key. InputError where it is missing, of another kind or out of range.
  int64_t take_integer(const std::string& key, int64_t low, int64_t high);
  std::string take_text(const std::string& key);
  // A plain value or a list of plain values, none of them empty.
  std::vector<std::string> take_texts(const std::string& key);
  StrictTree take_map(const std::string& key);
  std::vector<StrictTree> take_list_of_maps(const std::string& key);
  // Every key must have been taken.
  void finish() const;

  // "file: layers[2]" for messages of the reader.
  std::string where() const;
  std::vector<std::string> keys() const;  // in alphabetical order

 private:
  friend class TreeBuilder;
  StrictTree pop(const std::string& key, Kind kind);
  Kind kind_ = Kind::kMap;
  std::string origin_, path_, scalar_;
  std::map<std::string, StrictTree> map_;
  std::vector<StrictTree> list_;
};

}  // namespace aap
