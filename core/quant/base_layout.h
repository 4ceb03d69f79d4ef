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

/// Codes are packed in the order of elements, and a run of `group` elements shares its `parameters`: a scale, or a scale and a
/// zero. A row of its own scale is a group of as many elements as it has columns. Where rows are no whole number of groups,
/// `columns` is set, and groups begin anew with each row. In blocks, codes and scales lie together, and all of it counts as
/// codes: then there are no scales apart, and a block that is cut is there whole.
struct BaseLayout {
  unsigned codeBits = 0;                            ///< 4 or 8; 0 where there are no codes
  std::uint64_t group = 1;                          ///< at least 1
  std::uint8_t zero = 0;                            ///< the code whose value is 0; of blocks, a block of zeros is zero
  std::uint32_t blockElements = 0, blockBytes = 0;  ///< 0: not in blocks. Elements are a power of two up to 4,096
  unsigned parameters = 1;                          ///< floats a group
  std::uint64_t columns = 0;                        ///< elements a row; 0: groups run on through rows

  /// The bytes that hold the codes of `elements`; the first begins a byte.
  [[nodiscard]] constexpr IndexRange codesOf(IndexRange elements) const {
    if (blockElements > 0) {
      const std::uint64_t first = elements.first / blockElements;
      const std::uint64_t end = elements.count > 0 ? (elements.first + elements.count - 1) / blockElements + 1 : first;
      return {first * blockBytes, (end - first) * blockBytes};
    }
    const std::uint64_t begin = elements.first * codeBits / 8;
    return {begin, ((elements.first + elements.count) * codeBits + 7) / 8 - begin};
  }
  /// The floats of the groups that hold any of `elements`.
  [[nodiscard]] constexpr IndexRange scalesOf(IndexRange elements) const {
    if (blockElements > 0) return {};
    const std::uint64_t first = groupOf(elements.first);
    const std::uint64_t end = elements.count > 0 ? groupOf(elements.first + elements.count - 1) + 1 : first;
    return {first * parameters, (end - first) * parameters};
  }
  /// Elements whose codes fill `bytes`.
  [[nodiscard]] constexpr std::uint64_t elementsIn(std::uint64_t bytes) const {
    return blockElements > 0 ? bytes / blockBytes * blockElements : bytes * 8 / std::max(codeBits, 1u);
  }
  /// The largest number of bytes up to `most` whose elements are a multiple of 4,096; at least those of 4,096.
  [[nodiscard]] constexpr std::uint64_t wholeTiles(std::uint64_t most) const {
    const std::uint64_t tile = codesOf({0, 4096}).count;
    return std::max(most / std::max<std::uint64_t>(tile, 1), std::uint64_t{1}) * tile;
  }
  /// A byte of nothing but the code of zero.
  [[nodiscard]] constexpr std::uint8_t zeroByte() const {
    return codeBits == 4 ? static_cast<std::uint8_t>(zero << 4 | zero) : zero;
  }
  /// Where an element lies in its row, or in its group where groups run on.
  [[nodiscard]] constexpr std::uint64_t columnOf(std::uint64_t element) const { return element % (columns ? columns : group); }

 private:
  [[nodiscard]] constexpr std::uint64_t groupOf(std::uint64_t element) const {
    if (columns == 0) return element / group;
    return element / columns * ((columns + group - 1) / group) + element % columns / group;
  }
};

}  // namespace deltascope
