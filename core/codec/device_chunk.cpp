// SPDX-License-Identifier: Apache-2.0
#include "core/codec/device_chunk.h"

#include <cstring>

#include "core/codec/additive.h"
#include "core/codec/bytes.h"
#include "core/codec/planes.h"
#include "core/codec/residual_tiles.h"
#include "core/codec/traits.h"

namespace deltascope {
namespace {

constexpr std::size_t kZstdHeader = 16;

/// Planes one after another, from `at` in the chunk and `to` in `into`; moves both on.
Result<void> inflate(CodecId codec, std::span<const std::byte> chunk, std::size_t& at, std::size_t planeBytes,
                     std::span<std::byte> into, std::size_t& to) {
  if (into.size() < to) return fail(ErrorCode::Internal, "no room for an inflated chunk");
  const auto plane = inflatePlane(chunk.subspan(at), planeBytes, into.subspan(to));
  if (!plane) return corruptAt(codec, at, plane.error().message);
  at += plane->read;
  to += plane->written;
  return {};
}

Result<std::size_t> copy(std::span<const std::byte> chunk, std::span<std::byte> into) {
  if (into.size() < chunk.size()) return fail(ErrorCode::Internal, "no room for a chunk");
  if (!chunk.empty()) std::memcpy(into.data(), chunk.data(), chunk.size());
  return chunk.size();
}

/// Tiles as they are, then the low plane.
Result<std::size_t> inflateResidual(CodecId codec, std::size_t elements, std::span<const std::byte> chunk,
                                    std::span<std::byte> into) {
  const std::size_t tiles = residual::tileCount(elements), table = static_cast<std::size_t>(roundUp(4 * (tiles + 1), 16));
  if (chunk.size() < table) return corruptAt(codec, chunk.size(), "tile table is cut off");
  std::size_t at = table + std::size_t{loadAs<std::uint32_t>(chunk.data() + 4 * tiles) & 0x7fffffffu} * 16;
  if (at > chunk.size()) return corruptAt(codec, 4 * tiles, "the last tile ends outside the chunk");
  DELTASCOPE_ASSIGN(std::size_t to, copy(chunk.first(at), into));
  DELTASCOPE_TRY(inflate(codec, chunk, at, 2 * elements, into, to));
  return to;
}

Result<std::size_t> inflateZstd(DType type, std::size_t elements, std::span<const std::byte> chunk, std::span<std::byte> into) {
  if (chunk.size() < kZstdHeader) return corruptAt(CodecId::Zstd, 0, "header is cut off");
  if (chunk[0] != std::byte{0}) {  // stored, or unknown: no longer than its elements
    const auto used = std::min(chunk.size(), kZstdHeader + bytesFor(type, elements));
    return copy(chunk.first(used), into);
  }
  std::size_t at = kZstdHeader;
  DELTASCOPE_ASSIGN(std::size_t to, copy(chunk.first(at), into));
  for (int plane = 0; plane < 2; ++plane) DELTASCOPE_TRY(inflate(CodecId::Zstd, chunk, at, elements, into, to));
  if (type == DType::F32) DELTASCOPE_TRY(inflate(CodecId::Zstd, chunk, at, 2 * elements, into, to));
  return to;
}

Result<std::size_t> write(CodecId codec, DType type, std::uint64_t first, std::size_t elements,
                          std::span<const std::byte> chunk, std::span<std::byte> into) {
  if (!isInflated(codec, type)) return copy(chunk, into);
  if (codec == CodecId::Zstd) return inflateZstd(type, elements, chunk, into);
  if (codec == CodecId::Additive) return inflateAdditive(first, elements, chunk, into);
  return inflateResidual(codec, elements, chunk, into);
}

}  // namespace

bool isInflated(CodecId codec, DType finalType) {
  const auto inflated = traitsOf(codec).inflated;
  return inflated == CodecTraits::Inflated::Always ||
         (inflated == CodecTraits::Inflated::WideFinals && finalType == DType::F32);
}

std::uint64_t deviceChunkBound(CodecId codec, DType finalType, std::uint64_t elements, std::uint64_t storedBytes) {
  const auto count = static_cast<std::size_t>(elements);
  const std::size_t low = finalType == DType::F32 ? residual::lowPlaneBound(count) : 0;
  if (!isInflated(codec, finalType)) return storedBytes;
  if (codec == CodecId::Zstd) return kZstdHeader + 2 * planeBound(count) + low;
  if (codec == CodecId::Additive) return inflatedAdditiveBound(elements, static_cast<std::size_t>(storedBytes));
  return storedBytes + low;
}

Result<std::uint64_t> writeDeviceChunk(CodecId codec, DType finalType, std::uint64_t first, std::uint64_t elements,
                                       std::span<const std::byte> chunk, std::span<std::byte> into) {
  DELTASCOPE_ASSIGN(const std::size_t used, write(codec, finalType, first, static_cast<std::size_t>(elements), chunk, into));
  if (used < into.size()) std::memset(into.data() + used, 0, into.size() - used);
  return used;
}

}  // namespace deltascope
