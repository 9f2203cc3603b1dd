// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "verif/hostile/mutate.h"

namespace aap::hostile {
namespace {

const std::vector<uint32_t>& nasty_words() {
  static const std::vector<uint32_t> kValues = {
      0, 1, 2, 0x7f, 0xff, 0x100, 0xffff, 0x10000, 0x01000000, 0x7fffffff, 0x80000000, 0xffffffff};
  return kValues;
}

}  // namespace

void mutate_header(std::string& bytes, Pick& pick) {
  const std::string old = bytes;
  const size_t end = std::min<size_t>(old.size(), 128);
  for (size_t at = 0; at + 4 <= end; ++at) {
    for (uint32_t v : nasty_words()) {
      for (bool big : {false, true}) {
        if (big && at % 4 != 0) continue;
        if (!pick.hit()) continue;
        pick.what = fmt::format("{}-endian word at {} becomes {:#x}", big ? "big" : "little", at, v);
        for (size_t i = 0; i < 4; ++i) {
          bytes[at + i] = static_cast<char>(v >> 8 * (big ? 3 - i : i));
        }
      }
    }
  }
  for (size_t at = 0; at < end; ++at) {
    for (const char* text : {"-", "0", "99999999999", "(", ")", "'", ",", "\n", " ", "L"}) {
      if (!pick.hit()) continue;
      pick.what = fmt::format("byte {} becomes '{}'", at, text[0] == '\n' ? "newline" : text);
      bytes = old.substr(0, at) + text + old.substr(at + 1);
    }
  }
}

void mutate_bytes(std::string& bytes, Pick& pick) {
  const std::string old = bytes;
  // Large files at a spread of offsets only.
  const size_t step = old.size() / 1500 + 1;
  for (size_t at = 0; at < old.size(); at += step) {
    if (pick.hit()) {
      pick.what = fmt::format("cut to {} bytes", at);
      bytes = old.substr(0, at);
    }
  }
  const size_t bit_step = old.size() * 8 / 3000 + 1;
  for (size_t bit = 0; bit < old.size() * 8; bit += bit_step) {
    if (pick.hit()) {
      pick.what = fmt::format("bit {} of byte {} flipped", bit % 8, bit / 8);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    }
  }
  for (size_t at = 0; at < old.size(); at += old.size() / 60 + 1) {
    for (size_t n : {size_t{1}, size_t{4}, size_t{64}}) {
      if (pick.hit()) {
        pick.what = fmt::format("{} bytes at {} removed", n, at);
        bytes = old.substr(0, at) + old.substr(std::min(old.size(), at + n));
      }
      if (pick.hit()) {
        pick.what = fmt::format("{} bytes at {} doubled", n, at);
        bytes = old.substr(0, at) + old.substr(at, n) + old.substr(at);
      }
      if (pick.hit()) {
        pick.what = fmt::format("{} bytes at {} become 0xff", n, at);
        for (size_t i = at; i < std::min(old.size(), at + n); ++i) bytes[i] = '\xff';
      }
    }
  }
  for (size_t n : {size_t{1}, size_t{1000}, size_t{1} << 20}) {
    if (pick.hit()) {
      pick.what = fmt::format("{} zeros appended", n);
      bytes += std::string(n, '\0');
    }
  }
}

}  // namespace aap::hostile
