// SPDX-License-Identifier: Apache-2.0
// The one exception type of the project. Libraries throw it; only cli/ turns it into a line and an
// exit code.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace aap {

// Bad input: a file, key, layer, parameter or value that the caller gave. what() is one line that
// names the place and the legal range. The command line ends with exit code 2.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// throw_input("{}: key '{}' is {}, legal is {}..{}", file, key, v, lo, hi)
template <typename... Args>
[[noreturn]] void throw_input(fmt::format_string<Args...> text, Args&&... args) {
  throw InputError(fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace aap
