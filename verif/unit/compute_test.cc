// SPDX-License-Identifier: Apache-2.0
// aap_compute against a plain model: buffers are filled through the load port, random EXECs run
// back to back, partial sums, maxima and residual adds included; then the error cases.
#define BOOST_TEST_MODULE compute
#include <boost/test/unit_test.hpp>

#include DUT_HEADER
#include "verif/unit/compute_model.h"

using namespace aap::bench;

namespace {

class Bench : public Clocked<DUT> {
 public:
  Bench() {
    auto& d = *dut;
    d.rst_ni = 0;
    d.desc_valid_i = d.halt_i = d.clear_i = d.ld_valid_i = d.out_re_i = 0;
    d.tok_avail_i = 0;
    for (int i = 0; i < 3; ++i) edge();
    d.rst_ni = 1;
    edge();
  }

  void load(int buffer, int addr, int col, int mask, const Bits& data, int from_word) {
    auto& d = *dut;
    d.ld_valid_i = 1;
    d.ld_buf_i = buffer;
    d.ld_addr_i = addr;
    d.ld_col_i = col;
    d.ld_mask_i = mask;
    drive(d.ld_data_i, data, from_word);
    edge();
    d.ld_valid_i = 0;
  }
  void load_entry(int buffer, int addr, const Bits& padded) {
    for (int beat = 0; beat < static_cast<int>(padded.size()) / kBeatWords; ++beat) {
      load(buffer, addr, beat, 0, padded, beat * kBeatWords);
    }
  }

  // Everything in the model's buffers.
  void load_all(const Model& m) {
    const int block_groups = kBlock / kGroup, superbanks = kLanes / block_groups;
    for (int w = 0; w < kActDepth; ++w) {
      for (int s = 0; s < superbanks; ++s) {
        Bits v = make_bits(8 * kBlock);
        for (int b = 0; b < kBlock; ++b) {
          put(v, 8 * b, 8,
              static_cast<uint8_t>(m.act[s * block_groups + b / kGroup][w][b % kGroup]));
        }
        for (int beat = 0; beat < kBlock / kBeatBytes; ++beat)
          load(0, w, beat, 1 << s, v, beat * kBeatWords);
      }
    }
    for (int r = 0; r < kWeightDepth; ++r) load_entry(2, r, m.weight_bits(r));
    for (int s = 0; s < kTableDepth; ++s) load_entry(3, s, m.table_bits(s));
    for (int p = 0; p < kParamDepth; ++p) load_entry(4, p, m.param_bits(p));
    for (int p = 0; p < kResidualDepth; ++p) {
      Bits v = make_bits(8 * kPes);
      for (int c = 0; c < kPes; ++c) put(v, 8 * c, 8, static_cast<uint8_t>(m.res[p][c]));
      for (int beat = 0; beat < kPes / kBeatBytes; ++beat) {
        load(1, p * (kPes / kBeatBytes) + beat, 0, 0, v, beat * kBeatWords);
      }
    }
  }

  std::vector<int> read_output(int pixel) {
    std::vector<int> out;
    for (int j = 0; j < kDrain; ++j) {
      dut->out_re_i = 1;
      dut->out_raddr_i = pixel * kDrain + j;
      edge();
      dut->out_re_i = 0;
      const Bits v = sample(dut->out_rdata_o);
      for (int r = 0; r < kRequantisers; ++r) out.push_back(static_cast<int8_t>(get(v, 8 * r, 8)));
    }
    return out;
  }

  // One cycle with the descriptor side driven from `queue`; tokens are offered with a chance of 1
  // in token_rate.
  void run_cycle(const std::vector<Exec>& queue, Random& random, int token_rate, int gap_rate) {
    auto& d = *dut;
    const bool have = head < queue.size();
    if (have && !offered) offered = gap_rate == 0 || !random.one_in(gap_rate);
    d.desc_valid_i = have && offered;
    if (have) {
      const Bits v = queue[head].bits();
      drive(d.desc_data_i, v, beat * kBeatWords);
      d.desc_addr_i = 0x100 + 64 * head;
    }
    d.tok_avail_i = 0;
    for (int t = 0; t < 5; ++t)
      d.tok_avail_i = d.tok_avail_i | (random.one_in(token_rate) ? 1 << t : 0);
    settle();
    BOOST_REQUIRE_EQUAL(d.tok_take_o & ~d.tok_avail_i, 0);
    for (int t = 0; t < 5; ++t) {
      taken[t] += d.tok_take_o >> t & 1;
      if ((d.tok_post_o >> t & 1) != 0) {
        ++posted[t];
        last_post[t] = cycle;
      }
    }
    if (d.issue_o) {
      ++issued;
      last_issue = cycle;
    }
    if (d.err_valid_o && error_code == 0) {
      error_code = d.err_code_o;
      error_addr = d.err_addr_o;
      ++errors;
    } else {
      errors += d.err_valid_o;
    }
    if (d.desc_valid_i && d.desc_ready_o) {
      offered = gap_rate == 0;
      if (++beat == 512 / kAxi) {
        beat = 0;
        ++head;
        offered = false;
      }
    }
    edge();
  }

  // Runs all of the queue until idle.
  void run(const std::vector<Exec>& queue, Random& random, int token_rate = 1, int gap_rate = 0) {
    head = 0;
    beat = 0;
    offered = false;
    const int64_t limit = cycle + 400000;
    do {
      run_cycle(queue, random, token_rate, gap_rate);
      BOOST_REQUIRE_LT(cycle, limit);
    } while (error_code == 0 && (head < queue.size() || !dut->idle_o));
    dut->desc_valid_i = 0;
  }

  void clear() {
    dut->clear_i = 1;
    edge();
    dut->clear_i = 0;
    error_code = errors = 0;
  }

  std::size_t head = 0;
  int beat = 0;
  bool offered = false;
  int taken[5] = {}, posted[5] = {};
  int64_t last_post[5] = {}, last_issue = 0, issued = 0;
  int error_code = 0, errors = 0;
  uint32_t error_addr = 0;
};

void check_outputs(Bench& bench, const Model& model) {
  int compared = 0;
  for (int p = 0; p < kOutDepth; ++p) {
    if (!model.out_written[p]) continue;
    const auto got = bench.read_output(p);
    for (int c = 0; c < kPes; ++c) {
      BOOST_REQUIRE_MESSAGE(got[c] == model.out[p][c], "pixel " << p << " channel " << c << ": "
                                                                << got[c] << ", expected "
                                                                << int{model.out[p][c]});
      ++compared;
    }
  }
  BOOST_TEST(compared > 0);
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_execs_match_model) {
  Random random;
  Bench bench;
  for (int round = 0; round < 6; ++round) {
    Model model;
    model.randomise(random);
    bench.load_all(model);
    std::vector<Exec> queue;
    int wanted_take[5] = {}, wanted_post[5] = {};
    std::fill(std::begin(bench.taken), std::end(bench.taken), 0);
    std::fill(std::begin(bench.posted), std::end(bench.posted), 0);
    int64_t rows = 0;
    bench.issued = 0;
    for (int i = 0; i < 25; ++i) {
      for (const Exec& e : random_pass(random)) queue.push_back(e);
    }
    for (const Exec& e : queue) {
      model.run(e);
      rows += int64_t{e.steps} * e.keep * e.cols * e.rows;
      for (int t = 0; t < 5; ++t) {
        wanted_take[t] += e.wait >> t & 1;
        wanted_post[t] += e.post >> t & 1;
      }
    }
    bench.run(queue, random, round % 2 == 0 ? 1 : 20, round % 3 == 0 ? 0 : 3);
    BOOST_TEST(bench.error_code == 0);
    BOOST_TEST(bench.issued == rows);
    for (int t = 0; t < 5; ++t) {
      BOOST_TEST(bench.taken[t] == wanted_take[t]);
      BOOST_TEST(bench.posted[t] == wanted_post[t]);
    }
    check_outputs(bench, model);
  }
}

// The figures of docs/accelerator.md, chapter Latencies.
BOOST_AUTO_TEST_CASE(latencies_are_as_documented) {
  Random random;
  Bench bench;
  Model model;
  model.randomise(random);
  bench.load_all(model);
  const int tree = (kLanes == 1 ? 0 : kLanes == 8 ? 2 : 1) + kMaxRowCycles - 1;
  for (int residual = 0; residual < 2; ++residual) {
    Exec e = random_pass(random).back();
    e.first = e.last = 1;
    e.max = 0;
    e.wait = 0;
    e.post = 6;
    e.residual = residual;
    e.res_base = 0;
    bench.run({e}, random);
    BOOST_REQUIRE_EQUAL(bench.error_code, 0);
    const int drain = (residual ? kResidualPasses : 1) * kDrain;
    const int finished = kResidualPasses == 1 ? 19 : residual ? 24 : 16;
    BOOST_TEST(bench.last_post[1] - bench.last_issue == (!residual ? 8 : kResidualPasses == 1 ? 14 : 16) + tree + drain);
    BOOST_TEST(bench.last_post[2] - bench.last_issue == finished + tree + drain);
  }
  // A pixel takes max(rows, drain cycles); one exec of n pixels takes no more than that and its
  // set-up.
  for (const int steps : {1, 2 * kDrain}) {
    Exec e = random_pass(random).back();
    e.first = e.last = 1;
    e.max = e.residual = e.wait = 0;
    e.keep = 1;
    e.steps = std::min({steps, kTableDepth - e.tab_base, kWeightDepth - e.wgt_base});
    e.cols = 4;
    e.rows = 2;
    e.out_base = 0;
    e.act_base = e.x_step = e.y_step = 0;
    const int64_t from = bench.cycle;
    bench.run({e}, random);
    BOOST_REQUIRE_EQUAL(bench.error_code, 0);
    const int pixel = std::max<int>(e.steps, kDrain);
    BOOST_TEST(bench.last_issue - from <= 8 * pixel + 512 / kAxi + 4);
    BOOST_TEST(bench.last_issue - from >= 7 * pixel + e.steps);
  }
}

BOOST_AUTO_TEST_CASE(faulty_fields_are_refused) {
  Random random;
  struct Case {
    const char* name;
    int code;
    void (*spoil)(Exec&);
    bool entry;  // the address is an entry, not the descriptor
    uint32_t addr;
  };
  const Case cases[] = {
      {"keep 0", 6, [](Exec& e) { e.keep = 0; }, false, 0},
      {"keep above G", 6, [](Exec& e) { e.keep = kGroup + 1; }, false, 0},
      {"diagonal without shared indices", kShare > 1 ? 5 : 24,
       [](Exec& e) {
         e.diagonal = 1;
         if (kShare > 1) e.steps = 0;
       },
       false, 0},
      {"no steps", 5, [](Exec& e) { e.steps = 0; }, false, 0},
      {"no columns", 5, [](Exec& e) { e.cols = 0; }, false, 0},
      {"no rows", 5, [](Exec& e) { e.rows = 0; }, false, 0},
      {"steps beyond any buffer", 10, [](Exec& e) { e.steps = 0xffff; }, true, kWeightDepth},
      {"columns beyond any buffer", 10, [](Exec& e) { e.cols = 0x8000; }, true,
       std::max(kOutDepth, kPsumDepth)},
      {"weight rows run out", 10,
       [](Exec& e) {
         e.keep = 1;
         e.steps = 3;
         e.wgt_base = kWeightDepth - 2;
       },
       true, kWeightDepth},
      {"weight base beyond", 10, [](Exec& e) { e.wgt_base = 0xfff0; }, true, kWeightDepth},
      {"table runs out", 10,
       [](Exec& e) {
         e.steps = 3;
         e.keep = 1;
         e.tab_base = kTableDepth - 2;
       },
       true, kTableDepth},
      {"parameters run out", 10, [](Exec& e) { e.par_base = kParamDepth - kDrain + 1; }, true,
       kParamDepth},
      {"output pixels run out", 10,
       [](Exec& e) {
         e.out_base = kOutDepth - 1;
         e.cols = 2;
       },
       true, kOutDepth},
      {"residual pixels run out", 10,
       [](Exec& e) {
         e.residual = 1;
         e.res_base = kResidualDepth - 1;
         e.cols = 2;
       },
       true, kResidualDepth},
      {"partial sums run out", 10,
       [](Exec& e) {
         e.last = 0;
         e.psum_base = kPsumDepth - 1;
         e.cols = 2;
       },
       true, kPsumDepth},
      {"activation base beyond", 10, [](Exec& e) { e.act_base = 0x8000; }, true, kActDepth},
      {"activation step beyond", 10,
       [](Exec& e) {
         e.cols = 2;
         e.rows = 1;
         e.x_step = 0xffff;
       },
       true, kActDepth},
      {"activation line beyond", 10,
       [](Exec& e) {
         e.cols = 1;
         e.rows = 2;
         e.y_step = kActDepth;
       },
       true, kActDepth},
  };
  Bench bench;
  Model model;
  model.randomise(random);
  bench.load_all(model);
  for (const Case& c : cases) {
    BOOST_TEST_CONTEXT(c.name) {
      Exec good = random_pass(random).back();
      good.first = good.last = 1;
      good.max = good.residual = good.wait = 0;
      good.cols = good.rows = good.steps = 1;
      good.out_base = good.res_base = good.tab_base = good.wgt_base = 0;
      good.act_base = good.x_step = good.y_step = 0;
      Exec bad = good;
      c.spoil(bad);
      bad.post = 6;
      std::fill(std::begin(bench.posted), std::end(bench.posted), 0);
      good.post = 0;
      bench.run({good, bad, good}, random);
      BOOST_TEST(bench.error_code == c.code);
      BOOST_TEST(bench.error_addr == (c.entry ? c.addr : 0x140u));
      // No descriptor is taken any more, outputs are not announced, the unit falls idle.
      for (int i = 0; i < 100; ++i) bench.run_cycle({good, bad, good}, random, 1, 0);
      BOOST_TEST(bench.errors == 1);
      BOOST_TEST(bench.posted[2] == 0);
      BOOST_TEST(bench.dut->idle_o);
      BOOST_TEST(bench.dut->desc_ready_o == 0);
      bench.clear();
      // The next job works without a reset.
      Model after = model;
      after.run(good);
      bench.run({good}, random);
      BOOST_TEST(bench.error_code == 0);
      check_outputs(bench, after);
    }
  }
}

BOOST_AUTO_TEST_CASE(halt_stops_and_clear_forgets) {
  Random random;
  Bench bench;
  Model model;
  model.randomise(random);
  bench.load_all(model);
  for (int stop = 1; stop < 60; stop += 3) {
    const auto queue = random_pass(random);
    bench.head = bench.beat = 0;
    bench.offered = false;
    for (int i = 0; i < stop; ++i) bench.run_cycle(queue, random, 1, 0);
    bench.dut->halt_i = 1;
    const int64_t issued = bench.issued;
    const auto head = bench.head;
    for (int i = 0; i < 80; ++i) bench.run_cycle(queue, random, 1, 0);
    BOOST_TEST(bench.issued == issued);
    BOOST_TEST(bench.head == head);
    BOOST_TEST(bench.dut->idle_o);
    bench.clear();
    bench.dut->halt_i = 0;
    bench.settle();
    BOOST_TEST(bench.dut->idle_o);
    std::vector<Exec> again;
    Model after = model;
    for (int i = 0; i < 3; ++i) {
      for (const Exec& e : random_pass(random)) again.push_back(e);
    }
    for (const Exec& e : again) after.run(e);
    bench.run(again, random);
    check_outputs(bench, after);
  }
}
