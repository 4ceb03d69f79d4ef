// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a Model holds. Internal to core/runtime.
#include <mutex>

#include "core/model/transformer.h"
#include "core/runtime/parts.h"

namespace deltascope {

struct Model::State {
  LoadRequest request;
  std::shared_ptr<Variant> variant;  ///< the whole
  MemoryPlan plan;                   ///< the same
  ModelParts parts;
  std::unique_ptr<Transformer> transformer;  ///< under running()
  std::vector<TokenId> endIds;
  ModelCompanions companions;
  ModelText text{fail(ErrorCode::NotFound, "no tokenizer"), fail(ErrorCode::NotFound, "no chat template")};

  /// `beside`: another variant is in the same hosts.
  [[nodiscard]] Result<void> loadParts(const JobContext& job, bool beside);
  /// Held by whoever computes; siblings have the same.
  [[nodiscard]] std::mutex& running() const { return parts.front().host->running(); }
  /// The base of each part; empty where the model has none in memory.
  [[nodiscard]] std::vector<Weights*> bases() const;
  [[nodiscard]] kernels::FeedUse feedUse() const;  ///< of all parts
};

}  // namespace deltascope
