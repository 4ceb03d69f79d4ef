// SPDX-License-Identifier: Apache-2.0
#include "core/codec/residual_table.h"

#include <algorithm>

#include "core/codec/planes.h"
#include "core/codec/residual.h"
#include "core/codec/residual_encode.h"
#include "core/codec/residual_model.h"
#include "core/codec/residual_tiles.h"
#include "kernels/residual.h"

namespace deltascope {
namespace residual {
namespace {

/// Bytes of the parts of a tile that is not raw, in their order.
struct TileParts {
  std::size_t header = 0, codes = 0, patches = 0;

  [[nodiscard]] std::size_t end() const { return header + codes + patches; }
};

Result<TileParts> partsOf(CodecId id, std::span<const std::byte> tile, std::size_t at) {
  if (tile.size() < 16) return corruptAt(id, at, "tile of an impossible size");
  const auto head = loadAs<std::uint32_t>(tile.data());
  TileParts parts{4, (head & 0xffff) * std::size_t{4}, (head >> 16) * std::size_t{4}};
  if (id == CodecId::Entropy) {
    parts.header = kPrefixHeaderWords * 4;
    if (tile.size() < parts.header) return corruptAt(id, at, "tile header is cut off");
    std::uint64_t bits = 0;
    for (std::size_t lane = 0; lane < kernels::kLanes; ++lane) bits += laneBits(tile, lane);
    parts.codes = static_cast<std::size_t>(ceilDiv(bits, 32)) * 4;
  }
  if (parts.end() > tile.size()) return corruptAt(id, at, "patches run past the tile");
  return parts;
}

}  // namespace

std::size_t tableBytes(std::size_t tiles) { return static_cast<std::size_t>(roundUp((tiles + 1) * 4, 16)); }
std::size_t rawBytes(std::size_t count) { return static_cast<std::size_t>(roundUp(count * kHalf, 16)); }

Result<std::span<const std::byte>> TileTable::tile(CodecId id, std::size_t t) const {
  const std::size_t from = begin(t), to = begin(t + 1);
  if (to < from || to > chunk.size()) return corruptAt(id, 4 * (t + 1), "tile offsets are not ascending inside the chunk");
  return chunk.subspan(from, to - from);
}

Result<std::span<const std::byte>> TileTable::afterTiles(CodecId id) const {
  if (begin(tiles) > chunk.size()) return corruptAt(id, 4 * tiles, "the last tile ends outside the chunk");
  return chunk.subspan(begin(tiles));
}

Result<TileTable> readTable(CodecId id, std::span<const std::byte> chunk, std::size_t elements) {
  TileTable table{chunk, tileCount(elements)};
  if (chunk.size() < tableBytes(table.tiles)) return corruptAt(id, chunk.size(), "tile table is cut off");
  if (table.begin(0) != tableBytes(table.tiles)) return corruptAt(id, 0, "first tile does not follow the tile table");
  return table;
}

std::uint32_t laneBits(std::span<const std::byte> tile, std::size_t lane) {
  const auto head = loadAs<std::uint32_t>(tile.data());
  return (head & ((1u << kUnitShift) - 1)) + (std::to_integer<std::uint32_t>(tile[4 + lane]) << (head >> kUnitShift & 15));
}

Result<ChunkStats> checkTiles(CodecId id, const BaseSlice& base, std::span<const std::byte> chunk) {
  DELTASCOPE_ASSIGN(const TileTable table, readTable(id, chunk, base.count));
  ChunkStats stats;
  if (!isPadding(chunk.subspan(4 * (table.tiles + 1), tableBytes(table.tiles) - 4 * (table.tiles + 1))))
    return corruptAt(id, 4 * (table.tiles + 1), "zeros should follow the tile table");
  if (table.raw(table.tiles)) return corruptAt(id, 4 * table.tiles, "the end of the last tile is marked as raw");
  for (std::size_t t = 0; t < table.tiles; ++t) {
    DELTASCOPE_ASSIGN(const auto bytes, table.tile(id, t));
    std::size_t end = std::min<std::size_t>(base.count - t * kernels::kTile, kernels::kTile) * kHalf;
    if (table.raw(t)) {
      ++stats.rawTiles;
    } else {
      DELTASCOPE_ASSIGN(const TileParts parts, partsOf(id, bytes, table.begin(t)));
      end = parts.end();
      stats.patches += parts.patches / 4;
    }
    if (end > bytes.size() || !isPadding(bytes.subspan(end)))
      return corruptAt(id, table.begin(t) + end, "zeros should follow the tile");
  }
  DELTASCOPE_ASSIGN(const auto rest, table.afterTiles(id));
  std::size_t end = chunk.size() - rest.size();
  if (base.finalType == DType::F32) {
    const auto plane = planeBytes(rest);
    if (!plane) return corruptAt(id, end, plane.error().message);
    end += *plane;
  }
  if (end != chunk.size()) return corruptAt(id, end, "bytes follow the last tile");
  return stats;
}

}  // namespace residual

using namespace residual;

Result<std::vector<ResidualShare>> residualShares(CodecId id, std::span<const std::byte> chunk, std::size_t elements,
                                                  DType finalType) {
  DELTASCOPE_ASSIGN(const TileTable table, readTable(id, chunk, elements));
  std::uint64_t headers = 0, bits = 0, patches = 0, raw = 0, padding = tableBytes(table.tiles) - 4 * (table.tiles + 1);
  for (std::size_t t = 0; t < table.tiles; ++t) {
    DELTASCOPE_ASSIGN(const auto bytes, table.tile(id, t));
    if (table.raw(t)) {
      raw += bytes.size();
      continue;
    }
    DELTASCOPE_ASSIGN(const TileParts parts, partsOf(id, bytes, table.begin(t)));
    headers += parts.header, bits += parts.codes, patches += parts.patches, padding += bytes.size() - parts.end();
  }
  std::vector<ResidualShare> shares{{"tile offsets", 4 * (table.tiles + 1)},
                                    {"tile headers", headers},
                                    {"codes", bits},
                                    {"patches", patches},
                                    {"raw tiles", raw},
                                    {"padding", padding}};
  if (finalType == DType::F32) shares.push_back({"low plane", chunk.size() - table.begin(table.tiles)});
  return shares;
}

Result<void> appendTiles(CodecId id, std::span<const std::byte> chunk, std::size_t elements, std::uint64_t begin,
                         TileLayout& layout) {
  DELTASCOPE_ASSIGN(const TileTable table, readTable(id, chunk, elements));
  for (std::size_t t = 0; t < table.tiles; ++t) {
    DELTASCOPE_ASSIGN(const auto bytes, table.tile(id, t));
    const std::size_t count = std::min<std::size_t>(elements - t * kernels::kTile, kernels::kTile);
    const std::uint64_t unit = (begin + table.begin(t)) / 16;
    if (unit >= kRawFlag) return corruptAt(id, table.begin(t), "tile too far into its tensor");
    if (table.raw(t)) {
      if (bytes.size() < count * kHalf) return corruptAt(id, table.begin(t), "raw tile is cut off");
    } else {
      if (bytes.size() < 16 || bytes.size() > kernels::kMaxTileWords * 4)
        return corruptAt(id, table.begin(t), "tile of an impossible size");
      layout.largest = std::max(layout.largest, static_cast<std::uint32_t>(bytes.size()));
    }
    layout.offsets.push_back(static_cast<std::uint32_t>(unit) | (table.raw(t) ? kRawFlag : 0));
  }
  return {};
}

std::uint64_t tileTableBytes(CodecId codec, DType finalType, std::uint64_t chunkElements) {
  if ((codec != CodecId::Entropy && codec != CodecId::Bitpack) || finalType == DType::F32) return 0;
  return tableBytes(tileCount(chunkElements));
}

Result<IndexRange> tileBytes(CodecId codec, std::span<const std::byte> chunk, std::uint64_t chunkElements, std::uint64_t offset,
                             std::uint64_t count) {
  DELTASCOPE_ASSIGN(const TileTable table, readTable(codec, chunk, chunkElements));
  if (offset > chunkElements || count > chunkElements - offset)
    return fail(ErrorCode::InvalidArgument, "elements outside their chunk");
  if (count == 0) return IndexRange{};
  const std::size_t first = offset / kernels::kTile, last = (offset + count - 1) / kernels::kTile;
  DELTASCOPE_ASSIGN(const auto begin, table.tile(codec, first));
  DELTASCOPE_ASSIGN(const auto end, table.tile(codec, last));
  const std::size_t from = table.begin(first), to = table.begin(last) + end.size();
  if (to < from + begin.size()) return corruptAt(codec, 4 * (last + 1), "tile offsets are not ascending inside the chunk");
  return IndexRange{from, to - from};
}

TileModel tileModel(const CodecModel* model) {
  if (const auto* prefix = dynamic_cast<const PrefixModel*>(model)) return {&prefix->head.rule, &prefix->table, nullptr};
  if (const auto* fields = dynamic_cast<const FieldModel*>(model)) return {&fields->head.rule, nullptr, &fields->table};
  return {};
}

}  // namespace deltascope
