// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/plan.h"

#include <array>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::array kPlacements{Placement::Static, Placement::Jit, Placement::Stream};

/// "layers 0 to 15", or "layers 1 to 31, every 2nd".
std::string layersText(const std::vector<std::uint32_t>& layers) {
  if (layers.size() == 1) return "layer " + formatCount(layers.front());
  const std::uint32_t step = layers[1] - layers[0];
  return "layers " + formatCount(layers.front()) + " to " + formatCount(layers.back()) +
         (step > 1 ? ", one of every " + formatCount(step) : "");
}

}  // namespace

std::string_view nameOf(Placement placement) {
  switch (placement) {
    case Placement::Static:
      return "static";
    case Placement::Jit:
      return "jit";
    case Placement::Stream:
      break;
  }
  return "stream";
}

std::optional<Placement> placementFromName(std::string_view name) {
  for (const auto placement : kPlacements)
    if (nameOf(placement) == name) return placement;
  return std::nullopt;
}

std::uint64_t MemoryPlan::count(Placement placement) const {
  std::uint64_t n = 0;
  for (const auto& tensor : tensors) n += tensor.placement == placement;
  return n;
}

std::uint64_t MemoryPlan::residentBytes(Placement placement) const {
  std::uint64_t bytes = 0;
  for (const auto& tensor : tensors)
    if (tensor.placement == placement) bytes += tensor.residentBytes;
  return bytes;
}

std::uint64_t MemoryPlan::finalBytes(Placement placement) const {
  std::uint64_t bytes = 0;
  for (const auto& tensor : tensors)
    if (tensor.placement == placement) bytes += tensor.finalBytes;
  return bytes;
}

std::uint64_t MemoryPlan::expandedCount() const {
  std::uint64_t n = 0;
  for (const auto& tensor : tensors) n += tensor.expanded;
  return n;
}

std::string describePlan(const MemoryPlan& plan) {
  std::string text;
  for (const auto placement : kPlacements) {
    const std::uint64_t n = plan.count(placement);
    if (n == 0) continue;
    text += std::string(nameOf(placement)) + ": " + formatCount(n) + (n == 1 ? " tensor, " : " tensors, ") +
            formatGib(plan.residentBytes(placement)) + " resident for " + formatGib(plan.finalBytes(placement)) +
            " of weights\n";
    if (placement == Placement::Jit && plan.expandedCount() > 0)
      text += "  of these " + formatCount(plan.expandedCount()) + " in the form that is decoded fastest\n";
  }
  text += "KV cache for " + formatCount(plan.context) + " tokens: " + formatGib(plan.kvCacheBytes) + "\n";
  if (plan.stateBytes) text += "state of recurrent layers, however long the text: " + formatGib(plan.stateBytes) + "\n";
  text += "activations for " + formatCount(plan.prefillTokens) + " tokens at a time: " + formatGib(plan.activationBytes) + "\n";
  if (plan.scratchBytes) text += "scratch for reconstruction: " + formatGib(plan.scratchBytes) + "\n";
  if (plan.streamBytes) text += "buffers for streaming: " + formatGib(plan.streamBytes) + "\n";
  text += "held already: " + formatGib(plan.heldBytes) + "\n";
  text += "expected peak: " + formatGib(plan.expectedPeak) + " of " + formatGib(plan.budget) +
          (plan.budgetGiven ? "" : " free on " + plan.device) + "\n";
  for (const MemoryPlan& one : plan.devices)
    text += one.device + ", " + layersText(one.layers) + ": expected peak " + formatGib(one.expectedPeak) + " of " +
            formatGib(one.budget) + "\n";
  return text;
}

}  // namespace deltascope
