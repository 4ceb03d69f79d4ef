// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The order in which a tile's elements are coded. Internal to core/codec.
#include <array>

#include "core/codec/bytes.h"
#include "core/codec/sparse_model.h"
#include "kernels/backend.h"
#include "kernels/ordered.h"

namespace deltascope {

/// Positions in the tile by class, ascending within a class: class c's are order[begin[c]] up to order[begin[c] + size[c]].
struct SparseOrder {
  std::array<std::uint16_t, kTileElements + 32> order;  ///< whole vectors may be stored past the last
  std::array<std::uint32_t, kSparseClasses> begin, size;
};

/// `values`: `count` ≤ kTileElements base values. Every `isa` gives the same order.
void orderTile(const SparseType& type, unsigned top, const std::byte* values, std::size_t count, SparseOrder& into,
               kernels::Isa isa = kernels::bestIsa());

/// Room that encodeSparseTile needs: the elements, and the run of SKIPs with which it may notice that they are smaller.
inline constexpr std::size_t kSparseTileRoom = kTileElements * 4 + kTileElements / 4 * kSparseMaxCode / 8 + 32;
/// The size of the tile's bit stream at `out`; or of its elements, copied there, when that is no more. Counts escaped elements.
[[nodiscard]] std::size_t encodeSparseTile(const SparseModel& model, const std::byte* values, const std::byte* final,
                                           std::size_t count, std::byte* out, std::uint64_t& escapes);
/// Rebuilds a tile from a bit stream of `size` bytes. What is wrong with the stream, or null.
[[nodiscard]] const char* decodeSparseTile(const SparseModel& model, std::span<const std::byte> stream, const std::byte* values,
                                           std::size_t count, std::byte* final);

/// The escaped elements of a tile that decodes.
[[nodiscard]] std::uint64_t countSparseEscapes(const SparseModel& model, std::span<const std::byte> stream,
                                               const std::byte* values, std::size_t count);

template <class T>
[[nodiscard]] constexpr T toOrdered(T bits) {
  if constexpr (sizeof(T) == 2)
    return kernels::toOrdered16(bits);
  else
    return kernels::toOrdered32(bits);
}
template <class T>
[[nodiscard]] constexpr T fromOrdered(T value) {
  if constexpr (sizeof(T) == 2)
    return kernels::fromOrdered16(value);
  else
    return kernels::fromOrdered32(value);
}

}  // namespace deltascope
