// SPDX-License-Identifier: Apache-2.0
#include "spec/config.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <initializer_list>

#include "model/error.h"
#include "spec/strict_yaml.h"

namespace aap {
namespace {

// One line per key: the only list of keys there is.
template <typename ConfigType, typename Visitor>
void visit(ConfigType& c, Visitor&& v) {
  v("name", c.name);
  v("select", c.select);
  v("share", c.share);
  v("group", c.group);
  if (c.windowed()) {
    v("window", c.window);
    v("window_multipliers", c.window_multipliers);
    v("realign", c.realign);
  } else {
    v("lanes", c.lanes);
  }
  v("pes", c.pes);
  v("requantisers", c.requantisers);
  v("accumulator_width", c.accumulator_width);
  v("multiplier_width", c.multiplier_width);
  v("add_multiplier_width", c.add_multiplier_width);
  v("residual_passes", c.residual_passes);
  v("max_row_cycles", c.max_row_cycles);
  v("axi_data_width", c.axi_data_width);
  v("axi_addr_width", c.axi_addr_width);
  v("act_depth", c.act_depth);
  v("weight_depth", c.weight_depth);
  v("table_depth", c.table_depth);
  v("param_depth", c.param_depth);
  v("psum_depth", c.psum_depth);
  v("out_depth", c.out_depth);
  v("residual_depth", c.residual_depth);
  v("queue_depth", c.queue_depth);
  v("max_burst", c.max_burst);
  v("outstanding", c.outstanding);
  v("perf_counters", c.perf_counters);
}

struct Checker {
  const std::string& origin;

  void one_of(const char* key, int value, std::initializer_list<int> legal) const {
    for (int l : legal) {
      if (l == value) return;
    }
    throw_input("{}: key '{}' is {}, legal is {}", origin, key, value, fmt::join(legal.begin(), legal.end(), ", "));
  }
  void range(const char* key, int value, int lo, int hi) const {
    if (value < lo || value > hi) {
      throw_input("{}: key '{}' is {}, legal is {}..{}", origin, key, value, lo, hi);
    }
  }
  void power_of_two(const char* key, int value) const {
    if ((value & (value - 1)) != 0) {
      throw_input("{}: key '{}' is {}, legal are powers of two", origin, key, value);
    }
  }
  void rule(bool holds, const std::string& text) const {
    if (!holds) throw_input("{}: {}", origin, text);
  }
};

}  // namespace

std::vector<std::pair<std::string, std::string>> Config::entries() const {
  std::vector<std::pair<std::string, std::string>> result;
  visit(*this, [&](const char* key, const auto& value) {
    result.emplace_back(key, fmt::format("{}", value));
  });
  return result;
}

uint32_t Config::hash() const {
  std::string text;
  for (const auto& [key, value] : entries()) {
    if (key != "name") text += key + "=" + value + "\n";
  }
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

void validate(const Config& c, const std::string& origin) {
  const Checker check{origin};
  check.rule(c.select == "GROUP" || c.dense() || c.windowed(),
             fmt::format("key 'select' is {}, legal is GROUP, DENSE, WINDOW", c.select));
  check.one_of("group", c.group, {4, 8, 16});
  if (c.windowed()) {
    check.range("window", c.window, c.group, std::min(256, 16 * c.group));
    check.power_of_two("window", c.window);
    check.one_of("window_multipliers", c.window_multipliers, {1, 2, 4, 8, 16});
    check.one_of("realign", c.realign, {0, 1});
    check.one_of("share", c.share, {1});
    check.one_of("residual_passes", c.residual_passes, {1});
    check.one_of("max_row_cycles", c.max_row_cycles, {1});
  } else {
    check.one_of("lanes", c.lanes, {1, 2, 4, 8});
  }
  check.one_of("pes", c.pes, {16, 32, 64});
  check.one_of("requantisers", c.requantisers, {1, 2, 4, 8});
  check.range("accumulator_width", c.accumulator_width, 20, 32);
  check.range("multiplier_width", c.multiplier_width, 8, 24);
  check.range("add_multiplier_width", c.add_multiplier_width, 16, 23);
  check.one_of("residual_passes", c.residual_passes, {1, 3});
  // The residual add's multiplier and a sign take the accumulator's place in the product.
  check.rule(c.residual_passes == 1 || c.add_multiplier_width < c.accumulator_width,
             fmt::format("key 'add_multiplier_width' is {}, legal with residual_passes 3 is below accumulator_width = {}",
                         c.add_multiplier_width, c.accumulator_width));
  check.one_of("max_row_cycles", c.max_row_cycles, {1, 2});
  check.one_of("axi_data_width", c.axi_data_width, {32, 64, 128});
  check.range("axi_addr_width", c.axi_addr_width, 16, 32);
  check.range("act_depth", c.act_depth, 64, 32768);
  check.range("weight_depth", c.weight_depth, 32, 32768);
  check.range("table_depth", c.table_depth, 16, 32768);
  check.range("param_depth", c.param_depth, 2 * c.drain_cycles(), 4096);
  check.range("psum_depth", c.psum_depth, 1, 8192);
  check.range("out_depth", c.out_depth, 2, 8192);
  check.range("residual_depth", c.residual_depth, 2, 8192);
  check.one_of("queue_depth", c.queue_depth, {2, 4, 8, 16});
  check.one_of("max_burst", c.max_burst, {1, 2, 4, 8, 16, 32, 64, 128, 256});
  check.one_of("outstanding", c.outstanding, {1, 2, 4, 8, 16});
  check.one_of("perf_counters", c.perf_counters, {0, 1});
  for (const auto& [key, depth] :
       {std::pair{"act_depth", c.act_depth}, {"weight_depth", c.weight_depth},
        {"table_depth", c.table_depth}, {"param_depth", c.param_depth},
        {"psum_depth", c.psum_depth}, {"out_depth", c.out_depth},
        {"residual_depth", c.residual_depth}}) {
    check.power_of_two(key, depth);
  }
  if (c.dense()) {
    check.rule(c.share == c.pes,
               fmt::format("key 'share' is {}, legal with DENSE is pes = {}", c.share, c.pes));
    check.range("act_depth", c.act_depth, 64, 1 << c.offset_bits());
  } else {
    check.range("share", c.share, 1, c.pes);
    check.power_of_two("share", c.share);
  }
  check.rule(c.pes / c.requantisers >= 4,
             fmt::format("key 'requantisers' is {}, legal is at most pes / 4 = {}", c.requantisers,
                         c.pes / 4));
  check.rule(c.requantisers <= c.beat_bytes(),
             fmt::format("key 'requantisers' is {}, legal is at most axi_data_width / 8 = {}",
                         c.requantisers, c.beat_bytes()));
  check.rule(c.lanes % c.block_groups() == 0,
             fmt::format("key '{}' is {}, legal are multiples of {}{}",
                         c.windowed() ? "window" : "lanes", c.windowed() ? c.window : c.lanes,
                         c.windowed() ? "axi_data_width / 8 = " : "axi_data_width / 8 / group = ",
                         c.windowed() ? c.block_bytes() : c.block_groups()));
  check.rule(c.pes % c.block_bytes() == 0,
             fmt::format("key 'pes' is {}, legal are multiples of {}", c.pes, c.block_bytes()));
  check.rule(c.max_row_cycles == 1 || c.share == 1,
             fmt::format("key 'max_row_cycles' is {}, legal is 1 with share above 1", c.max_row_cycles));
  check.rule(c.max_row_cycles == 1 || c.lanes == 1,
             fmt::format("key 'max_row_cycles' is {}, legal is 1 with more than one lane", c.max_row_cycles));
  check.rule(!c.name.empty() && c.name.find_first_not_of(
                                    "abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos,
             fmt::format("key 'name' is '{}', legal are lower-case letters, digits and _", c.name));
}

Config parse_config(const std::string& text, const std::string& origin) {
  StrictMap map(text, origin);
  Config config;
  visit(config, [&](const char* key, auto& value) { map.take(key, value); });
  map.finish();
  if (config.windowed() && config.group > 0) config.lanes = config.window / config.group;
  validate(config, origin);
  return config;
}

Config load_config(const std::string& path) { return parse_config(read_text_file(path), path); }

}  // namespace aap
