// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE dataset
#include "model/dataset.h"

#include <unistd.h>
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace aap;

namespace {

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("aap_dataset_test_{}", getpid());
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream((path / name).string(), std::ios::binary) << bytes;
    return (path / name).string();
  }
};

std::string u32(uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

std::string images(uint32_t n, uint32_t h, uint32_t w, const std::string& pixels) {
  return u32(0x803) + u32(n) + u32(h) + u32(w) + pixels;
}

std::string labels(uint32_t n, const std::string& values) { return u32(0x801) + u32(n) + values; }

}  // namespace

BOOST_AUTO_TEST_CASE(reads_plain_and_compressed) {
  const Folder folder;
  const std::string bytes = images(2, 1, 3, std::string("\x00\x01\x02\xfd\xfe\xff", 6));
  const std::string i = folder.write("i", bytes), l = folder.write("l", labels(2, "\x07\x09"));
  const Dataset d = read_idx(i, l);
  BOOST_TEST(d.count() == 2);
  BOOST_TEST(d.image_shape == (Shape{1, 1, 3}));
  BOOST_TEST(d.labels[1] == 9);
  const FloatTensor b = d.batch(1, 1, 0.5F, 0.25F);
  BOOST_TEST(b.shape == (Shape{1, 1, 1, 3}));
  BOOST_TEST(b.data[2] == 2.0F);
  BOOST_TEST(b.data[0] == (253.0F / 255.0F - 0.5F) / 0.25F);
  BOOST_CHECK_THROW(d.batch(1, 2), InputError);
  BOOST_CHECK_THROW(d.batch(-1, 1), InputError);

  const std::string z = (folder.path / "i.gz").string();
  gzFile gz = gzopen(z.c_str(), "wb");
  gzwrite(gz, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(gz);
  BOOST_TEST((read_idx(z, l).pixels == d.pixels));
  // A compressed file cut anywhere is refused, its check sum included.
  std::ifstream file(z, std::ios::binary);
  const std::string packed((std::istreambuf_iterator<char>(file)), {});
  for (size_t n = 0; n < packed.size(); ++n) {
    BOOST_CHECK_THROW(read_idx(folder.write("cut.gz", packed.substr(0, n)), l), InputError);
  }
}

BOOST_AUTO_TEST_CASE(refuses_damage) {
  const Folder folder;
  const std::string good = images(2, 1, 2, "abcd");
  const std::string l = folder.write("l", labels(2, "ab"));
  for (size_t n = 0; n < good.size(); ++n) {
    BOOST_CHECK_THROW(read_idx(folder.write("i", good.substr(0, n)), l), InputError);
  }
  BOOST_CHECK_THROW(read_idx(folder.write("i", good + "x"), l), InputError);
  BOOST_CHECK_THROW(read_idx(folder.write("i", labels(2, "ab")), l), InputError);
  // Headers that promise more than there is take no memory for it.
  BOOST_CHECK_THROW(read_idx(folder.write("i", images(10000000, 4096, 4096, "a")), l), InputError);
  BOOST_CHECK_THROW(read_idx(folder.write("i", images(1, 4096, 4096, "a")), l), InputError);
  BOOST_CHECK_THROW(read_idx(folder.write("i", images(0, 1, 1, "")), l), InputError);
  const std::string i = folder.write("i", good);
  BOOST_CHECK_THROW(read_idx(i, folder.write("l", labels(1, "a"))), InputError);
  BOOST_CHECK_THROW(read_idx(i, (folder.path / "none").string()), InputError);
}

BOOST_AUTO_TEST_CASE(fashion) {
  BOOST_CHECK_THROW(fashion_mnist("validation"), InputError);
  Dataset d;
  try {
    d = fashion_mnist("test");
  } catch (const InputError& error) {
    BOOST_TEST_MESSAGE("SKIPPED: " << error.what());
    return;
  }
  BOOST_TEST(d.count() == 10000);
  BOOST_TEST(d.image_shape == (Shape{1, 28, 28}));
  std::vector<int> counts(10, 0);
  for (uint8_t label : d.labels) ++counts.at(label);
  for (int c : counts) BOOST_TEST(c == 1000);
}
