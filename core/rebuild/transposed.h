// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Matrices that a delta sees transposed: of Conv1D layers, which checkpoints store as [in, out] and bitsandbytes as [out, in].
/// Ranges count elements of the transpose, row by row. Types of whole bytes.
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

/// The shape of a matrix's transpose.
[[nodiscard]] std::vector<std::uint64_t> transposed(const std::vector<std::uint64_t>& shape);

/// Bytes [begin, begin + the span's) of the stored matrix.
using ReadBytes = std::function<Result<void>(std::uint64_t begin, std::span<std::byte> into)>;
using WriteBytes = std::function<Result<void>(std::uint64_t begin, std::span<const std::byte> bytes)>;

/// Elements from `first` of the transpose of a stored matrix of that shape, neither side of which is 0: one read for each of
/// its rows.
[[nodiscard]] Result<void> readTransposed(const std::vector<std::uint64_t>& stored, std::size_t elementBytes,
                                          std::uint64_t first, std::span<std::byte> into, const ReadBytes& read);
/// The other way: disjoint ranges are written to disjoint places.
[[nodiscard]] Result<void> writeTransposed(const std::vector<std::uint64_t>& stored, std::size_t elementBytes,
                                           std::uint64_t first, std::span<const std::byte> from, const WriteBytes& write);

}  // namespace deltascope
