// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <zlib.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "model/error.h"
#include "model/whole_file.h"

namespace aap {
namespace {

constexpr char kMagic[8] = {'A', 'A', 'P', 'C', 'K', 'P', 'T', '1'};
constexpr size_t kHeader = sizeof(kMagic) + sizeof(uint64_t);
constexpr uint64_t kMaxPayload = uint64_t{1} << 30U;

class Writer {
 public:
  template <typename T>
  void number(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes.append(raw, sizeof(T));
  }
  void text(const std::string& value) {
    number<uint64_t>(value.size());
    bytes += value;
  }
  std::string bytes;
};

class Reader {
 public:
  Reader(const std::string& path, const char* data, size_t size)
      : path_(path), p_(data), left_(size) {}

  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  std::string text() {
    const auto size = number<uint64_t>();
    return std::string(take(size), size);
  }
  FloatTensor tensor() {
    const auto rank = number<uint64_t>();
    if (rank > 8) fail();
    Shape shape(rank);
    uint64_t count = 1;
    for (int64_t& extent : shape) {
      extent = number<int64_t>();
      if (extent < 0 || static_cast<uint64_t>(extent) > left_) fail();
      count *= static_cast<uint64_t>(extent);
      if (count > left_ / sizeof(float)) fail();
    }
    FloatTensor tensor(shape);
    std::memcpy(tensor.data.data(), take(count * sizeof(float)), count * sizeof(float));
    return tensor;
  }
  bool empty() const { return left_ == 0; }
  [[noreturn]] void fail() const { throw_input("{}: checkpoint is damaged", path_); }

 private:
  const char* take(uint64_t size) {
    if (size > left_) fail();
    const char* at = p_;
    p_ += size;
    left_ -= size;
    return at;
  }
  const std::string& path_;
  const char* p_;
  size_t left_;
};

uint32_t crc(const char* data, size_t size) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const unsigned char*>(data), size));
}

}  // namespace

void write_checkpoint(const Checkpoint& checkpoint, const std::string& path) {
  Writer payload;
  payload.number<uint64_t>(checkpoint.options.size());
  for (const auto& [key, value] : checkpoint.options) {
    payload.text(key);
    payload.text(value);
  }
  payload.number<uint64_t>(checkpoint.epochs.size());
  for (const EpochResult& e : checkpoint.epochs) {
    for (const double value : {e.loss, e.train_accuracy, e.test_accuracy, e.seconds}) {
      payload.number(value);
    }
  }
  payload.number<uint64_t>(checkpoint.tensors.size());
  for (const auto& [name, tensor] : checkpoint.tensors) {
    payload.text(name);
    payload.number<uint64_t>(tensor.shape.size());
    for (const int64_t extent : tensor.shape) payload.number(extent);
    payload.bytes.append(reinterpret_cast<const char*>(tensor.data.data()),
                         tensor.data.size() * sizeof(float));
  }
  Writer file;
  file.bytes.assign(kMagic, sizeof(kMagic));
  file.number<uint64_t>(payload.bytes.size());
  file.bytes += payload.bytes;
  file.number<uint32_t>(crc(payload.bytes.data(), payload.bytes.size()));

  write_whole_file(path, file.bytes);
}

Checkpoint read_checkpoint(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw_input("{}: cannot open the checkpoint", path);
  const auto end = in.tellg();
  const auto size = end < 0 ? uint64_t{0} : static_cast<uint64_t>(end);
  if (size < kHeader + sizeof(uint32_t)) {
    throw_input("{}: checkpoint is truncated ({} bytes)", path, size);
  }
  if (size > kMaxPayload) throw_input("{}: {} bytes are too many for a checkpoint", path, size);
  std::string bytes(size, '\0');
  in.seekg(0);
  if (!in.read(bytes.data(), static_cast<std::streamsize>(size))) {
    throw_input("{}: cannot read the checkpoint", path);
  }
  if (std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) != 0) {
    throw_input("{}: is not a checkpoint of aap train", path);
  }
  uint64_t stated = 0;
  std::memcpy(&stated, bytes.data() + sizeof(kMagic), sizeof(stated));
  const uint64_t present = size - kHeader - sizeof(uint32_t);
  if (stated != present) {
    throw_input("{}: checkpoint is truncated or extended: states {} bytes, holds {}", path, stated,
                present);
  }
  uint32_t stated_crc = 0;
  std::memcpy(&stated_crc, bytes.data() + kHeader + present, sizeof(stated_crc));
  if (stated_crc != crc(bytes.data() + kHeader, present)) {
    throw_input("{}: checkpoint is damaged (checksum differs)", path);
  }

  Reader r(path, bytes.data() + kHeader, present);
  Checkpoint checkpoint;
  for (auto n = r.number<uint64_t>(); n > 0; --n) {
    const std::string key = r.text();
    checkpoint.options[key] = r.text();
  }
  for (auto n = r.number<uint64_t>(); n > 0; --n) {
    EpochResult e;
    for (double* value : {&e.loss, &e.train_accuracy, &e.test_accuracy, &e.seconds}) {
      *value = r.number<double>();
    }
    checkpoint.epochs.push_back(e);
  }
  for (auto n = r.number<uint64_t>(); n > 0; --n) {
    const std::string name = r.text();
    checkpoint.tensors[name] = r.tensor();
  }
  if (!r.empty()) r.fail();
  return checkpoint;
}

}  // namespace aap
