// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Writing one residual tile.
#include <cstdint>
#include <span>

#include "core/codec/residual_model.h"
#include "core/codec/residual_tiles.h"

namespace deltascope::residual {

/// Words before the lanes of a prefix tile: shortest lane | unit << 12 | patches << 16, then 32 length differences of a byte,
/// in units of 2^unit bits.
inline constexpr std::size_t kPrefixHeaderWords = 9;
inline constexpr unsigned kUnitShift = 12;

/// Scratch and result of one tile's encoding; reusable.
class TileEncoder {
 public:
  /// The tile's words, valid until the next call; empty when it cannot be coded (it is to be stored raw). May change tile.x.
  [[nodiscard]] std::span<const std::uint32_t> encode(const PrefixModel& model, Tile& tile);
  [[nodiscard]] std::span<const std::uint32_t> encode(const FieldModel& model, Tile& tile);
  [[nodiscard]] std::size_t patches() const { return m_patches; }

 private:
  void patch(const Tile& tile, std::size_t i) {
    m_exceptions[m_patches++] = static_cast<std::uint32_t>(i) << 16 | tile.final[i];
  }
  [[nodiscard]] std::size_t writeLanes(const PrefixModel& model, Tile& tile, std::uint32_t unit, std::uint32_t* lengths,
                                       std::uint32_t floor = 0);
  [[nodiscard]] std::span<const std::uint32_t> finish(std::size_t words);
  // Sixteen bits a weight at most, and as many patches as weights.
  std::uint32_t m_words[kPrefixHeaderWords + kernels::kMaxTileWords + 16 + kernels::kTile];
  std::uint32_t m_exceptions[kernels::kTile];
  std::size_t m_patches = 0;
};

}  // namespace deltascope::residual
