// SPDX-License-Identifier: Apache-2.0
// The proof that no sum overflows, from the layer's actual weights.
#include <algorithm>

#include "compile/ops.h"

namespace aap::compiler {
namespace {

int signed_bits(int64_t lo, int64_t hi) {
  int bits = 1;
  while (bits < 63 && (lo < -(int64_t{1} << (bits - 1)) || hi > (int64_t{1} << (bits - 1)) - 1)) {
    ++bits;
  }
  return bits;
}

int unsigned_bits(uint64_t value) {
  int bits = 0;
  for (; value != 0; value >>= 1) ++bits;
  return bits;
}

}  // namespace

std::vector<FitRow> check_arithmetic(const Op& op, const Config& config) {
  FitRow sums{op.name, "accumulator bits", "accumulator_width", 0, config.accumulator_width, ""};
  FitRow mult{op.name, "multiplier bits", "multiplier_width", 0, config.multiplier_width, ""};
  FitRow shift{op.name, "shift bits", "", 0, 6, ""};
  auto raise = [](FitRow& row, int64_t need, const char* what, int64_t index) {
    if (need <= row.need) return;
    row.need = need;
    row.where = fmt::format("{} {}", what, index);
  };
  const char* what = op.conv ? "output channel" : "parameter set";
  for (size_t i = 0; i < op.requant.size(); ++i) {
    const Requantisation& r = op.requant[i];
    const auto at = static_cast<int64_t>(i);
    raise(mult, unsigned_bits(r.multiplier), what, at);
    raise(shift, r.shift < 0 ? 64 : unsigned_bits(static_cast<uint64_t>(r.shift)), what, at);
  }
  // Products of an int8 activation lie around 0, so every prefix of the sum lies between the sum of
  // all lowest and the sum of all highest ones.
  auto range = [&](int64_t m, int64_t positive, int64_t negative, int64_t bias) {
    const int64_t lo = -128 * positive + 127 * negative;
    const int64_t hi = 127 * positive - 128 * negative;
    raise(sums, signed_bits(std::min({lo, lo + bias, bias}), std::max({hi, hi + bias, bias})),
          "output channel", m);
  };
  if (op.conv) {
    const int64_t per_channel = op.layer->weights.size() / op.out_channels;
    for (int64_t m = 0; m < op.out_channels; ++m) {
      int64_t positive = 0, negative = 0;
      const int8_t* w = &op.layer->weights.data[static_cast<size_t>(m * per_channel)];
      for (int64_t i = 0; i < per_channel; ++i) (w[i] > 0 ? positive : negative) += w[i];
      range(m, positive, negative, op.layer->bias[static_cast<size_t>(m)]);
    }
  } else {
    range(0, op.max ? 1 : op.kernel_h * op.kernel_w, 0, op.bias);
  }
  std::vector<FitRow> rows = {sums, mult, shift};
  if (op.residual >= 0) {
    rows.push_back({op.name, "bits of add_ma + add_mb", "add_multiplier_width",
                    unsigned_bits(uint64_t{op.add_ma} + op.add_mb), config.add_multiplier_width, ""});
  }
  return rows;
}

}  // namespace aap::compiler
