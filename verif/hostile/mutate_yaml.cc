// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <sstream>

#include "verif/hostile/mutate.h"

namespace aap::hostile {
namespace {

std::string repeat(const std::string& s, size_t n) {
  std::string out;
  out.reserve(s.size() * n);
  for (size_t i = 0; i < n; ++i) out += s;
  return out;
}

const std::vector<std::string>& nasty_values() {
  static const std::vector<std::string> kValues = {
      "", "0", "-1", "-0", "1", "2", "3", "7", "010", "0x10", "1e3", "1.0", "+4", "4 ", "4_0", "16384", "32768",
      "65536", "2147483647", "2147483648", "-2147483648", "9223372036854775807",
      "18446744073709551616", "999999999999999999", std::string(400, '9'), ".nan", ".inf", "~",
      "null", "true", "[16]", "{a: 16}", "[", "{", "\"", "'", "\"\\x10\"", "\"a\\nb\"", "\"\\e[31m\"", "|\n  16", ">\n  16",
      "&a 16", "*a", "&a [*a]", "!!int 16", "!!binary AAAA", "!<x> 16", "# 16", "16 # x", "\x01", "\xff\xfe", "\t16",
      "- 16", "? 16", "%16", "@16", "`16", "16: 17", std::string("1\0006", 3), std::string(100000, 'x')};
  return kValues;
}

std::string join(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& l : lines) out += l + "\n";
  return out;
}

// Files that are YAML, or nearly, and no map of scalars.
const std::vector<std::pair<std::string, std::string>>& whole_files() {
  static const std::vector<std::pair<std::string, std::string>> kFiles = [] {
    std::vector<std::pair<std::string, std::string>> f;
    f.emplace_back("empty", "");
    f.emplace_back("only a comment", "# nothing\n");
    for (const char* open : {"[", "{", "{a: ", "[[a, ", "- ", "? ", "&a [", "!!x [", "- - a: "}) {
      for (size_t n : {size_t{10}, size_t{2000}, size_t{200000}}) {
        f.emplace_back(fmt::format("'{}' {} times", open, n), repeat(open, n));
      }
    }
    std::string deep;
    for (size_t i = 0; i < 700; ++i) deep += std::string(i, ' ') + "a:\n";
    f.emplace_back("maps nested by 700 indentations", deep);
    std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
      laughs += fmt::format("a{}: &a{} [", i, i) + repeat(fmt::format("*a{}, ", i - 1), 9) +
                fmt::format("*a{}]\n", i - 1);
    }
    f.emplace_back("a billion laughs", laughs);
    f.emplace_back("an anchor within itself", "name: &a\n  b: *a\n");
    f.emplace_back("a merge key", "x: &x {group: 16}\n<<: *x\n");
    f.emplace_back("two documents", "group: 16\n---\ngroup: 8\n");
    f.emplace_back("a directive", "%YAML 9.9\n---\ngroup: 16\n");
    f.emplace_back("a byte order mark", "\xef\xbb\xbfgroup: 16\n");
    f.emplace_back("UTF-16", std::string("\xff\xfeg\0r\0", 6));
    f.emplace_back("a list", "- group\n- 16\n");
    f.emplace_back("a scalar", "16\n");
    f.emplace_back("a map as key", "? {a: b}\n: 16\n");
    f.emplace_back("a null key", "~: 16\n");
    f.emplace_back("a key with a newline", "\"a\\nb\": 16\n");
    f.emplace_back("a key with an escape", "\"\\e[31m\": 16\n");
    f.emplace_back("1 MiB of a", std::string(1 << 20, 'a'));
    f.emplace_back("1 MiB and one byte", std::string((1 << 20) + 1, 'a'));
    f.emplace_back("1 MiB of newlines", std::string(1 << 20, '\n'));
    f.emplace_back("1 MiB of colons", repeat(": ", 1 << 19));
    f.emplace_back("1 MiB of commas", "[" + std::string(1 << 19, ','));
    std::string keys;
    for (int i = 0; i < 40000; ++i) keys += fmt::format("k{}: {}\n", i, i);
    f.emplace_back("40000 keys", keys);
    f.emplace_back("an unclosed quote", "name: \"" + std::string(100000, 'x'));
    f.emplace_back("a carriage return", "group: 16\rname: x\r");
    return f;
  }();
  return kFiles;
}

}  // namespace

void mutate_yaml(std::string& bytes, Pick& pick) {
  std::vector<std::string> lines;
  std::istringstream in(bytes);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const auto offer = [&](size_t line, const std::string& what) {
    if (!pick.hit()) return false;
    pick.what = fmt::format("line {}: {}", line + 1, what);
    return true;
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    auto changed = lines;
    const auto set = [&](const std::string& line) {
      changed[i] = line;
      bytes = join(changed);
    };
    const size_t colon = lines[i].find(':');
    if (offer(i, "removed")) {
      changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
      bytes = join(changed);
    }
    if (offer(i, "doubled")) set(lines[i] + "\n" + lines[i]);
    if (offer(i, "indented")) set(" " + lines[i]);
    if (offer(i, "indented by a tab")) set("\t" + lines[i]);
    if (colon == std::string::npos) continue;
    const std::string key = lines[i].substr(0, colon), value = lines[i].substr(colon + 1);
    if (offer(i, "key in capitals")) set("X" + key + ":" + value);
    if (offer(i, "key quoted")) set("\"" + key + "\":" + value);
    if (offer(i, "key tagged")) set("!!str " + key + ":" + value);
    if (offer(i, "no colon")) set(key + value);
    for (size_t v = 0; v < nasty_values().size(); ++v) {
      if (offer(i, fmt::format("'{}' becomes nasty value {}", key, v))) {
        set(key + ": " + nasty_values()[v]);
      }
      if (v % 4 == 0 && offer(i, fmt::format("key '{}' becomes nasty value {}", key, v))) {
        set(nasty_values()[v] + ":" + value);
      }
    }
  }
  for (const auto& [what, text] : whole_files()) {
    if (pick.hit()) {
      pick.what = what;
      bytes = text;
    }
    if (pick.hit()) {
      pick.what = what + ", behind the file";
      bytes += text;
    }
  }
}

}  // namespace aap::hostile
