// SPDX-License-Identifier: Apache-2.0
// Float32 and int8 arrays in numpy's .npy format (version 1), for oracles in tests.
#pragma once

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "model/tensor.h"

namespace aap::test {

template <typename T>
Tensor<T> read_npy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0) throw_input("{}: not npy", path);
  const size_t length = static_cast<uint8_t>(bytes[8]) + 256U * static_cast<uint8_t>(bytes[9]);
  const std::string header = bytes.substr(10, length);
  const char* type = std::is_same_v<T, float> ? "<f4" : "|i1";
  if (header.find(type) == std::string::npos) throw_input("{}: is not {}", path, type);
  Shape shape;
  size_t at = header.find('(') + 1;
  while (header[at] != ')') {
    size_t used = 0;
    shape.push_back(std::stoll(header.substr(at), &used));
    at += used;
    while (header[at] == ',' || header[at] == ' ') ++at;
  }
  Tensor<T> tensor(shape);
  if (bytes.size() != 10 + length + tensor.data.size() * sizeof(T)) throw_input("{}: size", path);
  std::memcpy(tensor.data.data(), bytes.data() + 10 + length, tensor.data.size() * sizeof(T));
  return tensor;
}

}  // namespace aap::test
