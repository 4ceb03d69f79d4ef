// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The layout of the scripts this project grew from, as the baseline: positions and float differences, compressed separately.
///
/// Chunk, little-endian: u32 n, u32 corrections, u32 bytes of the first frame, u32 bytes of the second; a zstd frame of n × i64
/// (positions in the tensor of elements whose FP32 difference final − base is a number other than zero, ascending); a zstd
/// frame of n × f32 (the differences); then for each correction u32 position in the chunk and u32 bits of the final (the upper
/// half zero for 16-bit types), ascending: the elements that rounding base + difference to the final's type does not give.
/// Zero-padded to 16 bytes.
#include "core/codec/codec.h"

namespace deltascope {

/// The chunk without its frames, as kernels/decode.h has it; returns the bytes used of `into`. Untrusted bytes; `first` is the
/// chunk's first element.
[[nodiscard]] Result<std::size_t> inflateAdditive(std::uint64_t first, std::uint64_t count, std::span<const std::byte> chunk,
                                                  std::span<std::byte> into);
[[nodiscard]] std::size_t inflatedAdditiveBound(std::uint64_t count, std::size_t chunkBytes);

}  // namespace deltascope
