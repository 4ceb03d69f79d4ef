// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What adapters do to one tensor, loaded and applied by range.
#include <vector>

#include "core/checkpoint/adapter.h"
#include "core/codec/lowrank.h"

namespace deltascope {

/// One adapter's change to a tensor; the adapter outlives it.
struct TermRef {
  const Adapter* adapter = nullptr;
  AdapterTerm term;
};

/// A step of the computation: exactly one of the three is set.
struct TermStep {
  ModelPtr lowRank;
  std::vector<float> bias;  ///< already scaled
  const TensorInfo* replacement = nullptr;
  const Adapter* adapter = nullptr;  ///< of the replacement
};

/// Immutable once loaded; shared between threads. Memory: the factors of one tensor.
struct LoadedTerms {
  std::vector<TermStep> steps;
  /// The one step, when all terms are low-rank: what the `lowrank` codec stores. Else null.
  [[nodiscard]] ModelPtr onlyLowRank() const;
};
using TermsPtr = std::shared_ptr<const LoadedTerms>;

/// `shape`: of the tensor they change.
[[nodiscard]] Result<TermsPtr> loadTerms(const std::vector<TermRef>& terms, const std::vector<std::uint64_t>& shape);

/// The final of `base` (its values set): `into` holds base.count elements of base.finalType.
[[nodiscard]] Result<void> applyTerms(const LoadedTerms& terms, const BaseSlice& base, std::span<std::byte> into);

}  // namespace deltascope
