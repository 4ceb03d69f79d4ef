// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a delta looks like, independent of how it is stored. Delta = ordered(final) − ordered(base value), as integers.
#include <cstdint>
#include <span>
#include <vector>

#include "core/codec/codec.h"

namespace deltascope {

/// Elements of `final` whose bits equal the base value's. `slice.values` must be set (or kind None: always 0).
[[nodiscard]] std::uint64_t countZeroDeltas(const BaseSlice& slice, std::span<const std::byte> final);

/// The integer delta of each element (coded float types only), saturated to 32 bits.
void deltas(const BaseSlice& slice, std::span<const std::byte> final, std::span<std::int32_t> into);

}  // namespace deltascope
