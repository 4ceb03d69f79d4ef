// SPDX-License-Identifier: Apache-2.0
#include "core/bench/final_weight.h"

#include <algorithm>
#include <cstring>

#include "core/base/failure.h"
#include "core/base/units.h"
#include "core/runtime/delta_source.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kSliceElements = 256 * kTileElements;

Result<void> readBaseValues(const Variant& variant, const TensorOrigin& origin, std::span<std::byte> into, Team& team,
                            const std::stop_token& stop) {
  const std::uint64_t size = bytesOf(origin.dtype);
  return team.run(static_cast<std::size_t>(ceilDiv(origin.elements, kSliceElements)), stop, [&](std::size_t i) -> Result<void> {
    const std::uint64_t first = i * kSliceElements, count = std::min(kSliceElements, origin.elements - first);
    SliceBuffer buffer;
    DELTASCOPE_TRY(variant.base->slice(origin.baseName, origin.dtype, first, static_cast<std::size_t>(count), true, buffer));
    std::copy(buffer.slice.values.begin(), buffer.slice.values.end(), into.begin() + static_cast<std::ptrdiff_t>(first * size));
    return {};
  });
}

}  // namespace

Result<FinalWeight> readFinal(const Variant& variant, const TensorOrigin& origin, Team& team, const std::stop_token& stop) {
  const std::uint64_t size = bytesOf(origin.dtype);
  FinalWeight final{HostBytes(origin.elements * size), {}};
  if (origin.steps.empty()) {
    DELTASCOPE_TRY(readBaseValues(variant, origin, final.bytes.span(), team, stop));
  } else {
    DeltaPlaces places;
    places.file = variant.base;
    DELTASCOPE_ASSIGN(const auto source, DeltaSource::create(origin, std::move(places)));
    if (auto made = makeAll(*source, size, final.bytes.span(), team, stop); !made) {
      DELTASCOPE_TRY(checkBaseOf(variant, origin));
      return tl::make_unexpected(made.error());
    }
  }
  final.hash = hash128(final.bytes.span());
  return final;
}

Result<void> makeAll(const kernels::ElementSource& source, std::uint64_t elementBytes, std::span<std::byte> into, Team& team,
                     const std::stop_token& stop) {
  return team.run(source.pieces(), stop, [&](std::size_t piece) -> Result<void> {
    return fromBackend(eachStep(source, piece, [&](std::uint64_t first, std::uint64_t count) {
      return source.make(piece, first, count, into.data() + first * elementBytes);
    }));
  });
}

Result<void> makeOnDevice(const kernels::ElementSource& source, std::uint64_t elementBytes, std::byte* into,
                          const std::stop_token& stop) {
  for (std::size_t piece = 0; piece < source.pieces(); ++piece) {
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    DELTASCOPE_TRY(fromBackend(eachStep(source, piece, [&](std::uint64_t first, std::uint64_t count) {
      return source.make(piece, first, count, into + first * elementBytes);
    })));
  }
  return {};
}

void Comparison::add(std::span<const std::byte> a, std::span<const std::byte> b, std::size_t elementBytes, std::uint64_t from) {
  const std::size_t count = a.size() / elementBytes;
  if (count == 0) return;
  elements += count;
  if (std::memcmp(a.data(), b.data(), a.size()) == 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    if (std::memcmp(a.data() + i * elementBytes, b.data() + i * elementBytes, elementBytes) == 0) continue;
    ++different;
    if (!first) first = from + i;
  }
}

}  // namespace deltascope
