// SPDX-License-Identifier: Apache-2.0
// What `aap check` says of a quantised network: for how many accumulators it and fp32 ONNX runtimes differ.
#pragma once

#include <optional>
#include <string>

#include "cli/cli.h"
#include "golden/certify.h"

namespace aap::cli {

struct QuantisedCheck {
  Certificate certificate;
  bool pruned = false;  // the file states K of G, so there is something to prove
};

// Empty for a float network. InputError as import_quantised.
std::optional<QuantisedCheck> check_quantised(const std::string& file);

nlohmann::ordered_json certificate_json(const Certificate& certificate);
void print_certificate(const Certificate& certificate);

}  // namespace aap::cli
