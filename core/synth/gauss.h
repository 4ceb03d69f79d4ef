// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Normal numbers by the billion, the same for any number of threads.
#include <cstdint>
#include <span>
#include <string_view>

namespace deltascope {

/// Numbers that share a generator; a range of a tensor starts at a multiple of it.
inline constexpr std::uint64_t kGaussBlock = 4096;

/// Identifies a tensor's stream of numbers.
[[nodiscard]] std::uint64_t gaussKey(std::uint64_t seed, std::string_view tensor);

/// Standard normal numbers at positions [first, first + into.size()) of a stream; `first` is a multiple of kGaussBlock.
/// Ziggurat (Marsaglia and Tsang 2000, 256 layers) over SplitMix64, seeded for each block.
void gauss(std::uint64_t key, std::uint64_t first, std::span<float> into);

}  // namespace deltascope
