// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/cli.h"

namespace aap::cli {

// Regression suites (verif/regress).
void add_regress(CLI::App& app, Action& action);

}  // namespace aap::cli
