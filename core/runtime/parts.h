// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What each device has of a model, and what it has to do there: one part, or one for each of several devices, in the order of
/// a forward pass. Internal to core/runtime.
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "core/runtime/part_memory.h"
#include "core/runtime/runtime.h"
#include "core/runtime/weight_store.h"

namespace deltascope {

struct ModelPart {
  std::shared_ptr<Host> host;
  std::shared_ptr<Variant> variant;   ///< of its layers
  std::vector<std::uint32_t> layers;  ///< their numbers in the whole model
  MemoryPlan plan;
  std::unique_ptr<WeightStore> store;  ///< null until loaded
  PartMemory memory;
  std::uint64_t shared = 0;  ///< bytes of the account that it uses and a sibling took

  [[nodiscard]] kernels::Backend& backend() const { return host->backend(); }
  [[nodiscard]] kernels::MemoryAccount& account() const { return backend().memory(); }
};
using ModelParts = std::deque<ModelPart>;

/// Opens the devices that the request names; each is a host of its own, also where it is named twice.
[[nodiscard]] Result<std::vector<std::shared_ptr<Host>>> openHosts(const LoadRequest& request);
/// Deals the model out to these hosts, and the request's budget with it, in equal shares, and plans: the plans agree on the
/// context and on the tokens and drafts of a pass. Layers go in a row to each; where weights are streamed all the same, to each
/// in turn. `shared`: the hosts hold bases of another variant already.
[[nodiscard]] Result<ModelParts> planParts(const LoadRequest& request, const std::shared_ptr<Variant>& whole,
                                           std::span<const std::shared_ptr<Host>> hosts, bool shared);
/// Of the plans of all parts, the sum, with them listed where there are several.
[[nodiscard]] MemoryPlan planOfAll(const LoadRequest& request, const ModelParts& parts);

}  // namespace deltascope
