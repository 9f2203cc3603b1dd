// SPDX-License-Identifier: Apache-2.0
// Which parameters a case may have, and their ranges.
#include <algorithm>
#include <set>

#include "model/error.h"
#include "spec/strict_yaml.h"
#include "verif/networks/shapes.h"
#include "verif/regress/fault.h"
#include "verif/regress/suite.h"

namespace aap::regress {
namespace {

struct Range {
  int64_t low, high;
};

const std::map<std::string, Range>& numbers() {
  static const std::map<std::string, Range> list = {
      {"read_latency", {1, 100'000}},  {"write_latency", {1, 100'000}}, {"cycles_per_beat", {1, 1000}},
      {"shared_bandwidth", {0, 1}},    {"stall_percent", {0, 99}},      {"dense", {0, 1}},
      {"images", {1, 16}},             {"burst", {0, 1'000'000}},       {"beat", {-1, 255}},
      {"word", {0, 15}},               {"bit", {0, 31}},                {"value", {-4'294'967'296, 4'294'967'295}},
      {"add", {-65'536, 65'536}},      {"after", {1, 1'000'000}},       {"returns", {1, 1'000'000}},
      {"watchdog", {1, 4'294'967'295}}, {"drain_limit", {1, 4'294'967'295}}};
  return list;
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& item : list) text += (text.empty() ? "" : ", ") + item;
  return text;
}

void check_one_of(const std::string& value, const std::vector<std::string>& legal, const std::string& where,
                  const std::string& key) {
  if (std::find(legal.begin(), legal.end(), value) == legal.end()) {
    throw_input("{}: key '{}' is '{}', legal is one of: {}", where, key, value, joined(legal));
  }
}

std::vector<std::string> network_names() {
  std::vector<std::string> names = {"random"};
  for (const auto* list : {&verif::tail_networks(), &verif::grid_networks()}) {
    for (const auto& n : *list) {
      if (std::find(names.begin(), names.end(), n.name) == names.end()) names.push_back(n.name);
    }
  }
  return names;
}

}  // namespace

void check_parameters(const std::string& kind, const Parameters& parameters, const std::string& where) {
  std::set<std::string> legal = {"network"}, needed = {"network"};
  if (kind == "fault") {
    const auto fault = parameters.find("fault");
    if (fault == parameters.end()) throw_input("{}: key 'fault' is missing", where);
    std::vector<std::string> names;
    for (const auto& [name, keys] : fault_keys()) names.push_back(name);
    check_one_of(fault->second, names, where, "fault");
    const FaultKeys& keys = fault_keys().at(fault->second);
    needed.insert(keys.needed.begin(), keys.needed.end());
    legal.insert(keys.optional.begin(), keys.optional.end());
    legal.insert({"fault", "read_latency", "write_latency", "cycles_per_beat", "shared_bandwidth", "stall_percent"});
  } else {
    legal.insert({"read_latency", "write_latency", "cycles_per_beat", "shared_bandwidth", "memory", "dense", "images"});
    if (kind == "network") legal.insert("stall_percent");
    if (parameters.count("memory") != 0) {
      for (const char* fixed : {"read_latency", "write_latency", "cycles_per_beat", "shared_bandwidth", "stall_percent"}) {
        if (parameters.count(fixed) != 0) throw_input("{}: key '{}' contradicts 'memory: random'", where, fixed);
      }
    }
  }
  for (const std::string& key : needed) {
    legal.insert(key);
    if (parameters.count(key) == 0) throw_input("{}: key '{}' is missing", where, key);
  }
  if (kind == "fault" && parameters.at("fault") == "field") {
    const auto value = parameters.find("value");
    if ((value == parameters.end()) == (parameters.count("add") == 0)) {
      throw_input("{}: fault 'field' needs either key 'value' or key 'add'", where);
    }
    check_one_of(parameters.at("field"), field_names(), where, "field");
    if (value != parameters.end()) {
      const int64_t number = strict_integer(value->second, where, "value");
      const auto limit = static_cast<int64_t>(field_limit(parameters.at("field")));
      if (number > limit) throw_input("{}: key 'value' is {}, {} holds 0..{}", where, number, parameters.at("field"), limit);
    }
  }
  for (const auto& [key, value] : parameters) {
    if (legal.count(key) == 0) throw_input("{}: key '{}' is unknown for kind '{}'", where, key, kind);
    const auto range = numbers().find(key);
    if (range != numbers().end()) {
      const int64_t number = strict_integer(value, where, key);
      if (number < range->second.low || number > range->second.high) {
        throw_input("{}: key '{}' is {}, legal is {}..{}", where, key, number, range->second.low, range->second.high);
      }
    } else if (key == "network") {
      check_one_of(value, network_names(), where, key);
    } else if (key == "memory") {
      check_one_of(value, {"random"}, where, key);
    } else if (key == "response") {
      check_one_of(value, {"SLVERR", "DECERR"}, where, key);
    } else if (key == "field") {
      check_one_of(value, field_names(), where, key);
    } else if (key == "opcode") {
      check_one_of(value, opcode_names(), where, key);
    }
  }
}

}  // namespace aap::regress
