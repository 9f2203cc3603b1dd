// SPDX-License-Identifier: Apache-2.0
// aap-spec-gen: writes, or with --check compares, every file that is made from spec/isa.yaml and
// configs/*.yaml. With --wrapper CONFIG OUT it writes the Verilog wrapper of any configuration.
#include "spec/generate.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "model/error.h"
#include "spec/strict_yaml.h"

namespace aap::spec {

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(toupper(c));
  return text;
}

std::string camel(const std::string& text) {
  std::string out;
  bool start = true;
  for (char c : text) {
    if (c == '_') {
      start = true;
    } else {
      out += static_cast<char>(start ? toupper(c) : tolower(c));
      start = false;
    }
  }
  return out;
}

namespace {

template <typename T>
T need(const YAML::Node& node, const char* key, const std::string& where) {
  if (!node[key]) throw_input("{}: key '{}' is missing", where, key);
  return node[key].as<T>();
}

std::vector<Field> read_fields(const YAML::Node& list, const std::string& where) {
  std::vector<Field> fields;
  std::vector<uint32_t> used(16, 0);
  for (const auto& n : list) {
    Field f;
    f.name = need<std::string>(n, "name", where);
    f.word = need<int>(n, "word", where);
    f.lo = need<int>(n, "lo", where);
    f.width = need<int>(n, "width", where);
    if (n["doc"]) f.doc = n["doc"].as<std::string>();
    if (f.word < 0 || f.word > 15 || f.lo < 0 || f.width < 1 || f.lo + f.width > 32) {
      throw_input("{}: field {} lies outside its word", where, f.name);
    }
    const uint32_t mask = (f.width == 32 ? ~0U : (1U << f.width) - 1) << f.lo;
    if ((used[static_cast<size_t>(f.word)] & mask) != 0) {
      throw_input("{}: field {} overlaps another", where, f.name);
    }
    used[static_cast<size_t>(f.word)] |= mask;
    fields.push_back(f);
  }
  return fields;
}

Isa read_isa(const std::string& path) {
  const YAML::Node root = YAML::LoadFile(path);
  Isa isa;
  isa.version = need<int>(root, "version", path);
  isa.check_constant = need<uint32_t>(root["descriptor"], "check_constant", path);
  std::set<uint32_t> offsets;
  for (const auto& n : root["registers"]) {
    Register r;
    r.name = need<std::string>(n, "name", path);
    r.access = need<std::string>(n, "access", path);
    r.doc = need<std::string>(n, "doc", path);
    r.offset = need<uint32_t>(n, "offset", path);
    if (!offsets.insert(r.offset).second) throw_input("{}: register {} shares its offset", path, r.name);
    isa.registers.push_back(r);
  }
  for (const auto& n : root["tokens"]) {
    Token t;
    t.name = need<std::string>(n, "name", path);
    t.bit = need<int>(n, "bit", path);
    t.producer = need<std::string>(n, "producer", path);
    t.consumer = need<std::string>(n, "consumer", path);
    t.doc = need<std::string>(n, "doc", path);
    isa.tokens.push_back(t);
  }
  isa.header = read_fields(root["descriptor"]["header"], path);
  for (const auto& n : root["opcodes"]) {
    Opcode o;
    o.name = need<std::string>(n, "name", path);
    o.code = need<int>(n, "code", path);
    o.unit = need<std::string>(n, "unit", path);
    o.doc = need<std::string>(n, "doc", path);
    o.fields = read_fields(n["fields"], path + ": " + o.name);
    isa.opcodes.push_back(o);
  }
  for (const auto& n : root["errors"]) {
    isa.errors.push_back({need<std::string>(n, "name", path), need<std::string>(n, "doc", path),
                          need<int>(n, "code", path)});
  }
  return isa;
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_whole(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path().empty() ? "." : path.parent_path());
  const std::filesystem::path temporary = path.string() + ".tmp";
  std::ofstream out(temporary, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw_input("{}: cannot be written", path.string());
  std::filesystem::rename(temporary, path);
}

int run(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() == 3 && args[0] == "--wrapper") {
    write_whole(args[2], config_wrapper(load_config(args[1])));
    return 0;
  }
  const bool check = !args.empty() && args[0] == "--check";
  const size_t first = check ? 1 : 0;
  if (args.size() != first + 2 || args[first] != "--root") {
    fmt::print(stderr, "usage: aap-spec-gen [--check] --root DIR | --wrapper CONFIG.yaml OUT.sv\n");
    return 2;
  }
  const std::filesystem::path root = args[first + 1];
  const Isa isa = read_isa((root / "spec/isa.yaml").string());
  std::vector<std::pair<std::string, std::string>> files = {
      {"rtl/gen/aap_isa_pkg.sv", isa_package(isa)},
      {"compile/gen/isa.h", isa_header(isa)},
      {"fpga/driver/aap_regs.h", driver_header(isa)},
      {"docs/isa.md", isa_page(isa)}};
  std::vector<std::filesystem::path> configs;
  for (const auto& entry : std::filesystem::directory_iterator(root / "configs")) {
    if (entry.path().extension() == ".yaml") configs.push_back(entry.path());
  }
  std::sort(configs.begin(), configs.end());
  for (const auto& path : configs) {
    const Config config = load_config(path.string());
    if (config.name != path.stem()) {
      throw_input("{}: key 'name' is {}, legal is the file's name", path.string(), config.name);
    }
    files.emplace_back("rtl/gen/aap_" + config.name + ".sv", config_wrapper(config));
  }
  int stale = 0;
  for (const auto& [name, text] : files) {
    if (file_text(root / name) == text) continue;
    if (check) {
      fmt::print(stderr, "{} is not what its source gives; run: aap-spec-gen --root .\n", name);
      ++stale;
    } else {
      write_whole(root / name, text);
      fmt::print("wrote {}\n", name);
    }
  }
  return stale == 0 ? 0 : 1;
}

}  // namespace
}  // namespace aap::spec

int main(int argc, char** argv) {
  try {
    return aap::spec::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "aap-spec-gen: {}\n", e.what());
    return 2;
  }
}
