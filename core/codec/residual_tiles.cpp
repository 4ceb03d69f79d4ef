// SPDX-License-Identifier: Apache-2.0
#include "core/codec/residual_tiles.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/codec/planes.h"
#include "core/quant/base_format.h"
#include "kernels/backend.h"
#include "kernels/half.h"
#include "kernels/ordered.h"

namespace deltascope::residual {
namespace {

using kernels::AnchorKind;
using kernels::AnchorRule;
using kernels::ElementType;

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
  AnchorRule rule = formatOf(base).anchors(finalType);
  if (base == BaseKind::Same) rule.topExponent = topExponent(samples, finalType);
  return rule;
}

std::size_t tileCount(std::size_t elements) { return (elements + kernels::kTile - 1) / kernels::kTile; }

kernels::TileBase tileBase(const BaseSlice& base, std::size_t offset) {
  kernels::TileBase source;
  source.count = std::min(kernels::kTile, base.count - offset);
  source.group = base.group;
  source.columns = base.columns;
  if (!isQuantized(base.kind)) return source;
  const BaseSlice part = partOf(base, offset, source.count);
  source.codes = part.codes.data();
  source.scales = part.scales.data();
  source.column = part.layout().columnOf(part.first);
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
        const std::uint32_t d = kernels::toOrdered32(bits) - kernels::toOrdered32(tile.parents[i]);
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
      bits = kernels::fromOrdered32(kernels::toOrdered32(tile.parents[i]) + (static_cast<std::uint32_t>(tile.final[i]) << 16) +
                                    low);
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
