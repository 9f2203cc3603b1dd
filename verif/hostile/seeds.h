// SPDX-License-Identifier: Apache-2.0
// Small valid files of every format, each with every construct that its reader knows: what the
// mutators start from. Made by the project's own writers, so they follow the formats.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/graph.h"

namespace aap::hostile {

using Seeds = std::vector<std::pair<std::string, std::string>>;  // name, bytes

Seeds onnx_seeds();
Seeds config_seeds();
Seeds recipe_seeds();
const Graph& recipe_network();  // the float seed, which the recipes are for
Seeds program_seeds();
Seeds npy_seeds();
Seeds cifar_seeds();
// Images and labels in one: the readers take the same file as both.
Seeds image_seeds();

// The configuration that the program seeds and the compiler of accepted networks use.
std::string tiny_config();

}  // namespace aap::hostile
