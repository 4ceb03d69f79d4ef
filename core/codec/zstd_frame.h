// SPDX-License-Identifier: Apache-2.0
#pragma once
/// zstd frames (RFC 8878) in payloads: one each, of a size that is known beforehand.
#include <cstddef>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

/// Fills `into` from `bytes`, which must be exactly one frame, no skippable one, of exactly into.size() bytes. Untrusted:
/// nothing is allocated but the decoder's fixed tables, whatever window the frame asks for. Corrupt, without a location.
[[nodiscard]] Result<void> inflateFrame(std::span<const std::byte> bytes, std::span<std::byte> into);

/// One frame that holds `bytes`, or nothing where it would be no smaller.
[[nodiscard]] std::vector<std::byte> deflateFrame(std::span<const std::byte> bytes, int level);

}  // namespace deltascope
