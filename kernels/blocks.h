// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Weights in blocks that hold their codes and scales together, as GGUF files store them (github.com/ggml-org/ggml:
/// ggml-common.h, ggml-quants.c, dequantize_row_*).
///
/// Every type is `scale · q − minimum` with an integer q and one scale for each group of 16 or 32 elements. Scale, minimum and
/// product are exact in FP32 whatever a block holds (at most 11 + 6 + 5, 11 + 8 + 5 or 11 + 6 + 7 bits, far from underflow), so
/// that an element has one rounding, that of the difference, and no order or fusing of operations changes its bits.
#include <cstddef>
#include <cstdint>

namespace deltascope::kernels {

enum class Isa : std::uint8_t;

enum class BlockType : std::uint8_t { Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2K, Q3K, Q4K, Q5K, Q6K, Iq4Nl, Iq4Xs };
inline constexpr std::size_t kBlockTypes = 12;

struct BlockShape {
  unsigned elements = 0, bytes = 0;
  unsigned group = 0;  ///< elements a scale
};
[[nodiscard]] BlockShape shapeOf(BlockType type);

/// FP32 values of the first n elements of whole blocks. A NaN's sign and payload are not promised.
void blockValues(BlockType type, const std::uint8_t* blocks, std::size_t n, float* into, Isa isa);

/// Whether all scales and minima of the blocks of n elements are finite.
[[nodiscard]] bool blocksFinite(BlockType type, const std::uint8_t* blocks, std::size_t n);

/// What anchors and contexts of a run of blocks are made of (residual.h): the sixteen-bit pattern of `anchor`, and a number
/// below kBlockContexts. n elements each.
inline constexpr std::size_t kBlockContexts = 64;
void blockAnchors(BlockType type, bool toF16, const std::uint8_t* blocks, std::size_t n, std::uint16_t* anchors,
                  std::uint8_t* contexts, Isa isa);

}  // namespace deltascope::kernels
