// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The planner behind MemoryPlan: plain numbers in, placements out. Internal to core/runtime.
#include <functional>
#include <string>
#include <vector>

#include "core/runtime/plan.h"

namespace deltascope {

/// What each placement of one tensor costs, in bytes. A placement that the tensor cannot have is absent; Static is always
/// there.
struct TensorCost {
  std::string name;
  std::uint64_t finalBytes = 0, baseBytes = 0, deltaBytes = 0;
  std::uint64_t staticBytes = 0;                       ///< resident
  std::optional<std::uint64_t> jitBytes, streamBytes;  ///< resident
  std::optional<std::uint64_t> expandedBytes;          ///< resident, jit in the form that is decoded fastest
  bool matrix = false;
  bool asStored = false;  ///< jit multiplies it as it is stored, with fewer bytes than static: no reason to make it static
  bool lookedUp = false;  ///< of which only a few rows are read a token: no product needs it
  std::uint64_t stepBytes = 0;     ///< made at a time by one thread when not static; 0: used as it is stored
  std::uint64_t rowBytes = 0;      ///< of the final
  std::uint64_t pieces = 0;        ///< that can be made alone
  std::uint64_t pieceBytes = 0;    ///< of the largest piece's stored bytes: what streaming reads at a time
  std::uint64_t workBytes = 0;     ///< a thread's scratch for making one step, beside the step
  std::uint64_t loadBytes = 0;     ///< a thread's scratch while it is made static
  std::uint64_t jitLoadBytes = 0;  ///< what is held besides while it is made jit
  std::uint64_t expandBytes = 0;   ///< what is held besides while it is expanded
};

struct PlanRequest {
  std::vector<TensorCost> tensors;  ///< in the order of a forward pass
  std::string device;
  std::uint64_t budget = 0;
  bool budgetGiven = false;
  std::uint64_t heldBytes = 0;  ///< of the budget, before this model: the products' own scratch, other models
  std::uint64_t staticThreshold = kStaticThreshold;
  std::optional<Placement> placement;
  /// Whether jit tensors may be expanded where there is room. Those that are read no more bytes than static ones, and stay.
  bool expand = true;
  unsigned threads = 1;
  std::vector<std::uint32_t> contexts;       ///< to choose from, the most wanted first
  std::vector<std::uint32_t> prefillTokens;  ///< to choose from, descending; ends with 1
  std::uint64_t loadFixedBytes = 0;          ///< held while loading, whatever the placements
  std::function<std::uint64_t(std::uint32_t context)> kvCacheBytes;
  std::function<std::uint64_t(std::uint32_t tokens)> activationBytes;
  std::function<std::uint64_t(std::uint64_t stepBytes, std::uint64_t rowBytes, std::size_t pieces)> scratchBytes;
  /// Buffers that streaming pieces of at most so many bytes needs.
  std::function<std::uint64_t(std::uint64_t pieceBytes)> streamBytes;
};

/// Pieces of at most `pieceBytes` that streaming holds at a time: one for each thread and two being read, more where they are
/// small.
[[nodiscard]] std::size_t streamSlots(unsigned threads, std::uint64_t pieceBytes);

/// InvalidArgument, naming the smallest budget that works, when none of the contexts fits.
[[nodiscard]] Result<MemoryPlan> makePlan(const PlanRequest& request);

}  // namespace deltascope
