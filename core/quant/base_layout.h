// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where the codes and scales of a quantized weight lie. All arithmetic with their indices is here.
#include <algorithm>
#include <cstdint>

namespace deltascope {

/// [first, first + count) of elements, groups or bytes.
struct IndexRange {
  std::uint64_t first = 0, count = 0;
};

/// Codes are packed in the order of elements, and a run of `group` elements shares a scale. A row of its own scale is a group
/// of as many elements as it has columns.
struct BaseLayout {
  unsigned codeBits = 0;    ///< 4 or 8; 0 where there are no codes
  std::uint64_t group = 1;  ///< at least 1
  std::uint8_t zero = 0;    ///< the code whose value is 0

  /// The bytes that hold the codes of `elements`; the first begins a byte.
  [[nodiscard]] constexpr IndexRange codesOf(IndexRange elements) const {
    const std::uint64_t begin = elements.first * codeBits / 8;
    return {begin, ((elements.first + elements.count) * codeBits + 7) / 8 - begin};
  }
  /// The groups that hold any of `elements`.
  [[nodiscard]] constexpr IndexRange groupsOf(IndexRange elements) const {
    const std::uint64_t first = elements.first / group;
    return {first, elements.count > 0 ? (elements.first + elements.count - 1) / group + 1 - first : 0};
  }
  /// Elements whose codes fill `bytes`.
  [[nodiscard]] constexpr std::uint64_t elementsIn(std::uint64_t bytes) const { return bytes * 8 / std::max(codeBits, 1u); }
  /// A byte of nothing but the code of zero.
  [[nodiscard]] constexpr std::uint8_t zeroByte() const {
    return codeBits == 4 ? static_cast<std::uint8_t>(zero << 4 | zero) : zero;
  }
};

}  // namespace deltascope
