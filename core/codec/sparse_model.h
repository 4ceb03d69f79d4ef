// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The sparse codec's model: code tables by exponent class. Internal to core/codec; the format is in sparse.h.
#include <array>

#include "core/codec/codec.h"

namespace deltascope {

inline constexpr std::size_t kSparseClasses = 16;
inline constexpr unsigned kSparseMaxCode = 10;  ///< bits of the longest codeword
inline constexpr unsigned kSparseMaxUnit = 10;  ///< largest k: 4 units are a tile
inline constexpr std::size_t kSparseSkip = 0, kSparseEscape = 1, kSparseFirst = 2;

/// What the codec must know of a coded float type.
struct SparseType {
  unsigned bits = 16;  ///< of an element and of x
  unsigned exponentShift = 7;
  std::uint32_t exponentMask = 0xff;
  std::size_t buckets = 32;  ///< magnitudes of x

  [[nodiscard]] constexpr std::size_t symbols() const { return kSparseFirst + 8 * buckets; }
  [[nodiscard]] constexpr unsigned exponentOf(std::uint32_t value) const { return value >> exponentShift & exponentMask; }
};
[[nodiscard]] constexpr SparseType sparseType(DType type) {
  if (type == DType::F32) return {.bits = 32, .exponentShift = 23, .exponentMask = 0xff, .buckets = 64};
  if (type == DType::F16) return {.bits = 16, .exponentShift = 10, .exponentMask = 0x1f, .buckets = 32};
  return {};
}

/// Sign and magnitude bucket of x ≠ 0, and the raw bits below.
struct SparseValue {
  std::uint32_t symbol = 0;  ///< s·B + b
  unsigned rawBits = 0;
  std::uint32_t raw = 0;
};
template <class T>
[[nodiscard]] constexpr SparseValue sparseValue(T x) {
  constexpr unsigned kTop = 8 * sizeof(T) - 1;
  constexpr std::uint32_t kBuckets = sizeof(T) == 2 ? 32 : 64;
  const bool negative = x >> kTop;
  const std::uint32_t magnitude = negative ? static_cast<T>(-x) : x;
  const auto e = static_cast<unsigned>(31 - __builtin_clz(magnitude));
  const unsigned rawBits = e - (e != 0);  // for e = 0 the "half" below is the 1 itself, and the bucket 0
  const std::uint32_t half = magnitude >> rawBits & 1;
  return {negative * kBuckets + 2 * e - 1 + half, rawBits, magnitude & ((1u << rawBits) - 1)};
}

/// A decoder's table entry: what the next kSparseMaxCode bits mean.
///   bits 0–5 all bits consumed, 6–9 of them the codeword, 10–13 of them the gap's low bits, 14–19 of them x's low bits,
///   20–21 x's magnitude is this << the latter, 22 x is negative, 23–25 the gap's high part in units, 26 the element is used
///   up.
using SparseEntry = std::uint32_t;

class SparseModel final : public CodecModel {
 public:
  struct Code {
    std::uint16_t bits = 0;  ///< first bit = least significant
    std::uint16_t length = 0;
  };
  struct Class {
    unsigned k = kSparseMaxUnit;
    std::vector<std::uint8_t> lengths;
    std::vector<Code> codes;                                            ///< by symbol
    std::array<SparseEntry, std::size_t{1} << kSparseMaxCode> entries;  ///< by the next bits
  };
  DType type = DType::BF16;
  unsigned top = 0;
  std::array<Class, kSparseClasses> classes;

  [[nodiscard]] std::vector<std::byte> serialize() const override;
};

/// Makes codes and entries from `lengths`, which need not be trusted: false when they are not a code of the form in sparse.h.
[[nodiscard]] bool buildSparseTables(SparseModel::Class& c, const SparseType& type);
/// Lengths of at most kSparseMaxCode bits with the least total for the counts; symbols that did not occur have none.
/// At least two counts must be positive. Package-merge.
[[nodiscard]] std::vector<std::uint8_t> prefixLengths(std::span<const std::uint64_t> counts);

[[nodiscard]] Result<ModelPtr> fitSparseModel(std::span<const DeltaSample> samples);
[[nodiscard]] Result<ModelPtr> parseSparseModel(std::span<const std::byte> bytes);

}  // namespace deltascope
