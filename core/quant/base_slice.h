// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The base's side of a range of one tensor, as codecs, reconstruction and the runtime see it.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/checkpoint/dtype.h"
#include "core/quant/base_kind.h"
#include "core/quant/base_layout.h"

namespace deltascope {

/// Elements [first, first + count) of one tensor; spans are borrowed.
struct BaseSlice {
  BaseKind kind = BaseKind::None;
  DType finalType = DType::BF16;
  std::uint64_t first = 0;  ///< multiple of 4,096
  std::size_t count = 0;
  /// The base in the final's type: count elements. Always set for Same; for quantized kinds only where it was asked for:
  /// computed in FP32, rounded once. Empty for None.
  std::span<const std::byte> values;
  std::span<const std::uint8_t> codes;  ///< quantized: layout().codesOf(elements()); of two in a byte, the even one is high
  std::span<const float> scales;        ///< quantized: of layout().scalesOf(elements())
  std::uint64_t group = 64;             ///< quantized: elements a scale
  std::uint64_t columns = 0;            ///< quantized: as in BaseLayout

  [[nodiscard]] IndexRange elements() const { return {first, count}; }
  [[nodiscard]] BaseLayout layout() const;
};
/// The part [offset, offset + count) of a slice; `offset` is a multiple of 4,096, the part lies inside.
[[nodiscard]] BaseSlice partOf(const BaseSlice& slice, std::uint64_t offset, std::size_t count);
/// A slice of codes and scales (or, for Same, values) that lie in memory, of a tensor's elements from `begin` on, which is a
/// multiple of 4,096. `columns`: as in BaseLayout.
[[nodiscard]] BaseSlice sliceOf(BaseKind kind, DType finalType, std::uint64_t group, IndexRange elements, const void* codes,
                                const float* scales, std::uint64_t columns = 0, std::uint64_t begin = 0);

/// Sets `into` (count elements of finalType) to the base's values: a copy of Same, zeros for None, else what codes and scales
/// say.
void baseValues(const BaseSlice& slice, std::span<std::byte> into);

/// Owns the bytes behind a BaseSlice.
struct SliceBuffer {
  std::vector<std::byte> values;
  std::vector<std::byte> stored;  ///< as the file has them, where the values were converted from another type; else empty
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;  ///< where the range reaches past the base's end; else empty
  BaseSlice slice;
};

}  // namespace deltascope
