// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How much a chunk may grow. A tensor with a base is as large as its base; one without is only what its chunks say, so that a
/// few bytes could ask for any amount of memory. Readers refuse what claims more than this (FORMAT.md), writers stay within it.
#include <cstddef>
#include <cstdint>

namespace deltascope {

inline constexpr std::uint64_t kMostExpansion = std::uint64_t{1} << 16;

/// Whether a chunk of `stored` bytes may claim to hold `size` bytes of a tensor without a base.
[[nodiscard]] constexpr bool mayHold(std::uint64_t stored, std::uint64_t size) { return size / kMostExpansion <= stored; }

}  // namespace deltascope
