// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE dataset
#include "model/dataset.h"
#include "model/npy.h"

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

BOOST_AUTO_TEST_CASE(cifar10_records) {
  const Folder folder;
  std::string bytes;
  for (int i = 0; i < 3; ++i) {
    bytes += static_cast<char>(i + 7);
    for (int k = 0; k < 3072; ++k) bytes += static_cast<char>(k / 1024 + 10 * i);
  }
  const Dataset d = read_dataset(folder.write("c", bytes), "");
  BOOST_TEST((d.count() == 3 && d.labels[2] == 9 && d.image_shape == (Shape{3, 32, 32})));
  const Preprocessing p{255.0F, {0.5F, 0.25F, 0.125F}, {0.5F, 0.25F, 2.0F}};
  const FloatTensor b = d.batch(1, 2, p);
  BOOST_TEST(b.data[0] == (10.0F / 255.0F - 0.5F) / 0.5F);
  BOOST_TEST(b.data[1024] == (11.0F / 255.0F - 0.25F) / 0.25F);
  BOOST_TEST(b.data[3072 + 2048] == (22.0F / 255.0F - 0.125F) / 2.0F);
  const Dataset last = d.subset(2, 1);
  BOOST_TEST((last.count() == 1 && last.labels[0] == 9 && last.pixels.size() == 3072U));
  BOOST_TEST(last.batch(0, 1, p).data[0] == (20.0F / 255.0F - 0.5F) / 0.5F);
  BOOST_CHECK_THROW(d.subset(2, 2), InputError);
  BOOST_CHECK_THROW(d.batch(0, 1, Preprocessing{255.0F, {0.0F, 0.0F}, {1.0F}}), InputError);
  BOOST_CHECK_THROW(d.batch(0, 1, Preprocessing{255.0F, {0.0F}, {0.0F}}), InputError);

  bytes.back() = 1;
  bytes[0] = 10;
  BOOST_CHECK_THROW(read_dataset(folder.write("c", bytes), ""), InputError);  // label
  bytes.pop_back();
  BOOST_CHECK_THROW(read_dataset(folder.write("c", bytes), ""), InputError);  // size
  BOOST_CHECK_THROW(read_dataset(folder.write("c", ""), ""), InputError);
}

BOOST_AUTO_TEST_CASE(npy_arrays_there_and_back) {
  const Folder folder;
  const std::string file = (folder.path / "a.npy").string();
  const std::vector<Constant> arrays = {
      FloatTensor({2, 3}, {1, 2, 3, 4, 5, -0.5F}), Tensor<uint8_t>({4}, {0, 1, 128, 255}),
      Int8Tensor({1, 2, 1}, {-128, 127}), Tensor<int32_t>(Shape{}, 70000),
      Tensor<int64_t>({2}, {int64_t{1} << 40, -1})};
  for (const Constant& a : arrays) {
    write_npy(a, file);
    BOOST_TEST((read_npy(file) == a));
    BOOST_TEST(std::filesystem::file_size(file) >= 128U);
  }
  // What numpy writes: other types, and a header that ends at 64 bytes.
  const auto numpy = [&](const std::string& header, const std::string& values) {
    std::string h = header;
    h.resize(117, ' ');
    return folder.write("n.npy", std::string("\x93NUMPY\x01\0", 8) + char(118) + '\0' + h + '\n' + values);
  };
  const std::string two = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }";
  BOOST_TEST((read_npy(numpy(two, std::string("\x01\x80\xff\x7f", 4))) ==
              Constant(Tensor<int32_t>({2}, {-32767, 32767}))));
  const std::string wide = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }";
  BOOST_TEST((read_npy(numpy(wide, std::string("\0\0\0\0\0\0\xf8\x3f", 8))) ==
              Constant(FloatTensor({1}, {1.5F}))));

  const auto refused = [&](const std::string& header, const std::string& part, const std::string& values = "12345678") {
    const std::string path = numpy(header, values);
    try {
      read_npy(path);
      BOOST_ERROR("read: " << header);
    } catch (const InputError& error) {
      const std::string text = error.what();
      BOOST_TEST(text.find(part) != std::string::npos, text);
      BOOST_TEST(text.find("n.npy") != std::string::npos, text);
    }
  };
  refused("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", "Fortran order");
  refused("{'descr': '<f2', 'fortran_order': False, 'shape': (4,), }", "type is '<f2'");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "holds 8 bytes");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 999999999), }", "more values");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,), }", "legal are at most 8");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "legal are at most 8");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2", "has no end");
  refused("{'descr': '<f4', 'shape': (2,), }", "no 'fortran_order'");
  const std::string floats = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  refused(floats, "value 1 is nan", std::string("\0\0\0\0\0\0\xc0\x7f", 8));
  refused(floats, "value 0 is -inf", std::string("\0\0\x80\xff\0\0\0\0", 8));
  refused(wide, "value 0 is 1e+308", std::string("\xa0\xc8\xeb\x85\xf3\xcc\xe1\x7f", 8));
}

BOOST_AUTO_TEST_CASE(npy_inputs_by_type) {
  const Folder folder;
  const std::string x = (folder.path / "x.npy").string(), y = (folder.path / "y.npy").string();
  write_npy(Tensor<int64_t>({2}, {3, 255}), y);
  write_npy(Int8Tensor({2, 2}, {-128, 5, 6, 127}), x);
  Dataset d = read_dataset(x, y);
  BOOST_TEST((d.kind == DataKind::kInt8 && d.labels[1] == 255 && d.values[3] == 127.0F));
  BOOST_CHECK_THROW(d.batch(0, 1), InputError);
  BOOST_TEST(d.subset(1, 1).values[0] == 6.0F);
  write_npy(FloatTensor({2, 2}, {1, 2, 3, 4}), x);
  d = read_dataset(x, y);
  BOOST_TEST((d.kind == DataKind::kFloat && d.batch(1, 1, 9.0F, 9.0F).data[0] == 3.0F));
  write_npy(Tensor<uint8_t>({2, 1, 1, 2}, {0, 51, 102, 255}), x);
  d = read_dataset(x, y);
  BOOST_TEST((d.kind == DataKind::kBytes && d.batch(1, 1).data[1] == 1.0F));
  write_npy(Tensor<int64_t>({2}, {3, 256}), y);
  BOOST_CHECK_THROW(read_dataset(x, y), InputError);
  write_npy(Tensor<int64_t>({3}, {3, 4, 5}), y);
  BOOST_CHECK_THROW(read_dataset(x, y), InputError);
  BOOST_CHECK_THROW(read_dataset(x, ""), InputError);
}

BOOST_AUTO_TEST_CASE(preprocessing_travels_as_metadata) {
  const Preprocessing p{1.0F, {0.485F, 0.1F}, {0.229F, 3e-5F}};
  std::map<std::string, std::string> metadata;
  put_preprocessing(p, metadata);
  const Preprocessing q = preprocessing_of(metadata, "net");
  BOOST_TEST((q.divisor == p.divisor && q.mean == p.mean && q.std == p.std));
  BOOST_TEST(preprocessing_of({}, "net").divisor == 255.0F);
  for (const char* bad : {"", "1,", ",1", "1;2", "nan", "0.5 x", "1e9"}) {
    BOOST_CHECK_THROW(preprocessing_of({{"aap.input_mean", bad}}, "net"), InputError);
  }
  BOOST_CHECK_THROW(preprocessing_of({{"aap.input_std", "0"}}, "net"), InputError);
  BOOST_CHECK_THROW(preprocessing_of({{"aap.input_divisor", "1,2"}}, "net"), InputError);
}
