// SPDX-License-Identifier: Apache-2.0
#include "train/load.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "model/error.h"
#include "train/torch_bench.h"

namespace aap {
namespace {

namespace fs = std::filesystem;
constexpr const char* kPlugin = "libaap_train.so";

std::vector<fs::path> candidates() {
  const char* directory = std::getenv("AAP_LIB_DIR");
  if (directory != nullptr && *directory != '\0') return {fs::path(directory) / kPlugin};
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const fs::path bin = executable.parent_path();
  return {bin.parent_path() / "lib" / kPlugin, bin / kPlugin};
}

struct Plugin {
  void* handle = nullptr;  // nullptr: not there
  std::string path;        // of the plugin, or where it was looked for
};

// Opened once; stays open until the program ends.
const Plugin& plugin() {
  static const Plugin opened = [] {
    // libgomp reads this once, when libtorch loads it; spinning threads starve small machines.
    setenv("OMP_WAIT_POLICY", "passive", 0);
    Plugin p;
    for (const fs::path& path : candidates()) {
      std::error_code error;
      if (!fs::exists(path, error)) {
        p.path += (p.path.empty() ? "" : ", ") + path.string();
        continue;
      }
      p.path = path.string();
      p.handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (p.handle == nullptr) throw_input("{}: cannot load the trainer: {}", p.path, dlerror());
      break;
    }
    return p;
  }();
  return opened;
}

std::string missing() {
  return fmt::format(
      "{} not found (looked for {}): training needs libtorch; install libtorch-dev and rebuild with "
      "-DAAP_TRAIN=ON",
      kPlugin, plugin().path);
}

// An interface of the plugin, whose first member is its version.
template <typename Api>
const Api& interface_of(const char* symbol, uint32_t version) {
  using Entry = const Api* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(plugin().handle, symbol));
  if (entry == nullptr) throw_input("{}: has no {}", plugin().path, symbol);
  const Api* api = entry();
  if (api->version != version) {
    throw_input("{}: trainer interface {}, this program needs {}; rebuild", plugin().path,
                api->version, version);
  }
  return *api;
}

}  // namespace

const TrainerApi& load_trainer() {
  if (plugin().handle == nullptr) throw InputError(missing());
  return interface_of<TrainerApi>(kTrainerSymbol, kTrainerApiVersion);
}

const TorchBenchApi* load_torch_bench(std::string& why) {
  if (plugin().handle == nullptr) {
    why = missing();
    return nullptr;
  }
  return &interface_of<TorchBenchApi>(kTorchBenchSymbol, kTorchBenchVersion);
}

TrainResult train(const TrainOptions& options, const TrainCallback& progress) {
  return load_trainer().run(options, progress);
}

}  // namespace aap
