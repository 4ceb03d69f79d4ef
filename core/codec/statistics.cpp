// SPDX-License-Identifier: Apache-2.0
#include "core/codec/statistics.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/codec/bytes.h"
#include "kernels/ordered.h"

namespace deltascope {
namespace {

/// Lanes as wide as the elements keep the comparison vectorised; they are emptied before they can overflow.
template <class T>
std::uint64_t countEqual(const std::byte* a, const std::byte* b, std::size_t count) {
  constexpr std::size_t kRun = sizeof(T) == 1 ? 255 : 32768;
  constexpr std::size_t kWidth = 64 / sizeof(T);
  std::uint64_t total = 0;
  std::size_t i = 0;
  while (count - i >= kWidth) {
    const auto runs = std::min((count - i) / kWidth, kRun);
    T lanes[kWidth] = {};
    for (std::size_t r = 0; r < runs; ++r, i += kWidth) {
      T x[kWidth], y[kWidth];
      std::memcpy(x, a + i * sizeof(T), sizeof x);
      std::memcpy(y, b + i * sizeof(T), sizeof y);
      for (std::size_t l = 0; l < kWidth; ++l) lanes[l] = static_cast<T>(lanes[l] + (x[l] == y[l]));
    }
    for (const T lane : lanes) total += lane;
  }
  for (; i < count; ++i) total += std::memcmp(a + i * sizeof(T), b + i * sizeof(T), sizeof(T)) == 0;
  return total;
}

/// Elements of fewer than 8 bits, packed from the least significant bit up.
std::uint64_t countEqualPacked(unsigned bits, const std::byte* a, const std::byte* b, std::size_t count) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bool equal = true;
    for (std::size_t bit = i * bits; bit < (i + 1) * bits; ++bit)
      equal &= ((a[bit / 8] ^ b[bit / 8]) >> (bit % 8) & std::byte{1}) == std::byte{0};
    total += equal;
  }
  return total;
}

template <class T>
void deltasOf(const std::byte* base, const std::byte* final, std::span<std::int32_t> into) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    const auto b = loadAs<T>(base + i * sizeof(T)), f = loadAs<T>(final + i * sizeof(T));
    if constexpr (sizeof(T) == 2) {
      into[i] = static_cast<std::int16_t>(kernels::toOrdered16(f)) - static_cast<std::int16_t>(kernels::toOrdered16(b));
    } else {
      using Limits = std::numeric_limits<std::int32_t>;
      const std::int64_t delta =
          std::int64_t{static_cast<std::int32_t>(kernels::toOrdered32(f))} - static_cast<std::int32_t>(kernels::toOrdered32(b));
      into[i] = static_cast<std::int32_t>(std::clamp<std::int64_t>(delta, Limits::min(), Limits::max()));
    }
  }
}

}  // namespace

std::uint64_t countZeroDeltas(const BaseSlice& slice, std::span<const std::byte> final) {
  const auto bytes = bytesFor(slice.finalType, slice.count);
  if (slice.kind == BaseKind::None || slice.values.size() < bytes || final.size() < bytes) return 0;
  const auto* a = slice.values.data();
  const auto* b = final.data();
  switch (bytesOf(slice.finalType)) {
    case 1:
      return countEqual<std::uint8_t>(a, b, slice.count);
    case 2:
      return countEqual<std::uint16_t>(a, b, slice.count);
    case 4:
      return countEqual<std::uint32_t>(a, b, slice.count);
    case 8:
      return countEqual<std::uint64_t>(a, b, slice.count);
    default:
      return countEqualPacked(bitsOf(slice.finalType), a, b, slice.count);
  }
}

void deltas(const BaseSlice& slice, std::span<const std::byte> final, std::span<std::int32_t> into) {
  const auto bytes = bytesFor(slice.finalType, into.size());
  if (!isCodedFloat(slice.finalType) || slice.values.size() < bytes || final.size() < bytes) {
    std::ranges::fill(into, 0);
  } else if (slice.finalType == DType::F32) {
    deltasOf<std::uint32_t>(slice.values.data(), final.data(), into);
  } else {
    deltasOf<std::uint16_t>(slice.values.data(), final.data(), into);
  }
}

}  // namespace deltascope
