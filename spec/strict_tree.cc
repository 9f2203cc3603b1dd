// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "model/error.h"
#include "spec/strict_yaml.h"

namespace aap {
namespace {

const char* to_string(StrictTree::Kind kind) {
  switch (kind) {
    case StrictTree::Kind::kScalar:
      return "a plain value";
    case StrictTree::Kind::kMap:
      return "a map of keys";
    case StrictTree::Kind::kList:
      return "a list";
  }
  return "unknown";
}

constexpr int kDeepest = 8;
constexpr int kMostNodes = 100'000;  // aliases may stand for far more than the text holds

}  // namespace

class TreeBuilder {
 public:
  explicit TreeBuilder(std::string origin) : origin_(std::move(origin)) {}

  StrictTree build(const YAML::Node& node, const std::string& path, int depth) {
    if (++nodes_ > kMostNodes) throw_input("{}: more than {} values", origin_, kMostNodes);
    if (depth > kDeepest) throw_input("{}: '{}' is nested deeper than {}", origin_, path, kDeepest);
    StrictTree tree;
    tree.origin_ = origin_;
    tree.path_ = path;
    if (node.IsMap()) {
      for (const auto& entry : node) {
        if (!entry.first.IsScalar()) {
          throw_input("{}: line {}: a key must be a plain value", origin_,
                      entry.first.Mark().line + 1);
        }
        const std::string key = entry.first.Scalar();
        const std::string inner = path.empty() ? key : path + "." + key;
        if (!tree.map_.emplace(key, build(entry.second, inner, depth + 1)).second) {
          throw_input("{}: key '{}' appears twice", origin_, inner);
        }
      }
    } else if (node.IsSequence()) {
      tree.kind_ = StrictTree::Kind::kList;
      for (size_t i = 0; i < node.size(); ++i) {
        tree.list_.push_back(build(node[i], fmt::format("{}[{}]", path, i + 1), depth + 1));
      }
    } else {
      tree.kind_ = StrictTree::Kind::kScalar;
      if (node.IsScalar()) tree.scalar_ = node.Scalar();
    }
    return tree;
  }

 private:
  std::string origin_;
  int nodes_ = 0;
};

StrictTree StrictTree::parse(const std::string& text, const std::string& origin) {
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& e) {
    throw_input("{}: line {}: not YAML: {}", origin, e.mark.line + 1, e.msg);
  }
  if (!root.IsMap()) throw_input("{}: not a map of keys", origin);
  return TreeBuilder(origin).build(root, "", 0);
}

std::string StrictTree::where() const {
  return path_.empty() ? origin_ : fmt::format("{}: {}", origin_, path_);
}

std::vector<std::string> StrictTree::keys() const {
  std::vector<std::string> names;
  for (const auto& [key, value] : map_) names.push_back(key);
  return names;
}

StrictTree StrictTree::pop(const std::string& key, Kind kind) {
  const auto found = map_.find(key);
  if (found == map_.end()) throw_input("{}: key '{}' is missing", where(), key);
  StrictTree value = std::move(found->second);
  map_.erase(found);
  if (value.kind_ != kind) {
    throw_input("{}: key '{}' is {}, legal is {}", where(), key, to_string(value.kind_),
                to_string(kind));
  }
  return value;
}

int64_t StrictTree::take_integer(const std::string& key, int64_t low, int64_t high) {
  const int64_t value = strict_integer(pop(key, Kind::kScalar).scalar_, where(), key);
  if (value < low || value > high) {
    throw_input("{}: key '{}' is {}, legal is {}..{}", where(), key, value, low, high);
  }
  return value;
}

std::string StrictTree::take_text(const std::string& key) { return pop(key, Kind::kScalar).scalar_; }

std::vector<std::string> StrictTree::take_texts(const std::string& key) {
  const auto found = map_.find(key);
  const Kind kind = found != map_.end() && found->second.kind_ == Kind::kScalar ? Kind::kScalar : Kind::kList;
  StrictTree value = pop(key, kind);
  if (kind == Kind::kScalar) value.list_ = {value};
  std::vector<std::string> texts;
  for (const StrictTree& item : value.list_) {
    if (item.kind_ != Kind::kScalar || item.scalar_.empty()) {
      throw_input("{}: key '{}' holds something else than plain values", where(), key);
    }
    texts.push_back(item.scalar_);
  }
  if (texts.empty()) throw_input("{}: key '{}' is empty, legal is at least one value", where(), key);
  return texts;
}

StrictTree StrictTree::take_map(const std::string& key) { return pop(key, Kind::kMap); }

std::vector<StrictTree> StrictTree::take_list_of_maps(const std::string& key) {
  StrictTree list = pop(key, Kind::kList);
  for (const StrictTree& item : list.list_) {
    if (item.kind_ != Kind::kMap) {
      throw_input("{}: '{}' is {}, legal is {}", origin_, item.path_, to_string(item.kind_),
                  to_string(Kind::kMap));
    }
  }
  return std::move(list.list_);
}

void StrictTree::finish() const {
  if (!map_.empty()) throw_input("{}: key '{}' is unknown", where(), map_.begin()->first);
}

}  // namespace aap
