// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The planner behind MemoryPlan: plain numbers in, placements out. Internal to core/runtime.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/runtime/plan.h"

namespace deltascope {

/// What one form of a tensor costs, in bytes.
struct FormCost {
  std::string_view form;  ///< its name (core/runtime/forms); lives as long as the program
  Placement placement = Placement::Static;
  bool expanded = false;            ///< jit at more bytes than another form, decoded faster
  bool asStored = false;            ///< multiplied as it is stored, in fewer bytes than static: no reason to make it static
  std::uint64_t residentBytes = 0;  ///< while the model is there
  std::uint64_t loadBytes = 0;      ///< held besides while it is put there
  std::uint64_t loadWorkBytes = 0;  ///< a thread's scratch while it is put there
  std::uint64_t stepBytes = 0;      ///< made at a time by one thread; 0: used as it is stored
  std::uint64_t pieces = 0;         ///< that can be made alone
  std::uint64_t atOnceBytes = 0;    ///< made before a product begins; 0: it needs no more than steps
  std::uint64_t workBytes = 0;      ///< a thread's scratch for making one step, beside the step
  std::uint64_t pieceBytes = 0;     ///< of the largest piece that streaming reads at a time
};

/// A tensor and the forms that it can have: one of each placement at most that is not expanded, and always a static one.
struct TensorCost {
  std::string name;
  std::uint64_t finalBytes = 0, baseBytes = 0, deltaBytes = 0;
  std::uint64_t rowBytes = 0;  ///< of the final
  bool matrix = false;
  bool lookedUp = false;  ///< of which only a few rows are read a token: no product needs it
  std::vector<FormCost> forms;
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
  std::function<std::uint64_t()> stateBytes;  ///< of recurrent layers, whatever the context; null: none
  std::function<std::uint64_t(std::uint32_t tokens)> activationBytes;
  std::function<std::uint64_t(std::uint64_t stepBytes, std::uint64_t rowBytes, std::size_t pieces)> scratchBytes;
  /// So much makes prompts faster where all else has room.
  std::uint64_t usefulScratchBytes = 0;
  /// Buffers that streaming pieces of at most so many bytes needs; null: streamSlots() of them.
  std::function<std::uint64_t(std::uint64_t pieceBytes)> streamBytes;
};

/// Pieces of at most `pieceBytes` that streaming holds at a time: one for each thread and two being read, more where they are
/// small.
[[nodiscard]] std::size_t streamSlots(unsigned threads, std::uint64_t pieceBytes);

/// InvalidArgument, naming the smallest budget that works, when none of the contexts fits.
[[nodiscard]] Result<MemoryPlan> makePlan(const PlanRequest& request);

}  // namespace deltascope
