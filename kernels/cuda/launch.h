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
  bool dependentLaunch = false;   ///< kernels may begin before the one before has ended
  bool clusters = false;          ///< blocks may read each other's shared memory
  bool warpgroups = false;        ///< Hopper itself, and code for its warpgroup instructions is there
  cudaStream_t stream = nullptr;
};

/// How activations enter a product: rounded to BF16, or whole as the sum of three BF16 parts.
enum class Compute : std::uint8_t { Fp32, Bf16 };

/// Whether a weight has a product that reads it once for a few tokens (product.cuh), whatever its form.
[[nodiscard]] bool hasFewProduct(const Machine& machine, const Matrix& weight);
/// How x of a product with a few tokens comes about, and what becomes of the result.
struct FewProduct {
  Compute compute = Compute::Fp32;
  const RmsNormArgs* norm = nullptr;  ///< x is norm->y, which is not there yet
  bool gated = false;                 ///< two parts: y = silu(first) · second
  bool made = false;                  ///< the weights were just made or brought: they must not be read ahead
  std::uint64_t stride = 0;           ///< of y, where it has more rows than the weight; 0: as many
};
/// Beyond so many tokens the weight is read again for the next.
inline constexpr std::uint32_t kFewAtOnce = 8;
/// Up to so many tokens that is faster than productOfPrompt(), before which a weight in units must be made.
[[nodiscard]] std::uint32_t mostFew(const Matrix& weight);
/// Whether a norm can be part of a product, with the bits of rmsNorm().
[[nodiscard]] bool canNorm(const RmsNormArgs& norm);
/// Products of the same x; all parts of one form and as many tokens.
void productOfFew(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts);

/// Whether a weight in units, or a base as it is stored, has a product of the base to propose tokens with.
[[nodiscard]] bool hasDraft(const Machine& machine, const Matrix& weight);
/// The same as productOfFew(), of the bases and for one token.
void draftOfToken(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts);

/// y = x · Wᵀ for many tokens, with the bits of productOfFew(): dense BF16 weights with columns a multiple of 128.
[[nodiscard]] bool hasPromptProduct(const Matrix& weight);
/// `stride`: of y, in rows of the whole matrix.
void productOfPrompt(const Machine& machine, Compute compute, const MatmulArgs& args, std::uint64_t stride);

/// y = x · Wᵀ for any number of tokens, BF16 weights with columns a multiple of 64.
[[nodiscard]] bool hasTensorKernel(const Matrix& weight);
void productOfTokens(const Machine& machine, Compute compute, const MatmulArgs& args, std::uint64_t stride);
/// Every other product: any type and size, FP32 fma.
void plainProduct(const Machine& machine, const MatmulArgs& args, std::uint64_t stride);

/// Tiles [firstTile, lastTile) of a tiled matrix as BF16; `into` is where the first goes.
void reconstructTiles(const Machine& machine, const Matrix& tiled, std::uint64_t firstTile, std::uint64_t lastTile, void* into);
/// Whether a four-bit weight can be kept in units (sources.cuh).
[[nodiscard]] bool hasUnits(const Matrix& fourBit);
/// Rows of a matrix in units as BF16; firstRow is a multiple of 16.
void expandRows(const Machine& machine, const Matrix& matrix, std::uint64_t firstRow, std::uint64_t rows, void* into);
/// Elements [first, first + count) of a four-bit BF16 matrix with a group of at least 8; both are multiples of 8.
void dequantizeSteps(const Machine& machine, const Matrix& matrix, std::uint64_t first, std::uint64_t count, void* into);
/// Elements [first, first + count) of a four-bit or INT8 matrix in its type.
void dequantize(const Machine& machine, const Matrix& matrix, std::uint64_t first, std::uint64_t count, void* into);

/// A weight in units, in one buffer: records, and for exact ones the lists of patches that had no room in them.
struct UnitForm {
  UnitForm(std::uint64_t rows, std::uint64_t columns, bool exact);
  std::uint64_t units, overflowAt, mostOverflow, bytes;
};
/// Fills one of the base alone.
void toCodes(const Machine& machine, const Matrix& fourBit, void* into);
/// Fills rows [firstRow, firstRow + rows) of an exact one, of which `dense` holds the reconstruction; firstRow is a multiple of
/// 16. `used` (the device's, zero before the first rows) counts the words of lists, of which only mostOverflow are stored.
void toBytes(const Machine& machine, const Matrix& tiled, const void* dense, std::uint64_t firstRow, std::uint64_t rows,
             const UnitForm& form, void* into, std::uint32_t* used);

void gatherRows(const Machine& machine, const Matrix& table, const std::uint32_t* rows, std::uint32_t count, float* into);
/// Row i of `elements` (of `type`, rows one after another) to FP32.
void widen(const Machine& machine, ElementType type, const void* elements, std::uint64_t count, float* into);
void rmsNorm(const Machine& machine, const RmsNormArgs& args);
void rope(const Machine& machine, const RopeArgs& args);
void siluMultiply(const Machine& machine, const GateMultiplyArgs& args);
void geluMultiply(const Machine& machine, const GateMultiplyArgs& args);
void scale(const Machine& machine, const ScaleArgs& args);
void addScaled(const Machine& machine, const AddScaledArgs& args);
void softCap(const Machine& machine, const SoftCapArgs& args);
void addRows(const Machine& machine, const AddRowsArgs& args);
/// `position`: the device's, of the pass's first token.
void storeKv(const Machine& machine, const StoreKvArgs& args, const std::uint32_t* position);
/// The widest head that attention's blocks have memory for.
inline constexpr std::uint32_t kMostHeadDim = 512;
/// Scratch of attention for one token at its best; with less, fewer blocks work at it. Zero at first, and left so.
[[nodiscard]] std::uint64_t attentionScratchBytes(std::uint32_t heads, std::uint32_t headDim);
void attention(const Machine& machine, const AttentionArgs& args, const std::uint32_t* position, void* scratch,
               std::uint64_t scratchBytes);
/// Where all that a product of the weight reads lies, and how much that is; null where it is not resident or not in one piece.
[[nodiscard]] const std::byte* residentBytes(const Matrix& weight, std::uint64_t& bytes);
/// One token's attention with all that comes before it, in one kernel. False: it has none for such a cache.
[[nodiscard]] bool attendToken(const Machine& machine, const AttendArgs& args, const std::uint32_t* position, void* scratch,
                               std::uint64_t scratchBytes);
/// Norms, rotation and storing for the tokens of a pass, in one kernel.
void prepareHeads(const Machine& machine, const AttendArgs& args, const std::uint32_t* position);

}  // namespace deltascope::kernels::cuda
