// SPDX-License-Identifier: Apache-2.0
// Reading and writing program files. Format: docs/program_format.md.
#include "compile/program.h"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>

#include "compile/gen/isa.h"
#include "compile/program_metadata.h"
#include "model/error.h"
#include "model/whole_file.h"

namespace aap {
namespace {

constexpr char kMagic[4] = {'A', 'A', 'P', 'P'};
constexpr size_t kHeaderBytes = 32;
constexpr uint64_t kMostJson = 64ULL << 20;

void put32(std::string& out, uint32_t v) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(v >> 8 * i & 0xff));
}

uint32_t get32(const std::string& in, size_t at) {
  uint32_t v = 0;
  for (size_t i = 0; i < 4; ++i)
    v |= static_cast<uint32_t>(static_cast<uint8_t>(in[at + i])) << 8 * i;
  return v;
}

uint32_t crc(const char* data, size_t size) {
  uLong c = crc32(0, nullptr, 0);
  while (size > 0) {
    const size_t n = std::min<size_t>(size, 1U << 30);
    c = crc32(c, reinterpret_cast<const Bytef*>(data), static_cast<uInt>(n));
    data += n;
    size -= n;
  }
  return static_cast<uint32_t>(c);
}

// Every image has the maps of the first, and its layers write them.
void check_images(const Program& p, const std::string& path) {
  const size_t maps = p.maps.size() / static_cast<size_t>(p.images);
  const size_t layers = p.layers.size() / static_cast<size_t>(p.images);
  for (size_t i = maps; i < p.maps.size(); ++i) {
    const FeatureMap &m = p.maps[i], &first = p.maps[i % maps];
    if (m.tensor != first.tensor || m.channels != first.channels || m.height != first.height || m.width != first.width) {
      throw_input("{}: program file: map '{}' of image {} is not as that of the first image", path, m.name, i / maps);
    }
  }
  for (size_t i = layers; i < p.layers.size(); ++i) {
    const int64_t first = p.layers[i % layers].output, shift = static_cast<int64_t>(i / layers * maps);
    if (p.layers[i].output != (first < 0 ? first : first + shift)) {
      throw_input("{}: program file: layer '{}' of image {} writes another map than that of the first image", path,
                  p.layers[i].name, i / layers);
    }
  }
}

// The sizes that later code relies on without asking again.
void check_sizes(const Program& p, const std::string& path) {
  auto require = [&](bool ok, const std::string& what) {
    if (!ok) throw_input("{}: program file: {}", path, what);
  };
  const uint64_t end = uint64_t{p.base} + p.memory_size;
  require(p.image.size() <= p.memory_size,
          fmt::format("image of {} bytes in {} bytes of memory", p.image.size(), p.memory_size));
  require(end <= uint64_t{1} << 32, "memory ends beyond 2^32");
  require(p.descriptor_count >= 1 && p.descriptor_count <= 65535,
          fmt::format("{} descriptors, legal is 1..65535", p.descriptor_count));
  require(p.descriptor_address >= p.base && p.descriptor_address % isa::kDescriptorBytes == 0 &&
              p.descriptor_address - uint64_t{p.base} +
                      uint64_t{p.descriptor_count} * isa::kDescriptorBytes <=
                  p.image.size(),
          "descriptors lie outside the image");
  require(p.images >= 1 && p.images <= Program::kMostImages,
          fmt::format("{} images, legal is 1..{}", p.images, Program::kMostImages));
  const auto maps = static_cast<int>(p.maps.size());
  require(maps % p.images == 0 && p.layers.size() % static_cast<size_t>(p.images) == 0,
          fmt::format("{} maps and {} layers for {} images, which divides not both", maps, p.layers.size(), p.images));
  require(p.input >= 0 && p.input < maps / p.images, "no such input map");
  require(p.output >= 0 && p.output < maps / p.images, "no such output map");
  check_images(p, path);
  for (const ProgramLayer& l : p.layers) {
    require(l.output >= -1 && l.output < maps, fmt::format("layer '{}' has no output map", l.name));
    for (const int64_t v : {l.in_channels, l.out_channels, l.out_height, l.out_width, l.kernel_h, l.kernel_w, l.macs_dense, l.macs_kept,
                            l.array_cycles, l.ideal_cycles, l.weight_bytes, l.index_bytes, l.read_bytes, l.write_bytes}) {
      require(v >= 0 && v < int64_t{1} << 48, fmt::format("layer '{}' counts {} of something, legal is 0..2^48 - 1", l.name, v));
    }
  }
  for (const FeatureMap& m : p.maps) {
    constexpr int64_t kMost = 1 << 24;
    require(m.channels >= 1 && m.height >= 1 && m.width >= 1 && m.channels <= kMost &&
                m.height <= kMost && m.width <= kMost && m.address >= p.base,
            fmt::format("map '{}' has a bad shape or address", m.name));
    // A plane holds B bytes per pixel; B divides the stride.
    const int64_t pixels = m.height * m.width;
    require(m.plane_stride > 0 && m.plane_stride % pixels == 0,
            fmt::format("map '{}' has a bad plane stride", m.name));
    const int64_t block = m.plane_stride / pixels;
    const auto planes = static_cast<uint64_t>((m.channels + block - 1) / block);
    require(m.address + planes * m.plane_stride <= end,
            fmt::format("map '{}' lies outside the memory", m.name));
  }
}

int64_t block_bytes(const FeatureMap& map, const Config& config) {
  const int64_t b = config.block_bytes();
  if (int64_t{map.plane_stride} != map.height * map.width * b) {
    throw_input("map '{}': plane stride {} does not suit configuration '{}' ({} channels a block)",
                map.name, map.plane_stride, config.name, b);
  }
  return b;
}

}  // namespace

void write_program(const Program& program, const std::string& path) {
  const std::string meta = write_metadata(program);
  std::string out(kMagic, 4);
  put32(out, Program::kFormatVersion);
  put32(out, program.config_hash);
  put32(out, static_cast<uint32_t>(meta.size()));
  put32(out, static_cast<uint32_t>(program.image.size()));
  put32(out, 0);
  put32(out, 0);
  put32(out, crc(out.data(), out.size()));
  out += meta;
  out.append(reinterpret_cast<const char*>(program.image.data()), program.image.size());
  put32(out, crc(out.data(), out.size()));

  write_whole_file(path, out);
}

Program read_program(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw_input("{}: cannot open the program file", path);
  std::string in(kHeaderBytes, '\0');
  file.read(in.data(), static_cast<std::streamsize>(kHeaderBytes));
  if (file.gcount() < 4 || std::memcmp(in.data(), kMagic, 4) != 0) {
    throw_input("{}: not a program file (magic AAPP missing)", path);
  }
  if (file.gcount() < static_cast<std::streamsize>(kHeaderBytes)) {
    throw_input("{}: program file truncated in its header", path);
  }
  if (get32(in, 4) != Program::kFormatVersion) {
    throw_input("{}: program file has format version {}, this tool reads {}", path, get32(in, 4),
                Program::kFormatVersion);
  }
  if (crc(in.data(), kHeaderBytes - 4) != get32(in, kHeaderBytes - 4)) {
    throw_input("{}: program file has a damaged header (checksum)", path);
  }
  const uint64_t meta = get32(in, 12), image = get32(in, 16);
  file.seekg(0, std::ios::end);
  const auto size = static_cast<uint64_t>(file.tellg());
  const uint64_t expected = kHeaderBytes + meta + image + 4;
  if (meta > kMostJson || size != expected) {
    throw_input("{}: program file has {} bytes, its header says {}{}", path, size, expected,
                size < expected ? " (truncated)" : "");
  }
  in.resize(expected);
  file.seekg(0);
  file.read(in.data(), static_cast<std::streamsize>(expected));
  if (!file) throw_input("{}: cannot read the program file", path);
  if (crc(in.data(), expected - 4) != get32(in, expected - 4)) {
    throw_input("{}: program file is damaged (checksum)", path);
  }
  Program program;
  program.config_hash = get32(in, 8);
  read_metadata(in.substr(kHeaderBytes, meta), program, path);
  const auto* bytes = reinterpret_cast<const uint8_t*>(in.data()) + kHeaderBytes + meta;
  program.image.assign(bytes, bytes + image);
  check_sizes(program, path);
  return program;
}

void require_config(const Program& program, const Config& config) {
  if (program.config_hash == config.hash()) return;
  throw_input("program for configuration '{}' (hash {:08x}) on configuration '{}' (hash {:08x})",
              program.config_name, program.config_hash, config.name, config.hash());
}

void require_network(const Program& program, const QNetwork& network) {
  for (const FeatureMap& m : program.maps) {
    if (m.tensor == -1) continue;
    if (m.tensor < 0 || static_cast<size_t>(m.tensor) >= network.tensors.size()) {
      throw_input("map '{}' is tensor {}, network '{}' has {}: the program was made from another network",
                  m.name, m.tensor, network.name, network.tensors.size());
    }
    const QTensorInfo& t = network.tensors[static_cast<size_t>(m.tensor)];
    if (m.channels != t.channels || m.height != t.height || m.width != t.width) {
      throw_input("map '{}' is {}x{}x{}, tensor '{}' of network '{}' {}x{}x{}: the program was made from another network",
                  m.name, m.channels, m.height, m.width, t.name, network.name, t.channels, t.height, t.width);
    }
  }
}

void place_tensor(const FeatureMap& map, const Config& config, const Int8Tensor& chw,
                  uint8_t* memory) {
  const int64_t b = block_bytes(map, config), pixels = map.height * map.width;
  if (chw.shape != Shape{map.channels, map.height, map.width}) {
    throw_input("map '{}': tensor of {} values where [{}, {}, {}] is expected", map.name,
                chw.size(), map.channels, map.height, map.width);
  }
  for (int64_t c = 0; c < map.channels; ++c) {
    uint8_t* plane = memory + (map.address - map.base) + c / b * map.plane_stride + c % b;
    for (int64_t p = 0; p < pixels; ++p) {
      plane[p * b] = static_cast<uint8_t>(chw.data[static_cast<size_t>(c * pixels + p)]);
    }
  }
}

Int8Tensor fetch_tensor(const FeatureMap& map, const Config& config, const uint8_t* memory) {
  const int64_t b = block_bytes(map, config), pixels = map.height * map.width;
  Int8Tensor chw({map.channels, map.height, map.width});
  for (int64_t c = 0; c < map.channels; ++c) {
    const uint8_t* plane = memory + (map.address - map.base) + c / b * map.plane_stride + c % b;
    for (int64_t p = 0; p < pixels; ++p) {
      chw.data[static_cast<size_t>(c * pixels + p)] = static_cast<int8_t>(plane[p * b]);
    }
  }
  return chw;
}

}  // namespace aap
