// SPDX-License-Identifier: Apache-2.0
#include "core/codec/additive.h"

#include <zstd.h>

#include <array>
#include <cmath>

#include "core/codec/bytes.h"
#include "core/codec/codecs.h"
#include "core/codec/zstd_frame.h"
#include "core/quant/quant.h"

namespace deltascope {
namespace {

constexpr std::size_t kHeader = 16;
constexpr std::size_t kBlock = 4096;  ///< elements converted at a time

struct FreeContext {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
};

std::uint32_t bitsAt(std::span<const std::byte> bytes, std::size_t i, unsigned size) {
  return size == 4 ? loadAs<std::uint32_t>(bytes.data() + i * 4) : loadAs<std::uint16_t>(bytes.data() + i * 2);
}

struct Parts {
  std::vector<std::int64_t> positions;
  std::vector<float> differences;
  std::vector<std::uint32_t> corrections;  ///< position, bits, position, bits …
};

Parts split(const BaseSlice& base, std::span<const std::byte> final) {
  Parts parts;
  const auto size = bytesOf(base.finalType);
  std::array<float, kBlock> b, f;
  std::array<std::byte, kBlock * 4> rounded;
  for (std::size_t from = 0; from < base.count; from += kBlock) {
    const auto n = std::min(kBlock, base.count - from);
    toFloat(base.finalType, base.values.subspan(from * size, n * size), std::span(b).first(n));
    toFloat(base.finalType, final.subspan(from * size, n * size), std::span(f).first(n));
    for (std::size_t i = 0; i < n; ++i) {
      const float difference = f[i] - b[i];
      // What a NaN's payload becomes in arithmetic differs between processors: such elements are corrections alone.
      if (!(std::abs(difference) > 0)) continue;
      parts.positions.push_back(static_cast<std::int64_t>(base.first + from + i));
      parts.differences.push_back(difference);
      b[i] += difference;
    }
    fromFloat(base.finalType, std::span(b).first(n), std::span(rounded).first(n * size));
    for (std::size_t i = 0; i < n; ++i) {
      const auto want = bitsAt(final, from + i, size);
      if (bitsAt(rounded, i, size) == want && !std::isnan(b[i])) continue;
      if (std::isnan(b[i]) && bitsAt(base.values, from + i, size) == want) continue;  // never added to: kept as it is
      parts.corrections.push_back(static_cast<std::uint32_t>(from + i));
      parts.corrections.push_back(want);
    }
  }
  return parts;
}

std::size_t compressInto(ZSTD_CCtx* context, std::span<const std::byte> from, int level, std::vector<std::byte>& out) {
  const auto at = out.size();
  out.resize(at + ZSTD_compressBound(from.size()));
  const auto size = ZSTD_compressCCtx(context, out.data() + at, out.size() - at, from.data(), from.size(), level);
  if (ZSTD_isError(size)) return 0;
  out.resize(at + size);
  return size;
}

Result<void> decompress(std::span<const std::byte> chunk, std::size_t at, std::size_t size, std::span<std::byte> into) {
  const auto done = inflateFrame(chunk.subspan(at, size), into);
  return done ? Result<void>() : corruptAt(CodecId::Additive, at, done.error().message);
}

struct Listed {
  std::vector<std::int64_t> positions;
  std::vector<float> differences;
  std::size_t correctionsAt = 0;
  std::uint64_t corrections = 0;
};

/// The parts of a chunk of `count` elements; positions are not checked.
Result<Listed> readListed(std::span<const std::byte> chunk, std::uint64_t count) {
  if (chunk.size() < kHeader) return corruptAt(CodecId::Additive, 0, "it ends inside its header");
  const auto header = loadAs<std::array<std::uint32_t, 4>>(chunk.data());
  const std::uint64_t differences = header[0], corrections = header[1], first = header[2], second = header[3];
  if (differences > count || corrections > count) return corruptAt(CodecId::Additive, 0, "more entries than elements");
  const auto end = kHeader + first + second + corrections * 8;
  if (chunk.size() < end) return corruptAt(CodecId::Additive, chunk.size(), "it ends inside its parts");
  if (!isPadding(chunk.subspan(end))) return corruptAt(CodecId::Additive, end, "bytes follow the last correction");
  Listed listed{std::vector<std::int64_t>(differences), std::vector<float>(differences), kHeader + first + second, corrections};
  DELTASCOPE_TRY(decompress(chunk, kHeader, first, std::as_writable_bytes(std::span(listed.positions))));
  DELTASCOPE_TRY(decompress(chunk, kHeader + first, second, std::as_writable_bytes(std::span(listed.differences))));
  return listed;
}

/// base + differences, rounded once; elements that are not listed keep the base's bits.
Result<void> addDifferences(const BaseSlice& base, std::span<const std::int64_t> positions, std::span<const float> differences,
                            std::span<std::byte> final) {
  if (!final.empty()) std::memcpy(final.data(), base.values.data(), final.size());
  const auto size = bytesOf(base.finalType);
  std::array<float, kBlock> sum;
  std::array<std::byte, kBlock * 4> gathered;
  auto next = base.first;
  for (std::size_t from = 0; from < positions.size(); from += kBlock) {
    const auto n = std::min(kBlock, positions.size() - from);
    for (std::size_t k = 0; k < n; ++k) {
      const auto position = static_cast<std::uint64_t>(positions[from + k]);
      if (position < next || position - base.first >= base.count)
        return corruptAt(CodecId::Additive, kHeader,
                         "position " + std::to_string(from + k) + " (" + std::to_string(positions[from + k]) +
                             ") is not ascending or outside the chunk");
      next = position + 1;
      std::memcpy(gathered.data() + k * size, base.values.data() + (position - base.first) * size, size);
    }
    toFloat(base.finalType, std::span(gathered).first(n * size), std::span(sum).first(n));
    for (std::size_t k = 0; k < n; ++k) sum[k] += differences[from + k];
    fromFloat(base.finalType, std::span(sum).first(n), std::span(gathered).first(n * size));
    for (std::size_t k = 0; k < n; ++k)
      std::memcpy(final.data() + (static_cast<std::uint64_t>(positions[from + k]) - base.first) * size,
                  gathered.data() + k * size, size);
  }
  return {};
}

class AdditiveCodec final : public DeltaCodec {
 public:
  CodecId id() const override { return CodecId::Additive; }
  bool supports(BaseKind base, DType finalType) const override { return base != BaseKind::None && isCodedFloat(finalType); }
  bool needsValues() const override { return true; }

  double estimate(const DeltaSample& sample, const CodecModel* model, const CodecOptions& options) const override {
    std::vector<std::byte> out;
    if (sample.base.count == 0) return 0;
    if (!encode(sample.base, sample.final, model, options, out)) return 1e3;
    return 8.0 * static_cast<double>(out.size()) / static_cast<double>(sample.base.count);
  }

  std::size_t bound(DType, std::size_t count) const override {
    return static_cast<std::size_t>(
        roundUp(kHeader + ZSTD_compressBound(count * 8) + ZSTD_compressBound(count * 4) + count * 8, 16));
  }

  Result<ChunkStats> encode(const BaseSlice& base, std::span<const std::byte> final, const CodecModel*,
                            const CodecOptions& options, std::vector<std::byte>& out) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), true));
    if (ZSTD_compressBound(base.count * 8) > 0xffffffffu)
      return fail(ErrorCode::InvalidArgument, "additive: a chunk of " + std::to_string(base.count) + " elements is too large",
                  "use more chunks");
    const auto parts = split(base, final);
    const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
    if (!context) return fail(ErrorCode::OutOfMemory, "additive: not enough memory to compress");
    const auto begin = out.size();
    out.resize(begin + kHeader);
    const auto positions = compressInto(context.get(), std::as_bytes(std::span(parts.positions)), options.zstdLevel, out);
    const auto differences = compressInto(context.get(), std::as_bytes(std::span(parts.differences)), options.zstdLevel, out);
    if (positions == 0 || differences == 0) {
      out.resize(begin);
      return fail(ErrorCode::Internal, "additive: zstd could not compress a chunk");
    }
    const auto corrections = std::as_bytes(std::span(parts.corrections));
    out.insert(out.end(), corrections.begin(), corrections.end());
    const std::array header{static_cast<std::uint32_t>(parts.positions.size()),
                            static_cast<std::uint32_t>(parts.corrections.size() / 2), static_cast<std::uint32_t>(positions),
                            static_cast<std::uint32_t>(differences)};
    std::memcpy(out.data() + begin, header.data(), kHeader);
    padTo16(out, begin);
    return ChunkStats{.patches = parts.corrections.size() / 2, .rawTiles = 0};
  }

  Result<void> decode(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel*,
                      std::span<std::byte> final) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), true));
    DELTASCOPE_ASSIGN(const Listed listed, readListed(chunk, base.count));
    DELTASCOPE_TRY(addDifferences(base, listed.positions, listed.differences, final));
    return correct(base, chunk, listed.correctionsAt, listed.corrections, final);
  }

  /// readListed and decode() have seen everything else.
  Result<ChunkStats> check(const BaseSlice&, std::span<const std::byte> chunk, const CodecModel*, bool) const override {
    if (chunk.size() < kHeader) return corruptAt(id(), 0, "it ends inside its header");
    return ChunkStats{.patches = loadAs<std::uint32_t>(chunk.data() + 4), .rawTiles = 0};
  }

 private:
  Result<void> correct(const BaseSlice& base, std::span<const std::byte> chunk, std::size_t at, std::uint64_t corrections,
                       std::span<std::byte> final) const {
    const auto size = bytesOf(base.finalType);
    std::uint64_t next = 0;
    for (; corrections > 0; --corrections, at += 8) {
      const auto position = loadAs<std::uint32_t>(chunk.data() + at), bits = loadAs<std::uint32_t>(chunk.data() + at + 4);
      if (position < next || position >= base.count)
        return corruptAt(id(), at, "correction " + std::to_string(position) + " is not ascending or outside the chunk");
      if (size == 2 && bits > 0xffff) return corruptAt(id(), at + 4, "a correction is too large");
      next = std::uint64_t{position} + 1;
      std::memcpy(final.data() + position * std::uint64_t{size}, &bits, size);
    }
    return {};
  }
};

}  // namespace

Result<std::size_t> inflateAdditive(std::uint64_t first, std::uint64_t count, std::span<const std::byte> chunk,
                                    std::span<std::byte> into) {
  DELTASCOPE_ASSIGN(const Listed listed, readListed(chunk, count));
  const std::size_t n = listed.positions.size(), used = kHeader + 8 * n + 8 * listed.corrections;
  if (into.size() < used) return fail(ErrorCode::Internal, "additive: no room for an inflated chunk");
  const std::array header{static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(listed.corrections), 0u, 0u};
  std::memcpy(into.data(), header.data(), kHeader);
  std::uint64_t next = first;
  for (std::size_t k = 0; k < n; ++k) {
    const auto position = static_cast<std::uint64_t>(listed.positions[k]);
    if (position < next || position - first >= count || position - first > 0xffffffffu)
      return corruptAt(CodecId::Additive, kHeader, "position " + std::to_string(k) + " is not ascending or outside the chunk");
    next = position + 1;
    storeAs(into.data() + kHeader + 4 * k, static_cast<std::uint32_t>(position - first));
  }
  if (n) std::memcpy(into.data() + kHeader + 4 * n, listed.differences.data(), 4 * n);
  const auto corrections = chunk.subspan(listed.correctionsAt, 8 * listed.corrections);
  if (!corrections.empty()) std::memcpy(into.data() + kHeader + 8 * n, corrections.data(), corrections.size());
  return used;
}

std::size_t inflatedAdditiveBound(std::uint64_t count, std::size_t chunkBytes) {
  return static_cast<std::size_t>(kHeader + 8 * count + chunkBytes);
}

const DeltaCodec& additiveCodec() {
  static const AdditiveCodec codec;
  return codec;
}

}  // namespace deltascope
