// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Element types, by their names in safetensors.
#include <cstdint>
#include <optional>
#include <string_view>

namespace deltascope {

/// In the order of the reference library's own enumeration, by which it sorts the tensors of a file.
enum class DType : std::uint8_t {
  Bool,
  F4,
  F6_E2M3,
  F6_E3M2,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  F8_E8M0,
  F8_E4M3Fnuz,
  F8_E5M2Fnuz,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64
};

[[nodiscard]] unsigned bitsOf(DType type);          ///< bits an element
[[nodiscard]] std::string_view nameOf(DType type);  ///< "BF16"
[[nodiscard]] std::optional<DType> dtypeFromName(std::string_view name);
/// What PyTorch and config.json call the coded floats: "bfloat16", "float16", "float32"; empty for others.
[[nodiscard]] std::string_view torchNameOf(DType type);
[[nodiscard]] std::optional<DType> dtypeFromTorchName(std::string_view name);
/// BF16, F16 or F32: the types whose deltas are coded; all others are stored identical or raw.
[[nodiscard]] constexpr bool isCodedFloat(DType type) {
  return type == DType::BF16 || type == DType::F16 || type == DType::F32;
}
/// Bytes an element, for types of whole bytes; 0 for sub-byte types.
[[nodiscard]] unsigned bytesOf(DType type);

}  // namespace deltascope
