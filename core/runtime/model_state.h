// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a Model holds. Internal to core/runtime.
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
  std::vector<TokenId> endIds;
  ModelCompanions companions;
  ModelText text{fail(ErrorCode::NotFound, "no tokenizer"), fail(ErrorCode::NotFound, "no chat template")};
};

}  // namespace deltascope
