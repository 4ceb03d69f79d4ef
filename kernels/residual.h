// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Plain descriptions of residual chunks and the decoders over them.
///
/// A chunk covers whole tiles of 4,096 weights (the last may be short). Weight i has an anchor and a context that follow from the base
/// alone, and a stored 16-bit difference x(i) to the anchor. See core/payload/FORMAT.md for the bytes.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace deltascope::kernels {

inline constexpr std::size_t kTile = 4096;  ///< weights a tile: one GPU warp, 16 steps
inline constexpr std::size_t kStep = 256;   ///< weights a step: 32 lanes × 8
inline constexpr std::size_t kLanes = 32;

}  // namespace deltascope::kernels
