// SPDX-License-Identifier: Apache-2.0
#include "model/whole_file.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "model/error.h"

namespace aap {

void write_whole_file(const std::string& path, const std::string& bytes) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status target = fs::status(path, error);
  if (fs::exists(target) && !fs::is_regular_file(target)) {
    throw_input("{}: cannot write: exists and is not a regular file", path);
  }
  // Beside the target, so that the rename stays within one file system.
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code ignored;
  if (!file) {
    fs::remove(temporary, ignored);
    throw_input("{}: cannot write (directory missing, no permission or disk full)", path);
  }
  fs::rename(temporary, path, error);
  if (error) {
    fs::remove(temporary, ignored);
    throw_input("{}: cannot write: {}", path, error.message());
  }
}

}  // namespace aap
