// SPDX-License-Identifier: Apache-2.0
#include "train/load.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "model/error.h"

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

const TrainerApi& open_plugin() {
  // libgomp reads this once, when libtorch loads it; spinning threads starve small machines.
  setenv("OMP_WAIT_POLICY", "passive", 0);
  std::string looked;
  for (const fs::path& path : candidates()) {
    looked += (looked.empty() ? "" : ", ") + path.string();
    std::error_code error;
    if (!fs::exists(path, error)) continue;
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw_input("{}: cannot load the trainer: {}", path.string(), dlerror());
    using Entry = const TrainerApi* (*)();
    const auto entry = reinterpret_cast<Entry>(dlsym(handle, kTrainerSymbol));
    if (entry == nullptr) throw_input("{}: has no {}", path.string(), kTrainerSymbol);
    const TrainerApi* api = entry();
    if (api->version != kTrainerApiVersion) {
      throw_input("{}: trainer interface {}, this program needs {}; rebuild", path.string(),
                  api->version, kTrainerApiVersion);
    }
    return *api;
  }
  throw_input(
      "{} not found (looked for {}): training needs libtorch; install libtorch-dev and rebuild "
      "with "
      "-DAAP_TRAIN=ON",
      kPlugin, looked);
}

}  // namespace

const TrainerApi& load_trainer() {
  static const TrainerApi& api = open_plugin();
  return api;
}

TrainResult train(const TrainOptions& options, const TrainCallback& progress) {
  return load_trainer().run(options, progress);
}

}  // namespace aap
