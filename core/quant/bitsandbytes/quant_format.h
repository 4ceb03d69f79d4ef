// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The formats that this program quantizes to.
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/quant/base_kind.h"
#include "core/quant/codebook.h"

namespace deltascope {

enum class QuantFormat : std::uint8_t { Nf4, Fp4, Int8 };
[[nodiscard]] std::string_view nameOf(QuantFormat format);  ///< "nf4", "fp4", "int8"
[[nodiscard]] std::optional<QuantFormat> quantFormatFromName(std::string_view name);
[[nodiscard]] BaseKind kindOfFormat(QuantFormat format);
/// Whether each row has one scale, which follows from all of it; else each block has.
[[nodiscard]] constexpr bool scalesByRow(QuantFormat format) { return format == QuantFormat::Int8; }

/// Of Nf4 or Fp4. Values and boundaries are those of bitsandbytes' torch implementation; its CUDA kernels differ in the last
/// bit of some boundaries. FP4 has two zeros, codes 0 and 8, both +0.
[[nodiscard]] const CodeBook& codeBook(QuantFormat format);
[[nodiscard]] const kernels::FourBitCode& fourBitCode(QuantFormat format);  ///< codeBook, for the kernels

}  // namespace deltascope
