// SPDX-License-Identifier: Apache-2.0
// aap_drain: pixels at the shortest distance, partial sums in several passes, parameters, residual
// operands, output words; and that nothing is written beyond a buffer.
#define BOOST_TEST_MODULE drain
#include <boost/test/unit_test.hpp>

#include DUT_HEADER
#include "verif/unit/bench.h"
#include "verif/unit/numerics_model.h"

using namespace aap::bench;

namespace {
#ifndef P_ResidualPasses
#define P_ResidualPasses 1
#endif
constexpr int kDrain = P_Pes / P_Requantisers, kBeatBytes = P_AxiDataWidth / 8,
              kBeatWords = P_AxiDataWidth / 32,
              kParBeats = (8 * P_Requantisers + kBeatBytes - 1) / kBeatBytes,
              kResBeats = P_Pes / kBeatBytes;

struct Param {
  int64_t bias;
  uint32_t m;
  int t;
};

class Bench : public Clocked<DUT> {
 public:
  Bench() {
    auto& d = *dut;
    d.rst_ni = d.clear_i = d.cfg_load_i = d.done_i = d.ld_res_i = d.ld_par_i = d.out_re_i = 0;
    for (int i = 0; i < 3; ++i) edge();
    d.rst_ni = 1;
    for (int p = 0; p < P_ParamDepth; ++p) {
      Bits v(kParBeats * kBeatWords, 0);
      for (int r = 0; r < P_Requantisers; ++r) {
        params.push_back({random.between(-1000, 1000),
                          static_cast<uint32_t>(random.bits(P_MulWidth)),
                          P_MulWidth + static_cast<int>(random.between(0, 8))});
        put(v, 64 * r, 32, static_cast<uint32_t>(params.back().bias));
        put(v, 64 * r + 32, 32, params.back().m | static_cast<uint32_t>(params.back().t) << 24);
      }
      for (int b = 0; b < kParBeats; ++b) {
        d.ld_par_i = 1;
        d.ld_addr_i = p;
        d.ld_col_i = b;
        drive(d.ld_data_i, v, b * kBeatWords);
        edge();
      }
    }
    d.ld_par_i = 0;
    for (int b = 0; b < P_ResidualDepth * kResBeats; ++b) {
      Bits v(kBeatWords, 0);
      for (int i = 0; i < kBeatBytes; ++i) {
        residual.push_back(static_cast<int8_t>(random.bits(8)));
        put(v, 8 * i, 8, static_cast<uint8_t>(residual.back()));
      }
      d.ld_res_i = 1;
      d.ld_addr_i = b;
      drive(d.ld_data_i, v);
      edge();
    }
    d.ld_res_i = 0;
  }

  struct Fields {
    bool first = true, last = true, residual = false;
    int psum = 0, out = 0, res = 0, par = 0;
  };
  void configure(const Fields& f) {
    auto& d = *dut;
    bounds = {static_cast<int>(random.between(-128, 127)), -100, 100};
    random_multipliers(random, P_AddMulWidth, add);
    add.c = static_cast<int32_t>(-random.between(0, int64_t{1} << (P_AddMulWidth + 8)));
    add.shift = P_AddMulWidth - 1;
    add.bounds = {3, -120, 110};
    d.cfg_load_i = 1;
    d.cfg_first_i = f.first;
    d.cfg_last_i = f.last;
    d.cfg_max_i = 0;
    d.cfg_residual_i = f.residual;
    d.cfg_psum_base_i = f.psum;
    d.cfg_out_base_i = f.out;
    d.cfg_res_base_i = f.res;
    d.cfg_par_base_i = f.par;
    d.cfg_zp_i = static_cast<uint8_t>(bounds.zp);
    d.cfg_lo_i = static_cast<uint8_t>(bounds.lo);
    d.cfg_hi_i = static_cast<uint8_t>(bounds.hi);
    d.cfg_add_zp_i = static_cast<uint8_t>(add.bounds.zp);
    d.cfg_add_lo_i = static_cast<uint8_t>(add.bounds.lo);
    d.cfg_add_hi_i = static_cast<uint8_t>(add.bounds.hi);
    d.cfg_add_ma_i = add.ma;
    d.cfg_add_mb_i = add.mb;
    d.cfg_add_c_i = static_cast<uint32_t>(add.c) & static_cast<uint32_t>((uint64_t{1} << (P_AddMulWidth + 9)) - 1);
    d.cfg_add_shift_i = add.shift;
    pixel_cycles = (f.residual && f.last ? P_ResidualPasses : 1) * kDrain;
    edge();
    d.cfg_load_i = 0;
  }
  // One pixel; the next one may follow at once. Returns its accumulators.
  std::vector<int64_t> pixel(int pause) {
    std::vector<int64_t> acc;
    Bits v = make_bits(P_Pes * P_AccWidth);
    for (int c = 0; c < P_Pes; ++c) {
      acc.push_back(random.between(-20000, 20000));
      put(v, c * P_AccWidth, P_AccWidth, static_cast<uint64_t>(acc.back()));
    }
    drive(dut->acc_i, v);
    dut->done_i = 1;
    watched_edge();
    dut->done_i = 0;
    for (int i = 1; i < pixel_cycles + pause; ++i) watched_edge();
    return acc;
  }
  void watched_edge() {
    settle();
    if (dut->err_o) {
      ++errors;
      err_addr = dut->err_addr_o;
    }
    // What aap_exec does when the requantiser adds the residual operand.
    const bool mul = dut->swap_mul_o, bounds = dut->swap_bounds_o;
    const uint8_t zp = dut->zp_o;
    edge();
    if (mul) std::swap(dut->cfg_add_ma_i, dut->cfg_add_mb_i);
    if (bounds) {
      std::swap(dut->cfg_lo_i, dut->cfg_add_lo_i);
      std::swap(dut->cfg_hi_i, dut->cfg_add_hi_i);
      dut->cfg_add_zp_i = zp;
    }
  }
  void finish() {
    for (int i = 0; i < 20 + pixel_cycles; ++i) watched_edge();
    BOOST_TEST(!dut->busy_o);
  }
  std::vector<int> output(int pixel) {
    std::vector<int> y;
    for (int j = 0; j < kDrain; ++j) {
      dut->out_re_i = 1;
      dut->out_raddr_i = pixel * kDrain + j;
      edge();
      const Bits v = sample(dut->out_rdata_o);
      for (int r = 0; r < P_Requantisers; ++r) y.push_back(static_cast<int8_t>(get(v, 8 * r, 8)));
    }
    dut->out_re_i = 0;
    return y;
  }

  Random random;
  std::vector<Param> params;
  std::vector<int8_t> residual;
  Bounds bounds;
  ResidualAdd add;
  int errors = 0, err_addr = 0, pixel_cycles = kDrain;
};
}  // namespace

BOOST_AUTO_TEST_CASE(passes_over_partial_sums) {
  Bench bench;
  for (int round = 0; round < 60; ++round) {
    const int passes = round % 3 + 1,
              pixels = static_cast<int>(bench.random.between(1, P_PsumDepth));
    Bench::Fields f;
    f.residual = bench.random.one_in(2);
    f.psum = static_cast<int>(bench.random.between(0, P_PsumDepth - pixels));
    f.out = static_cast<int>(bench.random.between(0, P_OutDepth - pixels));
    f.res = static_cast<int>(bench.random.between(0, P_ResidualDepth - pixels));
    f.par = static_cast<int>(bench.random.between(0, P_ParamDepth - kDrain));
    std::vector<std::vector<int64_t>> sums(pixels, std::vector<int64_t>(P_Pes, 0));
    for (int pass = 0; pass < passes; ++pass) {
      f.first = pass == 0;
      f.last = pass == passes - 1;
      bench.configure(f);
      for (int p = 0; p < pixels; ++p) {
        const auto acc =
            bench.pixel(bench.random.one_in(3) ? static_cast<int>(bench.random.between(0, 9)) : 0);
        for (int c = 0; c < P_Pes; ++c) sums[p][c] += acc[c];
      }
      bench.finish();
    }
    for (int p = 0; p < pixels; ++p) {
      const auto got = bench.output(f.out + p);
      for (int c = 0; c < P_Pes; ++c) {
        const Param& k = bench.params[f.par * P_Requantisers + c];
        int8_t y = requantise(sums[p][c], k.bias, k.m, k.t, bench.bounds);
        if (f.residual) y = residual_add(y, bench.residual[(f.res + p) * P_Pes + c], bench.add);
        BOOST_REQUIRE_EQUAL(got[c], int{y});
      }
    }
  }
  BOOST_TEST(bench.errors == 0);
}

BOOST_AUTO_TEST_CASE(nothing_is_written_beyond_a_buffer) {
  Bench bench;
  Bench::Fields f;
  bench.configure(f);
  bench.pixel(0);
  bench.finish();
  const auto first = bench.output(0);
  f.out = P_OutDepth;  // would alias pixel 0
  bench.configure(f);
  bench.pixel(0);
  bench.finish();
  BOOST_TEST(bench.errors > 0);
  BOOST_TEST(bench.err_addr == P_OutDepth);
  BOOST_TEST(bench.output(0) == first);
  bench.errors = 0;
  f.out = 0;
  f.residual = true;
  f.res = P_ResidualDepth;
  bench.configure(f);
  bench.pixel(0);
  bench.finish();
  BOOST_TEST(bench.errors > 0);
  BOOST_TEST(bench.err_addr == P_ResidualDepth);
  BOOST_TEST(bench.output(0) == first);
  bench.errors = 0;
  f = Bench::Fields();
  f.last = false;
  f.psum = P_PsumDepth;
  bench.configure(f);
  bench.pixel(0);
  bench.finish();
  BOOST_TEST(bench.errors > 0);
  BOOST_TEST(bench.err_addr == P_PsumDepth);
}
