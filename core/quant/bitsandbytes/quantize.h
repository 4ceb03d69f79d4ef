// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Quantizing and dequantizing spans of weights. `dtype` is BF16, F16 or F32 throughout; sizes of spans must fit each other, as
/// said. Nothing here reads files, fails or allocates (but for NestedAbsmax); every function may run on any thread. The results
/// are those of bitsandbytes 0.50 on a CPU, bit for bit, and do not depend on the instruction set.
///
/// NaN and infinity, which no sound weight has: a NaN makes its block's absmax (its row's scale) NaN and all codes the highest,
/// as in the library; an infinity makes the scale infinite, its own code the highest, all others the code of zero. What comes
/// back is NaN, infinity or zero; it is well defined and the same everywhere, which is all that an exact delta needs.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/quant/bitsandbytes/quant_format.h"

namespace deltascope {

/// What the library accepts: 32, 64 … 4096.
[[nodiscard]] constexpr bool isBlocksize(std::uint64_t n) { return n >= 32 && n <= 4096 && (n & (n - 1)) == 0; }

/// Quantizes whole blocks (the last may be short). `weights`: n elements of `dtype`; `codes`: ceil(n/2) bytes, element 2j in
/// the high nibble; `absmax`: ceil(n/blocksize) floats. Bit for bit what bitsandbytes' CPU/torch path gives: an all-zero block
/// gives the code of zero (7 for NF4, 0 for FP4) and an absmax of 0; a short last block divides instead of multiplying by the
/// reciprocal and stores an absmax of at least 1e-38; an odd n leaves the code of zero in the last low nibble. `blocksize`:
/// 32…4096, a power of two.
void quantize4bit(QuantFormat format, DType dtype, std::span<const std::byte> weights, unsigned blocksize,
                  std::span<std::uint8_t> codes, std::span<float> absmax);
/// Only the block maxima, for the first pass of double quantization.
void blockAbsmax(DType dtype, std::span<const std::byte> weights, unsigned blocksize, std::span<float> absmax);
/// value[code] · absmax in FP32, one rounding to `dtype`. The number of elements follows from `into`; `codes` starts at a
/// block.
///
/// Where the library's paths disagree this is the exact one, that of its torch implementation (and of CUDA, but for the sign of
/// zeros). Its CPU kernels differ: AVX512-BF16 flushes results below 2^-126 to zero; AVX-512 takes the wrong absmax in matrices
/// whose rows are a multiple of 16 but not of the blocksize; the plain one, as CUDA, makes code 8 of FP4 −0, where torch,
/// AVX-512 and the stored `quant_map` say +0.
void dequantize4bit(QuantFormat format, std::span<const std::uint8_t> codes, std::span<const float> absmax, unsigned blocksize,
                    DType dtype, std::span<std::byte> into);

/// LLM.int8 rows: q = rint(w · ((1 / SCB) · 127)) with SCB the row's largest magnitude, each operation rounded to FP32; 0 where
/// that is not finite (all-zero rows, and NaN, infinity or magnitudes below 4e-37). Back: (q · SCB) · FP32(1/127), rounded once
/// to `dtype`. `firstColumn`: column of the first element; `scales[k]` belongs to the k-th row touched. `rowAbsmax` takes rows
/// from their beginning, the last of which may be cut. The library rounds weights to F16 before its Linear8bitLt quantizes
/// them; these take them as they are.
void rowAbsmax(DType dtype, std::span<const std::byte> weights, std::uint64_t columns, std::span<float> scales);
void quantizeInt8(DType dtype, std::span<const std::byte> weights, std::uint64_t firstColumn, std::uint64_t columns,
                  std::span<const float> scales, std::span<std::int8_t> codes);
void dequantizeInt8(std::span<const std::int8_t> codes, std::uint64_t firstColumn, std::uint64_t columns,
                    std::span<const float> scales, DType dtype, std::span<std::byte> into);

/// Double quantization of a tensor's absmax: offset = mean, blocks of 256 against the dynamic 8-bit map.
struct NestedAbsmax {
  std::vector<std::uint8_t> codes;  ///< one a block of weights
  std::vector<float> absmax;        ///< one per `blocksize` codes
  std::array<float, 256> map{};
  float offset = 0;
  unsigned blocksize = 256;
};
/// As the library's CPU path, whose search goes through 65,536 equal bins. The mean is summed in torch's order for one x86
/// thread; above 32,768 blocks torch splits the sum among its threads, and its offset may differ in the last bits. A mean that
/// is not finite becomes 0, which JSON can hold.
[[nodiscard]] NestedAbsmax nestAbsmax(std::span<const float> absmax);
/// The same with a given offset.
[[nodiscard]] NestedAbsmax nestAbsmax(std::span<const float> absmax, float offset);
/// map[q] · absmax2[i / blocksize] + offset, each operation rounded (no fused multiply-add). `first`: index of into[0].
void unnestAbsmax(const NestedAbsmax& nested, std::uint64_t first, std::span<float> into);

}  // namespace deltascope
