// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "verif/hostile/mutate.h"

namespace aap::hostile {
namespace {

constexpr size_t kCifarRecord = 1 + 3 * 32 * 32;

// An npy file, version 1, of a header and values, the header's length as it must be.
std::string npy_file(const std::string& header, const std::string& values) {
  std::string s = std::string("\x93NUMPY\1\0", 8);
  s += static_cast<char>(header.size() & 0xff);
  s += static_cast<char>(header.size() >> 8 & 0xff);
  return s + header + values;
}

const std::vector<std::string>& npy_types() {
  static const std::vector<std::string> kValues = {
      "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<f16", "<c8",  ">i4", ">f4",
      "|O",  "|S4", "<U4", "|b1", "<M8[ns]", "|V8", "", "<", "f", "<f99999999999", "a\nb", "\x1b[31m", "\xff"};
  return kValues;
}

const std::vector<std::string>& npy_shapes() {
  static const std::vector<std::string> kValues = {
      "()", "(0,)", "(0, 4, 6, 6)", "(2, 0)", "(-1,)", "(1)", "(2,", "2", "(2 2)", "(1, 1, 1, 1, 1, 1, 1, 1)",
      "(1, 1, 1, 1, 1, 1, 1, 1, 1)", "(2, 2147483648)", "(2147483648, 2147483648, 4)", "(4294967296, 4294967296)",
      "(9223372036854775807,)", "(18446744073709551617,)", "(100000, 1000000)", "(99999999999, 0)",
      "(0, 999999999999, 999999999999)", "(1e3,)", "(2.0,)", "(0x2,)", "(02,)", "('2',)", "(2L,)", "((2,),)", "None",
      "[2]", "(" + std::string(30000, '1') + ",)", "(" + std::string(30000, ',') + ")"};
  return kValues;
}

}  // namespace

void mutate_records(std::string& bytes, Pick& pick) {
  const std::string old = bytes;
  for (size_t at = 0; at < old.size(); at += kCifarRecord) {
    for (int label = 0; label < 256; ++label) {
      if (!pick.hit()) continue;
      pick.what = fmt::format("label {} becomes {}", at / kCifarRecord, label);
      bytes[at] = static_cast<char>(label);
    }
    for (size_t n : {size_t{1}, size_t{2}, size_t{3072}, size_t{3073}}) {
      if (pick.hit()) {
        pick.what = fmt::format("{} bytes of record {} removed", n, at / kCifarRecord);
        bytes = old.substr(0, at) + old.substr(std::min(old.size(), at + n));
      }
      if (pick.hit()) {
        pick.what = fmt::format("{} bytes of record {} doubled", n, at / kCifarRecord);
        bytes = old.substr(0, at) + old.substr(at, n) + old.substr(at);
      }
    }
  }
  if (pick.hit()) {
    pick.what = "no records";
    bytes.clear();
  }
  if (pick.hit()) {
    pick.what = "500 times as many records";
    for (int i = 1; i < 500; ++i) bytes += old;
  }
  // Other formats without their second file.
  for (const std::string& magic : {std::string("\x93NUMPY"), std::string("\x1f\x8b\x08"), std::string("\0\0\x08\x03", 4)}) {
    if (!pick.hit()) continue;
    pick.what = "the beginning of another format";
    bytes.replace(0, magic.size(), magic);
  }
}

void mutate_npy(std::string& bytes, Pick& pick) {
  const std::string old = bytes;
  const size_t start = 10;
  if (old.size() < start) return;  // an earlier change broke it
  const size_t length = static_cast<uint8_t>(old[8]) | static_cast<size_t>(static_cast<uint8_t>(old[9])) << 8;
  if (old.size() < start + length) return;
  const std::string header = old.substr(start, length), values = old.substr(start + length);
  const auto entry = [&](const std::string& key, const std::string& what, const std::string& text) {
    if (!pick.hit()) return;
    pick.what = fmt::format("'{}' {}", key, what);
    const size_t at = header.find("'" + key + "':");
    if (at == std::string::npos) return;
    size_t end = header.find(key == "shape" ? "), " : ", ", at);
    end = end == std::string::npos ? header.size() : end + (key == "shape" ? 3 : 2);
    bytes = npy_file(header.substr(0, at) + text + header.substr(end), values);
  };
  for (const char* key : {"descr", "fortran_order", "shape"}) {
    const std::string name = fmt::format("'{}': ", key);
    entry(key, "removed", "");
    entry(key, "twice", name + "0, " + name + "0, ");
    entry(key, "without a value", name);
    entry(key, "in capitals", "'" + std::string("X") + key + "': 0, ");
    for (const char* v : {"None", "True", "False", "0", "1", "''", "'", "()", "(", "{}", "[('a', '<f4')]", "#", "\n"}) {
      entry(key, fmt::format("becomes {}", v), name + v + ", ");
    }
  }
  for (const std::string& v : npy_types()) entry("descr", "becomes '" + v + "'", "'descr': '" + v + "', ");
  for (size_t i = 0; i < npy_shapes().size(); ++i) {
    entry("shape", fmt::format("becomes nasty value {}", i), "'shape': " + npy_shapes()[i] + ", ");
  }
  const auto filled = [&](const char* what, auto value) {
    if (!pick.hit()) return;
    pick.what = what;
    for (size_t at = start + length; at + sizeof value <= bytes.size(); at += sizeof value) {
      std::memcpy(&bytes[at], &value, sizeof value);
    }
  };
  filled("all floats become NaN", NAN);
  filled("all floats become infinite", INFINITY);
  filled("all floats become huge", 3.4e38F);
  filled("all floats become denormal", 1e-45F);
  filled("all int64 become -1", int64_t{-1});
  filled("all int64 become 256", int64_t{256});
  filled("all int64 become the lowest", INT64_MIN);
  filled("all int64 become 2^53 + 1", (int64_t{1} << 53) + 1);
}

}  // namespace aap::hostile
