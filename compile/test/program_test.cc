// SPDX-License-Identifier: Apache-2.0
// The program file: round trip, every kind of damage refused, tensors placed and fetched, refusals.
#define BOOST_TEST_MODULE compile_program
#include <unistd.h>
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>

#include "compile/compile.h"
#include "compile/disassemble.h"
#include "compile/pack.h"
#include "model/error.h"
#include "verif/networks/builder.h"

namespace {

using namespace aap;

Config board() { return load_config("configs/board.yaml"); }

QNetwork small_network(int64_t channels = 20) {
  verif::NetworkBuilder b(3, channels, 6, 5);
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
  std::string path = fmt::format("/tmp/aap_program_test_{}.aap", getpid());
  ~TemporaryFile() { std::remove(path.c_str()); }
  std::string read() const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& bytes) const {
    std::ofstream out(path, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
};

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

void put32(std::string& s, size_t at, uint32_t v) {
  for (size_t i = 0; i < 4; ++i) s[at + i] = static_cast<char>(v >> 8 * i & 0xff);
}

uint32_t crc(const std::string& s, size_t n) {
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(s.data()), static_cast<uInt>(n)));
}

// A file whose checksums are right whatever else is wrong.
void seal(std::string& s) {
  put32(s, 28, crc(s, 28));
  put32(s, s.size() - 4, crc(s, s.size() - 4));
}

}  // namespace

BOOST_AUTO_TEST_CASE(file_round_trip) {
  const Program p = compile(small_network(), board());
  TemporaryFile file;
  write_program(p, file.path);
  const Program q = read_program(file.path);
  BOOST_CHECK(p.image == q.image);
  BOOST_CHECK_EQUAL(disassemble(p), disassemble(q));
  BOOST_CHECK_EQUAL(p.config_hash, q.config_hash);
  BOOST_CHECK_EQUAL(p.memory_size, q.memory_size);
  BOOST_REQUIRE_EQUAL(p.maps.size(), q.maps.size());
  BOOST_CHECK_EQUAL(p.maps[1].address, q.maps[1].address);
  BOOST_CHECK_EQUAL(p.maps[1].scale, q.maps[1].scale);
  BOOST_REQUIRE_EQUAL(p.layers.size(), q.layers.size());
  BOOST_CHECK_EQUAL(p.layers[0].macs_kept, q.layers[0].macs_kept);
  BOOST_CHECK_NO_THROW(require_config(q, board()));
  BOOST_CHECK_THROW(require_config(q, load_config("configs/small.yaml")), InputError);
  BOOST_CHECK_THROW(write_program(p, "/nonexistent/folder/x.aap"), InputError);
}

BOOST_AUTO_TEST_CASE(damage_is_refused) {
  TemporaryFile file;
  write_program(compile(small_network(), board()), file.path);
  const std::string good = file.read();
  // Every truncation near the sections' ends, a spread of others, and every header bit.
  for (size_t n = 0; n < good.size(); n += n < 64 ? 1 : 997) {
    file.write(good.substr(0, n));
    BOOST_CHECK_THROW(read_program(file.path), InputError);
  }
  file.write(good + '\0');
  BOOST_CHECK_THROW(read_program(file.path), InputError);
  for (size_t bit = 0; bit < good.size() * 8; bit += bit < 64 * 8 ? 1 : 4111) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    file.write(bad);
    BOOST_CHECK_THROW(read_program(file.path), InputError);
  }
  BOOST_CHECK_THROW(read_program(file.path + ".absent"), InputError);
  file.write(good);
  BOOST_CHECK_NO_THROW(read_program(file.path));
}

// Right checksums, wrong contents: nothing is allocated or read outside the file on their word.
BOOST_AUTO_TEST_CASE(hostile_contents_are_refused) {
  TemporaryFile file;
  const Program good = compile(small_network(), board());
  auto refused = [&](const std::string& expected, const std::function<void(Program&)>& change) {
    Program p = good;
    change(p);
    write_program(p, file.path);
    const std::string text = message_of([&] { read_program(file.path); });
    BOOST_CHECK_MESSAGE(text.find(expected) != std::string::npos,
                        "'" << text << "' lacks " << expected);
  };
  refused("image of", [](Program& p) { p.memory_size = 64; });
  refused("descriptors", [](Program& p) { p.descriptor_count = 70000; });
  refused("outside the image", [](Program& p) { p.descriptor_count = 65535; });
  refused("outside the image", [](Program& p) { p.descriptor_address = 0xffffff00; });
  refused("input map", [](Program& p) { p.input = 99; });
  refused("output map", [](Program& p) { p.output = -1; });
  refused("outside the memory", [](Program& p) { p.maps[0].channels = 1 << 20; });
  refused("bad shape", [](Program& p) { p.maps[0].height = -1; });
  refused("plane stride", [](Program& p) { p.maps[0].plane_stride += 1; });
  refused("beyond 2^32", [](Program& p) { p.base = 0xffffffc0; });
  refused("0 images, legal is 1..64", [](Program& p) { p.images = 0; });
  refused("-1 images, legal is 1..64", [](Program& p) { p.images = -1; });
  refused("65 images, legal is 1..64", [](Program& p) { p.images = 65; });
  refused("divides not both", [](Program& p) { p.images = 2; });
  for (const size_t field : {size_t{12}, size_t{16}}) {
    write_program(good, file.path);
    std::string bytes = file.read();
    put32(bytes, field, 0xfffffff0);
    seal(bytes);
    file.write(bytes);
    BOOST_CHECK_THROW(read_program(file.path), InputError);
  }
}

BOOST_AUTO_TEST_CASE(tensors_are_placed_where_the_layout_says) {
  const Config config = board();
  const Program p = compile(small_network(), config, {128, 0, true, false});
  const FeatureMap& map = p.maps[static_cast<size_t>(p.input)];
  Int8Tensor t({map.channels, map.height, map.width});
  for (size_t i = 0; i < t.data.size(); ++i) t.data[i] = static_cast<int8_t>(i * 7);
  std::vector<uint8_t> memory(p.memory_size);
  place_tensor(map, config, t, memory.data());
  const int64_t c = 17, y = 4, x = 2;  // second plane, second byte
  BOOST_CHECK_EQUAL(memory[map.address - 128 + map.plane_stride + (y * 5 + x) * 16 + 1],
                    static_cast<uint8_t>(t.data[static_cast<size_t>((c * 6 + y) * 5 + x)]));
  BOOST_CHECK(fetch_tensor(map, config, memory.data()).data == t.data);
  BOOST_CHECK_THROW(place_tensor(map, config, Int8Tensor({1, 6, 5}), memory.data()), InputError);
}

BOOST_AUTO_TEST_CASE(statistics) {
  const Config config = board();
  const Program p = compile(small_network(32), config);
  const ProgramLayer& conv = p.layers[0];
  BOOST_CHECK_EQUAL(conv.op, "conv");
  BOOST_CHECK_EQUAL(conv.keep, 4);
  BOOST_CHECK_EQUAL(conv.macs_dense, 33 * 32 * 9 * 30);
  BOOST_CHECK_LE(conv.macs_kept, 33 * 2 * 4 * 9 * 30);
  BOOST_CHECK_GT(conv.macs_kept, 33 * 2 * 3 * 9 * 30);
  // 18 items of 4 weights on 4 lanes; 33 channels are two tiles; 2 blocks are one or two copies.
  BOOST_CHECK_EQUAL(conv.array_cycles, 2 * 18 * 30);
  BOOST_CHECK_EQUAL(conv.ideal_cycles, (conv.macs_kept + 127) / 128);
  BOOST_CHECK_EQUAL(conv.write_bytes, 3 * 30 * 16);
  BOOST_CHECK_EQUAL((conv.weight_bytes + conv.index_bytes) % 192, 0);
}

BOOST_AUTO_TEST_CASE(dense_takes_a_row_for_every_channel) {
  verif::NetworkBuilder b(1, 64, 8, 8);
  verif::LayerShape s;
  s.channels_out = 32;
  s.keep = 4;
  b.conv(s);
  const QNetwork n = b.build();
  const Program sparse = compile(n, board());
  const Program dense = compile(n, board(), {0, 0, true, true});
  BOOST_CHECK_EQUAL(sparse.layers[0].array_cycles, 4 * 64);
  BOOST_CHECK_EQUAL(dense.layers[0].array_cycles, 16 * 64);
  BOOST_CHECK_EQUAL(dense.layers[0].keep, 16);
}

// An element is index * 256 + weight; lanes of a PE lie side by side.
BOOST_AUTO_TEST_CASE(weight_rows_hold_what_the_layer_holds) {
  const Config config = board();
  verif::NetworkBuilder b(11, 40, 4, 4);
  verif::LayerShape s;
  s.channels_out = 20;
  s.kernel_w = 3;
  s.keep = 3;
  b.conv(s);
  const QNetwork n = b.build();
  const auto lowered = compiler::lower(n, config, true);
  const compiler::Op& op = lowered.ops[0];
  compiler::Chunk chunk;
  chunk.planes = {0, 1, 2};
  chunk.kx1 = 3;
  const auto plan = compiler::assign_lanes(compiler::collect_items(op, config, false, 0, 20, chunk),
                                           config, 1, false);
  const auto rows = compiler::pack_weights(op, config, false, 0, 20, chunk, plan, 0, plan.steps);
  Tensor<int8_t> unpacked(n.layers[0].weights.shape);
  for (int r = 0; r < plan.steps * plan.keep; ++r) {
    for (int m = 0; m < 32; ++m) {
      for (int lane = 0; lane < 4; ++lane) {
        const int bit = (m * 4 + lane) * 12;
        const auto* row = &rows[static_cast<size_t>(r) * 192];
        const unsigned e = (row[bit / 8] | row[bit / 8 + 1] << 8) >> bit % 8 & 0xfff;
        const int32_t slot = plan.slots[static_cast<size_t>(r / plan.keep * 4 + lane)];
        if (slot < 0 || m >= 20) {
          BOOST_CHECK_EQUAL(e, 0);
          continue;
        }
        const auto& item = plan.items[static_cast<size_t>(slot)];
        if ((e & 0xff) != 0) {
          unpacked.at4(m, item.block * 16 + static_cast<int>(e >> 8), 0, item.kx) =
              static_cast<int8_t>(e & 0xff);
        }
      }
    }
  }
  BOOST_CHECK(unpacked.data == n.layers[0].weights.data);
}

BOOST_AUTO_TEST_CASE(refusals_are_listed_at_once) {
  Config config = board();
  config.accumulator_width = 20;
  config.multiplier_width = 12;
  const QNetwork n = small_network();
  const std::string text = message_of([&] { compile(n, config); });
  for (const char* part : {"accumulator_width", "multiplier_width", "output channel", "Conv_0"}) {
    BOOST_CHECK_MESSAGE(text.find(part) != std::string::npos, part << " is not in: " << text);
  }
  const FitReport report = fit(n, config);
  BOOST_CHECK(!report.ok());
  BOOST_CHECK(fit(n, board()).ok());
}

BOOST_AUTO_TEST_CASE(a_window_that_does_not_fit_names_the_key) {
  verif::NetworkBuilder b(1, 16, 50, 50);
  verif::LayerShape s;
  s.kernel_h = s.kernel_w = 50;
  b.max_pool(s);
  const QNetwork n = b.build();
  const std::string text = message_of([&] { compile(n, board()); });
  BOOST_CHECK_MESSAGE(text.find("depth") != std::string::npos, text);
  BOOST_CHECK(!fit(n, board()).ok());
}

BOOST_AUTO_TEST_CASE(memory_beyond_the_limit_is_refused) {
  const std::string text = message_of([&] {
    compile(small_network(), board(), {0, 4096, true, false});
  });
  BOOST_CHECK_MESSAGE(text.find("4096") != std::string::npos, text);
  BOOST_CHECK_THROW(compile(small_network(), board(), {32, 0, true, false}), InputError);
}

BOOST_AUTO_TEST_CASE(reuse_of_memory_needs_less) {
  verif::NetworkBuilder b(1, 16, 20, 20);
  for (int i = 0; i < 6; ++i) b.conv({});
  const QNetwork n = b.build();
  const Program kept = compile(n, board());
  const Program reused = compile(n, board(), {0, 0, false, false});
  BOOST_CHECK_EQUAL(kept.memory_size - reused.memory_size, 5 * 20 * 20 * 16);
}

BOOST_AUTO_TEST_CASE(disassembly_shows_fields_and_data) {
  const Config config = board();
  const Program p = compile(small_network(), config);
  const std::string text = disassemble(p, {&config, -1});
  for (const char* part : {"CHECK", "LOAD_ACT layer 0", "EXEC layer 1", "max 1", "STORE", "END"}) {
    BOOST_CHECK_MESSAGE(text.find(part) != std::string::npos, part);
  }
  BOOST_CHECK_LT(disassemble(p, {nullptr, 1}).size(), disassemble(p).size());
}

// The example of docs/program_format.md.
BOOST_AUTO_TEST_CASE(documented_bytes) {
  QNetwork n;
  n.name = "tiny";
  n.tensors = {{"x", 2, 1, 1, 0.5, 0, false}, {"y", 1, 1, 1, 0.25, 3, false}};
  QLayer layer;
  layer.name = "conv";
  layer.inputs = {0};
  layer.output = 1;
  layer.weights = Tensor<int8_t>({1, 2, 1, 1}, std::vector<int8_t>{5, -7});
  layer.bias = {100};
  layer.requant = {{3, 4}};
  layer.output_zero_point = 3;
  n.layers = {layer};
  n.input = 0;
  n.output = 1;
  const Program p = compile(n, load_config("configs/small.yaml"));
  BOOST_REQUIRE_EQUAL(p.image.size(), 0x300);
  const std::vector<std::pair<size_t, std::vector<int>>> expected = {
      {0x140, {0x18, 0x08, 0, 0, 2, 3, 1, 0}},
      {0x150, {1, 0, 1, 0}},
      {0x15c, {0, 0, 3, 0, 0x80, 0x7f, 0, 0}},
      {0x17c, {0xc1, 0xe2, 0xc0, 0xa5}},
      {0x200, {5, 0}},
      {0x218, {0xf9, 1}},
      {0x240, {0, 0}},
      {0x280, {0x64, 0, 0, 0, 3, 0, 0, 4}}};
  for (const auto& [at, bytes] : expected) {
    for (size_t i = 0; i < bytes.size(); ++i) BOOST_CHECK_EQUAL(int{p.image[at + i]}, bytes[i]);
  }
  TemporaryFile file;
  write_program(p, file.path);
  const std::string bytes = file.read();
  BOOST_CHECK_EQUAL(bytes.substr(0, 4), "AAPP");
  BOOST_CHECK_EQUAL(bytes.size(), 32 + 0x2d6 + 0x300 + 4);
}

BOOST_AUTO_TEST_CASE(wide_multipliers_of_a_residual_add_are_refused_by_name) {
  verif::NetworkBuilder b(1, 16, 4, 4);
  const int x = b.conv({});
  b.add(b.conv({}), x);
  const QNetwork n = b.build();
  Config config = board();
  compile(n, config);
  config.add_multiplier_width = 16;
  const std::string text = message_of([&] { compile(n, config); });
  for (const char* part : {"bits of add_ma + add_mb", "there are 16", "key 'add_multiplier_width' is 16"}) {
    BOOST_CHECK_MESSAGE(text.find(part) != std::string::npos, part << " is not in: " << text);
  }
  compile(verif::narrow(n, 24, 32, 16), config);
}
