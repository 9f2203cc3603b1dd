// SPDX-License-Identifier: Apache-2.0
// Named networks of few layers, each with the reason it is here: the shapes that break tilers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "verif/networks/builder.h"

namespace aap::verif {

struct NamedNetwork {
  std::string name;    // states the class of input
  std::string reason;
  std::function<QNetwork(uint32_t seed)> build;
};

// Small enough to run all of them on every configuration.
const std::vector<NamedNetwork>& tail_networks();
// A handful that touches every unit: for the grid of configurations.
const std::vector<NamedNetwork>& grid_networks();

// One to four layers of any kind on a small image; every configuration takes most of them.
QNetwork random_network(uint32_t seed);

}  // namespace aap::verif
