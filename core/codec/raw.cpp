// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/codec/bytes.h"
#include "core/codec/codecs.h"

namespace deltascope {
namespace {

void copyBytes(std::span<const std::byte> from, std::span<std::byte> to) {
  if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
}

class IdenticalCodec final : public DeltaCodec {
 public:
  CodecId id() const override { return CodecId::Identical; }
  bool supports(BaseKind base, DType finalType) const override {
    return base == BaseKind::Same || (base != BaseKind::None && isCodedFloat(finalType));
  }
  bool needsValues() const override { return true; }

  double estimate(const DeltaSample& sample, const CodecModel*, const CodecOptions&) const override {
    // What cannot be stored this way must cost more than storing it raw.
    return std::ranges::equal(sample.base.values, sample.final) ? 0.0 : 2.0 * bitsOf(sample.base.finalType);
  }

  std::size_t bound(DType, std::size_t) const override { return 0; }

  Result<ChunkStats> encode(const BaseSlice& base, std::span<const std::byte> final, const CodecModel*, const CodecOptions&,
                            std::vector<std::byte>&) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), true));
    if (const auto [b, f] = std::ranges::mismatch(base.values, final); f != final.end()) {
      const auto byte = static_cast<std::uint64_t>(f - final.begin());
      return fail(
          ErrorCode::Mismatch,
          "identical: element " + std::to_string(base.first + byte * 8 / bitsOf(base.finalType)) + " differs from the base",
          "choose another codec for this tensor");
    }
    return ChunkStats{};
  }

  Result<void> decode(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel*,
                      std::span<std::byte> final) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), true));
    if (!chunk.empty()) return corruptAt(id(), 0, std::to_string(chunk.size()) + " bytes where none belong");
    copyBytes(base.values, final);
    return {};
  }
  Result<ChunkStats> check(const BaseSlice&, std::span<const std::byte>, const CodecModel*, bool) const override {
    return ChunkStats{};
  }

  std::uint64_t rangeStep(DType, std::uint64_t) const override { return kTileElements; }
};

class RawCodec final : public DeltaCodec {
 public:
  CodecId id() const override { return CodecId::Raw; }
  bool supports(BaseKind, DType) const override { return true; }
  double estimate(const DeltaSample& sample, const CodecModel*, const CodecOptions&) const override {
    return static_cast<double>(bitsOf(sample.base.finalType));
  }
  std::size_t bound(DType finalType, std::size_t count) const override {
    return static_cast<std::size_t>(roundUp(bytesFor(finalType, count), 16));
  }

  Result<ChunkStats> encode(const BaseSlice& base, std::span<const std::byte> final, const CodecModel*, const CodecOptions&,
                            std::vector<std::byte>& out) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), false));
    const auto begin = out.size();
    out.insert(out.end(), final.begin(), final.end());
    padTo16(out, begin);
    return ChunkStats{.patches = 0, .rawTiles = ceilDiv(base.count, kTileElements)};
  }

  Result<void> decode(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel*,
                      std::span<std::byte> final) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), false));
    if (chunk.size() != bound(base.finalType, base.count))
      return corruptAt(id(), chunk.size(),
                       "the chunk should have " + std::to_string(bound(base.finalType, base.count)) + " bytes");
    copyBytes(chunk.first(final.size()), final);
    return {};
  }
  Result<ChunkStats> check(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel*, bool) const override {
    const std::size_t bytes = bytesFor(base.finalType, base.count);
    if (chunk.size() < bytes || !isPadding(chunk.subspan(bytes)))
      return corruptAt(id(), bytes, "zeros should follow the elements");
    return ChunkStats{.patches = 0, .rawTiles = ceilDiv(base.count, kTileElements)};
  }

  std::uint64_t rangeStep(DType, std::uint64_t) const override { return kTileElements; }
  Result<void> decodeRange(const BaseSlice& base, std::uint64_t chunkElements, std::uint64_t offset,
                           std::span<const std::byte> chunk, const CodecModel*, std::span<std::byte> final) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), false));
    DELTASCOPE_TRY(checkRange(base, chunkElements, offset));
    const auto from = bytesFor(base.finalType, offset);
    if (chunk.size() < from || chunk.size() - from < final.size())
      return corruptAt(id(), chunk.size(), "it ends before element " + std::to_string(offset + base.count));
    copyBytes(chunk.subspan(from, final.size()), final);
    return {};
  }
};

}  // namespace

const DeltaCodec& identicalCodec() {
  static const IdenticalCodec codec;
  return codec;
}

const DeltaCodec& rawCodec() {
  static const RawCodec codec;
  return codec;
}

}  // namespace deltascope
