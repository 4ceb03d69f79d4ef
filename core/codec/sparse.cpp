// SPDX-License-Identifier: Apache-2.0
#include "core/codec/sparse.h"

#include <algorithm>

#include "core/codec/bytes.h"
#include "core/codec/codecs.h"
#include "core/codec/sparse_tile.h"

namespace deltascope {
namespace {

constexpr std::size_t kHeader = 4;

std::size_t tilesOf(std::size_t count) { return static_cast<std::size_t>(ceilDiv(count, kTileElements)); }
std::size_t tableBytes(std::size_t tiles, unsigned width) { return (tiles * width + 7) / 8; }

/// The tile sizes less the least, `width` bits each.
void appendTable(std::span<const std::size_t> sizes, std::size_t least, unsigned width, std::vector<std::byte>& out) {
  const auto begin = out.size();
  out.resize(begin + tableBytes(sizes.size(), width));
  for (std::size_t t = 0; t < sizes.size(); ++t)
    for (unsigned b = 0; b < width; ++b)
      if ((sizes[t] - least) >> b & 1) out[begin + (t * width + b) / 8] |= std::byte{1} << ((t * width + b) % 8);
}

std::size_t tableEntry(std::span<const std::byte> table, std::size_t t, unsigned width) {
  const auto bit = t * width;
  if (bit / 8 + 4 <= table.size()) return loadAs<std::uint32_t>(table.data() + bit / 8) >> (bit % 8) & ((1u << width) - 1);
  std::size_t value = 0;
  for (unsigned b = 0; b < width; ++b) value |= (static_cast<std::size_t>(table[(bit + b) / 8]) >> ((bit + b) % 8) & 1) << b;
  return value;
}

class SparseCodec final : public DeltaCodec {
 public:
  CodecId id() const override { return CodecId::Sparse; }
  bool supports(BaseKind base, DType finalType) const override { return base != BaseKind::None && isCodedFloat(finalType); }
  bool needsValues() const override { return true; }
  Result<ModelPtr> fit(std::span<const DeltaSample> samples, const CodecOptions&) const override {
    return fitSparseModel(samples);
  }
  Result<ModelPtr> parseModel(std::span<const std::byte> bytes) const override { return parseSparseModel(bytes); }

  double estimate(const DeltaSample& sample, const CodecModel* model, const CodecOptions&) const override {
    if (sample.base.count == 0) return 0;
    ModelPtr fitted;
    if (!model) {
      fitted = fitSparseModel({&sample, 1}).value_or(nullptr);
      model = fitted.get();
    }
    std::vector<std::byte> out;
    std::size_t unpadded = 0;
    if (!encodeChunk(sample.base, sample.final, model, out, unpadded)) return 2.0 * bitsOf(sample.base.finalType);
    return 8.0 * static_cast<double>(unpadded) / static_cast<double>(sample.base.count);
  }

  /// No tile is larger than its elements, and 15 bits hold any difference of two tile sizes.
  std::size_t bound(DType finalType, std::size_t count) const override {
    return static_cast<std::size_t>(roundUp(kHeader + tableBytes(tilesOf(count), 15) + bytesFor(finalType, count), 16));
  }

  Result<ChunkStats> encode(const BaseSlice& base, std::span<const std::byte> final, const CodecModel* model,
                            const CodecOptions&, std::vector<std::byte>& out) const override {
    std::size_t unpadded = 0;
    return encodeChunk(base, final, model, out, unpadded);
  }

  Result<void> decode(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel* model,
                      std::span<std::byte> final) const override {
    return decodeRange(base, base.count, 0, chunk, model, final);
  }

  std::uint64_t rangeStep(DType, std::uint64_t) const override { return kTileElements; }

  Result<void> decodeRange(const BaseSlice& base, std::uint64_t chunkElements, std::uint64_t offset,
                           std::span<const std::byte> chunk, const CodecModel* model,
                           std::span<std::byte> final) const override {
    DELTASCOPE_TRY(checkRange(base, chunkElements, offset));
    DELTASCOPE_ASSIGN(const auto* const m, modelOf(base, final.size(), model));
    if (chunk.empty()) {
      if (!final.empty()) std::memcpy(final.data(), base.values.data(), final.size());
      return {};
    }
    return eachTile(base, chunkElements, offset, chunk,
                    [&](std::size_t first, std::size_t count, std::span<const std::byte> tile) {
                      const auto element = bytesOf(base.finalType);
                      auto* into = final.data() + first * element;
                      if (tile.size() < count * element)
                        return decodeSparseTile(*m, tile, base.values.data() + first * element, count, into);
                      std::memcpy(into, tile.data(), tile.size());
                      return static_cast<const char*>(nullptr);
                    });
  }

  /// decode() has seen everything else.
  Result<ChunkStats> check(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel* model,
                           bool count) const override {
    ChunkStats stats;
    if (chunk.empty() || !count) return stats;
    DELTASCOPE_ASSIGN(const auto* const m, modelOf(base, bytesFor(base.finalType, base.count), model));
    DELTASCOPE_TRY(eachTile(base, base.count, 0, chunk, [&](std::size_t first, std::size_t n, std::span<const std::byte> tile) {
      const auto element = bytesOf(base.finalType);
      const bool raw = tile.size() == n * element;
      stats.rawTiles += raw;
      if (!raw) stats.patches += countSparseEscapes(*m, tile, base.values.data() + first * element, n);
      return static_cast<const char*>(nullptr);
    }));
    return stats;
  }

 private:
  /// Calls `visit(first, count, bytes)` for the tiles of the range, `first` counted from its start; what it returns is wrong
  /// with the tile, if anything.
  template <class Visit>
  Result<void> eachTile(const BaseSlice& base, std::uint64_t chunkElements, std::uint64_t offset,
                        std::span<const std::byte> chunk, const Visit& visit) const {
    if (chunk.size() < kHeader) return corruptAt(id(), chunk.size(), "it ends inside its header");
    const std::size_t least = loadAs<std::uint16_t>(chunk.data());
    const auto width = static_cast<unsigned>(chunk[2]);
    if (width > 15 || chunk[3] != std::byte{0}) return corruptAt(id(), 2, "unknown kind of tile table");
    const auto tiles = tilesOf(chunkElements);
    auto at = kHeader + tableBytes(tiles, width);
    if (chunk.size() < at) return corruptAt(id(), chunk.size(), "it ends inside its tile table");
    const auto table = chunk.subspan(kHeader, at - kHeader);
    const auto element = bytesOf(base.finalType);
    const std::size_t before = offset / kTileElements, end = before + tilesOf(base.count);
    for (std::size_t t = 0; t < before; ++t) at += least + tableEntry(table, t, width);
    if (at > chunk.size()) return corruptAt(id(), chunk.size(), "it ends before tile " + std::to_string(before));
    for (std::size_t t = before; t < end; ++t) {
      const auto first = (t - before) * kTileElements;
      const auto count = std::min<std::size_t>(kTileElements, base.count - first);
      const auto size = least + tableEntry(table, t, width);
      if (size > count * element)
        return corruptAt(id(), kHeader + t * width / 8, "tile " + std::to_string(t) + " is larger than its elements");
      if (size > chunk.size() - at) return corruptAt(id(), chunk.size(), "it ends inside tile " + std::to_string(t));
      if (const char* wrong = visit(first, count, chunk.subspan(at, size)))
        return corruptAt(id(), at, "tile " + std::to_string(t) + ": " + wrong);
      at += size;
    }
    if (end == tiles && !isPadding(chunk.subspan(at))) return corruptAt(id(), at, "bytes follow the last tile");
    return {};
  }

  Result<const SparseModel*> modelOf(const BaseSlice& base, std::size_t finalBytes, const CodecModel* model) const {
    const auto* m = dynamic_cast<const SparseModel*>(model);
    if (!m) return fail(ErrorCode::InvalidArgument, "sparse: the tensor has no sparse model", "fit one first");
    if (m->type != base.finalType)
      return fail(ErrorCode::Mismatch, "sparse: the model is for " + std::string(nameOf(m->type)) + ", the tensor is " +
                                           std::string(nameOf(base.finalType)));
    DELTASCOPE_TRY(checkSpans(id(), base, finalBytes, true));
    return m;
  }

  Result<ChunkStats> encodeChunk(const BaseSlice& base, std::span<const std::byte> final, const CodecModel* model,
                                 std::vector<std::byte>& out, std::size_t& unpadded) const {
    DELTASCOPE_ASSIGN(const auto* const m, modelOf(base, final.size(), model));
    const auto tiles = tilesOf(base.count);
    const auto element = bytesOf(base.finalType);
    ChunkStats stats;
    std::vector<std::size_t> sizes(tiles);
    std::vector<std::byte> bytes, room(kSparseTileRoom);
    for (std::size_t t = 0; t < tiles; ++t) {
      const auto first = t * kTileElements;
      const auto count = std::min<std::size_t>(kTileElements, base.count - first);
      sizes[t] = encodeSparseTile(*m, base.values.data() + first * element, final.data() + first * element, count, room.data(),
                                  stats.patches);
      stats.rawTiles += sizes[t] == count * element;
      bytes.insert(bytes.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(sizes[t]));
    }
    if (bytes.empty()) return stats;
    const auto [least, most] = std::ranges::minmax(sizes);
    const auto width = static_cast<unsigned>(std::bit_width(most - least));
    const auto begin = out.size();
    append(out, static_cast<std::uint16_t>(least));
    append(out, static_cast<std::uint8_t>(width));
    append(out, std::uint8_t{0});
    appendTable(sizes, least, width, out);
    out.insert(out.end(), bytes.begin(), bytes.end());
    unpadded = out.size() - begin;
    padTo16(out, begin);
    return stats;
  }
};

}  // namespace

const DeltaCodec& sparseCodec() {
  static const SparseCodec codec;
  return codec;
}

}  // namespace deltascope
