// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Integers of four or eight bits packed into 32-bit words, rows beginning a word each.
#include "core/quant/quantized.h"

namespace deltascope {

/// The integers' offset is 2^(bits − 1). Words of a row of `columns` integers.
[[nodiscard]] std::uint64_t packedWords(std::uint64_t columns, unsigned bits);
/// As BaseFormat::readCodes, of a weight whose codes are packed along its rows.
[[nodiscard]] Result<void> readPacked(const Checkpoint& checkpoint, const QuantizedTensor& tensor, IndexRange elements,
                                      std::span<std::byte> into);
/// Integers that are packed down the rows, [words of `rows`, columns]: in row order.
[[nodiscard]] std::vector<float> unpackDown(std::span<const std::byte> bytes, std::uint64_t rows, std::uint64_t columns,
                                            unsigned bits);

}  // namespace deltascope
