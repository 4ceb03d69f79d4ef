// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The choice among candidates, once their costs are estimated.
#include <cstdint>
#include <span>
#include <vector>

#include "core/codec/codec.h"
#include "core/pack/pack.h"

namespace deltascope {

/// One way to store one tensor.
struct CodecCandidate {
  CodecId codec = CodecId::Raw;
  double bytes = 0;              ///< of all its chunks
  std::uint64_t modelBytes = 0;  ///< of a model that no other tensor uses
  int shared = -1;               ///< index of a model that others may use too
  ModelPtr own;                  ///< behind modelBytes, but for low-rank factors

  [[nodiscard]] double cost() const { return bytes + static_cast<double>(modelBytes); }
};

/// Index of the chosen candidate of each tensor (there is at least one): the smallest, or with Prefer::Speed the fastest of
/// those within 10 % of the smallest. A shared model is only used where all its users together gain more than its
/// `sharedBytes`.
[[nodiscard]] std::vector<std::size_t> chooseCandidates(std::span<const std::vector<CodecCandidate>> tensors,
                                                        std::span<const std::uint64_t> sharedBytes, Prefer prefer);

}  // namespace deltascope
