// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Who sits where: a model's weights within a budget of memory.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

/// Where a tensor's final weight comes from at run time.
enum class Placement : std::uint8_t {
  Static,  ///< reconstructed once, resident
  Jit,     ///< base and delta resident, reconstructed for each use
  Stream,  ///< base resident, the delta read from its file (a GPU: from host memory) for each use
};
[[nodiscard]] std::string_view nameOf(Placement placement);  ///< "static", "jit", "stream"
[[nodiscard]] std::optional<Placement> placementFromName(std::string_view name);

inline constexpr std::uint64_t kStaticThreshold = 100'000'000;  ///< bytes of a final matrix above which it is jit at first

struct TensorPlacement {
  std::string name;
  Placement placement = Placement::Static;
  std::string_view form;  ///< in which it is held there; lives as long as the program
  bool expanded = false;  ///< Jit on a GPU: in the form that is decoded fastest, at more bytes
  std::uint64_t residentBytes = 0;
  std::uint64_t finalBytes = 0;
  std::uint64_t baseBytes = 0, deltaBytes = 0;  ///< that the files hold for it: base with scales, all payloads of a stack
  std::uint64_t loadBytes = 0;                  ///< what is held besides while it is put in its form
};

struct MemoryPlan {
  std::vector<TensorPlacement> tensors;  ///< in the order of a forward pass
  std::string device;
  std::uint64_t budget = 0;  ///< bytes; what the plan had to fit into
  bool budgetGiven = false;  ///< else the memory that was free
  std::uint64_t weightBytes = 0, kvCacheBytes = 0, activationBytes = 0, scratchBytes = 0, streamBytes = 0;
  std::uint64_t stateBytes = 0;       ///< of recurrent layers, whatever the context
  std::uint64_t workBytes = 0;        ///< of scratchBytes: what decoding needs beside the products' own
  std::uint64_t loadBytes = 0;        ///< beside the weights while they are read, before the cache and the scratch are taken
  std::uint64_t heldBytes = 0;        ///< on the device before this model: scratch of all products, other models
  std::uint64_t expectedPeak = 0;     ///< all of these together, loading or running, whichever is more
  std::uint64_t smallestBudget = 0;   ///< that works with this context
  std::uint32_t context = 0;          ///< positions of the KV cache
  std::uint32_t prefillTokens = 0;    ///< tokens a call while reading a prompt
  std::vector<std::uint32_t> layers;  ///< of the model, that it is of: their numbers
  std::vector<MemoryPlan> devices;    ///< of several devices, what each has of it, of which this is the sum; else empty
  std::uint32_t draftTokens = 0;      ///< drafts that a pass has room for: none where the budget would be too small for them

  [[nodiscard]] std::uint64_t count(Placement placement) const;
  [[nodiscard]] std::uint64_t residentBytes(Placement placement) const;  ///< of the tensors so placed
  [[nodiscard]] std::uint64_t finalBytes(Placement placement) const;     ///< what they stand for
  [[nodiscard]] std::uint64_t expandedCount() const;
};

/// "static 57 tensors 4.20 MiB, jit 17 tensors …": the plan as a few lines of text.
[[nodiscard]] std::string describePlan(const MemoryPlan& plan);

}  // namespace deltascope
