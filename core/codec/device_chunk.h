// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Chunks as a device decodes them (kernels/decode.h): as stored, but for zstd frames, which are inflated here.
#include "core/codec/codec.h"

namespace deltascope {

/// Whether chunks differ from what is stored: all of Zstd and Additive, and those of FP32 finals of Entropy and Bitpack.
[[nodiscard]] bool isInflated(CodecId codec, DType finalType);
/// The largest form of a chunk of `storedBytes`; exactly that where nothing is inflated.
[[nodiscard]] std::uint64_t deviceChunkBound(CodecId codec, DType finalType, std::uint64_t elements, std::uint64_t storedBytes);
/// Writes the form to `into`, which has room for the bound, and zeros behind it; returns its size. Untrusted bytes: what is
/// wrong with a frame is Corrupt; the rest is for the device to find. Any thread.
[[nodiscard]] Result<std::uint64_t> writeDeviceChunk(CodecId codec, DType finalType, std::uint64_t first,
                                                     std::uint64_t elements, std::span<const std::byte> chunk,
                                                     std::span<std::byte> into);

}  // namespace deltascope
