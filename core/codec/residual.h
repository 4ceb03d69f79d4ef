// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where the bytes of an `entropy` or `bitpack` chunk go.
#include <span>
#include <string>
#include <vector>

#include "core/codec/codec.h"
#include "kernels/residual.h"

namespace deltascope {

struct ResidualShare {
  std::string part;  ///< "tile offsets", "tile headers", "codes", "patches", "raw tiles", "padding", "low plane"
  std::uint64_t bytes = 0;
};
/// Sums to the chunk's size. Untrusted bytes, as decode().
[[nodiscard]] Result<std::vector<ResidualShare>> residualShares(CodecId codec, std::span<const std::byte> chunk,
                                                                std::size_t elements, DType finalType);

/// Where the tiles of a tensor's chunks lie, as a GPU's products read them (kernels::Tiles).
struct TileLayout {
  std::vector<std::uint32_t> offsets;  ///< in units of 16 bytes; bit 31: raw. The end of the last is not among them.
  std::uint32_t largest = 0;           ///< bytes of the largest that is not raw
};
/// Adds the tiles of a chunk that lies `begin` bytes (a multiple of 16) into the tensor's stream. Untrusted bytes: offsets
/// ascend inside the chunk and raw tiles are whole, or it is Corrupt.
[[nodiscard]] Result<void> appendTiles(CodecId codec, std::span<const std::byte> chunk, std::size_t elements,
                                       std::uint64_t begin, TileLayout& layout);

/// Bytes at the beginning of a chunk that say where its tiles lie, of which decodeRange() needs no others than the range's: a
/// chunk need not be read whole. 0: the codec has no such table, or needs more.
[[nodiscard]] std::uint64_t tileTableBytes(CodecId codec, DType finalType, std::uint64_t chunkElements);
/// The bytes of the tiles that hold elements [offset, offset + count) of such a chunk; of `chunk`, which has the chunk's
/// length, the table alone is read. Untrusted bytes: offsets ascend inside the chunk, or it is Corrupt.
[[nodiscard]] Result<IndexRange> tileBytes(CodecId codec, std::span<const std::byte> chunk, std::uint64_t chunkElements,
                                           std::uint64_t offset, std::uint64_t count);

/// The parts of an `entropy` or `bitpack` model that decoders on a device are made of; null where it is another's.
struct TileModel {
  const kernels::AnchorRule* rule = nullptr;
  const kernels::PrefixTable* prefix = nullptr;
  const kernels::FieldTable* fields = nullptr;
};
[[nodiscard]] TileModel tileModel(const CodecModel* model);

}  // namespace deltascope
