// SPDX-License-Identifier: Apache-2.0
// What is done with a hostile file: everything that the command line would do with it.
#pragma once

#include <string>

namespace aap::hostile {

// Gives the file to the readers of its format and, where they take it, to all that follows (float
// inference, pruning, quantisation, import, golden, compiler, cycle model). Returns "" where the
// file was refused in order or taken without harm, else what was wrong: another exception than
// InputError, a message that is not one printable line with the file's name, or results that differ.
// `accepted` says whether a reader took the file. Work that a valid file may ask for within the
// stated limits but that would take seconds is left out.
std::string exercise(const std::string& format, const std::string& path, bool& accepted);

}  // namespace aap::hostile
