// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the base of a delta is.
#include <cstdint>
#include <optional>
#include <string_view>

namespace deltascope {

/// The numbers are those of payloads (core/payload/FORMAT.md). Each kind but None has a folder of core/quant and a row in
/// base_format.cpp.
enum class BaseKind : std::uint8_t {
  None,  ///< no base tensor: the delta is the tensor
  Same,  ///< a tensor of the final's type (or converted to it, one rounding)
  Nf4,
  Fp4,
  Int8,
  Int4,
  Q8_0,  ///< this and what follows to Iq4Xs: blocks of GGUF files
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q2K,
  Q3K,
  Q4K,
  Q5K,
  Q6K,
  Iq4Nl,
  Iq4Xs,
  Fp8,  ///< E4M3 and scales
  W8,   ///< eight-bit integers, scales and zeros
  W4    ///< four-bit ones
};
[[nodiscard]] std::string_view nameOf(BaseKind kind);  ///< "none", "same", "nf4", "Q4_K" …
[[nodiscard]] std::optional<BaseKind> baseKindFromName(std::string_view name);
/// By its number in a file; nothing for one that this program does not know.
[[nodiscard]] std::optional<BaseKind> baseKindFromNumber(std::uint64_t number);
/// Whether codes and scales lie together in blocks.
[[nodiscard]] constexpr bool isInBlocks(BaseKind kind) { return kind >= BaseKind::Q8_0 && kind <= BaseKind::Iq4Xs; }
/// Whether the base has codes and scales instead of values.
[[nodiscard]] constexpr bool isQuantized(BaseKind kind) { return kind > BaseKind::Same; }

}  // namespace deltascope
