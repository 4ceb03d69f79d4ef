// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the three residual codecs share: anchors and contexts of a slice, tile by tile, and the split of 32-bit finals into an
/// upper half that is coded and a low plane.
#include <cstdint>
#include <span>
#include <vector>

#include "core/codec/codec.h"
#include "kernels/residual.h"

namespace deltascope::residual {

[[nodiscard]] bool supported(BaseKind base, DType finalType);

/// The rule of a pair of kinds before anything was fitted; `topExponent` of a Same base is taken from the samples.
[[nodiscard]] kernels::AnchorRule defaultRule(BaseKind base, DType finalType, std::span<const DeltaSample> samples);

/// Scratch for one tile (about 50 KiB); make one per call, not per tile.
struct Tile {
  alignas(64) std::uint16_t anchors[kernels::kTile];
  alignas(64) std::uint16_t final[kernels::kTile];  ///< 16-bit finals, or the coded upper half
  alignas(64) std::uint16_t low[kernels::kTile];    ///< lower half of 32-bit finals
  alignas(64) std::uint16_t x[kernels::kTile];
  alignas(64) std::uint8_t contexts[kernels::kTile];
  alignas(64) std::uint32_t parents[kernels::kTile];  ///< FP32 parent bits
  std::size_t count = 0;                              ///< weights in this tile
  std::size_t padded = 0;                             ///< rounded up to whole steps
  bool usable = true;                                 ///< scales in the range in which anchors are defined
};

[[nodiscard]] std::size_t tileCount(std::size_t elements);

/// A quantized base's side of the tile starting `offset` weights into the slice.
[[nodiscard]] kernels::TileBase tileBase(const BaseSlice& base, std::size_t offset);
/// Fills anchors, contexts and parents of the tile starting `offset` weights into the slice.
void loadBase(const kernels::AnchorRule& rule, const BaseSlice& base, std::size_t offset, Tile& tile);
/// Fills final, low and x; loadBase comes first.
void loadFinal(const kernels::AnchorRule& rule, const BaseSlice& base, std::span<const std::byte> final, std::size_t offset,
               Tile& tile);
/// From x (and low) back to the final's bytes.
void storeFinal(const kernels::AnchorRule& rule, const BaseSlice& base, const Tile& tile, std::size_t offset,
                std::span<std::byte> final);
/// The same when `tile.final` was read as stored instead (raw tiles).
void storeHalves(const BaseSlice& base, const Tile& tile, std::size_t offset, std::span<std::byte> final);

/// The low plane of a chunk: [u32 mode][u32 bytes][u64 0][bytes, padded to 16]. Mode 0: all zero, 1: stored, 2: zstd, as two
/// byte planes (low bytes, then high bytes). Nothing at all for 16-bit finals.
void appendLowPlane(std::span<const std::uint16_t> low, int zstdLevel, std::vector<std::byte>& out);
/// `bytes` starts at the low plane; fills `low`.
[[nodiscard]] Result<void> parseLowPlane(std::span<const std::byte> bytes, std::span<std::uint16_t> low);
[[nodiscard]] std::size_t lowPlaneBound(std::size_t elements);

}  // namespace deltascope::residual
