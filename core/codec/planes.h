// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A byte plane inside a chunk: [u32 mode][u32 0][u64 stored bytes][bytes, zero-padded to 16]. Mode 0: every byte is zero
/// (nothing stored), 1: as it is, 2: one zstd frame. The plane's own size is known to the reader.
#include <cstddef>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

enum class ZeroPlanes : bool {
  Bare,   ///< mode 0
  Framed  ///< mode 2 like any other: never smaller than a 32,768th of the plane, zstd's best
};
/// Appends `plane` (an empty one means all zero) in the smallest mode.
void appendPlane(std::span<const std::byte> plane, int zstdLevel, std::vector<std::byte>& out,
                 ZeroPlanes zeros = ZeroPlanes::Bare);
/// Reads the plane at the start of `bytes` into `plane`, whose size is the expected one; returns the bytes used, padding
/// included. Untrusted bytes: allocates nothing from sizes in the stream.
[[nodiscard]] Result<std::size_t> parsePlane(std::span<const std::byte> bytes, std::span<std::byte> plane);
/// The bytes that the plane at the start of `bytes` takes, padding included, without reading it. Untrusted.
[[nodiscard]] Result<std::size_t> planeBytes(std::span<const std::byte> bytes);
/// Writes the plane of `planeBytes` at the start of `bytes` to `into` in mode 0 or 1; returns the bytes used of each, padding
/// included. `into` has room for planeBound(planeBytes).
struct InflatedPlane {
  std::size_t read = 0, written = 0;
};
[[nodiscard]] Result<InflatedPlane> inflatePlane(std::span<const std::byte> bytes, std::size_t planeBytes,
                                                 std::span<std::byte> into);
[[nodiscard]] std::size_t planeBound(std::size_t bytes);

}  // namespace deltascope
