// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Identities over a payload's manifest.
#include <map>
#include <span>
#include <string>

#include "core/payload/payload.h"

namespace deltascope {

/// 32 hex digits: hash128 of one line "name\tkind\tshape\thash\n" for each tensor that has a base, in the order given
/// (natural order of names); kind as nameOf(BaseKind), the base's own shape as "4096x14336", hash as 32 hex digits.
[[nodiscard]] std::string baseFingerprint(std::span<const TensorStats> tensors);

/// 32 hex digits: hash128 over what tells two bases apart, without two ways to say one thing. For each tensor that has a base,
/// in order: name (u64 length, bytes), kind, rank, the base's own shape (u64 each), baseHash and baseState (as their hex
/// digits).
[[nodiscard]] std::string fullFingerprint(std::span<const TensorStats> tensors);

/// 16 hex digits: hash64 of "key\tvalue\n" for every `deltascope.*` key but the checksum itself, in order of the keys.
[[nodiscard]] std::string metadataChecksum(const std::map<std::string, std::string>& metadata);

}  // namespace deltascope
