// SPDX-License-Identifier: Apache-2.0
#include "verif/programs/kept.h"

#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "compile/program.h"
#include "model/error.h"
#include "spec/strict_yaml.h"

namespace aap::verif {

std::vector<KeptTensor> read_tensors(const std::string& path) {
  std::istringstream in(read_text_file(path));
  std::vector<KeptTensor> tensors;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    KeptTensor t;
    Shape shape(3);
    std::string hex;
    words >> t.name >> shape[0] >> shape[1] >> shape[2] >> hex;
    const bool sane = words && shape[0] > 0 && shape[1] > 0 && shape[2] > 0 &&
                      shape[0] <= 4096 && shape[1] <= 4096 && shape[2] <= 4096;
    if (!sane || static_cast<int64_t>(hex.size()) != 2 * element_count(shape) ||
        hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
      throw_input("{}: line {}: legal is a name, C, H, W and two digits a value", path, number);
    }
    t.values = Int8Tensor(shape);
    for (size_t i = 0; i < t.values.data.size(); ++i) {
      t.values.data[i] = static_cast<int8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
    }
    tensors.push_back(std::move(t));
  }
  if (tensors.size() < 2) throw_input("{}: holds no input and output", path);
  return tensors;
}

std::string write_tensors(const std::vector<KeptTensor>& tensors) {
  std::string text = "# name C H W values\n";
  for (const KeptTensor& t : tensors) {
    text += fmt::format("{} {} ", t.name, fmt::join(t.values.shape, " "));
    for (int8_t v : t.values.data) text += fmt::format("{:02x}", static_cast<uint8_t>(v));
    text += '\n';
  }
  return text;
}

std::vector<std::string> kept_programs(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".aap") paths.push_back(entry.path().string());
  }
  if (error) throw_input("{}: cannot be listed: {}", folder, error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string kept_name(const std::string& network, const Config& config) {
  return fmt::format("{}_{}_v{}_{:08x}", network, config.name, Program::kFormatVersion,
                     config.hash());
}

uint32_t file_sum(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  // A program ends with its CRC-32, which makes the CRC-32 of every one the same.
  return static_cast<uint32_t>(adler32(1, reinterpret_cast<const Bytef*>(bytes.data()),
                                       static_cast<uInt>(bytes.size())));
}

void note_sums(const std::string& stem) {
  std::ofstream list(std::string(kKeptFolder) + "/ADLER32", std::ios::app);
  for (const char* extension : {".aap", ".txt"}) {
    list << fmt::format("{:08x} {}\n", file_sum(stem + extension),
                        std::filesystem::path(stem + extension).filename().string());
  }
}

}  // namespace aap::verif
