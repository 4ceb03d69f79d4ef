// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The loaded form of a low-rank update, and its arithmetic on a chosen instruction set. Internal to core/codec.
///
/// Stored form (little-endian): u8 version = 1, u8 transposed, u16 terms, u32 zero, u64 rows, u64 columns; then for each term
/// u8 type (0 F32, 1 BF16, 2 F16), 3 zero bytes, f32 scale, u64 rank; then for each term A's bytes and B's bytes.
#include "core/codec/lowrank.h"
#include "kernels/backend.h"

namespace deltascope {

class LowRankModel final : public CodecModel {
 public:
  std::uint64_t rows = 0, columns = 0;
  bool transposed = false;
  std::vector<LowRankTerm> terms;
  /// Both factors in FP32, laid out for rows of the tensor: outer [rows, rank], inner [rank, columns].
  struct Factors {
    std::vector<float> outer, inner;
  };
  std::vector<Factors> factors;

  [[nodiscard]] std::vector<std::byte> serialize() const override;
};

[[nodiscard]] Result<ModelPtr> parseLowRankModel(std::span<const std::byte> bytes);
[[nodiscard]] Result<void> applyLowRank(const LowRankModel& model, const BaseSlice& base, std::span<std::byte> into,
                                        kernels::Isa isa);

}  // namespace deltascope
