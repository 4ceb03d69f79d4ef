// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Inner loops of the operations, one table for each instruction set; all give the same bits.
#include "kernels/backend.h"

namespace deltascope::kernels {

/// What one thread needs for products, for as long as the backend lives. Tiles are kTileTokens × kTileRows outputs whose 16
/// partial sums wait in `sums` while a stretch of columns after the other is added.
struct ProductScratch {
  static constexpr std::size_t kTileTokens = 48, kTileRows = 128;
  static constexpr std::size_t kStretch = 512;                         ///< columns whose weights are widened at a time
  static constexpr std::size_t kSplitFloats = kTileTokens * kStretch;  ///< x, as even and odd columns by 32
  static constexpr std::size_t kPanelFloats = 8 * kStretch;
  static constexpr std::size_t kSumFloats = kTileTokens * kTileRows * 16;
  static constexpr std::size_t kBytes = (kSplitFloats + kPanelFloats + kSumFloats) * sizeof(float);

  float* split = nullptr;  ///< all aligned to 64 bytes
  float* panel = nullptr;
  float* sums = nullptr;
  /// What `split` holds.
  const float* splitOf = nullptr;
  std::size_t splitColumns = 0, splitTokens = 0;
};

/// Rows [begin, end) of `weight`, any form but Made, times all tokens; row `begin` gives output `outputRow` of args.y.
struct ProductRows {
  const MatmulArgs& args;
  const Matrix& weight;
  std::uint64_t begin = 0, end = 0, outputRow = 0;
};

/// Columns [begin, end) of `weight`, any form but Made, which is transposed, times all tokens. They begin at a multiple of
/// kBlock.
struct ProductColumns {
  static constexpr std::size_t kBlock = 64;  ///< columns at a time
  static constexpr std::size_t kRun = 64;    ///< rows that are added up by themselves
  const MatmulArgs& args;
  const Matrix& weight;
  std::uint64_t begin = 0, end = 0;
};

struct CpuOps {
  Isa isa;
  void (*productRows)(const ProductRows& rows, ProductScratch& scratch);
  void (*productColumns)(const ProductColumns& columns, ProductScratch& scratch);
  void (*rmsNormRow)(const RmsNormArgs& args, std::uint32_t row);
  void (*ropeToken)(const RopeArgs& args, std::uint32_t token);
  /// Every query head of one key-value head, for one token.
  void (*attentionHeads)(const AttentionArgs& args, std::uint32_t token, std::uint32_t kvHead);
  void (*siluMultiply)(const float* gate, const float* up, float* out, std::size_t n);
  void (*sigmoidMultiply)(const float* gate, const float* up, float* out, std::size_t n);
  void (*geluMultiply)(const float* gate, const float* up, float* out, std::size_t n);
  void (*clampedGateMultiply)(const ClampedGateArgs& args);
  void (*softCap)(float* x, std::size_t n, float cap);
  void (*exp)(const float* x, float* into, std::size_t n);  ///< for tests of the bound
  void (*convolveChannels)(const ConvolveArgs& args, std::size_t channel, std::size_t count);
  void (*normalizeHeads)(const DeltaRuleArgs& args, std::size_t token);
  void (*deltaRuleColumns)(const DeltaRuleArgs& args, std::size_t head, std::size_t column);
};

/// `isa` must be one of supportedIsas().
[[nodiscard]] const CpuOps& cpuOps(Isa isa);

}  // namespace deltascope::kernels
