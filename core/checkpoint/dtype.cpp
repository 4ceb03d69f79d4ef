// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/dtype.h"

#include <array>

namespace deltascope {
namespace {

struct Row {
  DType type;
  std::string_view name;
  unsigned bits;
};
constexpr std::array<Row, 22> kTypes{{
    {DType::Bool, "BOOL", 8},
    {DType::F4, "F4", 4},
    {DType::F6_E2M3, "F6_E2M3", 6},
    {DType::F6_E3M2, "F6_E3M2", 6},
    {DType::U8, "U8", 8},
    {DType::I8, "I8", 8},
    {DType::F8_E5M2, "F8_E5M2", 8},
    {DType::F8_E4M3, "F8_E4M3", 8},
    {DType::F8_E8M0, "F8_E8M0", 8},
    {DType::F8_E4M3Fnuz, "F8_E4M3FNUZ", 8},
    {DType::F8_E5M2Fnuz, "F8_E5M2FNUZ", 8},
    {DType::I16, "I16", 16},
    {DType::U16, "U16", 16},
    {DType::F16, "F16", 16},
    {DType::BF16, "BF16", 16},
    {DType::I32, "I32", 32},
    {DType::U32, "U32", 32},
    {DType::F32, "F32", 32},
    {DType::C64, "C64", 64},
    {DType::F64, "F64", 64},
    {DType::I64, "I64", 64},
    {DType::U64, "U64", 64},
}};
constexpr bool inOrder() {
  for (std::size_t i = 0; i < kTypes.size(); ++i)
    if (static_cast<std::size_t>(kTypes[i].type) != i) return false;
  return true;
}
static_assert(inOrder(), "the table is indexed by DType");

struct TorchRow {
  DType type;
  std::string_view name;
};
constexpr std::array<TorchRow, 3> kTorchNames{{{DType::BF16, "bfloat16"}, {DType::F16, "float16"}, {DType::F32, "float32"}}};

}  // namespace

unsigned bitsOf(DType type) { return kTypes[static_cast<std::size_t>(type)].bits; }

unsigned bytesOf(DType type) { return bitsOf(type) % 8 ? 0 : bitsOf(type) / 8; }

std::string_view nameOf(DType type) { return kTypes[static_cast<std::size_t>(type)].name; }

std::optional<DType> dtypeFromName(std::string_view name) {
  for (const auto& row : kTypes)
    if (row.name == name) return row.type;
  return std::nullopt;
}

std::string_view torchNameOf(DType type) {
  for (const auto& row : kTorchNames)
    if (row.type == type) return row.name;
  return {};
}

std::optional<DType> dtypeFromTorchName(std::string_view name) {
  for (const auto& row : kTorchNames)
    if (row.name == name) return row.type;
  return std::nullopt;
}

}  // namespace deltascope
