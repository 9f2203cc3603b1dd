// SPDX-License-Identifier: Apache-2.0
#include "verif/differential/npy.h"

#include <cstring>
#include <fstream>
#include <iterator>

#include "model/whole_file.h"

namespace aap::differential {
namespace {

constexpr char kMagic[] = "\x93NUMPY\x01\x00";
constexpr size_t kMagicBytes = 8, kHeadBytes = 10;

std::string field(const std::string& header, const std::string& key, const std::string& path) {
  const size_t at = header.find("'" + key + "':");
  if (at == std::string::npos) throw_input("{}: npy header has no '{}'", path, key);
  size_t begin = at + key.size() + 3;
  while (begin < header.size() && header[begin] == ' ') ++begin;
  const size_t end = header[begin] == '(' ? header.find(')', begin) : header.find(',', begin);
  if (end == std::string::npos) throw_input("{}: npy header is cut off", path);
  return header.substr(begin, end - begin);
}

template <typename T>
Tensor<T> values_of(const Shape& shape, const std::string& bytes, size_t offset,
                    const std::string& path) {
  const auto count = static_cast<size_t>(element_count(shape));
  if (bytes.size() - offset != count * sizeof(T)) {
    throw_input("{}: has {} bytes of values, its shape asks for {}", path, bytes.size() - offset,
                count * sizeof(T));
  }
  std::vector<T> data(count);
  if (count != 0) std::memcpy(data.data(), bytes.data() + offset, count * sizeof(T));
  return Tensor<T>(shape, std::move(data));
}

}  // namespace

Constant read_npy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw_input("{}: cannot read", path);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() < kHeadBytes || bytes.compare(0, kMagicBytes, kMagic, kMagicBytes) != 0) {
    throw_input("{}: is not an npy file of version 1", path);
  }
  const size_t length = static_cast<unsigned char>(bytes[8]) +
                        256U * static_cast<size_t>(static_cast<unsigned char>(bytes[9]));
  if (bytes.size() < kHeadBytes + length) throw_input("{}: npy header is cut off", path);
  const std::string header = bytes.substr(kHeadBytes, length);
  if (field(header, "fortran_order", path) != "False") {
    throw_input("{}: is in Fortran order, legal is C order", path);
  }
  Shape shape;
  int64_t count = 1;
  const std::string text = field(header, "shape", path).substr(1);
  for (size_t at = 0; at < text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    const std::string number = text.substr(at, comma - at);
    if (number.find_first_not_of(" ") != std::string::npos) {
      const int64_t extent = std::strtoll(number.c_str(), nullptr, 10);
      if (extent < 0 || extent > (int64_t{1} << 31) || (count *= extent) > (int64_t{1} << 31)) {
        throw_input("{}: shape ({}) is negative or too large", path, text);
      }
      shape.push_back(extent);
    }
    at = comma + 1;
  }
  const std::string type = field(header, "descr", path);
  const size_t offset = kHeadBytes + length;
  if (type == "'<f4'") return values_of<float>(shape, bytes, offset, path);
  if (type == "'|u1'") return values_of<uint8_t>(shape, bytes, offset, path);
  if (type == "'|i1'") return values_of<int8_t>(shape, bytes, offset, path);
  throw_input("{}: has the type {}, legal is <f4, |u1, |i1", path, type);
}

void write_npy(const Constant& value, const std::string& path) {
  std::visit(
      [&](const auto& t) {
        using T = typename std::decay_t<decltype(t.data)>::value_type;
        const char* type = nullptr;
        if constexpr (std::is_same_v<T, float>) type = "<f4";
        if constexpr (std::is_same_v<T, uint8_t>) type = "|u1";
        if constexpr (std::is_same_v<T, int8_t>) type = "|i1";
        if (type == nullptr) throw_input("{}: only float, uint8 and int8 are written", path);
        std::string header =
            fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},), }}", type,
                        fmt::join(t.shape, ", "));
        header.append(64 - (kHeadBytes + header.size() + 1) % 64, ' ');
        header += '\n';
        std::string bytes(kMagic, kMagicBytes);
        bytes += static_cast<char>(header.size() % 256);
        bytes += static_cast<char>(header.size() / 256);
        bytes += header;
        bytes.append(reinterpret_cast<const char*>(t.data.data()), t.data.size() * sizeof(T));
        write_whole_file(path, bytes);
      },
      value);
}

}  // namespace aap::differential
