// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How a chunk of `entropy` or `bitpack` is cut into tiles: a table of offsets, then the tiles. Layout: core/payload/FORMAT.md.
/// Everything here reads untrusted bytes: what does not hold is Corrupt, with its place in the chunk.
#include <span>

#include "core/codec/bytes.h"
#include "core/codec/codec.h"

namespace deltascope::residual {

inline constexpr std::uint32_t kRawFlag = 0x80000000u;  ///< of an entry of the table: the tile holds the finals themselves
inline constexpr std::size_t kHalf = 2;                 ///< bytes of a final, or of a 32-bit final's high half

/// Bytes of the table of so many tiles, and of a raw tile of so many weights; both end on 16 bytes.
[[nodiscard]] std::size_t tableBytes(std::size_t tiles);
[[nodiscard]] std::size_t rawBytes(std::size_t count);

/// The offset table of a chunk, checked only where it is used: tiles follow each other inside the chunk.
struct TileTable {
  std::span<const std::byte> chunk;
  std::size_t tiles = 0;

  [[nodiscard]] std::uint32_t entry(std::size_t t) const { return loadAs<std::uint32_t>(chunk.data() + 4 * t); }
  [[nodiscard]] bool raw(std::size_t t) const { return entry(t) & kRawFlag; }
  /// In bytes of the chunk; of the tile after the last: where the tiles end.
  [[nodiscard]] std::size_t begin(std::size_t t) const {
    return tableBytes(tiles) + static_cast<std::size_t>(entry(t) & ~kRawFlag) * 16;
  }
  [[nodiscard]] Result<std::span<const std::byte>> tile(CodecId id, std::size_t t) const;
  [[nodiscard]] Result<std::span<const std::byte>> afterTiles(CodecId id) const;
};
[[nodiscard]] Result<TileTable> readTable(CodecId id, std::span<const std::byte> chunk, std::size_t elements);

/// Bits of a lane of an `entropy` tile whose header is there.
[[nodiscard]] std::uint32_t laneBits(std::span<const std::byte> tile, std::size_t lane);

/// Reads every table and header of a chunk, and that nothing but zeros lies between its parts.
[[nodiscard]] Result<ChunkStats> checkTiles(CodecId id, const BaseSlice& base, std::span<const std::byte> chunk);

}  // namespace deltascope::residual
