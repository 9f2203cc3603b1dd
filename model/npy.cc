// SPDX-License-Identifier: Apache-2.0
#include "model/npy.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <type_traits>

#include "model/whole_file.h"

namespace aap {
namespace {

constexpr size_t kMaxRank = 8;
constexpr size_t kMaxHeader = 65536;

// The value of a key in the header, which is a Python dictionary: {'descr': '<f4', 'shape': (2, 3), }
std::string field(const std::string& header, const std::string& key, const std::string& path) {
  const std::string quoted = "'" + key + "':";
  const size_t at = header.find(quoted);
  if (at == std::string::npos) throw_input("{}: header has no '{}'", path, key);
  size_t begin = header.find_first_not_of(' ', at + quoted.size());
  if (begin == std::string::npos) throw_input("{}: header ends after '{}'", path, key);
  const char open = header[begin];
  const char close = open == '(' ? ')' : open == '\'' ? '\'' : ',';
  const size_t end = header.find(close, begin + 1);
  if (end == std::string::npos) throw_input("{}: header: '{}' has no end", path, key);
  return open == '(' || open == '\'' ? header.substr(begin + 1, end - begin - 1)
                                     : header.substr(begin, end - begin);
}

Shape parse_shape(const std::string& text, int64_t most, const std::string& path) {
  Shape shape;
  int64_t count = 1;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == ' ' || text[at] == ',') {
      ++at;
      continue;
    }
    const size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    if (end == at || end - at > 12 || shape.size() == kMaxRank) {
      throw_input("{}: shape is ({}), legal are at most {} numbers", path, text, kMaxRank);
    }
    shape.push_back(std::stoll(text.substr(at, end - at)));
    at = end;
    if (shape.back() != 0 && count > most / shape.back()) {
      throw_input("{}: shape ({}) is of more values than the file holds", path, text);
    }
    count *= shape.back();
  }
  return shape;
}

template <typename From, typename To>
Constant values(const std::string& bytes, size_t at, Shape shape, const std::string& path) {
  const auto count = static_cast<size_t>(element_count(shape));
  if (bytes.size() - at != count * sizeof(From)) {
    throw_input("{}: holds {} bytes of values, its shape needs {}", path, bytes.size() - at,
                count * sizeof(From));
  }
  std::vector<To> data(count);
  for (size_t i = 0; i < count; ++i) {
    From v;
    std::memcpy(&v, bytes.data() + at + i * sizeof(From), sizeof(From));
    data[i] = static_cast<To>(v);
    if constexpr (std::is_floating_point_v<To>) {
      if (!std::isfinite(data[i])) throw_input("{}: value {} is {}, legal is a finite fp32 number", path, i, v);
    }
  }
  return Tensor<To>(std::move(shape), std::move(data));
}

}  // namespace

Constant read_npy(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) throw_input("{}: no such file", path);
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  if (!file.good() && !file.eof()) throw_input("{}: cannot read", path);
  if (bytes.size() < 12 || bytes.compare(0, 6, "\x93NUMPY") != 0) {
    throw_input("{}: is not an npy file, or is truncated", path);
  }
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(bytes[i])); };
  const size_t version = byte(6);
  if (version < 1 || version > 3) throw_input("{}: npy version is {}, legal is 1..3", path, version);
  const size_t start = version == 1 ? 10 : 12;
  size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > kMaxHeader || bytes.size() < start + length) {
    throw_input("{}: header of {} bytes, the file has {}", path, length, bytes.size());
  }
  const std::string header = bytes.substr(start, length);
  if (field(header, "fortran_order", path) != "False") {
    throw_input("{}: is in Fortran order; save it with numpy.ascontiguousarray", path);
  }
  const size_t at = start + length;
  const std::string type = field(header, "descr", path);
  Shape shape =
      parse_shape(field(header, "shape", path), static_cast<int64_t>(bytes.size() - at), path);
  if (type == "|i1") return values<int8_t, int8_t>(bytes, at, std::move(shape), path);
  if (type == "|u1") return values<uint8_t, uint8_t>(bytes, at, std::move(shape), path);
  if (type == "<i2") return values<int16_t, int32_t>(bytes, at, std::move(shape), path);
  if (type == "<u2") return values<uint16_t, int32_t>(bytes, at, std::move(shape), path);
  if (type == "<i4") return values<int32_t, int32_t>(bytes, at, std::move(shape), path);
  if (type == "<u4") return values<uint32_t, int64_t>(bytes, at, std::move(shape), path);
  if (type == "<i8") return values<int64_t, int64_t>(bytes, at, std::move(shape), path);
  if (type == "<f4") return values<float, float>(bytes, at, std::move(shape), path);
  if (type == "<f8") return values<double, float>(bytes, at, std::move(shape), path);
  throw_input("{}: type is '{}', legal are |i1, |u1, <i2, <u2, <i4, <u4, <i8, <f4, <f8", path, type);
}

void write_npy(const Constant& array, const std::string& path) {
  static const char* const kTypes[] = {"<f4", "|u1", "|i1", "<i4", "<i8"};
  std::visit(
      [&](const auto& t) {
        std::string shape;
        for (int64_t d : t.shape) shape += fmt::format("{}, ", d);
        std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                         kTypes[array.index()], shape);
        header.append(63 - (header.size() + 10) % 64, ' ');  // values begin at a multiple of 64
        header += '\n';
        std::string bytes = "\x93NUMPY\x01";
        bytes += '\0';
        bytes += static_cast<char>(header.size() & 0xff);
        bytes += static_cast<char>(header.size() >> 8);
        bytes += header;
        bytes.append(reinterpret_cast<const char*>(t.data.data()), t.data.size() * sizeof(t.data[0]));
        write_whole_file(path, bytes);
      },
      array);
}

}  // namespace aap
