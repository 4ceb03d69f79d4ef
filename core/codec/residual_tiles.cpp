// SPDX-License-Identifier: Apache-2.0
#include "core/codec/residual_tiles.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/codec/ordered.h"
#include "core/codec/planes.h"
#include "core/quant/quant.h"
#include "kernels/backend.h"
#include "kernels/half.h"

namespace deltascope::residual {
namespace {

using kernels::AnchorKind;
using kernels::AnchorRule;
using kernels::HalfType;

bool isQuantized(BaseKind kind) { return kind == BaseKind::Nf4 || kind == BaseKind::Fp4 || kind == BaseKind::Int8; }

/// Bits of the edge of each code's bin nearer zero. The zero bin starts eight octaves below its own edge.
std::array<std::uint16_t, 16> binEdges(QuantFormat format, HalfType half) {
  const CodeBook& book = codeBook(format);
  std::array<std::uint16_t, 16> lo{};
  for (std::size_t rank = 0; rank < 16; ++rank) {
    const std::size_t code = book.order[rank];
    const float value = book.values[code];
    float edge = 0;
    if (value > 0) edge = book.boundaries[rank - 1];
    if (value < 0) edge = book.boundaries[rank];
    if (value == 0) {
      for (std::size_t b : {rank - 1, rank})
        if (b < 15) edge = std::max(edge, std::fabs(book.boundaries[b]));
      edge *= (1 + 4.0f / 128) / 256;
      if (format == QuantFormat::Fp4 && code == 8) edge = -edge;
    }
    lo[code] =
        half == HalfType::Bf16 ? static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(edge) >> 16) : kernels::toF16(edge);
  }
  return lo;
}

/// The largest exponent among the samples' parents, so that class 0 is the top octave.
unsigned topExponent(std::span<const DeltaSample> samples, DType type) {
  unsigned top = 0;
  for (const auto& sample : samples) {
    const auto bytes = sample.base.values;
    if (type == DType::F32) {
      for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
        std::uint32_t v;
        std::memcpy(&v, bytes.data() + i, 4);
        if (const unsigned e = v >> 23 & 255; e < 255) top = std::max(top, e);
      }
    } else {
      const unsigned shift = type == DType::F16 ? 10 : 7, mask = type == DType::F16 ? 31 : 255;
      for (std::size_t i = 0; i + 2 <= bytes.size(); i += 2) {
        std::uint16_t v;
        std::memcpy(&v, bytes.data() + i, 2);
        if (const unsigned e = static_cast<unsigned>(v >> shift) & mask; e < mask) top = std::max(top, e);
      }
    }
  }
  return top;
}

}  // namespace

bool supported(BaseKind, DType finalType) { return isCodedFloat(finalType); }

AnchorRule defaultRule(BaseKind base, DType finalType, std::span<const DeltaSample> samples) {
  AnchorRule rule;
  rule.half = finalType == DType::F16 ? HalfType::F16 : HalfType::Bf16;
  switch (base) {
    case BaseKind::Nf4:
    case BaseKind::Fp4:
      rule.kind = AnchorKind::Nibble;
      rule.lo = binEdges(base == BaseKind::Nf4 ? QuantFormat::Nf4 : QuantFormat::Fp4, rule.half);
      break;
    case BaseKind::Int8:
      rule.kind = AnchorKind::Int8;
      break;
    case BaseKind::Same:
      rule.kind = finalType == DType::F32 ? AnchorKind::Zero : AnchorKind::Ordered;
      rule.topExponent = topExponent(samples, finalType);
      break;
    case BaseKind::None:
      rule.kind = finalType == DType::F32 ? AnchorKind::Zero : AnchorKind::Ordered;
      break;
  }
  return rule;
}

std::size_t tileCount(std::size_t elements) { return (elements + kernels::kTile - 1) / kernels::kTile; }

kernels::TileBase tileBase(const BaseSlice& base, std::size_t offset) {
  kernels::TileBase source;
  source.count = std::min(kernels::kTile, base.count - offset);
  source.group = base.group;
  if (base.kind == BaseKind::Int8) {
    const std::uint64_t column = base.first % base.group + offset;
    source.codes = base.codes.data() + offset;
    source.scales = base.scales.data() + column / base.group;
    source.column = column % base.group;
  } else if (isQuantized(base.kind)) {
    source.codes = base.codes.data() + offset / 2;
    source.scales = base.scales.data() + offset / base.group;
  }
  return source;
}

void loadBase(const AnchorRule& rule, const BaseSlice& base, std::size_t offset, Tile& tile) {
  kernels::TileBase source = tileBase(base, offset);
  tile.count = source.count;
  tile.padded = (tile.count + kernels::kStep - 1) / kernels::kStep * kernels::kStep;
  switch (base.kind) {
    case BaseKind::Same:
      if (base.finalType == DType::F32) {
        std::memcpy(tile.parents, base.values.data() + offset * 4, tile.count * 4);
        source.values32 = tile.parents;
      } else {  // borrowed as 16-bit patterns through the final buffer, which loadFinal overwrites
        std::memcpy(tile.final, base.values.data() + offset * 2, tile.count * 2);
        source.values16 = tile.final;
      }
      break;
    case BaseKind::None:
      std::memset(tile.parents, 0, tile.count * 4);
      std::memset(tile.final, 0, tile.count * 2);
      source.values16 = tile.final;
      break;
    default:
      break;
  }
  tile.usable = kernels::scalesUsable(rule, source);
  kernels::anchorsAndContexts(rule, source, tile.anchors, tile.contexts, kernels::bestIsa());
}

void loadFinal(const AnchorRule& rule, const BaseSlice& base, std::span<const std::byte> final, std::size_t offset,
               Tile& tile) {
  if (base.finalType == DType::F32) {
    for (std::size_t i = 0; i < tile.count; ++i) {
      std::uint32_t bits;
      std::memcpy(&bits, final.data() + (offset + i) * 4, 4);
      if (isQuantized(base.kind)) {
        tile.final[i] = static_cast<std::uint16_t>(bits >> 16);
        tile.low[i] = static_cast<std::uint16_t>(bits);
      } else {
        const std::uint32_t d = toOrdered32(bits) - toOrdered32(tile.parents[i]);
        tile.final[i] = static_cast<std::uint16_t>((d + 0x8000u) >> 16);
        tile.low[i] = static_cast<std::uint16_t>(d);
      }
    }
  } else {
    std::memcpy(tile.final, final.data() + offset * 2, tile.count * 2);
  }
  std::fill(tile.final + tile.count, tile.final + tile.padded, std::uint16_t{0});
  kernels::toDifferences(rule.kind, tile.anchors, tile.final, tile.x, tile.padded, kernels::bestIsa());
}

void storeHalves(const BaseSlice& base, const Tile& tile, std::size_t offset, std::span<std::byte> final) {
  if (base.finalType != DType::F32) {
    std::memcpy(final.data() + offset * 2, tile.final, tile.count * 2);
    return;
  }
  for (std::size_t i = 0; i < tile.count; ++i) {
    std::uint32_t bits;
    if (isQuantized(base.kind)) {
      bits = static_cast<std::uint32_t>(tile.final[i]) << 16 | tile.low[i];
    } else {
      const auto low = static_cast<std::uint32_t>(static_cast<std::int32_t>(static_cast<std::int16_t>(tile.low[i])));
      bits = fromOrdered32(toOrdered32(tile.parents[i]) + (static_cast<std::uint32_t>(tile.final[i]) << 16) + low);
    }
    std::memcpy(final.data() + (offset + i) * 4, &bits, 4);
  }
}

void storeFinal(const AnchorRule& rule, const BaseSlice& base, const Tile& tile, std::size_t offset,
                std::span<std::byte> final) {
  if (base.finalType != DType::F32 && tile.count == tile.padded && reinterpret_cast<std::uintptr_t>(final.data()) % 2 == 0) {
    auto* out = reinterpret_cast<std::uint16_t*>(final.data()) + offset;
    kernels::fromDifferences(rule.kind, tile.anchors, tile.x, out, tile.count, kernels::bestIsa());
    return;
  }
  auto& whole = const_cast<Tile&>(tile);
  kernels::fromDifferences(rule.kind, tile.anchors, tile.x, whole.final, tile.padded, kernels::bestIsa());
  storeHalves(base, tile, offset, final);
}

void appendLowPlane(std::span<const std::uint16_t> low, int zstdLevel, std::vector<std::byte>& out) {
  std::vector<std::byte> planes(low.size() * 2);
  std::uint16_t any = 0;
  for (std::size_t i = 0; i < low.size(); ++i) {
    planes[i] = static_cast<std::byte>(low[i]);
    planes[low.size() + i] = static_cast<std::byte>(low[i] >> 8);
    any = static_cast<std::uint16_t>(any | low[i]);
  }
  appendPlane(any ? std::span<const std::byte>(planes) : std::span<const std::byte>{}, zstdLevel, out);
}

Result<void> parseLowPlane(std::span<const std::byte> bytes, std::span<std::uint16_t> low) {
  std::vector<std::byte> planes(low.size() * 2);
  DELTASCOPE_ASSIGN(const std::size_t used, parsePlane(bytes, planes));
  (void)used;
  for (std::size_t i = 0; i < low.size(); ++i)
    low[i] = static_cast<std::uint16_t>(static_cast<unsigned>(planes[i]) | static_cast<unsigned>(planes[low.size() + i]) << 8);
  return {};
}

std::size_t lowPlaneBound(std::size_t elements) { return planeBound(elements * 2); }

}  // namespace deltascope::residual
