// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The forms of each device, and what goes with them. Here alone is asked which kind of device it is. Internal to core/runtime
/// and core/bench.
#include <span>
#include <vector>

#include "core/runtime/forms/form.h"

namespace deltascope {

namespace forms {
extern const Form dense, quantized, made, streamed;                                        // of a processor
extern const Form deviceDense, deviceQuantized, units, tiles, deviceMade, deviceStreamed;  // of a GPU
}  // namespace forms

struct DeviceForms {
  std::span<const Form* const> forms;
  const Form& made;  ///< base and delta apart: of any weight with deltas, though another form may serve it better
  /// Memory for streaming pieces of at most so many bytes; null: a ring of streamSlots().
  std::uint64_t (*streamBytes)(std::uint64_t pieceBytes);
  /// Held while a model is loaded, whatever its weights' forms.
  std::uint64_t (*loadFixedBytes)(const Variant& variant);
  std::uint64_t usefulScratchBytes;  ///< as in PlanRequest
  /// Multiplications a half layer that a pass over a prompt may take, so that a stop is heard within 200 ms.
  double mostWork;

  [[nodiscard]] Result<const Form*> named(std::string_view name) const;  ///< Internal where there is none
};
[[nodiscard]] const DeviceForms& formsOf(kernels::Backend& backend);

/// The weights of a variant in each form that they can have, for the planner. `sharing` as in FormSite.
[[nodiscard]] std::vector<TensorCost> tensorCosts(const Variant& variant, kernels::Backend& backend, const Host* sharing);
/// A request for their plan, of which the device has its say; budget, contexts and what depends on them are the caller's. The
/// backend must outlive it.
[[nodiscard]] PlanRequest planRequest(const Variant& variant, kernels::Backend& backend, const Host* sharing);

}  // namespace deltascope
