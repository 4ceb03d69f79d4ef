// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What decoders of tiles look up; in global memory, copied to shared memory by each block.
#include <cstdint>

namespace deltascope::kernels::cuda {

struct alignas(16) TileTable {
  /// Prefix: the anchors' factors. Fields: factor << 16 | the sign's bit, 0 without one | 32 − width.
  std::uint32_t lo[16];
  std::uint32_t prefix[1024];  ///< Prefix: offset << 16 | 32 − length, by absmax bits, code and the next four bits
  std::uint32_t signAdd;       ///< Fields: what moves a set sign bit to bit 15, divided by it
  std::uint32_t signMask;      ///< Fields: the sign bit, in both halves
};

}  // namespace deltascope::kernels::cuda
