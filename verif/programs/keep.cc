// SPDX-License-Identifier: Apache-2.0
// aap-keep-programs: adds the programs that this version writes to those that are kept. To be run in
// the source root once for every new format version or configuration hash; never changes a file
// that is there.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "compile/compile.h"
#include "golden/golden.h"
#include "model/error.h"
#include "model/whole_file.h"
#include "verif/networks/small.h"
#include "verif/programs/kept.h"

namespace {

using namespace aap;

QNetwork network(const std::string& name, const Config& config, Int8Tensor& input) {
  verif::NetworkBuilder b = name == "every" ? verif::every_layer(7) : verif::every_pool(7);
  input = b.random_input();
  QNetwork n = verif::narrow(b.build(), config.multiplier_width, config.accumulator_width,
                            config.add_multiplier_width);
  n.name = name;
  return n;
}

int keep() {
  int added = 0;
  for (const char* path : verif::kKeptConfigs) {
    const Config config = load_config(path);
    for (const char* name : verif::kKeptNetworks) {
      const std::string stem = fmt::format("{}/{}", verif::kKeptFolder, verif::kept_name(name, config));
      if (std::filesystem::exists(stem + ".aap")) {
        fmt::print("{}.aap: is there\n", stem);
        continue;
      }
      Int8Tensor input;
      const QNetwork n = network(name, config, input);
      const Program program = compile(n, config);
      const std::vector<Int8Tensor> values = Golden(n).run(input);
      std::vector<verif::KeptTensor> tensors = {{"input", input}};
      for (const ProgramLayer& l : program.layers) {
        const FeatureMap& map = program.maps.at(static_cast<size_t>(l.output));
        tensors.push_back({map.name, values.at(static_cast<size_t>(map.tensor))});
      }
      write_program(program, stem + ".aap");
      write_whole_file(stem + ".txt", verif::write_tensors(tensors));
      verif::note_sums(stem);
      fmt::print("{}.aap: added\n", stem);
      ++added;
    }
  }
  fmt::print("{} programs added; commit them\n", added);
  return 0;
}

}  // namespace

int main() {
  try {
    return keep();
  } catch (const std::exception& e) {
    fmt::print(stderr, "aap-keep-programs: {}\n", e.what());
    return 2;
  }
}
