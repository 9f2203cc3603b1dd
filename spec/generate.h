// SPDX-License-Identifier: Apache-2.0
// spec/isa.yaml as data, and the texts made from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "spec/config.h"

namespace aap::spec {

struct Register {
  std::string name, access, doc;
  uint32_t offset = 0;
};
struct Token {
  std::string name, producer, consumer, doc;
  int bit = 0;
};
struct Field {
  std::string name, doc;
  int word = 0, lo = 0, width = 0;
};
struct Opcode {
  std::string name, unit, doc;
  int code = 0;
  std::vector<Field> fields;
};
struct ErrorCode {
  std::string name, doc;
  int code = 0;
};
struct Isa {
  int version = 0;
  uint32_t check_constant = 0;
  std::vector<Register> registers;
  std::vector<Token> tokens;
  std::vector<Field> header;
  std::vector<Opcode> opcodes;
  std::vector<ErrorCode> errors;
};

// Verilog package of constants.
std::string isa_package(const Isa& isa);
// Module aap_<name>: aap_top with a configuration's parameters.
std::string config_wrapper(const Config& config);
// C++ header of descriptors, registers and errors.
std::string isa_header(const Isa& isa);
// C99 header of registers and errors for drivers.
std::string driver_header(const Isa& isa);
// Markdown reference.
std::string isa_page(const Isa& isa);

std::string upper(std::string text);
std::string camel(const std::string& text);  // LOAD_ACT -> LoadAct

}  // namespace aap::spec
