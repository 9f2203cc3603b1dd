// SPDX-License-Identifier: Apache-2.0
// The program checker: it finds on the packed image what the network says, and names what was
// changed there.
#define BOOST_TEST_MODULE compile_check
#include <boost/test/unit_test.hpp>
#include <cstdio>

#include "compile/check_program.h"
#include "compile/compile.h"
#include "compile/gen/isa.h"
#include "model/error.h"
#include "verif/networks/builder.h"

namespace {

using namespace aap;

constexpr uint32_t kSeed = 7;

// Every way a layer meets the packer: halo, stride, dilation, tails, groups, depthwise, several
// tiles, residual add, concatenation, fully connected.
QNetwork network(int group) {
  verif::NetworkBuilder b(kSeed, 40, 11, 9);
  verif::LayerShape s;
  s.group = group;
  s.channels_out = 72;
  s.kernel_h = s.kernel_w = 3;
  s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = 1;
  s.keep = group / 4;
  const int a = b.conv(s);
  s.channels_out = 72;
  s.dilation_h = s.dilation_w = 2;
  s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = 2;
  s.keep = group / 2;
  const int c = b.conv(s);
  b.add(a, c);
  verif::LayerShape d;
  d.kernel_h = d.kernel_w = 3;
  d.pad_top = d.pad_left = 1;
  d.stride_h = d.stride_w = 2;
  b.depthwise(d);
  verif::LayerShape g;
  g.group = group;
  g.groups = 3;
  g.channels_out = 48;
  g.keep = 2;
  b.conv(g);
  b.max_pool(d);
  b.fully_connected(19, 1, group);
  return b.build();
}

int64_t nonzero(const QLayer& layer) {
  int64_t n = 0;
  for (const int8_t w : layer.weights.data) n += w != 0 ? 1 : 0;
  return n;
}

// Element e = pe * lanes + lane of a weight row: bits in place.
struct Element {
  uint32_t weight = 0, index = 0;
};

class Row {
 public:
  Row(Program& program, const Config& config, uint64_t address)
      : bytes_(&program.image[address - program.base]), width_(8 + config.index_width()) {}
  Element get(int e) const {
    uint32_t v = 0;
    for (int b = 0; b < width_; ++b) {
      const int at = e * width_ + b;
      v |= static_cast<uint32_t>(bytes_[at / 8] >> at % 8 & 1) << b;
    }
    return {v & 0xff, v >> 8};
  }
  void set(int e, Element x) {
    const uint32_t v = x.weight | x.index << 8;
    for (int b = 0; b < width_; ++b) {
      const int at = e * width_ + b;
      bytes_[at / 8] = static_cast<uint8_t>((bytes_[at / 8] & ~(1 << at % 8)) | (v >> b & 1) << at % 8);
    }
  }

 private:
  uint8_t* bytes_;
  int width_;
};

isa::Descriptor descriptor(const Program& p, uint32_t i) {
  isa::Descriptor d;
  const uint8_t* at = &p.image[p.descriptor_address - p.base + i * isa::kDescriptorBytes];
  for (uint32_t& w : d.words) {
    w = static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8 |
        static_cast<uint32_t>(at[2]) << 16 | static_cast<uint32_t>(at[3]) << 24;
    at += 4;
  }
  return d;
}

// Address of the first weight row of a layer.
uint64_t first_row(const Program& p, uint32_t layer) {
  for (uint32_t i = 0; i < p.descriptor_count; ++i) {
    const isa::Descriptor d = descriptor(p, i);
    if (d.opcode() == isa::Opcode::kLoadWgt && d.get(isa::header::kLayer) == layer) {
      return d.get(isa::load_wgt::kAddr);
    }
  }
  BOOST_FAIL("no weights");
  return 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(finds_every_weight_of_every_layer) {
  int64_t layers = 0;
  for (const char* file : {"configs/board.yaml", "configs/small.yaml", "verif/grid/g4_l4_p32_a128.yaml",
                           "verif/grid/g16_l8_p16_a64.yaml", "verif/grid/g8_l4_p16_a64.yaml",
                           "verif/grid/s2_g16_l4_p16_a64.yaml", "verif/grid/dense_g8_l2_p16_a32.yaml"}) {
    const Config config = load_config(file);
    const QNetwork net = verif::narrow(network(config.group), config.multiplier_width, config.accumulator_width, config.add_multiplier_width);
    const Program program = compile(net, config);
    const ProgramCheck check = check_program(program, config);
    BOOST_TEST(check.ok(), file << ": " << (check.ok() ? "" : check.violation->message()));
    for (const CheckedProgramLayer& l : check.layers) {
      for (const QLayer& q : net.layers) {
        if (q.name != l.name || q.op != QOp::kConv) continue;
        ++layers;
        // Each pixel tile holds all weights of the layer once; there is at least one.
        BOOST_TEST(l.nonzero > 0);
        BOOST_TEST(l.nonzero % nonzero(q) == 0, file << " " << l.name << ": " << l.nonzero << " of " << nonzero(q));
        BOOST_TEST(l.most <= l.keep);
        if (q.keep > 0 && q.groups == 1) BOOST_TEST(l.most == q.keep, file << " " << l.name);
      }
    }
  }
  BOOST_TEST(layers == 7 * 5);
}

BOOST_AUTO_TEST_CASE(a_claim_below_what_is_there_is_refused_by_name) {
  const Config config = load_config("configs/board.yaml");
  const QNetwork net = network(16);
  const Program program = compile(net, config);
  const std::string name = net.layers[1].name;
  const ProgramCheck check = check_program(program, config, {{name, 7}});
  BOOST_REQUIRE(!check.ok());
  BOOST_TEST(check.violation->layer == name);
  BOOST_TEST(check.violation->count == 8);
  BOOST_TEST(check.violation->keep == 7);
  BOOST_TEST(check.violation->output_channel >= 0);
  BOOST_TEST(check.violation->map == program.maps[static_cast<size_t>(program.layers[0].output)].name);
  BOOST_TEST(check_program(program, config, {{name, 8}}).ok());
  BOOST_CHECK_THROW(check_program(program, config, {{"nowhere", 8}}), InputError);
}

BOOST_AUTO_TEST_CASE(a_weight_more_and_an_index_twice_are_found_on_the_image) {
  const Config config = load_config("configs/board.yaml");
  verif::NetworkBuilder b(kSeed, 64, 4, 4);
  verif::LayerShape s;
  s.channels_out = 32;
  s.keep = 4;
  b.conv(s);
  const Program good = compile(b.build(), config);
  BOOST_REQUIRE(check_program(good, config).ok());

  // One 1x1 step of 4 rows: rows k = 0..3 of PE 5, lane 2 hold 4 indices of one group. A second
  // weight at the index of the first is a weight that the golden model does not have.
  Program twice = good;
  const uint64_t address = first_row(good, 0);
  const auto row_bytes = static_cast<uint64_t>(config.row_beats() * config.beat_bytes());
  const int element = 5 * config.lanes + 2;
  Row first(twice, config, address), second(twice, config, address + row_bytes);
  BOOST_REQUIRE(first.get(element).weight != 0);
  second.set(element, {3, first.get(element).index});
  const ProgramCheck check = check_program(twice, config);
  BOOST_REQUIRE(!check.ok());
  BOOST_TEST(check.violation->twice);
  BOOST_TEST(check.violation->pe == 5);
  BOOST_TEST(check.violation->first_channel == 32);  // lane 2 has the third group
  BOOST_TEST(check.violation->message().find("two weights for one of channels 32..47") != std::string::npos,
             check.violation->message());
}

BOOST_AUTO_TEST_CASE(a_damaged_image_is_refused) {
  const Config config = load_config("configs/board.yaml");
  const Program good = compile(network(16), config);
  Program bad = good;
  bad.image[bad.descriptor_address - bad.base + 3 * isa::kDescriptorBytes + 9] ^= 1;
  BOOST_CHECK_EXCEPTION(check_program(bad, config), InputError, [](const InputError& e) {
    return std::string(e.what()).find("descriptor 3: its check word is wrong") != std::string::npos;
  });
  bad = good;
  bad.image.resize(bad.image.size() / 2);
  BOOST_CHECK_EXCEPTION(check_program(bad, config), InputError, [](const InputError& e) {
    return std::string(e.what()).find("outside the image") != std::string::npos;
  });
  BOOST_CHECK_THROW(check_program(good, load_config("configs/small.yaml")), InputError);
  const Config window = load_config("verif/grid/window_w16_t4_p16.yaml");
  BOOST_CHECK_THROW(check_program(compile(network(16), window), window), InputError);
}
