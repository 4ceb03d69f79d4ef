// SPDX-License-Identifier: Apache-2.0
#include "core/codec/sparse_tile.h"

#include <algorithm>

namespace deltascope {
namespace {

template <class T>
void classify(const SparseType& type, unsigned top, const std::byte* values, std::size_t count, std::uint8_t* classes) {
  const auto shift = type.exponentShift;
  const auto mask = static_cast<T>(type.exponentMask);
  for (std::size_t i = 0; i < count; ++i) {
    const auto exponent = static_cast<T>(static_cast<T>(loadAs<T>(values + i * sizeof(T)) >> shift) & mask);
    const auto below = static_cast<std::make_signed_t<T>>(top - exponent);
    classes[i] = static_cast<std::uint8_t>(std::clamp<std::make_signed_t<T>>(below, 0, kSparseClasses - 1));
  }
}

}  // namespace

void orderTile(const SparseType& type, unsigned top, const std::byte* values, std::size_t count, SparseOrder& into) {
  std::array<std::uint8_t, kTileElements> classes;
  if (type.bits == 32)
    classify<std::uint32_t>(type, top, values, count, classes.data());
  else
    classify<std::uint16_t>(type, top, values, count, classes.data());

  // Two histograms: neighbours often share a class, and one counter would wait for itself.
  std::array<std::uint32_t, kSparseClasses> even{}, odd{};
  std::size_t i = 0;
  for (; i + 2 <= count; i += 2) {
    ++even[classes[i]];
    ++odd[classes[i + 1]];
  }
  if (i < count) ++even[classes[i]];
  std::array<std::uint32_t, kSparseClasses> next;
  std::uint32_t at = 0;
  for (auto c = kSparseClasses; c-- > 0;) {
    into.begin[c] = next[c] = at;
    at += into.size[c] = even[c] + odd[c];
  }
  for (i = 0; i < count; ++i) into.order[next[classes[i]]++] = static_cast<std::uint16_t>(i);
}

}  // namespace deltascope
