// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "core/checkpoint/pickle.h"
#include "core/checkpoint/pickle_opcodes.h"

namespace deltascope {

std::string_view nameOf(PickleKind kind) {
  constexpr std::array<std::string_view, 13> kNames{
      "None",   "a truth value", "a number", "a number",        "a text",   "bytes",      "a tuple",
      "a list", "a dict",        "a symbol", "a persistent id", "a tensor", "a parameter"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view nameOfRefused(std::uint8_t opcode) {
  struct Row {
    std::uint8_t opcode;
    std::string_view name;
  };
  constexpr std::array kRefused{
      Row{'P', "PERSID"},     Row{'S', "STRING"},     Row{'T', "BINSTRING"},    Row{'U', "SHORT_BINSTRING"},
      Row{'i', "INST"},       Row{'o', "OBJ"},        Row{0x81, "NEWOBJ"},      Row{0x82, "EXT1"},
      Row{0x83, "EXT2"},      Row{0x84, "EXT4"},      Row{0x8f, "EMPTY_SET"},   Row{0x90, "ADDITEMS"},
      Row{0x91, "FROZENSET"}, Row{0x92, "NEWOBJ_EX"}, Row{0x97, "NEXT_BUFFER"}, Row{0x98, "READONLY_BUFFER"}};
  const auto found = std::find_if(kRefused.begin(), kRefused.end(), [&](const Row& row) { return row.opcode == opcode; });
  return found == kRefused.end() ? std::string_view() : found->name;
}

}  // namespace deltascope
