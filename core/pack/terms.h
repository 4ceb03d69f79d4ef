// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What adapters do to one tensor, loaded and applied by range.
#include <functional>
#include <map>
#include <vector>

#include "core/checkpoint/adapter.h"
#include "core/codec/lowrank.h"

namespace deltascope {

/// One adapter's change to a tensor; the adapter outlives it.
struct TermRef {
  const Adapter* adapter = nullptr;
  AdapterTerm term;
};

/// A step of the computation: exactly one of `lowRank`, `stack`, `bias`, `rows` and `replacement` is set.
struct TermStep {
  ModelPtr lowRank;
  std::vector<float> factors;      ///< lowRank of DoRA: what each output's sum is multiplied by, before the one rounding
  bool outputsAreColumns = false;  ///< … where W is [in, out]
  std::uint64_t columns = 0;       ///< … of W
  std::vector<ModelPtr> stack;     ///< instead of lowRank: one a matrix, of LoRA on stacked experts
  bool roundsUpdate = false;  ///< lowRank of an embedding or a bare parameter: the update is rounded to the final's type, then
                              ///< added, as PEFT does
  std::vector<float> bias;    ///< already scaled
  std::map<std::uint64_t, std::vector<float>> rows;  ///< those that are replaced
  const TensorInfo* replacement = nullptr;
  const Adapter* adapter = nullptr;  ///< of the replacement
};

/// Immutable once loaded; shared between threads. Memory: the factors of one tensor.
struct LoadedTerms {
  std::vector<TermStep> steps;
  /// The one step, when all terms are low-rank: what the `lowrank` codec stores, with corrections where the step rounds twice.
  /// Else null.
  [[nodiscard]] ModelPtr onlyLowRank() const;
};
using TermsPtr = std::shared_ptr<const LoadedTerms>;

/// The tensor that terms change, for those that need to know it whole (DoRA's norms).
struct TermTarget {
  const std::vector<std::uint64_t>& shape;
  DType finalType = DType::BF16;
  /// The base's values as the final's type; `first` is a multiple of kTileElements.
  std::function<Result<void>(std::uint64_t first, std::size_t count, std::vector<std::byte>& values)> read;
};
[[nodiscard]] Result<TermsPtr> loadTerms(const std::vector<TermRef>& terms, const TermTarget& target);

/// The final of `base` (its values set): `into` holds base.count elements of base.finalType.
[[nodiscard]] Result<void> applyTerms(const LoadedTerms& terms, const BaseSlice& base, std::span<std::byte> into);

}  // namespace deltascope
