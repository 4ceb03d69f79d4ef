// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The kernels as functions: each begins its work on a stream and returns; errors of a launch are found by the caller with
/// cudaGetLastError. Pointers are the device's. Sizes are checked by the callers.
#include <cuda_runtime_api.h>

#include "kernels/backend.h"
#include "kernels/cuda/tile_table.h"

namespace deltascope::kernels::cuda {

/// What launches depend on.
struct Machine {
  int index = 0;
  unsigned processors = 1;        ///< multiprocessors
  std::uint32_t sharedBytes = 0;  ///< that a block may have
  cudaStream_t stream = nullptr;
};

/// How activations enter a product: rounded to BF16, or whole as the sum of three BF16 parts.
enum class Compute : std::uint8_t { Fp32, Bf16 };

/// Whether a weight's product with one token has a kernel of its own (tokens.cu has one for everything).
[[nodiscard]] bool hasTokenKernel(const Matrix& weight);
/// Products of one x with one token; all parts of one form, rows one after another. `gated`: two parts.
void productOfToken(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated);

/// y = x · Wᵀ for several tokens, BF16 weights with columns a multiple of 64.
[[nodiscard]] bool hasTensorKernel(const Matrix& weight);
/// `stride`: of y, in rows of the whole matrix.
void productOfTokens(const Machine& machine, Compute compute, const MatmulArgs& args, std::uint64_t stride);
/// Every other product: any type and size, FP32 fma.
void plainProduct(const Machine& machine, const MatmulArgs& args, std::uint64_t stride);

/// Tiles [firstTile, lastTile) of a tiled matrix as BF16; `into` is where the first goes.
void reconstructTiles(const Machine& machine, const Matrix& tiled, std::uint64_t firstTile, std::uint64_t lastTile, void* into);
/// Weights [first, first + count) of a four-bit matrix or of resident bytes as BF16; both multiples of 256, first of 2,048.
void expandUnits(const Machine& machine, const Matrix& matrix, std::uint64_t first, std::uint64_t count, void* into);
/// Elements [first, first + count) of a four-bit or INT8 matrix in its type.
void dequantize(const Machine& machine, const Matrix& matrix, std::uint64_t first, std::uint64_t count, void* into);

/// The resident form (sources.cuh, ByteSource), in one buffer.
struct ByteForm {
  explicit ByteForm(std::uint64_t elements);
  std::uint64_t units, extrasAt, beginAt, patchesAt, mostPatches, bytes;
};
/// Fills it; `total` (the device's) gets the number of patches, of which only mostPatches are stored.
void toBytes(const Machine& machine, const Matrix& tiled, const ByteForm& form, void* into, std::uint32_t* total);

void gatherRows(const Machine& machine, const Matrix& table, const std::uint32_t* rows, std::uint32_t count, float* into);
/// Row i of `elements` (of `type`, rows one after another) to FP32.
void widen(const Machine& machine, ElementType type, const void* elements, std::uint64_t count, float* into);
void rmsNorm(const Machine& machine, const RmsNormArgs& args);
void rope(const Machine& machine, const RopeArgs& args);
void siluMultiply(const Machine& machine, const SiluMultiplyArgs& args);
/// `position`: the device's, of the pass's first token.
void storeKv(const Machine& machine, const StoreKvArgs& args, const std::uint32_t* position);
/// Scratch of attention for one token at its best; with less, fewer blocks work at it. Zero at first, and left so.
[[nodiscard]] std::uint64_t attentionScratchBytes(std::uint32_t heads, std::uint32_t headDim);
void attention(const Machine& machine, const AttentionArgs& args, const std::uint32_t* position, void* scratch,
               std::uint64_t scratchBytes);
/// Norms, rotation and storing for the tokens of a pass, in one kernel.
void prepareHeads(const Machine& machine, const AttendArgs& args, const std::uint32_t* position);

}  // namespace deltascope::kernels::cuda
