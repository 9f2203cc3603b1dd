// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "model/error.h"
#include "model/whole_file.h"
#include "spec/strict_yaml.h"
#include "verif/dut.h"
#include "verif/regress/results.h"

namespace aap::regress {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string stamp(const std::string& path) {
  struct stat s {};
  if (path.empty() || stat(path.c_str(), &s) != 0) return "none";
  return fmt::format("{}.{}.{}", s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

}  // namespace

State::State(std::string path) : path_(std::move(path)) {
  std::ifstream in(path_);
  if (!in) return;
  found_ = true;
  try {
    const auto all = nlohmann::json::parse(in);
    for (const auto& j : all.at("cases")) {
      Kept k;
      k.result.status = j.at("status");
      k.result.cause = j.at("cause");
      k.result.message = j.at("message");
      k.result.cycles = j.at("cycles");
      k.result.idle_cycles = j.at("idle_cycles");
      k.result.wall_seconds = j.at("wall_seconds");
      k.result.waves = j.at("waves");
      k.digest = j.at("digest");
      k.seed = j.at("seed");
      entries_[j.at("case")] = k;
    }
  } catch (const nlohmann::json::exception& e) {
    throw_input("{}: not the results of a run: {}; remove it", path_, e.what());
  }
}

void State::put(const Entry& entry) { entries_[entry.c.id()] = {entry.result, entry.digest, entry.c.seed}; }

void State::save(bool now) {
  if (!now && now_seconds() - saved_ < 1) return;
  saved_ = now_seconds();
  nlohmann::ordered_json all = {{"cases", nlohmann::ordered_json::array()}};
  for (const auto& [id, k] : entries_) {
    all["cases"].push_back({{"case", id}, {"seed", k.seed}, {"status", k.result.status}, {"cause", k.result.cause},
                            {"message", k.result.message}, {"cycles", k.result.cycles}, {"idle_cycles", k.result.idle_cycles},
                            {"wall_seconds", k.result.wall_seconds}, {"waves", k.result.waves}, {"digest", k.digest}});
  }
  write_whole_file(path_, all.dump(1) + "\n");
}

bool State::passed(const std::string& id, const std::string& digest) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.result.status == "pass" && found->second.digest == digest;
}

bool State::failed(const std::string& id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.result.status != "pass";
}

CaseResult State::result(const std::string& id) const { return entries_.at(id).result; }

std::string digest_of(const Case& c) {
  const std::string name = std::filesystem::path(c.config).stem().string();
  std::string text = fmt::format("{} {} {} {} {} {} {} ", c.id(), c.seed, c.text(), c.expect.irq, c.limits.wall_seconds,
                                 c.limits.cycles, c.limits.idle_cycles);
  text += stamp("/proc/self/exe") + " " + stamp(c.config) + " " + stamp(verif::find_dut(name, false));
  return fmt::format("{:08x}", crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

}  // namespace aap::regress
