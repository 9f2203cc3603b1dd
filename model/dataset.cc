// SPDX-License-Identifier: Apache-2.0
#include "model/dataset.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

namespace aap {
namespace {

constexpr int64_t kMaxImages = 10'000'000;
constexpr int64_t kMaxExtent = 4096;
constexpr int64_t kMaxBytes = int64_t{1} << 31;

// A plain or gzip-compressed file; zlib reads both.
class GzReader {
 public:
  explicit GzReader(const std::string& path) : path_(path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) throw_input("{}: no such file", path);
    file_.reset(gzopen(path.c_str(), "rb"));
    if (!file_) throw_input("{}: cannot open", path);
  }

  void read(uint8_t* out, int64_t count, const char* field) {
    while (count > 0) {
      const int n =
          gzread(file_.get(), out, static_cast<unsigned>(std::min<int64_t>(count, 1 << 24)));
      if (n <= 0) throw_input("{}: {}: file is truncated or damaged", path_, field);
      out += n;
      count -= n;
    }
  }

  uint32_t read_u32(const char* field) {
    std::array<uint8_t, 4> b{};
    read(b.data(), 4, field);
    return uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | b[3];
  }

  // The end of the file, with its gzip check sum.
  void expect_end() {
    uint8_t byte = 0;
    const int n = gzread(file_.get(), &byte, 1);
    if (n > 0) throw_input("{}: has bytes after its data", path_);
    int code = Z_OK;
    gzerror(file_.get(), &code);
    if (n < 0 || (code != Z_OK && code != Z_STREAM_END)) {
      throw_input("{}: end of file is damaged", path_);
    }
  }

 private:
  struct Close {
    void operator()(gzFile_s* f) const { gzclose(f); }
  };
  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

// Reads `count` bytes in pieces, so that a header that promises too much costs no memory.
std::vector<uint8_t> read_bytes(GzReader& reader, int64_t count, const char* field) {
  std::vector<uint8_t> bytes;
  while (static_cast<int64_t>(bytes.size()) < count) {
    const int64_t piece = std::min<int64_t>(count - static_cast<int64_t>(bytes.size()), 1 << 24);
    bytes.resize(bytes.size() + static_cast<size_t>(piece));
    reader.read(bytes.data() + bytes.size() - piece, piece, field);
  }
  return bytes;
}

int64_t read_extent(GzReader& reader, const std::string& path, const char* field, int64_t limit) {
  const int64_t v = reader.read_u32(field);
  if (v < 1 || v > limit) throw_input("{}: {} is {}, legal is 1..{}", path, field, v, limit);
  return v;
}

}  // namespace

FloatTensor Dataset::batch(int64_t first, int64_t n, const Preprocessing& of_network) const {
  if (first < 0 || n < 0 || first > count() || n > count() - first) {
    throw_input("data set '{}': images {}..{} asked for, there are {}", name, first, first + n - 1,
                count());
  }
  if (kind == DataKind::kInt8) {
    throw_input("data set '{}': int8 inputs are for networks with an integer input", name);
  }
  Shape shape = {n};
  shape.insert(shape.end(), image_shape.begin(), image_shape.end());
  const int64_t size = element_count(image_shape);
  const size_t held = kind == DataKind::kFloat ? values.size() : pixels.size();
  if (static_cast<int64_t>(held) != size * count()) {
    throw_input("data set '{}': {} values, {} images need {}", name, held, count(), size * count());
  }
  FloatTensor out(shape);
  if (kind == DataKind::kFloat) {
    std::copy_n(values.begin() + first * size, n * size, out.data.begin());
    return out;
  }
  const Preprocessing& p = preprocessing_for(of_network);
  const int64_t channels = image_shape.size() == 3 ? image_shape[0] : 1;
  p.check(channels, name);
  const uint8_t* from = pixels.data() + first * size;
  float* to = out.data.data();
  for (int64_t c = 0; c < channels; ++c) {
    const std::vector<float> value = p.table(c);
    const int64_t plane = size / channels;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t k = i * size + c * plane; k < i * size + (c + 1) * plane; ++k) {
        to[k] = value[from[k]];
      }
    }
  }
  return out;
}

FloatTensor Dataset::batch(int64_t first, int64_t n, float mean, float std) const {
  return batch(first, n, Preprocessing{255.0F, {mean}, {std}});
}

Dataset Dataset::subset(int64_t first, int64_t n) const {
  if (first < 0 || n < 1 || first > count() || n > count() - first) {
    throw_input("data set '{}': images {}..{} asked for, there are {}", name, first, first + n - 1,
                count());
  }
  const int64_t size = element_count(image_shape);
  const auto cut = [](auto& v, int64_t from, int64_t count) {
    if (v.empty()) return;
    v.erase(v.begin() + from + count, v.end());
    v.erase(v.begin(), v.begin() + from);
  };
  Dataset out = *this;
  out.name = fmt::format("{}[{}..{}]", name, first, first + n - 1);
  cut(out.pixels, first * size, n * size);
  cut(out.values, first * size, n * size);
  cut(out.labels, first, n);
  return out;
}

Dataset read_idx(const std::string& images_path, const std::string& labels_path) {
  Dataset data;
  data.name = std::filesystem::path(images_path).filename().string();
  GzReader images(images_path);
  const uint32_t magic = images.read_u32("magic number");
  if (magic != 0x00000803 && magic != 0x00000804) {
    throw_input("{}: magic number is {:#010x}, legal is 0x00000803 or 0x00000804", images_path,
                magic);
  }
  const int64_t count = read_extent(images, images_path, "number of images", kMaxImages);
  const int64_t channels =
      magic == 0x00000804 ? read_extent(images, images_path, "channels", kMaxExtent) : 1;
  const int64_t height = read_extent(images, images_path, "rows", kMaxExtent);
  const int64_t width = read_extent(images, images_path, "columns", kMaxExtent);
  data.image_shape = {channels, height, width};
  if (channels * height * width > kMaxBytes / count) {
    throw_input("{}: {} images of {}x{}x{} are more than 2 GiB", images_path, count, channels,
                height, width);
  }
  data.pixels = read_bytes(images, count * channels * height * width, "pixels");
  images.expect_end();

  GzReader labels(labels_path);
  const uint32_t label_magic = labels.read_u32("magic number");
  if (label_magic != 0x00000801) {
    throw_input("{}: magic number is {:#010x}, legal is 0x00000801", labels_path, label_magic);
  }
  const int64_t label_count = read_extent(labels, labels_path, "number of labels", kMaxImages);
  if (label_count != count) {
    throw_input("{}: has {} labels, {} has {} images", labels_path, label_count, images_path,
                count);
  }
  data.labels = read_bytes(labels, count, "labels");
  labels.expect_end();
  return data;
}

Dataset fashion_mnist(const std::string& split) {
  if (split != "train" && split != "test") {
    throw_input("Fashion-MNIST: split is '{}', legal are train, test", split);
  }
  const char* chosen = std::getenv("AAP_FASHION_MNIST");
  const std::filesystem::path folder =
      chosen != nullptr && *chosen != '\0' ? chosen : "/usr/share/datasets/fashion-mnist";
  const std::string stem = split == "train" ? "train" : "t10k";
  auto file = [&](const std::string& rest) {
    std::filesystem::path path = folder / (stem + rest);
    std::error_code error;
    if (std::filesystem::exists(path, error)) return path.string();
    return path.string() + ".gz";
  };
  const std::string images = file("-images-idx3-ubyte");
  std::error_code error;
  if (!std::filesystem::exists(images, error)) {
    throw_input(
        "{}: no such file; install the Debian package dataset-fashion-mnist or set "
        "AAP_FASHION_MNIST to the folder that holds it",
        images);
  }
  Dataset data = read_idx(images, file("-labels-idx1-ubyte"));
  data.name = "fashion-mnist/" + split;
  return data;
}

}  // namespace aap
