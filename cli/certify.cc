// SPDX-License-Identifier: Apache-2.0
#include "cli/certify.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/qimport.h"

namespace aap::cli {

std::optional<QuantisedCheck> check_quantised(const std::string& file) {
  const Graph graph = read_onnx(file);
  const bool quantised = std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& n) {
    return n.op == "QuantizeLinear" || n.op == "DequantizeLinear" || n.op == "QGemm" ||
           n.op.rfind("QLinear", 0) == 0;
  });
  if (!quantised) return std::nullopt;
  QuantisedCheck check;
  check.certificate = certify(graph, import_quantised(graph));
  check.pruned = std::any_of(graph.metadata.begin(), graph.metadata.end(), [](const auto& entry) {
    return entry.first == "aap.group" || entry.first.rfind("aap.keep.", 0) == 0 ||
           entry.first.rfind("aap.n_of_m.", 0) == 0;
  });
  return check;
}

nlohmann::ordered_json certificate_json(const Certificate& c) {
  nlohmann::ordered_json j = {{"exact", c.exact()}, {"reachable", c.reachable()}, {"differing", c.differing()},
                              {"differing_channels", c.differing_channels()}};
  j["layers"] = nlohmann::ordered_json::array();
  for (const CertifiedLayer& l : c.layers) {
    nlohmann::ordered_json row = {{"name", l.name}, {"op", l.op}, {"domain", l.domain},
                                  {"function_of_accumulator", l.function_of_accumulator},
                                  {"reachable", l.reachable()}, {"differing", l.differing()}};
    row["channels"] = nlohmann::ordered_json::array();
    for (const CertifiedChannel& ch : l.channels) {
      row["channels"].push_back({{"index", ch.index}, {"multiplier", ch.requant.multiplier},
                                 {"shift", ch.requant.shift}, {"reachable", ch.reachable},
                                 {"differing", ch.differing}});
    }
    j["layers"].push_back(row);
  }
  return j;
}

void print_certificate(const Certificate& c) {
  fmt::print("against fp32 ONNX runtimes, of the values that each layer can reach:\n");
  for (const CertifiedLayer& l : c.layers) {
    const auto channels = std::count_if(l.channels.begin(), l.channels.end(),
                                        [](const CertifiedChannel& ch) { return ch.differing != 0; });
    fmt::print("{:<28} {:<24} {:>12} {}, {} differ{}{}\n", l.name, l.op, l.reachable(), l.domain, l.differing(),
               l.channels.size() > 1 ? fmt::format(" in {} of {} channels", channels, l.channels.size()) : "",
               l.function_of_accumulator ? "" : "; the runtime's fp32 sum depends on its order");
  }
  fmt::print("{}: {} of {} values differ{}\n", c.network, c.differing(), c.reachable(),
             c.exact() ? ": exact on every input" : "");
}

}  // namespace aap::cli
