// SPDX-License-Identifier: Apache-2.0
// The `entropy` and `bitpack` codecs: tiles of 4,096 weights behind a table of offsets. Layout: core/payload/FORMAT.md.
#include <algorithm>
#include <memory>

#include "core/codec/bytes.h"
#include "core/codec/codecs.h"
#include "core/codec/planes.h"
#include "core/codec/residual_encode.h"
#include "core/codec/residual_model.h"
#include "core/codec/residual_table.h"
#include "core/codec/residual_tiles.h"
#include "kernels/backend.h"

namespace deltascope {
namespace {

using namespace residual;

/// A tile's words in a buffer that decoders may read past the tile's end.
struct Staging {
  alignas(64) std::uint32_t words[kernels::kStagingWords];
};

/// What a tile's header says, checked: where its bits and its patches lie.
struct TileBits {
  std::size_t begin = 0, end = 0;
  std::uint32_t start[kernels::kLanes] = {};  ///< entropy: of each lane, in bits
};

/// Kept by each thread: fresh pages for every call would cost as much as decoding a range.
struct Scratch {
  Tile tile;
  Staging staging{};
};
Scratch& scratch() {
  thread_local const auto own = std::make_unique<Scratch>();
  return *own;
}

template <class Model>
class ResidualCodec : public DeltaCodec {
 public:
  [[nodiscard]] bool supports(BaseKind base, DType finalType) const override { return supported(base, finalType); }
  [[nodiscard]] double estimate(const DeltaSample& sample, const CodecModel* model,
                                const CodecOptions& options) const override {
    std::vector<std::byte> out;
    if (sample.base.count == 0 || !encode(sample.base, sample.final, model, options, out))
      return 8.0 * bytesOf(sample.base.finalType);
    return 8.0 * static_cast<double>(out.size()) / static_cast<double>(sample.base.count);
  }
  [[nodiscard]] std::size_t bound(DType finalType, std::size_t count) const override {
    const std::size_t tiles = tileCount(count);
    return tableBytes(tiles) + tiles * rawBytes(std::min<std::size_t>(count, kTileElements)) +
           (finalType == DType::F32 ? lowPlaneBound(count) : 0);
  }

  [[nodiscard]] Result<ChunkStats> encode(const BaseSlice& base, std::span<const std::byte> final, const CodecModel* anyModel,
                                          const CodecOptions& options, std::vector<std::byte>& out) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), base.kind == BaseKind::Same));
    DELTASCOPE_ASSIGN(const Model* model, modelOf(anyModel, base));
    const std::size_t tiles = tileCount(base.count), start = out.size();
    out.reserve(start + bound(base.finalType, base.count));
    out.resize(start + tableBytes(tiles));
    const bool wide = base.finalType == DType::F32;
    std::vector<std::uint16_t> low(wide ? base.count : 0);
    const auto tile = std::make_unique<Tile>();
    const auto encoder = std::make_unique<TileEncoder>();
    ChunkStats stats;
    std::size_t at = out.size() - start;
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t offset = t * kernels::kTile;
      loadBase(model->head.rule, base, offset, *tile);
      loadFinal(model->head.rule, base, final, offset, *tile);
      if (wide) std::copy_n(tile->low, tile->count, low.begin() + static_cast<std::ptrdiff_t>(offset));
      const std::size_t limit = rawBytes(tile->count);
      const auto words = tile->usable ? encoder->encode(*model, *tile) : std::span<const std::uint32_t>{};
      const bool raw = words.empty() || roundUp(words.size_bytes(), 16) >= limit;
      storeAs(out.data() + start + 4 * t, static_cast<std::uint32_t>((at - tableBytes(tiles)) / 16) | (raw ? kRawFlag : 0));
      const auto bytes = raw ? std::as_bytes(std::span(tile->final, tile->count)) : std::as_bytes(words);
      out.insert(out.end(), bytes.begin(), bytes.end());
      padTo16(out, start);
      at = out.size() - start;
      stats.rawTiles += raw;
      if (!raw) stats.patches += encoder->patches();
    }
    storeAs(out.data() + start + 4 * tiles, static_cast<std::uint32_t>((at - tableBytes(tiles)) / 16));
    if (wide) appendLowPlane(low, options.zstdLevel, out);
    return stats;
  }

  [[nodiscard]] Result<void> decode(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel* anyModel,
                                    std::span<std::byte> final) const override {
    return decodeRange(base, base.count, 0, chunk, anyModel, final);
  }

  [[nodiscard]] Result<ChunkStats> check(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel*,
                                         bool) const override {
    return checkTiles(id(), base, chunk);
  }

  /// The low plane of 32-bit finals is one frame.
  [[nodiscard]] std::uint64_t rangeStep(DType finalType, std::uint64_t chunkElements) const override {
    return finalType == DType::F32 ? DeltaCodec::rangeStep(finalType, chunkElements) : kTileElements;
  }

  [[nodiscard]] Result<void> decodeRange(const BaseSlice& base, std::uint64_t chunkElements, std::uint64_t rangeOffset,
                                         std::span<const std::byte> chunk, const CodecModel* anyModel,
                                         std::span<std::byte> final) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), base.kind == BaseKind::Same));
    DELTASCOPE_TRY(checkRange(base, chunkElements, rangeOffset));
    DELTASCOPE_ASSIGN(const Model* model, modelOf(anyModel, base));
    DELTASCOPE_ASSIGN(const TileTable table, readTable(id(), chunk, chunkElements));
    const bool wide = base.finalType == DType::F32;
    const bool fourBit = !wide && model->head.rule.kind == kernels::AnchorKind::Nibble;
    std::vector<std::uint16_t> low(wide ? base.count : 0);
    if (wide) {
      DELTASCOPE_ASSIGN(const auto plane, table.afterTiles(id()));
      DELTASCOPE_TRY(parseLowPlane(plane, low));
    }
    auto& [tile, staging] = scratch();
    std::size_t t = rangeOffset / kernels::kTile;
    for (std::size_t offset = 0; offset < base.count; offset += kernels::kTile, ++t) {
      DELTASCOPE_ASSIGN(const auto bytes, table.tile(id(), t));
      if (fourBit && !table.raw(t)) {
        const auto into = final.subspan(offset * kHalf);
        DELTASCOPE_ASSIGN(const bool fused,
                          fuseTile(*model, bytes, table.begin(t), chunk, tileBase(base, offset), staging, into));
        if (fused) continue;
      }
      loadBase(model->head.rule, base, offset, tile);
      if (wide) std::copy_n(low.begin() + static_cast<std::ptrdiff_t>(offset), tile.count, tile.low);
      if (table.raw(t)) {
        if (bytes.size() < tile.count * kHalf) return corruptAt(id(), table.begin(t), "raw tile is cut off");
        std::memcpy(tile.final, bytes.data(), tile.count * kHalf);
        storeHalves(base, tile, offset, final);
        continue;
      }
      DELTASCOPE_TRY(decodeTile(*model, bytes, table.begin(t), tile, staging, base, offset, final));
    }
    return {};
  }

 protected:
  /// Reads the header of a tile, which starts at `at` in its chunk.
  virtual Result<TileBits> readHeader(std::span<const std::byte> bytes, std::size_t at) const = 0;
  /// Fills tile.x; the words are staged.
  virtual void decodeBits(const Model& model, const TileBits& bits, const Staging& staging, Tile& tile) const = 0;
  /// Fills `final` in one go where the processor can. `onwards`: the chunk from the tile's first byte on.
  virtual bool fuseBits(const Model& model, const TileBits& bits, const kernels::TileBase& base,
                        std::span<const std::byte> bytes, std::span<const std::byte> onwards, Staging& staging,
                        std::byte* final) const = 0;
  static void stage(std::span<const std::byte> bytes, const TileBits& bits, Staging& staging) {
    std::memcpy(staging.words, bytes.data() + bits.begin, bytes.size() - bits.begin);
  }

 private:
  Result<const Model*> modelOf(const CodecModel* any, const BaseSlice& base) const {
    const auto* model = dynamic_cast<const Model*>(any);
    if (!model) return fail(ErrorCode::Corrupt, std::string(nameOf(id())) + ": its model is missing or of another codec");
    if (model->head.base != base.kind || model->head.finalType != base.finalType)
      return fail(ErrorCode::Mismatch, std::string(nameOf(id())) + ": the model was made for another base or type");
    return model;
  }

  Result<TileBits> readTile(std::span<const std::byte> bytes, std::size_t at, std::size_t count) const {
    if (bytes.size() < 16 || bytes.size() > kernels::kMaxTileWords * 4)
      return corruptAt(id(), at, "tile of an impossible size");
    DELTASCOPE_ASSIGN(const TileBits bits, readHeader(bytes, at));
    if (bits.end > bytes.size() || patchesOf(bytes) > (bytes.size() - bits.end) / 4)
      return corruptAt(id(), at, "patches run past the tile");
    for (std::size_t p = 0; p < patchesOf(bytes); ++p)
      if (const auto place = bits.end + 4 * p; loadAs<std::uint32_t>(bytes.data() + place) >> 16 >= count)
        return corruptAt(id(), at + place, "patch outside the tile");
    return bits;
  }

  static std::size_t patchesOf(std::span<const std::byte> bytes) { return loadAs<std::uint32_t>(bytes.data()) >> 16; }

  Result<void> decodeTile(const Model& model, std::span<const std::byte> bytes, std::size_t at, Tile& tile, Staging& staging,
                          const BaseSlice& base, std::size_t offset, std::span<std::byte> final) const {
    DELTASCOPE_ASSIGN(const TileBits bits, readTile(bytes, at, tile.count));
    stage(bytes, bits, staging);
    decodeBits(model, bits, staging, tile);
    const std::size_t patches = patchesOf(bytes);
    if (patches == 0) {
      storeFinal(model.head.rule, base, tile, offset, final);
      return {};
    }
    kernels::fromDifferences(model.head.rule.kind, tile.anchors, tile.x, tile.final, tile.padded, kernels::bestIsa());
    for (std::size_t p = 0; p < patches; ++p) {
      const auto patch = loadAs<std::uint32_t>(bytes.data() + bits.end + 4 * p);
      tile.final[patch >> 16] = static_cast<std::uint16_t>(patch);
    }
    storeHalves(base, tile, offset, final);
    return {};
  }

  /// A tile of 16-bit finals without any step in between; false where there is no such way.
  Result<bool> fuseTile(const Model& model, std::span<const std::byte> bytes, std::size_t at, std::span<const std::byte> chunk,
                        const kernels::TileBase& base, Staging& staging, std::span<std::byte> final) const {
    DELTASCOPE_ASSIGN(const TileBits bits, readTile(bytes, at, base.count));
    if (!fuseBits(model, bits, base, bytes, chunk.subspan(at), staging, final.data())) return false;
    for (std::size_t p = 0; p < patchesOf(bytes); ++p) {
      const auto patch = loadAs<std::uint32_t>(bytes.data() + bits.end + 4 * p);
      storeAs(final.data() + (patch >> 16) * kHalf, static_cast<std::uint16_t>(patch));
    }
    return true;
  }
};

class EntropyCodec final : public ResidualCodec<PrefixModel> {
 public:
  [[nodiscard]] CodecId id() const override { return CodecId::Entropy; }
  [[nodiscard]] Result<ModelPtr> fit(std::span<const DeltaSample> samples, const CodecOptions&) const override {
    return fitPrefixModel(samples);
  }
  [[nodiscard]] Result<ModelPtr> parseModel(std::span<const std::byte> bytes) const override {
    return PrefixModel::parse(bytes);
  }

 protected:
  Result<TileBits> readHeader(std::span<const std::byte> bytes, std::size_t at) const override {
    TileBits tile{.begin = kPrefixHeaderWords * 4};
    if (bytes.size() < tile.begin) return corruptAt(id(), at, "tile header is cut off");
    std::uint32_t bits = 0;
    for (std::size_t lane = 0; lane < kernels::kLanes; ++lane) {
      tile.start[lane] = bits;
      bits += laneBits(bytes, lane);
    }
    tile.end = tile.begin + static_cast<std::size_t>(ceilDiv(bits, 32)) * 4;
    if (tile.end > bytes.size()) return corruptAt(id(), at, "lanes run past the tile");
    return tile;
  }
  void decodeBits(const PrefixModel& model, const TileBits& bits, const Staging& staging, Tile& tile) const override {
    kernels::decodePrefixTile(model.table, tile.contexts, staging.words, bits.start, tile.padded / kernels::kStep, tile.x,
                              kernels::bestIsa());
  }
  bool fuseBits(const PrefixModel& model, const TileBits& bits, const kernels::TileBase& base, std::span<const std::byte> bytes,
                std::span<const std::byte>, Staging& staging, std::byte* final) const override {
    return kernels::decodeNibblePrefixTile(model.head.rule, model.nibble, base,
                                           bytes.subspan(bits.begin, bits.end - bits.begin), bits.start,
                                           std::as_writable_bytes(std::span(staging.words)).data(), final, kernels::bestIsa());
  }
};

class BitpackCodec final : public ResidualCodec<FieldModel> {
 public:
  [[nodiscard]] CodecId id() const override { return CodecId::Bitpack; }
  [[nodiscard]] Result<ModelPtr> fit(std::span<const DeltaSample> samples, const CodecOptions&) const override {
    return fitFieldModel(samples);
  }
  [[nodiscard]] Result<ModelPtr> parseModel(std::span<const std::byte> bytes) const override {
    return FieldModel::parse(bytes);
  }

 protected:
  Result<TileBits> readHeader(std::span<const std::byte> bytes, std::size_t at) const override {
    TileBits tile{.begin = 4};
    tile.end = tile.begin + (loadAs<std::uint32_t>(bytes.data()) & 0xffff) * std::size_t{4};
    if (tile.end > bytes.size()) return corruptAt(id(), at, "fields run past the tile");
    return tile;
  }
  void decodeBits(const FieldModel& model, const TileBits&, const Staging& staging, Tile& tile) const override {
    kernels::decodeFieldTile(model.table, tile.contexts, staging.words, tile.padded / kernels::kStep, tile.x,
                             kernels::bestIsa());
  }
  /// The words are read in place where the chunk goes on far enough.
  bool fuseBits(const FieldModel& model, const TileBits& bits, const kernels::TileBase& base, std::span<const std::byte> bytes,
                std::span<const std::byte> onwards, Staging& staging, std::byte* final) const override {
    const bool inPlace = onwards.size() - bits.begin >= sizeof staging.words;
    if (!inPlace) stage(bytes, bits, staging);
    const auto* words = inPlace ? onwards.data() + bits.begin : std::as_bytes(std::span(staging.words)).data();
    return kernels::decodeNibbleFieldTile(model.head.rule, model.table, base, words, final, kernels::bestIsa());
  }
};

}  // namespace

const DeltaCodec& entropyCodec() {
  static const EntropyCodec instance;
  return instance;
}

const DeltaCodec& bitpackCodec() {
  static const BitpackCodec instance;
  return instance;
}

}  // namespace deltascope
