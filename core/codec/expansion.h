// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a payload may ask of its reader, and how much a chunk may grow. A tensor with a base is as large as its base; one
/// without is only what its chunks say, so that a few bytes could ask for any amount of memory. Readers refuse what claims more
/// than this (FORMAT.md), writers stay within it.
#include <cstddef>
#include <cstdint>

namespace deltascope {

inline constexpr std::uint64_t kMostChunkBytes = std::uint64_t{16} << 30;  ///< of a decoded chunk
inline constexpr std::uint64_t kMostExpansion = std::uint64_t{1} << 16;    ///< bytes that a stored one may stand for
inline constexpr std::uint64_t kMostGrowth = 16;  ///< rows of a final for each of its base's, where they differ

/// Whether a chunk of `stored` bytes may claim to hold `size` bytes of a tensor without a base; or a stream, a companion.
[[nodiscard]] constexpr bool mayHold(std::uint64_t stored, std::uint64_t size) { return size / kMostExpansion <= stored; }

}  // namespace deltascope
