// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Chunks of the lowrank codec: the elements that the update alone does not give. Internal to core/codec.
///
/// Empty: none. Else, little-endian: u32 corrections · u8 k (0…30) · 3 zero bytes · a bit stream, first bit = least significant
/// of the first byte; zero padding to 16 bytes. For each correction, in ascending order:
///     the elements skipped since the one before: its bits above k in unary (that many 0, then 1), then its k low bits
///     1 bit: set if ordered(final) < ordered(applied), both read as unsigned (see ordered.h) and subtracted modulo 2^16 or
///     2^32 to the nearer side; then their distance m ≥ 1: floor(log2 m) in unary, then the bits of m below its highest
/// All raw bits least significant first. Corrections = 0xffffffff, with k = 0: the elements follow as they are, being no
/// larger.
#include "core/codec/codec.h"

namespace deltascope {

/// `applied` and `final` hold elements of 2 or 4 bytes each. Appends the chunk.
[[nodiscard]] ChunkStats encodeCorrections(unsigned elementBytes, std::span<const std::byte> applied,
                                           std::span<const std::byte> final, std::vector<std::byte>& out);
/// Turns the applied elements in `final`, which start `offset` elements into a chunk of `chunkElements`, into the final ones.
/// Untrusted bytes, as DeltaCodec::decode.
[[nodiscard]] Result<void> decodeCorrections(unsigned elementBytes, std::span<const std::byte> chunk,
                                             std::uint64_t chunkElements, std::uint64_t offset, std::span<std::byte> final);
/// What encodeCorrections said of the chunk; decodeCorrections has seen the whole.
[[nodiscard]] ChunkStats correctionStats(std::span<const std::byte> chunk, std::uint64_t chunkElements);
/// The largest chunk for elements that take `finalBytes`.
[[nodiscard]] std::size_t correctionsBound(std::size_t finalBytes);

}  // namespace deltascope
