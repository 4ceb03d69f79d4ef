// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where the bytes of an `entropy` or `bitpack` chunk go.
#include <span>
#include <string>
#include <vector>

#include "core/codec/codec.h"

namespace deltascope {

struct ResidualShare {
  std::string part;  ///< "tile offsets", "tile headers", "codes", "patches", "raw tiles", "padding", "low plane"
  std::uint64_t bytes = 0;
};
/// Sums to the chunk's size. Untrusted bytes, as decode().
[[nodiscard]] Result<std::vector<ResidualShare>> residualShares(CodecId codec, std::span<const std::byte> chunk,
                                                                std::size_t elements, DType finalType);

}  // namespace deltascope
