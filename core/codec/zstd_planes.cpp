// SPDX-License-Identifier: Apache-2.0
// The `zstd` codec: differences sorted by context, as byte planes in zstd frames. Layout: core/payload/FORMAT.md.
#include <algorithm>
#include <array>
#include <memory>

#include "core/codec/bytes.h"
#include "core/codec/codecs.h"
#include "core/codec/expansion.h"
#include "core/codec/planes.h"
#include "core/codec/residual_tiles.h"
#include "kernels/backend.h"

namespace deltascope {
namespace {

using namespace residual;
using kernels::AnchorKind;
using kernels::AnchorRule;

constexpr std::size_t kHeader = 16;
enum Form : std::uint8_t { kPlanes = 0, kStored = 1 };

/// Small differences of either sign become small numbers: zig-zag for parents of the same type, the sign rotated into the
/// lowest bit for quantized bases (whose differences are one-sided but for the zero bin).
void fold(bool zigzag, std::uint16_t* x, std::size_t n) {
  if (zigzag)
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<std::uint16_t>(x[i] << 1 ^ -(x[i] >> 15));
  else
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<std::uint16_t>(x[i] << 1 | x[i] >> 15);
}
void unfold(bool zigzag, std::uint16_t* x, std::size_t n) {
  if (zigzag)
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<std::uint16_t>(x[i] >> 1 ^ -(x[i] & 1));
  else
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<std::uint16_t>(x[i] >> 1 | x[i] << 15);
}

bool isZigzag(const AnchorRule& rule) { return rule.kind == AnchorKind::Ordered || rule.kind == AnchorKind::Zero; }

void split(const std::uint16_t* from, std::byte* low, std::byte* high, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) low[i] = static_cast<std::byte>(from[i]);
  for (std::size_t i = 0; i < n; ++i) high[i] = static_cast<std::byte>(from[i] >> 8);
}
void join(const std::byte* low, const std::byte* high, std::uint16_t* into, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    into[i] = static_cast<std::uint16_t>(std::to_integer<unsigned>(low[i]) | std::to_integer<unsigned>(high[i]) << 8);
}

/// Where each context's run of a chunk begins, in weights.
using Runs = std::array<std::size_t, kernels::kMaxContexts>;

Runs runsOf(std::span<const std::uint8_t> contexts) {
  std::array<std::array<std::uint32_t, 256>, 4> counts{};  // four at a time: a run of equal contexts would stall on one counter
  std::size_t i = 0;
  for (; i + 4 <= contexts.size(); i += 4)
    for (std::size_t k = 0; k < 4; ++k) ++counts[k][contexts[i + k]];
  for (; i < contexts.size(); ++i) ++counts[0][contexts[i]];
  Runs runs{};
  std::size_t at = 0;
  for (std::size_t c = 0; c < runs.size(); ++c) {
    runs[c] = at;
    at += counts[0][c] + counts[1][c] + counts[2][c] + counts[3][c];
  }
  return runs;
}

/// Buffers of one chunk, kept by each thread: fresh pages for every chunk would cost as much as the decoding.
struct Scratch {
  std::vector<std::uint8_t> contexts;
  std::vector<std::uint16_t> x, sorted, low;
  std::vector<std::byte> planes;

  void resize(std::size_t count, bool wide) {
    contexts.resize(count);
    x.resize(count);
    sorted.resize(count + 64);  // gatherRuns reads ahead
    low.resize(wide ? count : 0);
    planes.resize(2 * count);
  }
};
Scratch& scratch() {
  thread_local Scratch own;
  return own;
}

/// A plane that only newer programs read is not damaged.
tl::unexpected<Error> planeError(std::size_t at, const Error& error) {
  if (error.code != ErrorCode::Corrupt) return tl::make_unexpected(error);
  return corruptAt(CodecId::Zstd, at, error.message);
}

class ZstdCodec final : public DeltaCodec {
 public:
  [[nodiscard]] CodecId id() const override { return CodecId::Zstd; }
  [[nodiscard]] bool supports(BaseKind base, DType finalType) const override { return supported(base, finalType); }
  [[nodiscard]] double estimate(const DeltaSample& sample, const CodecModel*, const CodecOptions& options) const override {
    std::vector<std::byte> out;
    if (sample.base.count == 0 || !encode(sample.base, sample.final, nullptr, options, out))
      return 8.0 * bytesOf(sample.base.finalType);
    return 8.0 * static_cast<double>(out.size()) / static_cast<double>(sample.base.count);
  }
  [[nodiscard]] std::size_t bound(DType finalType, std::size_t count) const override {
    const std::size_t planes = 2 * planeBound(count) + (finalType == DType::F32 ? lowPlaneBound(count) : 0);
    return kHeader + std::max(planes, static_cast<std::size_t>(roundUp(bytesFor(finalType, count), 16)));
  }

  [[nodiscard]] Result<ChunkStats> encode(const BaseSlice& base, std::span<const std::byte> final, const CodecModel*,
                                          const CodecOptions& options, std::vector<std::byte>& out) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), base.kind == BaseKind::Same));
    const DeltaSample whole{base, final};
    const AnchorRule rule = defaultRule(base.kind, base.finalType, {&whole, 1});
    const bool wide = base.finalType == DType::F32;
    const auto tile = std::make_unique<Tile>();
    auto& [contexts, folded, sorted, low, planes] = scratch();
    scratch().resize(base.count, wide);
    const bool zigzag = isZigzag(rule);
    bool usable = true;
    for (std::size_t offset = 0; offset < base.count && usable; offset += kernels::kTile) {
      loadBase(rule, base, offset, *tile);
      loadFinal(rule, base, final, offset, *tile);
      usable = tile->usable;
      std::copy_n(tile->contexts, tile->count, contexts.begin() + static_cast<std::ptrdiff_t>(offset));
      if (wide) std::copy_n(tile->low, tile->count, low.begin() + static_cast<std::ptrdiff_t>(offset));
      fold(zigzag, tile->x, tile->count);
      std::copy_n(tile->x, tile->count, folded.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    const std::size_t start = out.size();
    out.resize(start + kHeader);
    out[start] = static_cast<std::byte>(usable ? kPlanes : kStored);
    out[start + 1] = static_cast<std::byte>(rule.topExponent);
    if (usable) {
      Runs next = runsOf(contexts);
      for (std::size_t i = 0; i < base.count; ++i) sorted[next[contexts[i]]++] = folded[i];
      split(sorted.data(), planes.data(), planes.data() + base.count, base.count);
      for (const ZeroPlanes zeros : {ZeroPlanes::Bare, ZeroPlanes::Framed}) {
        out.resize(start + kHeader);
        appendPlane(std::span(planes).first(base.count), options.zstdLevel, out, zeros);
        appendPlane(std::span(planes).last(base.count), options.zstdLevel, out, zeros);
        if (wide) appendLowPlane(low, options.zstdLevel, out);
        if (base.kind != BaseKind::None || mayHold(out.size() - start, final.size())) break;
      }
      if (out.size() - start <= kHeader + roundUp(final.size(), 16)) return ChunkStats{};
      out.resize(start + kHeader);
      out[start] = static_cast<std::byte>(kStored);
    }
    out.insert(out.end(), final.begin(), final.end());
    padTo16(out, start);
    return ChunkStats{0, tileCount(base.count)};
  }

  [[nodiscard]] Result<void> decode(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel*,
                                    std::span<std::byte> final) const override {
    DELTASCOPE_TRY(checkSpans(id(), base, final.size(), base.kind == BaseKind::Same));
    if (chunk.size() < kHeader) return corruptAt(id(), 0, "header is cut off");
    if (chunk[0] == static_cast<std::byte>(kStored)) {
      if (chunk.size() - kHeader < final.size()) return corruptAt(id(), kHeader, "stored weights are cut off");
      if (!final.empty()) std::memcpy(final.data(), chunk.data() + kHeader, final.size());
      return {};
    }
    if (chunk[0] != static_cast<std::byte>(kPlanes)) return needsNewer("a zstd chunk of form " + std::to_string(int(chunk[0])));
    AnchorRule rule = defaultRule(base.kind, base.finalType, {});
    rule.topExponent = std::to_integer<unsigned>(chunk[1]);
    const bool wide = base.finalType == DType::F32;
    auto& [contexts, unused, sorted, low, planes] = scratch();
    scratch().resize(base.count, wide);
    std::size_t at = kHeader;
    for (int p = 0; p < 2; ++p) {
      const auto plane = std::span(planes).subspan(static_cast<std::size_t>(p) * base.count, base.count);
      auto used = parsePlane(chunk.subspan(at), plane);
      if (!used) return planeError(at, used.error());
      at += *used;
    }
    if (wide) {
      if (auto parsed = parseLowPlane(chunk.subspan(at), low); !parsed) return planeError(at, parsed.error());
    }
    // First all contexts, to know where each run begins; then the weights in order, each from its run.
    const auto tile = std::make_unique<Tile>();
    for (std::size_t offset = 0; offset < base.count; offset += kernels::kTile) {
      loadBase(rule, base, offset, *tile);
      std::copy_n(tile->contexts, tile->count, contexts.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    join(planes.data(), planes.data() + base.count, sorted.data(), base.count);
    unfold(isZigzag(rule), sorted.data(), base.count);
    Runs next = runsOf(contexts);
    for (std::size_t offset = 0; offset < base.count; offset += kernels::kTile) {
      loadBase(rule, base, offset, *tile);
      kernels::gatherRuns(tile->contexts, sorted.data(), next.data(), rule.contexts(), tile->x, tile->count,
                          kernels::bestIsa());
      std::fill(tile->x + tile->count, tile->x + tile->padded, std::uint16_t{0});
      if (wide) std::copy_n(low.begin() + static_cast<std::ptrdiff_t>(offset), tile->count, tile->low);
      storeFinal(rule, base, *tile, offset, final);
    }
    return {};
  }

  [[nodiscard]] Result<ChunkStats> check(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel*,
                                         bool) const override {
    if (chunk.size() < kHeader) return corruptAt(id(), 0, "header is cut off");
    if (!std::ranges::all_of(chunk.subspan(2, kHeader - 2), [](std::byte b) { return b == std::byte{0}; }))
      return corruptAt(id(), 2, "reserved bytes are not zero");
    if (chunk[0] == static_cast<std::byte>(kStored)) {
      const std::size_t end = kHeader + bytesFor(base.finalType, base.count);
      if (end > chunk.size() || !isPadding(chunk.subspan(end))) return corruptAt(id(), end, "zeros should follow the weights");
      return ChunkStats{0, tileCount(base.count)};
    }
    std::size_t at = kHeader;
    for (int plane = 0; plane < (base.finalType == DType::F32 ? 3 : 2); ++plane) {
      const auto bytes = planeBytes(chunk.subspan(at));
      if (!bytes) return planeError(at, bytes.error());
      at += *bytes;
    }
    if (at != chunk.size()) return corruptAt(id(), at, "bytes follow the last plane");
    return ChunkStats{};
  }
};

}  // namespace

const DeltaCodec& zstdCodec() {
  static const ZstdCodec instance;
  return instance;
}

}  // namespace deltascope
