// SPDX-License-Identifier: Apache-2.0
// Labelled inputs in files that are not IDX.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "model/dataset.h"
#include "model/npy.h"

namespace aap {
namespace {

constexpr size_t kRecord = 1 + 3 * 32 * 32;

std::string first_bytes(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) throw_input("{}: no such file", path);
  std::ifstream file(path, std::ios::binary);
  char bytes[6] = {};
  file.read(bytes, sizeof(bytes));
  return std::string(bytes, static_cast<size_t>(file.gcount()));
}

bool is_npy(const std::string& path) { return first_bytes(path) == "\x93NUMPY"; }

}  // namespace

Dataset read_cifar10(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw_input("{}: no such file", path);
  if (size == 0 || size % kRecord != 0 || size > (uint64_t{1} << 31)) {
    throw_input("{}: has {} bytes, CIFAR-10 binary files are of records of {}; IDX and npy files need "
                "their labels in another (--labels)",
                path, size, kRecord);
  }
  std::ifstream file(path, std::ios::binary);
  Dataset data;
  data.name = std::filesystem::path(path).filename().string();
  data.image_shape = {3, 32, 32};
  std::vector<char> record(kRecord);
  for (uint64_t i = 0; i < size / kRecord; ++i) {
    if (!file.read(record.data(), static_cast<std::streamsize>(kRecord))) {
      throw_input("{}: cannot read record {}", path, i);
    }
    const auto label = static_cast<uint8_t>(record[0]);
    if (label > 9) throw_input("{}: label {} is {}, legal is 0..9", path, i, label);
    data.labels.push_back(label);
    for (size_t k = 1; k < kRecord; ++k) data.pixels.push_back(static_cast<uint8_t>(record[k]));
  }
  return data;
}

Dataset read_npy_data(const std::string& inputs_path, const std::string& labels_path) {
  Dataset data;
  data.name = std::filesystem::path(inputs_path).filename().string();
  Constant inputs = read_npy(inputs_path);
  const Shape shape = std::visit([](const auto& t) { return t.shape; }, inputs);
  if (shape.size() < 2 || shape[0] < 1 || element_count(shape) < 1) {
    throw_input("{}: shape is ({}), legal is inputs along the first dimension", inputs_path,
                fmt::join(shape, ", "));
  }
  data.image_shape = Shape(shape.begin() + 1, shape.end());
  if (auto* u = std::get_if<Tensor<uint8_t>>(&inputs)) {
    data.kind = DataKind::kBytes;
    data.pixels = std::move(u->data);
  } else if (auto* s = std::get_if<Int8Tensor>(&inputs)) {
    data.kind = DataKind::kInt8;
    data.values.assign(s->data.begin(), s->data.end());
  } else if (auto* f = std::get_if<FloatTensor>(&inputs)) {
    data.kind = DataKind::kFloat;
    data.values = std::move(f->data);
  } else {
    throw_input("{}: inputs are wider integers, legal are int8, uint8 and float", inputs_path);
  }
  const Constant labels = read_npy(labels_path);
  std::visit(
      [&](const auto& t) {
        if (t.shape != Shape{shape[0]}) {
          throw_input("{}: shape is ({}), {} has {} inputs", labels_path, fmt::join(t.shape, ", "),
                      inputs_path, shape[0]);
        }
        for (size_t i = 0; i < t.data.size(); ++i) {
          const auto label = static_cast<double>(t.data[i]);
          if (!(label >= 0 && label <= 255) || label != static_cast<double>(static_cast<int>(label))) {
            throw_input("{}: label {} is {}, legal is 0..255", labels_path, i, label);
          }
          data.labels.push_back(static_cast<uint8_t>(label));
        }
      },
      labels);
  return data;
}

Dataset read_dataset(const std::string& path, const std::string& labels_path) {
  if (is_npy(path)) {
    if (labels_path.empty()) throw_input("{}: npy files need their labels in another (--labels)", path);
    return read_npy_data(path, labels_path);
  }
  // Only CIFAR-10 has its labels inside, and nothing else tells it from IDX for certain.
  return labels_path.empty() ? read_cifar10(path) : read_idx(path, labels_path);
}

}  // namespace aap
