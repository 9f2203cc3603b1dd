// SPDX-License-Identifier: Apache-2.0
#include "verif/regress/suite.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "compile/gen/isa.h"
#include "model/error.h"
#include "spec/strict_yaml.h"
#include "verif/networks/shapes.h"

namespace aap::regress {
namespace {

constexpr size_t kMostCases = 100'000;

void check_name(const std::string& name, const std::string& where, const char* key) {
  if (name.empty() || name.size() > 80 ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
    throw_input("{}: key '{}' is '{}', legal are a..z, 0..9 and _, at most 80", where, key, name);
  }
}

std::vector<std::string> take_names(StrictTree& tree, const char* key) {
  std::vector<std::string> names = tree.take_texts(key);
  std::set<std::string> seen;
  for (const std::string& name : names) {
    check_name(name, tree.where(), key);
    if (!seen.insert(name).second) throw_input("{}: key '{}' names '{}' twice", tree.where(), key, name);
  }
  return names;
}

std::string take_line(StrictTree& tree, const char* key) {
  std::string text = tree.take_text(key);
  if (text.empty()) throw_input("{}: key '{}' is empty, legal is a sentence", tree.where(), key);
  return text;
}

void check_result(const std::string& result, const std::string& where) {
  if (result == "done" || result == "reset") return;
  for (uint32_t code = 1; std::string(isa::to_string(static_cast<isa::Error>(code))) != "unknown"; ++code) {
    if (result == isa::to_string(static_cast<isa::Error>(code))) return;
  }
  throw_input("{}: key 'result' is '{}', legal is done, reset or an error code of docs/isa.md", where, result);
}

// "tails" and "grid" stand for all networks of that list.
std::vector<std::string> expand(const std::string& key, const std::vector<std::string>& values) {
  std::vector<std::string> all;
  for (const std::string& value : values) {
    if (key != "network" || (value != "tails" && value != "grid")) {
      all.push_back(value);
      continue;
    }
    for (const auto& n : value == "tails" ? verif::tail_networks() : verif::grid_networks()) all.push_back(n.name);
  }
  return all;
}

using Points = std::vector<std::pair<Parameters, std::string>>;  // parameters, result

void multiply(Points& points, const std::string& key, const std::vector<std::string>& values, const std::string& where) {
  Points product;
  for (const auto& point : points) {
    for (const std::string& value : values) {
      product.push_back(point);
      if (!product.back().first.emplace(key, value).second) throw_input("{}: key '{}' appears twice", where, key);
    }
  }
  if (product.size() > kMostCases) throw_input("{}: more than {} cases", where, kMostCases);
  points = std::move(product);
}

// parameters, then each map of `cases`, then the cross product of `sweep`.
Points read_points(StrictTree& tree, const std::string& result) {
  Points points = {{{}, result}};
  StrictTree parameters = tree.take_map("parameters");
  for (const std::string& key : parameters.keys()) {
    multiply(points, key, expand(key, {parameters.take_text(key)}), parameters.where());
  }
  if (tree.has("cases")) {
    Points each;
    for (StrictTree& item : tree.take_list_of_maps("cases")) {
      Points here = points;
      if (item.has("result")) {
        for (auto& point : here) point.second = item.take_text("result");
        check_result(here.front().second, item.where());
      }
      for (const std::string& key : item.keys()) multiply(here, key, {item.take_text(key)}, item.where());
      each.insert(each.end(), here.begin(), here.end());
    }
    if (each.empty()) throw_input("{}: key 'cases' is empty", tree.where());
    points = std::move(each);
  }
  if (tree.has("sweep")) {
    StrictTree sweep = tree.take_map("sweep");
    for (const std::string& key : sweep.keys()) multiply(points, key, expand(key, sweep.take_texts(key)), sweep.where());
  }
  return points;
}

Test read_test(StrictTree& tree, const std::string& file) {
  Test test;
  test.file = file;
  test.name = tree.take_text("name");
  check_name(test.name, tree.where(), "name");
  test.doc = take_line(tree, "doc");
  test.shows = take_line(tree, "shows");
  test.kind = tree.take_text("kind");
  if (test.kind != "network" && test.kind != "cycles" && test.kind != "fault") {
    throw_input("{}: key 'kind' is '{}', legal is one of: network, cycles, fault", tree.where(), test.kind);
  }
  test.tags = take_names(tree, "tags");
  const std::vector<std::string> configs = tree.take_texts("config");
  for (const std::string& config : configs) {
    if (!std::filesystem::is_regular_file(config)) {
      throw_input("{}: key 'config': {} is no file (paths are from the current folder)", tree.where(), config);
    }
  }
  const int64_t seeds = tree.take_integer("seeds", 1, 10'000);
  Case base;
  base.test = test.name;
  base.kind = test.kind;
  StrictTree expect = tree.take_map("expect");
  base.expect.result = expect.take_text("result");
  base.expect.irq = expect.take_integer("irq", 0, 1) != 0;
  expect.finish();
  check_result(base.expect.result, expect.where());
  StrictTree limits = tree.take_map("limits");
  base.limits.wall_seconds = limits.take_integer("wall_seconds", 1, 86'400);
  base.limits.cycles = limits.take_integer("cycles", 1, 1'000'000'000'000);
  if (test.kind == "fault") base.limits.idle_cycles = limits.take_integer("idle_cycles", 1, 10'000'000);
  limits.finish();
  const Points points = read_points(tree, base.expect.result);
  tree.finish();
  for (const std::string& config : configs) {
    for (const auto& [parameters, result] : points) {
      check_parameters(test.kind, parameters, tree.where());
      if (test.kind != "fault" && result != "done") {
        throw_input("{}: key 'result' is '{}', legal for kind '{}' is done", tree.where(), result, test.kind);
      }
      for (int64_t s = 0; s < seeds; ++s) {
        Case c = base;
        c.index = static_cast<int>(test.cases.size());
        c.config = config;
        c.parameters = parameters;
        c.expect.result = result;
        test.cases.push_back(c);
        if (test.cases.size() > kMostCases) throw_input("{}: more than {} cases", tree.where(), kMostCases);
      }
    }
  }
  return test;
}

Suite read_suite(StrictTree& tree, const std::string& file) {
  Suite suite;
  suite.file = file;
  suite.name = tree.take_text("name");
  check_name(suite.name, tree.where(), "name");
  suite.doc = take_line(tree, "doc");
  if (tree.has("tags")) suite.tags = take_names(tree, "tags");
  if (tree.has("names")) suite.names = take_names(tree, "names");
  if (tree.has("without")) suite.without = take_names(tree, "without");
  if (suite.tags.empty() && suite.names.empty()) throw_input("{}: key 'tags' or 'names' is missing", tree.where());
  tree.finish();
  return suite;
}

bool has(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool shares(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& item) { return has(b, item); });
}

bool selects(const Suite& suite, const Test& test) {
  return (shares(suite.tags, test.tags) || has(suite.names, test.name)) && !shares(suite.without, test.tags);
}

// Every word of a query must mean something, and something must be left.
void check_suite(const SuiteFolder& folder, const Suite& suite) {
  const std::string where = fmt::format("{}: suite '{}'", suite.file, suite.name);
  for (const auto& [key, list] : {std::pair{"tags", &suite.tags}, std::pair{"without", &suite.without}}) {
    for (const std::string& tag : *list) {
      if (std::none_of(folder.tests.begin(), folder.tests.end(), [&](const Test& t) { return has(t.tags, tag); })) {
        throw_input("{}: key '{}': no test has the tag '{}'", where, key, tag);
      }
    }
  }
  for (const std::string& name : suite.names) {
    if (std::none_of(folder.tests.begin(), folder.tests.end(), [&](const Test& t) { return t.name == name; })) {
      throw_input("{}: key 'names': no test is named '{}'", where, name);
    }
  }
  if (std::none_of(folder.tests.begin(), folder.tests.end(), [&](const Test& t) { return selects(suite, t); })) {
    throw_input("{}: keys 'tags', 'names' and 'without' select no test", where);
  }
}

}  // namespace

std::string Case::id() const { return fmt::format("{}[{}]", test, index); }

std::string Case::text() const {
  std::string line = fmt::format("{} {}", kind, config);
  for (const auto& [key, value] : parameters) line += fmt::format(" {}={}", key, value);
  return line + fmt::format(" -> {}", expect.result);
}

SuiteFolder load_suites(const std::string& folder) {
  SuiteFolder all;
  all.path = folder;
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  }
  if (error) throw_input("{}: {}", folder, error.message());
  if (files.empty()) throw_input("{}: holds no *.yaml file", folder);
  std::sort(files.begin(), files.end());
  std::map<std::string, std::string> tests, suites;  // name to file
  for (const std::string& file : files) {
    StrictTree tree = StrictTree::parse(read_text_file(file), file);
    const bool some = tree.has("tests") || tree.has("suites");
    if (tree.has("tests")) {
      for (StrictTree& item : tree.take_list_of_maps("tests")) {
        all.tests.push_back(read_test(item, file));
        const auto [other, fresh] = tests.emplace(all.tests.back().name, file);
        if (!fresh) throw_input("{}: key 'name': test '{}' is also in {}", item.where(), other->first, other->second);
      }
    }
    if (tree.has("suites")) {
      for (StrictTree& item : tree.take_list_of_maps("suites")) {
        all.suites.push_back(read_suite(item, file));
        const auto [other, fresh] = suites.emplace(all.suites.back().name, file);
        if (!fresh) throw_input("{}: key 'name': suite '{}' is also in {}", item.where(), other->first, other->second);
      }
    }
    tree.finish();
    if (!some) throw_input("{}: key 'tests' or 'suites' is missing", file);
  }
  for (const Suite& suite : all.suites) check_suite(all, suite);
  return all;
}

std::vector<Case> suite_cases(const SuiteFolder& folder, const std::string& suite) {
  const auto found = std::find_if(folder.suites.begin(), folder.suites.end(), [&](const Suite& s) { return s.name == suite; });
  if (found == folder.suites.end()) {
    std::string names;
    for (const Suite& s : folder.suites) names += (names.empty() ? "" : ", ") + s.name;
    throw_input("{}: no suite is named '{}', legal is one of: {}", folder.path, suite, names.empty() ? "none" : names);
  }
  std::vector<Case> cases;
  for (const Test& test : folder.tests) {
    if (!selects(*found, test)) continue;
    for (Case c : test.cases) {
      c.seed = seed_of(suite, c.test, c.index);
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

uint32_t seed_of(const std::string& suite, const std::string& test, int index) {
  const std::string text = fmt::format("{}/{}/{}", suite, test, index);
  return static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

std::vector<Case> only_cases(const std::vector<Case>& cases, const std::vector<std::string>& only) {
  for (const std::string& name : only) {
    if (std::none_of(cases.begin(), cases.end(), [&](const Case& c) { return c.test == name || c.id() == name; })) {
      throw_input("--only: '{}' selects no case of the suite", name);
    }
  }
  std::vector<Case> some;
  for (const Case& c : cases) {
    if (has(only, c.test) || has(only, c.id())) some.push_back(c);
  }
  return some;
}

std::vector<Case> shard_cases(const std::vector<Case>& cases, const std::string& shard) {
  const size_t slash = shard.find('/');
  if (slash == std::string::npos) throw_input("--shard: '{}' is not i/n", shard);
  const int64_t i = strict_integer(shard.substr(0, slash), "--shard", "i");
  const int64_t n = strict_integer(shard.substr(slash + 1), "--shard", "n");
  if (n < 1 || n > 10'000 || i < 1 || i > n) throw_input("--shard: '{}', legal is i/n with 1 <= i <= n <= 10000", shard);
  std::vector<Case> some;
  for (size_t k = static_cast<size_t>(i - 1); k < cases.size(); k += static_cast<size_t>(n)) some.push_back(cases[k]);
  if (some.empty()) throw_input("--shard: {} selects nothing of {} cases", shard, cases.size());
  return some;
}

}  // namespace aap::regress
