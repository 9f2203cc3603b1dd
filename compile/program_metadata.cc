// SPDX-License-Identifier: Apache-2.0
#include "compile/program_metadata.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "model/error.h"

namespace aap {
namespace {

using nlohmann::json;

json to_json(const FeatureMap& m) {
  return {{"name", m.name},
          {"tensor", m.tensor},
          {"channels", m.channels},
          {"height", m.height},
          {"width", m.width},
          {"address", m.address},
          {"plane_stride", m.plane_stride},
          {"scale", m.scale},
          {"zero_point", m.zero_point}};
}

json to_json(const ProgramLayer& l) {
  return {{"name", l.name},
          {"op", l.op},
          {"output", l.output},
          {"in_channels", l.in_channels},
          {"out_channels", l.out_channels},
          {"out_height", l.out_height},
          {"out_width", l.out_width},
          {"kernel_h", l.kernel_h},
          {"kernel_w", l.kernel_w},
          {"keep", l.keep},
          {"group", l.group},
          {"macs_dense", l.macs_dense},
          {"macs_kept", l.macs_kept},
          {"array_cycles", l.array_cycles},
          {"ideal_cycles", l.ideal_cycles},
          {"weight_bytes", l.weight_bytes},
          {"index_bytes", l.index_bytes},
          {"read_bytes", l.read_bytes},
          {"write_bytes", l.write_bytes}};
}

// The members of one JSON object, each with the one type it may have: the library's own conversions
// cut numbers off. `where` names the object.
class Members {
 public:
  Members(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) throw_input("{} is {}, legal is an object", where_, object_.type_name());
  }

  template <typename T>
  void integer(const char* key, T& out) const {
    const json& v = member(key);
    const bool fits = v.is_number_unsigned()
                          ? v.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<T>::max())
                          : v.is_number_integer() && v.get<int64_t>() >= static_cast<int64_t>(std::numeric_limits<T>::min()) &&
                                (v.get<int64_t>() < 0 || static_cast<uint64_t>(v.get<int64_t>()) <= static_cast<uint64_t>(std::numeric_limits<T>::max()));
    if (!fits) {
      throw_input("{}: '{}' is {}, legal is an integer {}..{}", where_, key, text_of(v),
                  std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    }
    out = v.get<T>();
  }
  template <typename T>
  void number(const char* key, T& out) const {
    const json& v = member(key);
    const double d = v.is_number() ? v.get<double>() : 0.0;
    if (!v.is_number() || !(std::fabs(d) <= static_cast<double>(std::numeric_limits<float>::max()))) {
      throw_input("{}: '{}' is {}, legal is a number that a float can hold", where_, key, text_of(v));
    }
    out = static_cast<T>(d);
  }
  // One number, or a list of them.
  void numbers(const char* key, std::vector<float>& out) const {
    const json& v = member(key);
    out.assign(1, 0.0F);
    if (!v.is_array()) return number(key, out[0]);
    if (v.empty() || v.size() > kMostNumbers) {
      throw_input("{}: '{}' has {} numbers, legal is 1..{}", where_, key, v.size(), kMostNumbers);
    }
    out.clear();
    for (const json& n : v) {
      const double d = n.is_number() ? n.get<double>() : NAN;
      if (!(std::fabs(d) <= static_cast<double>(std::numeric_limits<float>::max()))) {
        throw_input("{}: '{}' holds {}, legal are numbers that a float can hold", where_, key, text_of(n));
      }
      out.push_back(static_cast<float>(d));
    }
  }
  void text(const char* key, std::string& out) const {
    const json& v = member(key);
    if (!v.is_string() || v.get_ref<const std::string&>().size() > kMostName) {
      throw_input("{}: '{}' is {}, legal is a string of at most {} bytes", where_, key, text_of(v), kMostName);
    }
    out = v.get<std::string>();
  }
  void flag(const char* key, bool& out) const {
    const json& v = member(key);
    if (!v.is_boolean()) throw_input("{}: '{}' is {}, legal is true or false", where_, key, text_of(v));
    out = v.get<bool>();
  }
  const json& list(const char* key) const {
    const json& v = member(key);
    if (!v.is_array()) throw_input("{}: '{}' is {}, legal is a list", where_, key, text_of(v));
    return v;
  }

 private:
  static constexpr size_t kMostName = 4096, kMostNumbers = 4096;

  const json& member(const char* key) const {
    const auto it = object_.find(key);
    if (it == object_.end()) throw_input("{}: '{}' is missing", where_, key);
    return *it;
  }
  // Numbers as they are; of the rest only the kind, for it may be large.
  static std::string text_of(const json& v) {
    return v.is_number() ? v.dump() : std::string(v.type_name());
  }

  const json& object_;
  std::string where_;
};

void read_map(const Members& j, FeatureMap& m) {
  j.text("name", m.name);
  j.integer("tensor", m.tensor);
  j.integer("channels", m.channels);
  j.integer("height", m.height);
  j.integer("width", m.width);
  j.integer("address", m.address);
  j.integer("plane_stride", m.plane_stride);
  j.number("scale", m.scale);
  j.integer("zero_point", m.zero_point);
}

void read_layer(const Members& j, ProgramLayer& l) {
  j.text("name", l.name);
  j.text("op", l.op);
  j.integer("output", l.output);
  j.integer("in_channels", l.in_channels);
  j.integer("out_channels", l.out_channels);
  j.integer("out_height", l.out_height);
  j.integer("out_width", l.out_width);
  j.integer("kernel_h", l.kernel_h);
  j.integer("kernel_w", l.kernel_w);
  j.integer("keep", l.keep);
  j.integer("group", l.group);
  j.integer("macs_dense", l.macs_dense);
  j.integer("macs_kept", l.macs_kept);
  j.integer("array_cycles", l.array_cycles);
  j.integer("ideal_cycles", l.ideal_cycles);
  j.integer("weight_bytes", l.weight_bytes);
  j.integer("index_bytes", l.index_bytes);
  j.integer("read_bytes", l.read_bytes);
  j.integer("write_bytes", l.write_bytes);
}

json one_or_list(const std::vector<float>& v) {
  return v.size() == 1 ? json(v[0]) : json(v);
}

}  // namespace

std::string write_metadata(const Program& p) {
  json j = {{"network", p.network},
            {"config", p.config_name},
            {"base", p.base},
            {"memory_size", p.memory_size},
            {"descriptor_address", p.descriptor_address},
            {"descriptor_count", p.descriptor_count},
            {"input", p.input},
            {"output", p.output},
            {"softmax_on_host", p.softmax_on_host},
            {"input_mean", one_or_list(p.preprocessing.mean)},
            {"input_std", one_or_list(p.preprocessing.std)},
            {"maps", json::array()},
            {"layers", json::array()}};
  if (p.images != 1) j["images"] = p.images;
  if (p.preprocessing.divisor != 255.0F) j["input_divisor"] = p.preprocessing.divisor;
  for (const FeatureMap& m : p.maps) j["maps"].push_back(to_json(m));
  for (const ProgramLayer& l : p.layers) j["layers"].push_back(to_json(l));
  return j.dump();
}

void read_metadata(const std::string& text, Program& p, const std::string& path) {
  const std::string where = path + ": program file: metadata";
  json parsed;
  try {
    parsed = json::parse(text);
  } catch (const json::exception& e) {
    throw_input("{}: {}", where, e.what());
  }
  const Members j(parsed, where);
  j.text("network", p.network);
  j.text("config", p.config_name);
  j.integer("base", p.base);
  j.integer("memory_size", p.memory_size);
  j.integer("descriptor_address", p.descriptor_address);
  j.integer("descriptor_count", p.descriptor_count);
  j.integer("input", p.input);
  j.integer("output", p.output);
  j.flag("softmax_on_host", p.softmax_on_host);
  if (parsed.contains("images")) j.integer("images", p.images);
  if (parsed.contains("input_divisor")) j.number("input_divisor", p.preprocessing.divisor);
  j.numbers("input_mean", p.preprocessing.mean);
  j.numbers("input_std", p.preprocessing.std);
  for (const json& m : j.list("maps")) {
    read_map(Members(m, fmt::format("{}: maps[{}]", where, p.maps.size())), p.maps.emplace_back());
    p.maps.back().base = p.base;
  }
  for (const json& l : j.list("layers")) {
    read_layer(Members(l, fmt::format("{}: layers[{}]", where, p.layers.size())), p.layers.emplace_back());
  }
}

}  // namespace aap
