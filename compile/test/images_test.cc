// SPDX-License-Identifier: Apache-2.0
// Programs of several images: maps of their own, weights in common, files and numbers of images that are refused.
#define BOOST_TEST_MODULE compile_images
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <functional>

#include "compile/compile.h"
#include "compile/gen/isa.h"
#include "model/error.h"
#include "verif/networks/builder.h"

namespace {

using namespace aap;

Config board() { return load_config("configs/board.yaml"); }

// Three feature maps, two layers.
QNetwork small_network() {
  verif::NetworkBuilder b(3, 20, 6, 5);
  verif::LayerShape s;
  s.channels_out = 33;
  s.kernel_h = s.kernel_w = 3;
  s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = 1;
  s.keep = 4;
  b.conv(s);
  b.max_pool(s);
  return b.build();
}

struct TemporaryFile {
  std::string path = fmt::format("/tmp/aap_images_test_{}.aap", getpid());
  ~TemporaryFile() { std::remove(path.c_str()); }
};

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

BOOST_AUTO_TEST_CASE(images_that_are_not_alike_are_refused) {
  TemporaryFile file;
  CompileOptions options;
  options.images = 2;
  const Program good = compile(small_network(), board(), options);
  write_program(good, file.path);
  BOOST_CHECK_EQUAL(read_program(file.path).images, 2);
  auto refused = [&](const std::string& expected, const std::function<void(Program&)>& change) {
    Program p = good;
    change(p);
    write_program(p, file.path);
    const std::string text = message_of([&] { read_program(file.path); });
    BOOST_CHECK_MESSAGE(text.find(expected) != std::string::npos, "'" << text << "' lacks " << expected);
  };
  refused("of image 1 is not as that of the first", [](Program& p) { p.maps[4].tensor = 0; });
  refused("of image 1 is not as that of the first", [](Program& p) { p.maps[3].height = 1; });
  refused("of image 1 writes another map", [](Program& p) { p.layers[2].output = p.layers[0].output; });
  refused("no such input map", [](Program& p) { p.input = 3; });
  refused("no such output map", [](Program& p) { p.output = 5; });
}

BOOST_AUTO_TEST_CASE(images_have_maps_of_their_own_and_weights_in_common) {
  const QNetwork n = small_network();
  const Program one = compile(n, board());
  for (const int images : {2, 5, 64}) {
    CompileOptions options;
    options.images = images;
    const Program p = compile(n, board(), options);
    const auto count = static_cast<size_t>(images);
    BOOST_CHECK_EQUAL(p.images, images);
    BOOST_REQUIRE_EQUAL(p.maps.size(), one.maps.size() * count);
    BOOST_REQUIRE_EQUAL(p.layers.size(), one.layers.size() * count);
    // The image grows by descriptors only.
    const size_t data = one.image.size() - one.descriptor_count * isa::kDescriptorBytes;
    BOOST_CHECK_EQUAL(p.image.size(), data + p.descriptor_count * isa::kDescriptorBytes);
    BOOST_CHECK(std::equal(one.image.end() - static_cast<int64_t>(data), one.image.end(), p.image.end() - static_cast<int64_t>(data)));
    BOOST_CHECK_EQUAL(p.layers[1].name, one.layers[1].name);
    BOOST_CHECK_EQUAL(p.layers.back().name, fmt::format("{}@{}", one.layers.back().name, images - 1));
    BOOST_CHECK_EQUAL(p.layers.back().macs_kept, one.layers.back().macs_kept);
    BOOST_CHECK_EQUAL(p.layers.back().array_cycles, one.layers.back().array_cycles);
    std::vector<std::pair<uint64_t, uint64_t>> places;
    for (size_t i = 0; i < p.maps.size(); ++i) {
      const FeatureMap &m = p.maps[i], &first = one.maps[i % one.maps.size()];
      BOOST_CHECK_EQUAL(m.tensor, first.tensor);
      places.emplace_back(m.address, m.address + uint64_t{m.plane_stride} * static_cast<uint64_t>((m.channels + 15) / 16));
    }
    std::sort(places.begin(), places.end());
    for (size_t i = 1; i < places.size(); ++i) BOOST_CHECK_LE(places[i - 1].second, places[i].first);
  }
}

BOOST_AUTO_TEST_CASE(too_many_images_are_refused) {
  for (const int images : {-1, 0, 65}) {
    CompileOptions options;
    options.images = images;
    const std::string text = message_of([&] { compile(small_network(), board(), options); });
    BOOST_CHECK_MESSAGE(text.find(fmt::format("{} images in one start asked for, legal is 1..64", images)) != std::string::npos, text);
  }
  CompileOptions options;
  options.images = 64;
  options.memory_limit = 65536;
  const std::string memory = message_of([&] { compile(small_network(), board(), options); });
  BOOST_CHECK_MESSAGE(memory.find("for 64 images in one start") != std::string::npos, memory);
  Config config = load_config("configs/small.yaml");
  config.out_depth = 16;
  verif::NetworkBuilder b(1, 16, 160, 160);
  b.max_pool({});
  options.memory_limit = 0;
  const QNetwork n = b.build();
  const std::string descriptors = message_of([&] { compile(n, config, options); });
  for (const char* part : {"descriptors for 64 images in one start", "65535 at most"}) {
    BOOST_CHECK_MESSAGE(descriptors.find(part) != std::string::npos, part << " is not in: " << descriptors);
  }
}
