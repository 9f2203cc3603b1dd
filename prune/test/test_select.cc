// SPDX-License-Identifier: Apache-2.0
// Every variant of the selection kernel against the plain one, and the plain one against sorting.
#define BOOST_TEST_MODULE select
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "model/error.h"
#include "prune/select.h"

namespace aap::testing {
#if defined(__x86_64__)
extern const kernel::Variant kSixteenLanes;
#endif
}  // namespace aap::testing

using namespace aap;

namespace {

constexpr uint32_t kSeed = 20190;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kTiny = std::numeric_limits<float>::denorm_min();
constexpr float kHuge = std::numeric_limits<float>::max();

struct Named {
  std::string name;
  kernel::Variant run;
};

std::vector<Named> variants() {
  std::vector<Named> list;
  for (const Isa isa : available_isas()) {
#if defined(__x86_64__)
    if (isa == Isa::kAvx2) list.push_back({"avx2", kernel::kAvx2Variant});
    if (isa == Isa::kAvx512) list.push_back({"avx512", kernel::kAvx512Variant});
#endif
  }
#if defined(__x86_64__)
  list.push_back({"16 lanes", testing::kSixteenLanes});
#endif
  return list;
}

// Values that provoke every path: smooth, many ties, zeros, subnormal, huge, infinite.
std::vector<float> values(const std::string& kind, size_t count, std::mt19937& random) {
  std::vector<float> v(count);
  std::normal_distribution<float> normal(0.0F, 0.05F);
  for (float& x : v) {
    const uint32_t r = static_cast<uint32_t>(random());
    const float sign = (r >> 31) != 0 ? -1.0F : 1.0F;
    if (kind == "normal") x = normal(random);
    if (kind == "ties") x = sign * static_cast<float>(r % 3);
    if (kind == "zero") x = sign * 0.0F;
    if (kind == "constant") x = sign * 0.5F;
    if (kind == "subnormal") x = sign * kTiny * static_cast<float>(r % 5);
    if (kind == "huge") x = sign * (r % 2 == 0 ? kHuge : std::nextafter(kHuge, 0.0F));
    if (kind == "infinite") x = r % 4 == 0 ? sign * kInf : (r % 4 == 1 ? kHuge : normal(random));
  }
  return v;
}

const std::vector<std::string> kKinds = {"normal",    "ties", "zero",    "constant",
                                         "subnormal", "huge", "infinite"};

uint32_t by_sorting(const float* v, int64_t step, int members, int keep) {
  std::vector<int> order(static_cast<size_t>(members));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return std::fabs(v[a * step]) > std::fabs(v[b * step]);
  });
  uint32_t mask = 0;
  for (int i = 0; i < keep; ++i) mask |= 1U << order[static_cast<size_t>(i)];
  return mask;
}

}  // namespace

BOOST_AUTO_TEST_CASE(which_variants_run) {
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    const auto isas = available_isas();
    if (std::find(isas.begin(), isas.end(), isa) == isas.end()) {
      BOOST_TEST_MESSAGE("SKIPPED: this machine does not run " << to_string(isa));
      std::printf("SKIPPED: this machine does not run %s\n", to_string(isa));
    }
  }
  BOOST_CHECK(available_isas().front() == Isa::kPlain);
}

BOOST_AUTO_TEST_CASE(plain_keeps_what_sorting_keeps) {
  std::mt19937 random(kSeed);
  for (const std::string& kind : kKinds) {
    for (int members = 1; members <= 32; ++members) {
      const std::vector<float> v = values(kind, static_cast<size_t>(members) * 3, random);
      for (int keep = 1; keep <= members; ++keep) {
        uint32_t rows[3], columns[3];
        BOOST_REQUIRE(keep_rows(Isa::kPlain, v.data(), 3, members, keep, rows));
        BOOST_REQUIRE(keep_columns(Isa::kPlain, v.data(), 3, 3, members, keep, columns));
        for (int j = 0; j < 3; ++j) {
          BOOST_REQUIRE_EQUAL(rows[j], by_sorting(&v[static_cast<size_t>(j * members)], 1, members, keep));
          BOOST_REQUIRE_EQUAL(columns[j], by_sorting(&v[static_cast<size_t>(j)], 3, members, keep));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_variant_gives_the_bits_of_the_plain_one) {
  std::mt19937 random(kSeed);
  int64_t compared = 0;
  for (const Named& variant : variants()) {
    for (const std::string& kind : kKinds) {
      for (int members = 1; members <= 32; ++members) {
        for (const int64_t groups : {1, 7, 33}) {  // below, beside and above whole vectors
          const auto n = static_cast<size_t>(groups * members);
          const std::vector<float> v = values(kind, n, random);
          for (int keep = 1; keep <= members; ++keep) {
            std::vector<uint32_t> want(static_cast<size_t>(groups)), got(want);
            BOOST_REQUIRE(keep_rows(Isa::kPlain, v.data(), groups, members, keep, want.data()));
            BOOST_REQUIRE(variant.run.keep_rows(v.data(), groups, members, keep, got.data()));
            BOOST_REQUIRE_MESSAGE(got == want, variant.name << " rows " << kind << " keep " << keep
                                                            << " of " << members << " seed " << kSeed);
            BOOST_REQUIRE(
                keep_columns(Isa::kPlain, v.data(), groups, groups, members, keep, want.data()));
            BOOST_REQUIRE(
                variant.run.keep_columns(v.data(), groups, groups, members, keep, got.data()));
            BOOST_REQUIRE_MESSAGE(got == want, variant.name << " columns " << kind << " keep "
                                                            << keep << " of " << members << " seed " << kSeed);
            compared += 2 * groups;
          }
        }
      }
    }
  }
  BOOST_TEST(compared > 0);
  std::printf("%lld groups compared\n", static_cast<long long>(compared));
}

BOOST_AUTO_TEST_CASE(nan_is_refused_wherever_it_is) {
  std::vector<Named> all = variants();
  all.push_back({"plain", kernel::kPlainVariant});
  for (const Named& variant : all) {
    for (const int members : {1, 4, 7, 8, 16, 32}) {
      const int64_t groups = 35;
      std::vector<float> v(static_cast<size_t>(groups * members), kInf);
      std::vector<uint32_t> masks(static_cast<size_t>(groups));
      BOOST_TEST(variant.run.keep_rows(v.data(), groups, members, 1, masks.data()));
      for (const size_t at : {size_t{0}, v.size() / 2, v.size() - 1}) {
        for (const float nan : {std::nanf(""), -std::nanf(""), std::nanf("1")}) {
          v[at] = nan;
          BOOST_TEST(!variant.run.keep_rows(v.data(), groups, members, 1, masks.data()),
                     variant.name << " rows of " << members << ", element " << at);
          BOOST_TEST(!variant.run.keep_columns(v.data(), groups, groups, members, members,
                                               masks.data()),
                     variant.name << " columns of " << members << ", element " << at);
          v[at] = 1.0F;
        }
      }
    }
  }
}

namespace {

// Mask by the definition, group by group: what select_in_groups must give however it walks.
std::vector<uint8_t> by_definition(const LayerPlan& layer, const std::vector<float>& scores) {
  std::vector<uint8_t> mask(scores.size(), 0);
  const int64_t m = layer.shape[0], c = layer.shape[1], p = layer.shape[2] * layer.shape[3];
  for (int64_t mi = 0; mi < m; mi += layer.share) {
    const int64_t offset = mi / (m / layer.conv_groups) * c;  // in the whole feature map
    for (int64_t pi = 0; pi < p; ++pi) {
      for (int64_t fetched = offset / layer.group; fetched <= (offset + c - 1) / layer.group; ++fetched) {
        std::vector<std::pair<float, int64_t>> members;  // (-score, channel)
        for (int64_t ci = 0; ci < c; ++ci) {
          if ((offset + ci) / layer.group != fetched) continue;
          float sum = 0.0F;
          for (int64_t s = mi; s < std::min(m, mi + layer.share); ++s) {
            sum += scores[static_cast<size_t>((s * c + ci) * p + pi)];
          }
          members.emplace_back(-sum, ci);
        }
        std::sort(members.begin(), members.end());
        const auto size = static_cast<int64_t>(members.size());
        int64_t keep = std::min<int64_t>(layer.keep, size);
        if (layer.tail == TailRule::kProportional && size < layer.group) {
          keep = (layer.keep * size + layer.group - 1) / layer.group;
        }
        for (int64_t k = 0; k < keep; ++k) {
          for (int64_t s = mi; s < std::min(m, mi + layer.share); ++s) {
            mask[static_cast<size_t>((s * c + members[static_cast<size_t>(k)].second) * p + pi)] = 1;
          }
        }
      }
    }
  }
  return mask;
}

}  // namespace

BOOST_AUTO_TEST_CASE(layers_of_all_shapes_keep_what_the_definition_says) {
  struct Case {
    Shape shape;
    int64_t conv_groups;
    int group, keep, share;
    TailRule tail;
  };
  const std::vector<Case> cases = {
      {{8, 32, 1, 1}, 1, 16, 4, 1, TailRule::kKeep},          // rows, nothing left over
      {{8, 37, 1, 1}, 1, 16, 4, 1, TailRule::kKeep},          // tail of 5
      {{8, 37, 3, 3}, 1, 16, 4, 1, TailRule::kProportional},  // tail of 5 keeps 2
      {{6, 96, 3, 3}, 1, 16, 5, 1, TailRule::kKeep},          // several groups side by side
      {{5, 33, 9, 9}, 1, 8, 3, 1, TailRule::kKeep},           // positions fill vectors
      {{12, 24, 3, 3}, 3, 16, 4, 1, TailRule::kKeep},         // convolution groups begin in mid-group
      {{12, 24, 1, 1}, 3, 16, 4, 2, TailRule::kKeep},         // and share
      {{10, 40, 3, 1}, 1, 16, 4, 4, TailRule::kKeep},         // the last two share alone
      {{4, 3, 3, 3}, 1, 16, 2, 1, TailRule::kKeep},           // G > C
      {{4, 3, 3, 3}, 1, 16, 2, 1, TailRule::kProportional},
      {{4, 64, 1, 1}, 1, 32, 7, 1, TailRule::kKeep},
      {{4, 30, 2, 2}, 1, 10, 3, 1, TailRule::kKeep},
      {{4, 32, 1, 1}, 1, 16, 16, 1, TailRule::kKeep},  // K = G
      {{4, 32, 1, 1}, 1, 1, 1, 1, TailRule::kKeep},
      {{0, 32, 1, 1}, 1, 16, 4, 1, TailRule::kKeep},  // no output channels
      {{4, 0, 1, 1}, 1, 16, 4, 1, TailRule::kKeep},   // no input channels
  };
  std::mt19937 random(kSeed);
  for (const Case& c : cases) {
    LayerPlan layer;
    layer.name = "layer";
    layer.shape = c.shape;
    layer.conv_groups = c.conv_groups;
    layer.group = c.group;
    layer.keep = c.keep;
    layer.share = c.share;
    layer.tail = c.tail;
    layer.rule = PruneRule::kAap;
    for (const std::string kind : {"normal", "ties"}) {
      std::vector<float> scores = values(kind, static_cast<size_t>(element_count(c.shape)), random);
      for (float& s : scores) s = std::fabs(s);
      const std::vector<uint8_t> want = by_definition(layer, scores);
      for (const Isa isa : available_isas()) {
        BOOST_TEST((select_in_groups(layer, scores, isa) == want),
                   to_string(isa) << " " << c.shape[0] << "x" << c.shape[1] << "x" << c.shape[2] << "x"
                                  << c.shape[3] << " keep " << c.keep << " of " << c.group << " " << kind);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(largest_of_several_layers_and_their_ties) {
  const auto masks = select_largest({{3, 1, 2}, {2, 2, 5}}, 4);
  BOOST_TEST((masks[0] == std::vector<uint8_t>{1, 0, 1}));
  BOOST_TEST((masks[1] == std::vector<uint8_t>{1, 0, 1}));  // of the twos, the earlier layer's first
  BOOST_TEST((select_largest({{0, 0}}, 1)[0] == std::vector<uint8_t>{1, 0}));
  BOOST_TEST((select_largest({{1, 2}}, 0)[0] == std::vector<uint8_t>{0, 0}));
  BOOST_TEST((select_largest({{1, 2}}, 2)[0] == std::vector<uint8_t>{1, 1}));
  BOOST_TEST((select_largest({{kInf, 2, kInf}}, 1)[0] == std::vector<uint8_t>{1, 0, 0}));
}
