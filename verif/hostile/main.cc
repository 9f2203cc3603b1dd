// SPDX-License-Identifier: Apache-2.0
// Gives mutants of small valid files to everything that reads files. Exit 0: all were refused in one
// line or taken without harm; 1: findings, each with the command that repeats it; 2: usage.
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>

#include "compile/program.h"
#include "model/message.h"
#include "verif/hostile/mutate.h"
#include "verif/hostile/pool.h"
#include "verif/hostile/seeds.h"
#include "verif/hostile/targets.h"

namespace {

using namespace aap;
using namespace aap::hostile;
namespace fs = std::filesystem;

struct Arguments {
  uint64_t count = 2000;  // mutants a format; 0: all systematic ones
  uint32_t seed = 1;
  int jobs = 2;
  std::string format, repeat, keep, list, seeds, update;
};

Arguments parse(int argc, char** argv) {
  Arguments a;
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  if (argc % 2 == 0) throw_input("hostile: options come in pairs");
  const auto number = [](const std::string& key, const std::string& text, uint64_t most) {
    if (text.empty() || text.size() > 10 || text.find_first_not_of("0123456789") != std::string::npos || std::stoull(text) > most) {
      throw_input("hostile: {} is '{}', legal is 0..{}", key, text, most);
    }
    return std::stoull(text);
  };
  for (const auto& [key, value] : given) {
    if (key == "--count") a.count = number(key, value, 1'000'000'000);
    else if (key == "--seed") a.seed = static_cast<uint32_t>(number(key, value, UINT32_MAX));
    else if (key == "--jobs") a.jobs = static_cast<int>(std::max<uint64_t>(1, number(key, value, 256)));
    else if (key == "--format") a.format = value;
    else if (key == "--case") a.repeat = value;  // FORMAT:NUMBER
    else if (key == "--seeds") a.seeds = value;  // folder for the valid files that mutants start from
    else if (key == "--list") a.list = value;    // prints all systematic mutants of a format
    else if (key == "--update") a.update = value;  // folder whose programs become ones of this version
    else if (key == "--keep") a.keep = value;    // folder for the files of findings
    else throw_input("hostile: unknown option {}", key);
  }
  return a;
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string path_of(const Format& format) {
  return fmt::format("/tmp/aap_hostile_{}{}", getpid(), format.extension);
}

const Format& find(const std::string& name) {
  for (const Format& f : formats()) {
    if (f.name == name) return f;
  }
  throw_input("hostile: format '{}' is unknown", name);
}

int repeat(const Arguments& a) {
  const size_t colon = a.repeat.find(':');
  if (colon == std::string::npos) throw_input("hostile: --case is '{}', legal is FORMAT:NUMBER", a.repeat);
  const Format& format = find(a.repeat.substr(0, colon));
  const Mutant mutant = Mutants(format, a.seed).make(std::stoull(a.repeat.substr(colon + 1)));
  const std::string path = a.keep.empty() ? path_of(format) : a.keep + "/case" + format.extension;
  write(path, mutant.bytes);
  fmt::print("{}: {}\n", path, mutant.what);
  bool accepted = false;
  const std::string what = exercise(format.name, path, accepted);
  fmt::print("{}{}\n", accepted ? "taken" : "refused", what.empty() ? "" : ": " + what);
  if (a.keep.empty()) fs::remove(path);
  return what.empty() ? 0 : 1;
}

// Those whose version is what is wrong with them stay.
int update(const std::string& folder) {
  const uint32_t hash = load_config(tiny_config()).hash();
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string path = entry.path(), name = entry.path().filename();
    if (entry.path().extension() != ".aap" || name.rfind("version_", 0) == 0) continue;
    std::ifstream in(path, std::ios::binary);
    const std::string old{std::istreambuf_iterator<char>(in), {}};
    const std::string now = updated_program(old, Program::kFormatVersion, hash);
    if (now == old) continue;
    write(path, now);
    fmt::print("{}: updated\n", path);
  }
  return 0;
}

uint64_t run(const Format& format, const Arguments& a) {
  const Mutants mutants(format, a.seed);
  // Systematic mutants first, or a seeded choice of them; random ones fill the rest.
  std::vector<uint64_t> items;
  if (a.count == 0 || a.count >= mutants.systematic()) {
    items.resize(std::max(a.count, mutants.systematic()));
    std::iota(items.begin(), items.end(), 0);
  } else {
    Random random(a.seed);
    for (uint64_t i = 0; i < a.count; ++i) {
      // Three in four are systematic; the number of the others starts behind them.
      items.push_back(i % 4 == 3 ? mutants.systematic() + i : mutants.choose(random));
    }
  }
  const PoolResult r = run_pool(items, a.jobs, {}, [&](uint64_t item, bool& accepted) {
    const Mutant mutant = mutants.make(item);
    const std::string path = path_of(format);
    write(path, mutant.bytes);
    const std::string what = exercise(format.name, path, accepted);
    fs::remove(path);
    return what;
  });
  fmt::print("{:<8} {} of {} systematic and random mutants, seed {}: {} taken, {} refused, {} findings; "
             "slowest {:.2f} s (case {}), most memory {} MB (case {})\n",
             format.name, r.run, mutants.systematic(), a.seed, r.accepted,
             r.run - r.accepted - r.findings.size(), r.findings.size(), r.slowest, r.slowest_item,
             r.most_megabytes, r.most_item);
  std::map<std::string, int> same;
  for (const Finding& f : r.findings) {
    if (++same[f.what.substr(0, 160)] > 3) continue;  // one cause, many mutants
    const Mutant mutant = mutants.make(f.item);
    fmt::print("  {}\n    {}\n    repeat with: scripts/hostile.sh --case {}:{} --seed {}\n", mutant.what, f.what,
               format.name, f.item, a.seed);
    if (!a.keep.empty()) {
      fs::create_directories(a.keep);
      write(fmt::format("{}/{}_{}{}", a.keep, format.name, f.item, format.extension), mutant.bytes);
    }
  }
  return r.findings.size();
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    const Arguments a = parse(argc, argv);
    if (!a.repeat.empty()) return repeat(a);
    if (!a.update.empty()) return update(a.update);
    if (!a.seeds.empty()) {
      for (const Format& f : formats()) {
        for (const auto& [name, bytes] : f.seeds) write(a.seeds + "/" + name + f.extension, bytes);
      }
      return 0;
    }
    if (!a.list.empty()) {
      const Mutants mutants(find(a.list), a.seed);
      for (uint64_t n = 0; n < mutants.systematic(); ++n) {
        fmt::print("{} {}\n", n, printable(mutants.make(n).what));
      }
      return 0;
    }
    uint64_t findings = 0;
    for (const Format& format : formats()) {
      if (a.format.empty() || a.format == format.name) findings += run(format, a);
    }
    if (!a.format.empty()) find(a.format);
    return findings == 0 ? 0 : 1;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 2;
  }
}
