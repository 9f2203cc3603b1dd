// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "compile/gen/isa.h"
#include "verif/hostile/mutate.h"

namespace aap::hostile {
namespace {

using nlohmann::json;

constexpr size_t kHeader = 32;

uint32_t get32(const std::string& s, size_t at) {
  uint32_t v = 0;
  for (size_t i = 0; i < 4; ++i) v |= uint32_t{static_cast<uint8_t>(s[at + i])} << 8 * i;
  return v;
}

void put32(std::string& s, size_t at, uint32_t v) {
  for (size_t i = 0; i < 4; ++i) s[at + i] = static_cast<char>(v >> 8 * i & 0xff);
}

uint32_t crc(const std::string& s, size_t n) {
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(s.data()), static_cast<uInt>(n)));
}

// A file whose check sums are right, whatever else is wrong.
std::string sealed(std::string s) {
  put32(s, 28, crc(s, 28));
  put32(s, s.size() - 4, crc(s, s.size() - 4));
  return s;
}

std::string assembled(const std::string& old, const std::string& meta, const std::string& image) {
  std::string s = old.substr(0, kHeader) + meta + image + "0000";
  put32(s, 12, static_cast<uint32_t>(meta.size()));
  put32(s, 16, static_cast<uint32_t>(image.size()));
  return sealed(s);
}

const std::vector<uint32_t>& nasty_words() {
  static const std::vector<uint32_t> kValues = {0, 1, 2, 15, 16, 63, 64, 0xff, 0x100, 0xffff,
                                                0x10000, 0x00ffffff, 0x7fffffff, 0x80000000,
                                                0xffffffc0, 0xffffffff};
  return kValues;
}

// JSON text for a value, as an attacker writes it.
const std::vector<std::string>& nasty_json() {
  static const std::vector<std::string> kValues = [] {
    std::vector<std::string> v = {
        "null", "true", "false", "0", "1", "-1", "64", "127", "128", "-129", "65535", "65536", "16777216", "16777217",
        "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807",
        "-9223372036854775808", "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e18", "1e308", "1e999",
        "-1e999", "0.5", "1e-320", "-0.0", "NaN", "Infinity", "\"\"", "\"4\"", "\"a\\nb\"",
        "\"\\u001b[31m\"", "\"\\u0000\"", "\"\xff\"", "\"\\ud800\"", "[]", "{}", "[1]", "[[]]",
        "[{}]", "{\"a\":1}", "01", "+1", "1.", "'a'", "", "\"", "[", "{", "\n", "\x01"};
    v.push_back("\"" + std::string(70000, 'x') + "\"");
    std::string deep(100000, '[');
    v.push_back(deep);
    v.push_back(deep + std::string(100000, ']'));
    std::string maps;
    for (int i = 0; i < 50000; ++i) maps += "{\"a\":";
    v.push_back(maps);
    return v;
  }();
  return kValues;
}

// The text with every value but one as it was; that one is a marker to be replaced.
const char* kMarker = "\"@HOSTILE@\"";

void mutate_metadata(const std::string& old, const std::string& meta, const std::string& image,
                     std::string& bytes, Pick& pick) {
  const json good = json::parse(meta);
  const json flat = good.flatten();
  for (auto it = flat.begin(); it != flat.end() && !pick.done(); ++it) {
    const json::json_pointer where(it.key());
    for (size_t v = 0; v < nasty_json().size(); ++v) {
      if (!pick.hit()) continue;
      pick.what = fmt::format("metadata {} becomes nasty value {}", it.key(), v);
      json changed = good;
      changed[where] = "@HOSTILE@";
      std::string text = changed.dump();
      text.replace(text.find(kMarker), std::string(kMarker).size(), nasty_json()[v]);
      bytes = assembled(old, text, image);
    }
    if (pick.hit()) {
      pick.what = fmt::format("metadata {} removed", it.key());
      json changed = good;
      changed[where.parent_pointer()].erase(where.back());
      bytes = assembled(old, changed.dump(), image);
    }
    if (pick.hit()) {
      pick.what = fmt::format("metadata {} twice", it.key());
      json changed = good;
      changed[where] = "@HOSTILE@";
      std::string text = changed.dump();
      const std::string value = it.value().dump();
      text.replace(text.find(kMarker), std::string(kMarker).size(),
                   value + ",\"" + where.back() + "\":" + value);
      bytes = assembled(old, text, image);
    }
  }
  for (const char* list : {"maps", "layers"}) {
    for (size_t v = 0; v < nasty_json().size() && !pick.done(); ++v) {
      if (!pick.hit()) continue;
      pick.what = fmt::format("metadata '{}' becomes nasty value {}", list, v);
      json changed = good;
      changed[list] = "@HOSTILE@";
      std::string text = changed.dump();
      text.replace(text.find(kMarker), std::string(kMarker).size(), nasty_json()[v]);
      bytes = assembled(old, text, image);
    }
    for (size_t n : {size_t{0}, size_t{10}, size_t{2000}}) {
      if (!pick.hit()) continue;
      pick.what = fmt::format("metadata '{}' has {} entries", list, n);
      json changed = good;
      const json one = changed[list].at(0);
      changed[list] = json::array();
      for (size_t i = 0; i < n; ++i) changed[list].push_back(one);
      bytes = assembled(old, changed.dump(), image);
    }
  }
  for (size_t v = 0; v < nasty_json().size() && !pick.done(); ++v) {
    if (pick.hit()) {
      pick.what = fmt::format("metadata becomes nasty value {}", v);
      bytes = assembled(old, nasty_json()[v], image);
    }
    if (pick.hit()) {
      pick.what = fmt::format("nasty value {} behind the metadata", v);
      bytes = assembled(old, meta + nasty_json()[v], image);
    }
  }
}

void mutate_image(const std::string& old, const std::string& meta, std::string image,
                  std::string& bytes, Pick& pick) {
  const json j = json::parse(meta);
  const size_t first = j.at("descriptor_address").get<size_t>() - j.at("base").get<size_t>();
  const size_t count = j.at("descriptor_count").get<size_t>();
  if (first + count * isa::kDescriptorBytes > image.size()) return;  // an earlier change broke it
  const auto check_word = [&](size_t at) {
    uint32_t x = isa::kCheckConstant;
    for (size_t w = 0; w + 1 < 16; ++w) x ^= get32(image, at + 4 * w);
    put32(image, at + 60, x);
  };
  for (size_t d = 0; d < count && !pick.done(); ++d) {
    const size_t at = first + d * isa::kDescriptorBytes;
    const std::string kept = image;
    for (size_t w = 0; w < 16; ++w) {
      const uint32_t was = get32(image, at + 4 * w);
      for (uint32_t v : nasty_words()) {
        if (!pick.hit()) continue;
        pick.what = fmt::format("descriptor {} word {} becomes {:#x}", d, w, v);
        put32(image, at + 4 * w, v);
        if (w != 15) check_word(at);
        bytes = assembled(old, meta, image);
        image = kept;
      }
      for (uint32_t bit = 0; bit < 32; ++bit) {
        if (!pick.hit()) continue;
        pick.what = fmt::format("descriptor {} word {} bit {} flipped", d, w, bit);
        put32(image, at + 4 * w, was ^ 1U << bit);
        if (w != 15) check_word(at);
        bytes = assembled(old, meta, image);
        image = kept;
      }
    }
    if (pick.hit()) {
      pick.what = fmt::format("descriptor {} exchanged with the next", d);
      const size_t other = first + (d + 1) % count * isa::kDescriptorBytes;
      const std::string a = image.substr(at, 64), b = image.substr(other, 64);
      image.replace(at, 64, b).replace(other, 64, a);
      bytes = assembled(old, meta, image);
      image = kept;
    }
  }
  // The data behind the descriptors: tables, weights and parameters of any value.
  for (size_t at = first + count * isa::kDescriptorBytes; at < image.size() && !pick.done();
       at += 64) {
    for (uint8_t v : {0x00, 0x7f, 0x80, 0xff}) {
      if (!pick.hit()) continue;
      pick.what = fmt::format("64 bytes of data at {} become {:#x}", at, v);
      std::string changed = image;
      for (size_t i = at; i < std::min(image.size(), at + 64); ++i) {
        changed[i] = static_cast<char>(v);
      }
      bytes = assembled(old, meta, changed);
    }
  }
}

}  // namespace

std::string updated_program(std::string bytes, uint32_t version, uint32_t config_hash) {
  if (bytes.size() < kHeader || bytes.compare(0, 4, "AAPP") != 0) return bytes;
  const bool header_right = get32(bytes, 28) == crc(bytes, 28);
  const bool file_right = bytes.size() >= kHeader + 4 && get32(bytes, bytes.size() - 4) == crc(bytes, bytes.size() - 4);
  put32(bytes, 4, version);
  put32(bytes, 8, config_hash);
  if (header_right) put32(bytes, 28, crc(bytes, 28));
  if (file_right) put32(bytes, bytes.size() - 4, crc(bytes, bytes.size() - 4));
  return bytes;
}

namespace {

struct Parts {
  std::string meta, image;
};

// False where an earlier change broke the file.
bool take_apart(const std::string& bytes, Parts& parts) {
  if (bytes.size() < kHeader + 4) return false;
  const size_t m = get32(bytes, 12), n = get32(bytes, 16);
  if (kHeader + m + n + 4 != bytes.size()) return false;
  parts = {bytes.substr(kHeader, m), bytes.substr(kHeader + m, n)};
  return parts.meta.size() <= 30000 && json::accept(parts.meta);  // nor is one nested by an earlier change walked
}

}  // namespace

void mutate_program_header(std::string& bytes, Pick& pick) {
  const std::string old = bytes;
  Parts parts;
  if (!take_apart(old, parts)) return;
  for (size_t word = 0; word < 8; ++word) {
    for (uint32_t v : nasty_words()) {
      for (bool seal : {false, true}) {
        if (!pick.hit()) continue;
        pick.what = fmt::format("header word {} becomes {:#x}{}", word, v, seal ? ", sealed" : "");
        put32(bytes, 4 * word, v);
        if (seal) bytes = sealed(bytes);
      }
    }
  }
  for (size_t size : {size_t{0}, size_t{1}, size_t{63}, parts.image.size() / 2, parts.image.size() + 64}) {
    if (!pick.hit()) continue;
    pick.what = fmt::format("image of {} bytes", size);
    std::string changed = parts.image;
    changed.resize(size);
    bytes = assembled(old, parts.meta, changed);
  }
}

void mutate_program_metadata(std::string& bytes, Pick& pick) {
  const std::string old = bytes;
  Parts parts;
  if (!take_apart(old, parts)) return;
  try {
    mutate_metadata(old, parts.meta, parts.image, bytes, pick);
  } catch (const json::exception&) {
    return;  // an earlier change broke it
  }
}

void mutate_program_image(std::string& bytes, Pick& pick) {
  const std::string old = bytes;
  Parts parts;
  if (!take_apart(old, parts)) return;
  try {
    mutate_image(old, parts.meta, parts.image, bytes, pick);
  } catch (const json::exception&) {
    return;  // an earlier change broke it
  }
}

}  // namespace aap::hostile
