// SPDX-License-Identifier: Apache-2.0
// Messages of errors as a user sees them: one printable line that names the file.
#pragma once

#include <cstdint>
#include <string>

#include "model/error.h"

namespace aap {

// Longest message: names and values come from files that may be hostile.
constexpr size_t kMostMessage = 16384;

// The text as one line that a terminal shows as it is: control characters, line and paragraph
// separators, changes of writing direction and bytes that are not UTF-8 become \xNN, and what is
// beyond kMostMessage bytes is cut. Text that is so already stays as it is.
inline std::string printable(const std::string& text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(i < text.size() ? text[i] : 0); };
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const uint8_t b = byte(i);
    const size_t n = b < 0x80 ? 1 : (b & 0xe0) == 0xc0 ? 2 : (b & 0xf0) == 0xe0 ? 3 : (b & 0xf8) == 0xf0 ? 4 : 0;
    uint32_t code = n == 1 ? b : n == 0 ? 0 : b & (0xffU >> (n + 1));
    bool good = n != 0;
    for (size_t k = 1; k < n; ++k) {
      good = good && (byte(i + k) & 0xc0) == 0x80;
      code = code << 6 | (byte(i + k) & 0x3fU);
    }
    static constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};  // shortest form only
    good = good && code >= kLeast[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) &&
           code >= 0x20 && (code < 0x7f || code > 0x9f) && (code < 0x2028 || code > 0x202e) &&
           (code < 0x2066 || code > 0x2069);
    if (good) {
      out.append(text, i, n);
      i += n;
    } else {
      out += fmt::format("\\x{:02x}", b);
      ++i;
    }
    if (out.size() > kMostMessage) {
      size_t cut = kMostMessage - 40;
      while ((static_cast<uint8_t>(out[cut]) & 0xc0) == 0x80) --cut;  // not within a character
      return out.substr(0, cut) + fmt::format(" ... ({} bytes in all)", text.size());
    }
  }
  return out;
}

// f(), whose errors name the file: those that do not yet get "file: " in front.
template <typename Function>
auto in_file(const std::string& file, Function&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const InputError& error) {
    const std::string text = error.what();
    if (text.find(printable(file)) != std::string::npos) throw;
    throw_input("{}: {}", file, text);
  }
}

}  // namespace aap
