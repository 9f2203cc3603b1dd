// SPDX-License-Identifier: Apache-2.0
// What each opcode and flag computes, against the rules of docs/accelerator.md and
// docs/numerics.md.
#define BOOST_TEST_MODULE cyclemodel_function
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>

#include "cyclemodel/test/assembler.h"

namespace aap::test {
namespace {

ModelOptions untimed() {
  ModelOptions options;
  options.timing = false;
  return options;
}

// Round half to even and clamp, in floating point: exact for the sizes used here.
int requantised(int64_t sum, const Assembler::Par& p, int zp = 0, int lo = -128, int hi = 127) {
  const long double exact =
      std::ldexp(static_cast<long double>((sum + p.bias) * int64_t{p.m}), -static_cast<int>(p.t));
  const auto y = static_cast<int64_t>(std::nearbyint(exact)) + zp;
  return static_cast<int>(std::min<int64_t>(std::max<int64_t>(y, lo), hi));
}

void require_clean(const ModelResult& r) {
  BOOST_TEST_REQUIRE(r.error_text == "");
  BOOST_TEST_REQUIRE(r.hazard_count == 0U, (r.hazards.empty() ? "" : r.hazards[0]));
}

int compare(const Assembler& a, const Layer& l, int zp = 0, int lo = -128, int hi = 127) {
  int different = 0;
  for (uint32_t p = 0; p < l.cols; ++p) {
    for (int m = 0; m < a.config.pes; ++m) {
      const int want =
          requantised(expected_sum(a, l, p, m), l.par[static_cast<size_t>(m)], zp, lo, hi);
      different += a.value(output_address(a, l, p, m)) != want;
    }
  }
  return different;
}

std::vector<Config> configurations() {
  std::vector<Config> all = {board(), small()};
  Config c = board();  // two groups per block, four superbanks, 10-bit elements
  c.group = 4;
  c.lanes = 8;
  c.pes = 16;
  c.requantisers = 4;
  c.axi_data_width = 64;
  all.push_back(c);
  return all;
}

BOOST_AUTO_TEST_CASE(one_layer_in_every_configuration) {
  for (const Config& config : configurations()) {
    for (const bool timing : {false, true}) {
      for (const uint32_t cols : {1U, 5U, 13U}) {
        for (uint32_t keep = 1; keep <= static_cast<uint32_t>(config.group); keep *= 2) {
          Assembler a(config);
          LayerOptions o;
          o.cols = cols;
          o.keep = keep;
          o.steps = 3;
          o.dst = 7;
          o.wgt = 3;
          o.tab = 2;
          o.par = 4;
          o.out = 1;
          const Layer l = add_layer(a, o);
          ModelOptions options;
          options.timing = timing;
          const ModelResult r = a.run(options);
          require_clean(r);
          BOOST_TEST(compare(a, l) == 0);
          BOOST_TEST(r.counts.exec_cycles == cols * 3 * keep);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(clamp_and_zero_point) {
  Assembler a(board());
  const Layer l = add_layer(a, {});
  isa::Descriptor& d = a.at(5);
  BOOST_REQUIRE(d.opcode() == isa::Opcode::kExec);
  d.set(isa::exec::kZp, static_cast<uint8_t>(-7));
  d.set(isa::exec::kLo, static_cast<uint8_t>(-9));
  d.set(isa::exec::kHi, 33);
  require_clean(a.run(untimed()));
  BOOST_TEST(compare(a, l, -7, -9, 33) == 0);
}

BOOST_AUTO_TEST_CASE(halves_round_to_even) {
  // No products: bias alone is rounded. bias / 2: 1 -> 0, 3 -> 2, 5 -> 2, -1 -> 0, -3 -> -2, 7
  // -> 4.
  Assembler a(board());
  Layer l = add_layer(a, {});
  for (auto& row : l.rows) std::fill(row.begin(), row.end(), Weight{});
  a.at(1).set(isa::load_wgt::kAddr, a.weights(l.rows));
  const int biases[] = {1, 3, 5, -1, -3, 7}, want[] = {0, 2, 2, 0, -2, 4};
  for (size_t i = 0; i < 6; ++i) l.par[i] = {biases[i], 1, 1};
  l.par[6] = {-1, 1, 63};  // towards zero from below
  l.par[7] = {-25, 5, 0};  // no shift
  a.at(3).set(isa::load_par::kAddr, a.parameters(l.par));
  require_clean(a.run(untimed()));
  for (int i = 0; i < 6; ++i) BOOST_TEST(a.value(output_address(a, l, 0, i)) == want[i]);
  BOOST_TEST(a.value(output_address(a, l, 0, 6)) == 0);
  BOOST_TEST(a.value(output_address(a, l, 0, 7)) == -125);
}

BOOST_AUTO_TEST_CASE(partial_sums_in_two_parts) {
  for (const Config& config : configurations()) {
    Assembler a(config);
    LayerOptions o;
    o.steps = 3;
    const Layer l = add_layer(a, o);
    // The EXEC is split after its first step.
    const isa::Descriptor whole = a.at(5), store = a.at(6);
    a.descriptors.resize(5);
    isa::Descriptor head = whole, tail = whole;
    head.set(isa::exec::kSteps, 1);
    head.set(isa::exec::kLast, 0);
    head.set(isa::exec::kPsumBase, 2);
    head.set(isa::header::kPost, 0);
    tail.set(isa::exec::kSteps, 2);
    tail.set(isa::exec::kFirst, 0);
    tail.set(isa::exec::kPsumBase, 2);
    tail.set(isa::exec::kTabBase, 1);
    tail.set(isa::exec::kWgtBase, o.keep);
    tail.set(isa::header::kWait, 0);
    for (const auto& d : {head, tail, store}) a.descriptors.push_back(d);
    require_clean(a.run());
    BOOST_TEST(compare(a, l) == 0);
  }
}

BOOST_AUTO_TEST_CASE(residual_add) {
  for (const Config& config : configurations()) {
    Assembler a(config);
    const Layer l = add_layer(a, {});
    const auto pes = static_cast<uint32_t>(config.pes),
               block = static_cast<uint32_t>(config.block_bytes());
    const uint32_t residual = a.reserve(size_t{pes} * l.cols);
    for (uint32_t i = 0; i < pes * l.cols; ++i) a.data(residual)[i] = static_cast<uint8_t>(i * 37);
    namespace e = isa::exec;
    isa::Descriptor& d = a.at(5);
    d.set(e::kResidual, 1);
    d.set(e::kResBase, 3);
    d.set(e::kAddMa, 50000);
    d.set(e::kAddMb, 33000);
    d.set(e::kAddC, static_cast<uint32_t>(-77777 - 128 * (50000 + 33000)));
    d.set(e::kAddShift, 15);
    d.set(e::kAddZp, static_cast<uint8_t>(-5));
    d.set(e::kAddLo, static_cast<uint8_t>(-100));
    d.set(e::kAddHi, 90);
    isa::Descriptor load(isa::Opcode::kLoadRes);
    namespace r = isa::load_res;
    load.set(r::kAddr, residual);
    load.set(r::kPlaneStride, l.cols * block);
    load.set(r::kCols, l.cols);
    load.set(r::kRows, 1);
    load.set(r::kPlanes, pes / block);
    load.set(r::kDst, 3);
    a.descriptors.insert(a.descriptors.begin() + 1, load);
    require_clean(a.run());
    int different = 0;
    for (uint32_t p = 0; p < l.cols; ++p) {
      for (int m = 0; m < config.pes; ++m) {
        const int64_t y = requantised(expected_sum(a, l, p, m), l.par[static_cast<size_t>(m)]);
        const uint32_t at = output_address(a, l, p, m);
        const int64_t b = a.value(residual + (at - l.output));
        const long double exact = (y * 50000 + b * 33000 - 77777) / 32768.0L;
        const auto want = std::min<int64_t>(
            std::max<int64_t>(static_cast<int64_t>(std::nearbyint(exact)) - 5, -100), 90);
        different += a.value(at) != want;
      }
    }
    BOOST_TEST(different == 0);
  }
}

// G = 4, 8-byte blocks: two groups each, four superbanks. 5 planes of 2 rows of 3 blocks.
void check_fills(uint32_t mask, uint32_t wrap) {
  Config config = configurations()[2];
  BOOST_REQUIRE(config.superbanks() == 4);
  Assembler a(config);
  const uint32_t rows = 2, cols = 3, planes = 5, row_stride = 40, plane_stride = 120;
  const uint32_t pre = 2, left = 1, right = 3, post = 4, dst = 11, plane_step = 20;
  const uint32_t input = a.reserve(planes * plane_stride);
  for (uint32_t i = 0; i < planes * plane_stride; ++i)
    a.data(input)[i] = static_cast<uint8_t>(i * 11 + i / 7);
  const uint32_t words = pre + rows * (left + cols + right) + post;
  // EXEC copies one word of every lane to output channels: PE m takes lane m % 8, channel (m / 8)
  // of the first two; a second row takes nothing.
  std::vector<std::vector<Weight>> weights(1, std::vector<Weight>(16 * 8));
  for (size_t m = 0; m < 16; ++m) weights[0][m * 8 + m % 8] = {1, static_cast<int>(m / 8) * 3};
  const uint32_t wgt = a.weights(weights), tab = a.table({std::vector<int>(8, 0)});
  const uint32_t par = a.parameters(std::vector<Assembler::Par>(16));
  namespace la = isa::load_act;
  a.add(isa::Opcode::kLoadWgt, 0, 0, {{isa::load_wgt::kAddr, wgt}, {isa::load_wgt::kEntries, 1}});
  a.add(isa::Opcode::kLoadTab, 0, 0, {{isa::load_tab::kAddr, tab}, {isa::load_tab::kEntries, 1}});
  a.add(isa::Opcode::kLoadPar, 0, 0, {{isa::load_par::kAddr, par}, {isa::load_par::kEntries, 4}});
  a.add(isa::Opcode::kLoadAct, 0, kL2E,
        {{la::kAddr, input},
         {la::kPlaneStride, plane_stride},
         {la::kRowStride, row_stride},
         {la::kCols, cols},
         {la::kRows, rows},
         {la::kDst, dst},
         {la::kPlanes, planes},
         {la::kPreFill, pre},
         {la::kPostFill, post},
         {la::kLeftFill, left},
         {la::kRightFill, right},
         {la::kPadValue, static_cast<uint8_t>(-3)},
         {la::kBankMask, mask},
         {la::kWrap, wrap},
         {la::kPlaneStep, plane_step}});
  // Two rows of pixels: the first two turns of the mask, plane_step apart.
  const uint32_t output = a.reserve(2 * words * 16);
  namespace e = isa::exec;
  a.add(isa::Opcode::kExec, kL2E, kE2S,
        {{e::kKeep, 1},
         {e::kFirst, 1},
         {e::kLast, 1},
         {e::kSteps, 1},
         {e::kActBase, dst},
         {e::kCols, words},
         {e::kRows, 2},
         {e::kXStep, 1},
         {e::kYStep, plane_step},
         {e::kLo, 0x80},
         {e::kHi, 0x7f}});
  a.add(isa::Opcode::kStore, kE2S, 0,
        {{isa::store::kAddr, output},
         {isa::store::kPlaneStride, 2 * words * 8},
         {isa::store::kRowStride, words * 8},
         {isa::store::kCols, words},
         {isa::store::kRows, 2},
         {isa::store::kPlanes, 2}});
  // Where some banks stay empty, reading them is a hazard, and their values are not compared.
  const ModelResult r = a.run();
  BOOST_TEST_REQUIRE(r.error_text == "");
  int different = 0, compared = 0;
  for (uint32_t part = 0; part < 2; ++part) {
    for (uint32_t n = 0; n < words; ++n) {
      for (uint32_t m = 0; m < 16; ++m) {
        const uint32_t lane = m % 8, channel = m / 8 * 3, superbank = lane / 2;
        // The last plane of the turn that is written here, as the mask rotates.
        int plane = -1;
        for (uint32_t p = part * wrap; p < std::min((part + 1) * wrap, planes); ++p) {
          const uint32_t left_by = p % wrap % 4;
          const uint32_t turned = (mask << left_by | mask >> (4 - left_by)) & 15;
          if ((turned >> superbank & 1) != 0) plane = static_cast<int>(p);
        }
        if (plane < 0) continue;
        ++compared;
        int want = -3;
        if (n >= pre && n < words - post) {
          const uint32_t row = (n - pre) / 7, at = (n - pre) % 7;
          if (at >= left && at < left + cols) {
            want = a.value(input + static_cast<uint32_t>(plane) * plane_stride + row * row_stride +
                           (at - left) * 8 + lane % 2 * 4 + channel);
          }
        }
        const uint32_t where = output + m / 8 * 2 * words * 8 + (part * words + n) * 8 + m % 8;
        different += a.value(where) != want;
      }
    }
  }
  BOOST_TEST(different == 0);
  BOOST_TEST(compared > 0);
  if (compared == static_cast<int>(2 * words * 16)) require_clean(r);
}

BOOST_AUTO_TEST_CASE(fills_masks_wraps_and_strides) {
  check_fills(5, 2);   // planes alternate between superbanks {0, 2} and {1, 3}
  check_fills(15, 1);  // copies
  check_fills(1, 4);   // partition
  check_fills(1, 2);
  check_fills(9, 3);  // the mask wraps round; planes overwrite one another
  check_fills(3, 3);
}

BOOST_AUTO_TEST_CASE(maximum_takes_odd_weights_only) {
  for (const uint32_t cols : {2U, 9U}) {
    Assembler a(board());
    LayerOptions o;
    o.cols = cols;
    Layer l = add_layer(a, o);
    // PE m proposes channel m % 16 of lane m % 4 in its rows 0 and 3; even weights elsewhere.
    for (size_t r = 0; r < l.rows.size(); ++r) {
      for (size_t e = 0; e < l.rows[r].size(); ++e) {
        const size_t pe = e / 4, lane = e % 4;
        l.rows[r][e] = {lane == pe % 4 && r % 3 == 0 ? 1 : 2, static_cast<int>(pe % 16)};
      }
    }
    a.at(1).set(isa::load_wgt::kAddr, a.weights(l.rows));
    a.at(3).set(isa::load_par::kAddr, a.parameters(std::vector<Assembler::Par>(32)));
    a.at(5).set(isa::exec::kMax, 1);
    require_clean(a.run());
    for (uint32_t p = 0; p < cols; ++p) {
      for (size_t m = 0; m < 32; ++m) {
        const size_t at = m % 4 * 16 + m % 16;
        const int want = std::max(l.act[p][0][at], l.act[p][1][at]);
        BOOST_TEST(a.value(output_address(a, l, p, static_cast<int>(m))) == want);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(strided_pixels) {
  Assembler a(board());
  LayerOptions o;
  o.cols = 16;
  const Layer l = add_layer(a, o);
  a.at(5).set(isa::exec::kCols, 8);
  a.at(5).set(isa::exec::kXStep, 2);
  a.at(6).set(isa::store::kCols, 8);
  require_clean(a.run());
  for (uint32_t p = 0; p < 8; ++p) {
    const int want = requantised(expected_sum(a, l, 2 * p, 3), l.par[3]);
    BOOST_TEST(a.value(output_address(a, l, p, 3)) == want);
  }
}

BOOST_AUTO_TEST_CASE(narrow_accumulator_that_overflows_is_reported) {
  Config narrow = small();
  narrow.accumulator_width = 24;
  Assembler a(narrow);
  Layer l = add_layer(a, {});
  l.par[2] = {(1 << 23) - 1, 1, 20};
  for (auto& row : l.rows) row[2] = {-128, 0};
  for (uint32_t i = 0; i < 128; ++i) a.data(l.input)[i] = 0x80;
  a.at(1).set(isa::load_wgt::kAddr, a.weights(l.rows));
  a.at(3).set(isa::load_par::kAddr, a.parameters(l.par));
  const ModelResult r = a.run(untimed());
  BOOST_TEST(r.error_text == "");
  BOOST_TEST_REQUIRE(r.hazard_count > 0U);
  BOOST_TEST(r.hazards[0].find("does not fit 24 bits") != std::string::npos);
}

}  // namespace
}  // namespace aap::test
