// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a Model holds. Internal to core/runtime.
#include <atomic>

#include "core/model/transformer.h"
#include "core/runtime/runtime.h"
#include "core/runtime/weight_store.h"

namespace deltascope {

struct Model::State {
  LoadRequest request;
  std::shared_ptr<Host> host;
  std::shared_ptr<Variant> variant;
  MemoryPlan plan;
  std::unique_ptr<WeightStore> store;
  std::unique_ptr<Transformer> transformer;  ///< under host->running()
  /// Of the account: what this model took of it; the most since it was loaded; what it uses beside, which a sibling took.
  std::atomic<std::uint64_t> taken = 0, peak = 0;
  std::uint64_t shared = 0;
  std::atomic<std::uint64_t> sidePeak = 0;
  std::vector<TokenId> endIds;
  ModelCompanions companions;
  ModelText text{fail(ErrorCode::NotFound, "no tokenizer"), fail(ErrorCode::NotFound, "no chat template")};
};

}  // namespace deltascope
