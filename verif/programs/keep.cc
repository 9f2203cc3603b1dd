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
#include "verif/networks/builder.h"
#include "verif/programs/kept.h"

namespace {

using namespace aap;

// Every kind of descriptor: convolutions of two sizes, a fused addition (LOAD_RES), depthwise,
// pooling and a fully connected layer.
void every(verif::NetworkBuilder& b) {
  verif::LayerShape s;
  s.channels_out = 8;
  s.kernel_h = s.kernel_w = 3;
  s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = 1;
  s.keep = 2;
  s.group = 8;
  const int first = b.conv(s);
  const int second = b.conv(s);
  b.add(first, second, true);
  verif::LayerShape p;
  p.kernel_h = p.kernel_w = 2;
  p.stride_h = p.stride_w = 2;
  b.max_pool(p);
  b.depthwise(s);
  b.fully_connected(5);
}

// Concatenation by placement, averages with and without padding, a global average.
void pools(verif::NetworkBuilder& b) {
  verif::LayerShape s;
  s.kernel_h = 3;
  s.kernel_w = 2;
  s.pad_top = s.pad_left = 1;
  const int a = b.average_pool(s, false, 0);
  const int c = b.average_pool(s, true, 0);
  const int all = b.concat({a, c});
  b.identity(all);
  b.global_average_pool();
}

QNetwork network(const std::string& name, const Config& config, Int8Tensor& input) {
  const bool is_every = name == "every";
  verif::NetworkBuilder b(7, is_every ? 8 : 16, 5, 4);
  is_every ? every(b) : pools(b);
  input = b.random_input();
  QNetwork n = b.build();
  n.name = name;
  return verif::narrow(n, config.multiplier_width, config.accumulator_width, config.add_multiplier_width);
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
