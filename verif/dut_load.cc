// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <filesystem>
#include <vector>

#include "model/error.h"
#include "verif/dut.h"

namespace aap::verif {

namespace {

std::string library_name(const std::string& config_name, bool trace) {
  return "libaap_sim_" + config_name + (trace ? "_trace" : "") + ".so";
}

}  // namespace

std::string find_dut(const std::string& config_name, bool trace) {
  namespace fs = std::filesystem;
  std::vector<fs::path> folders;
  if (const char* folder = std::getenv("AAP_LIB_DIR")) folders.emplace_back(folder);
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  folders.push_back(program / "../lib");
  folders.push_back(program / "lib");
  folders.emplace_back("build/lib");
  for (const fs::path& folder : folders) {
    const fs::path path = folder / library_name(config_name, trace);
    if (fs::exists(path, ignored)) return fs::absolute(path).string();
  }
  return "";
}

std::unique_ptr<Dut, void (*)(Dut*)> load_dut(const std::string& config_name, bool trace,
                                               uint32_t seed) {
  const std::string path = find_dut(config_name, trace);
  if (!path.empty()) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw_input("{}: cannot be loaded: {}", path, dlerror());
    auto* create = reinterpret_cast<Dut* (*)(uint32_t)>(dlsym(library, "aap_dut_create"));
    auto* destroy = reinterpret_cast<void (*)(Dut*)>(dlsym(library, "aap_dut_destroy"));
    if (create == nullptr || destroy == nullptr) {
      throw_input("{}: is not a simulator library", path);
    }
    return {create(seed), destroy};
  }
  throw_input("{}: no such simulator library; build it with: scripts/build_sim.sh configs/{}.yaml{}",
              library_name(config_name, trace), config_name, trace ? " --trace" : "");
}

}  // namespace aap::verif
