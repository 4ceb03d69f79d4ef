// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The model of the `lowrank` codec: one or more LoRA terms, applied in order, each rounded to the final's type.
///
/// Term: for element (o, i): acc = fmaf(B[o,r], A[r,i], acc) for r ascending from 0, in FP32; W = round(W + scale · acc),
/// product and sum each rounded to FP32, then one rounding to the final's type. Chunks hold the elements where this differs
/// from the final.
#include <vector>

#include "core/codec/codec.h"

namespace deltascope {

struct LowRankTerm {
  DType dtype = DType::F32;  ///< of a and b: F32, BF16 or F16
  std::uint64_t rank = 0;
  float scale = 1;
  std::vector<std::byte> a;  ///< [rank, in]
  std::vector<std::byte> b;  ///< [out, rank]
};

/// `rows` × `columns`: the tensor's shape; `transposed`: element (row, column) is (i, o) instead of (o, i).
[[nodiscard]] Result<ModelPtr> makeLowRankModel(std::uint64_t rows, std::uint64_t columns, bool transposed,
                                                std::vector<LowRankTerm> terms);
/// The terms applied to the base, as decode would without corrections. `into`: base.count elements of base.finalType.
[[nodiscard]] Result<void> applyLowRank(const CodecModel& model, const BaseSlice& base, std::span<std::byte> into);

}  // namespace deltascope
